"""Signals that end a run: what is at hand is finished, and what was done is summed up."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

__all__ = ["StopSignals"]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C; the system ends the job; the terminal is closed
_AT_ONCE = 2.0  # seconds after the first signal from which on another one is meant: ten quick Ctrl-C are one


class StopSignals:
    """Makes signals end a run in an orderly way; use it as a context, in the main thread.

    The first one leaves through `SystemExit` with the exit code of a program that it ended (128 and its number); or,
    within `deferred`, is kept in `number` for the run to look at. Another one some seconds later ends the process on
    the spot, and those in between are one with the first. Signals that were ignored before stay so.
    """

    def __init__(self) -> None:
        self.number = 0  # of the signal that came
        self._since = 0.0
        self._deferred = False
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """What the program's exit code must be; 0 if no signal came."""
        return 128 + self.number if self.number else 0

    @property
    def name(self) -> str:
        """What the signal that came is called."""
        return signal.Signals(self.number).name

    def has_come(self) -> bool:
        """Tell whether one came."""
        return self.number != 0

    def __enter__(self) -> Self:
        """Begin to listen."""
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave everything as it was; if one came, the process is about to end, and heeds no further ones."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self.number else handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let a signal not interrupt what goes on, but only be kept."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = bool(self.number)  # once a run is being ended, its sum and its reports are made, too

    def _handle(self, number: int, _: FrameType | None) -> None:
        if not self.number:
            self.number, self._since = number, time.monotonic()
            if not self._deferred:
                raise SystemExit(self.exit_code)
        elif time.monotonic() - self._since > _AT_ONCE:
            os._exit(128 + number)
