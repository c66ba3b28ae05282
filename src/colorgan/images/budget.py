"""What reading one file may cost: pixels, bytes and time, so that a small file that claims much stops nobody's run."""

import faulthandler
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TextIO

from colorgan.errors import ImageReadError, UsageError

__all__ = ["Meter", "ReadLimits", "let_overtime_end_process"]

_PATIENCE = 1.25  # times the seconds that are left, after which a process is ended
_LOOK = 1.0  # seconds between two looks at the clock
_FREE = 256_000_000  # decoded bytes, however small the file


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """The most that reading one file may cost. Each limit has an environment variable that sets it."""

    pixels: int = 500_000_000
    """Of one page; `COLORGAN_MAX_PIXELS`."""

    total_pixels: int = 5_000_000_000
    """Of all pages together; `COLORGAN_MAX_TOTAL_PIXELS`."""

    pages: int = 10_000
    """Pages, thumbnails included; `COLORGAN_MAX_PAGES`."""

    bytes: int = 32_000_000_000
    """Of all pages, decoded, and of a stream that is read; `COLORGAN_MAX_BYTES`."""

    expansion: int = 10_000
    """Decoded bytes for each byte of the file, once they are more than 256 MB; `COLORGAN_MAX_EXPANSION`."""

    seconds: float = 600.0
    """Of reading, by the clock; `COLORGAN_MAX_SECONDS`."""

    def __post_init__(self) -> None:
        """Refuse limits that nothing passes."""
        for limit in fields(self):
            value = getattr(self, limit.name)
            if not value > 0:
                raise UsageError(f"{variable_of(limit.name)} must be above 0, got {value}")

    @classmethod
    def from_environment(cls) -> "ReadLimits":
        """Return the defaults, with what the environment sets in their place.

        Raises:
            UsageError: A variable holds no positive number.
        """
        given = {limit.name: os.environ.get(variable_of(limit.name), "").strip() for limit in fields(cls)}
        numbers: dict[str, Any] = {name: _number(name, text) for name, text in given.items() if text}
        return cls(**numbers)


@dataclass(slots=True)
class _Watch:
    """Ends this process when a read takes much longer than it may: a decoder hangs.

    Args:
        silence: Where the process would say what it was doing.
        say: Says why it ends, if anybody is to be told.
    """

    silence: TextIO
    say: Callable[[str], None] | None = None
    _reads: dict[object, tuple[float, str]] = field(default_factory=dict)  # when each is overdue, and its file's name
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> None:
        """Look now and then, until a read is overdue; most decoders let other threads work while they do."""
        while (now := time.monotonic()) < min((due for due, _ in list(self._reads.values())), default=now + 1):
            time.sleep(_LOOK)
        _, name = min(self._reads.values(), default=(0.0, "a file"))
        if self.say is not None:
            self.say(f"reading {name} does not end, and so this run does; give --exclude for it and run again")
        os._exit(1)

    @contextmanager
    def __call__(self, seconds: float, name: str) -> Iterator[None]:
        """Watch a read of a file; it is overdue after so many seconds."""
        key = object()
        with self._lock:
            self._reads[key] = time.monotonic() + seconds, name
            self._set_timer()
        try:
            yield
        finally:
            with self._lock:
                del self._reads[key]
                self._set_timer()

    def _set_timer(self) -> None:
        # The one timer of Python that needs nothing of Python when it goes off: a decoder may hang with its lock.
        if not self._reads:
            faulthandler.cancel_dump_traceback_later()
            return
        left = min(due for due, _ in self._reads.values()) - time.monotonic()
        grace = 0.0 if self.say is None else 5 * _LOOK  # in which it can be said why
        faulthandler.dump_traceback_later(max(left, 0.001) + grace, exit=True, file=self.silence)


_own_watch: list[_Watch] = []  # of this process: one, or none


def let_overtime_end_process(say: Callable[[str], None] | None = None) -> None:
    """Let this process be ended if a read takes much longer than it may, because a decoder hangs.

    For programs, not for libraries. Elsewhere time is looked at between two pieces of a picture only.

    Args:
        say: Is told why, where that is possible; nobody, in processes whose work others take over.
    """
    if say is not None and _own_watch and _own_watch[0].say is not None:
        return  # it is watched already
    watch = _Watch(Path(os.devnull).open("w"), say)  # noqa: SIM115 - for as long as the process lives
    _own_watch[:] = [watch]
    if say is not None:
        threading.Thread(target=watch.look, name="colorgan-watch", daemon=True).start()


def variable_of(limit: str) -> str:
    """Return the name of the environment variable that sets a limit."""
    return f"COLORGAN_MAX_{limit.upper()}"


def _number(name: str, text: str) -> float:
    try:
        return float(text) if name == "seconds" else int(text)
    except ValueError:
        raise UsageError(f"{variable_of(name)} must be a number above 0, got {text!r}") from None


class Meter:
    """Counts what one file has cost so far, and refuses to go on once that is too much.

    Args:
        limits: The most it may cost; the environment's if left out.
    """

    def __init__(self, limits: ReadLimits | None = None) -> None:
        self.limits = limits or ReadLimits.from_environment()
        self.file_bytes = 0
        """The size of the file; to be set once it is open."""
        self.name = "a file"
        """How messages call it."""
        self._pixels = self._bytes = 0
        self._seconds = 0.0
        self._since: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the clock run."""
        self._since = time.monotonic()
        patience = _PATIENCE * max(self.limits.seconds - self._seconds, 0) + 1
        with _own_watch[0](patience, self.name) if _own_watch else nullcontext():
            try:
                yield
            finally:
                self._seconds += time.monotonic() - self._since
                self._since = None

    def check_time(self) -> None:
        """Refuse to go on once time has run out.

        Raises:
            ImageReadError: It has.
        """
        spent = self._seconds + (0.0 if self._since is None else time.monotonic() - self._since)
        if spent > self.limits.seconds:
            raise ImageReadError(
                f"reading it took longer than {self.limits.seconds:g} seconds; raise {variable_of('seconds')} if you "
                "trust it"
            )

    def check_size(self, width: int, height: int) -> None:
        """Refuse a page that is too large by itself, or has no pixels.

        Raises:
            ImageReadError: It is.
        """
        if width * height > self.limits.pixels:
            raise ImageReadError(
                f"it claims {width} x {height} pixels, more than the limit of {self.limits.pixels:,}; raise the limit "
                f"with --max-pixels or {variable_of('pixels')} if you trust it"
            )
        if width * height <= 0:
            raise ImageReadError("it has no pixels")

    def take_page(self, width: int, height: int, decoded: int) -> None:
        """Count a page that is to be decoded.

        Args:
            width: Pixels.
            height: Pixels.
            decoded: Bytes of its pixels.

        Raises:
            ImageReadError: It is too large, or all pages together are.
        """
        self.check_size(width, height)
        self.check_time()
        self._pixels += width * height
        self._bytes += decoded
        if self._pixels > self.limits.total_pixels:
            raise ImageReadError(
                f"its pages claim more than {self.limits.total_pixels:,} pixels together; raise "
                f"{variable_of('total_pixels')} if you trust it"
            )
        if self._bytes > self.limits.bytes:
            raise ImageReadError(
                f"it claims more than {self.limits.bytes:,} bytes of pixels; raise {variable_of('bytes')} if you "
                "trust it"
            )
        if self._bytes > max(_FREE, self.limits.expansion * self.file_bytes):
            raise ImageReadError(
                f"its {self.file_bytes:,} bytes claim {self._bytes:,} bytes of pixels, more than a photograph can; "
                f"raise {variable_of('expansion')} if you trust it"
            )

    def take_stream(self, count: int) -> None:
        """Count bytes of a stream.

        Raises:
            ImageReadError: They are too many, or came too slowly.
        """
        self.check_time()
        self.file_bytes += count
        if self.file_bytes > self.limits.bytes:
            raise ImageReadError(f"it is longer than {self.limits.bytes:,} bytes; pass a file")

    def check_pages(self, count: int) -> None:
        """Refuse more pages than a file may have.

        Raises:
            ImageReadError: They are too many.
        """
        self.check_time()
        if count > self.limits.pages:
            raise ImageReadError(
                f"it has more than {self.limits.pages:,} pages; raise {variable_of('pages')} if you trust it"
            )
