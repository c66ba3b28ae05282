"""Folders that are watched: which photographs have arrived, and are whole.

A file is whole once nothing has changed it for a while and it can be opened as a picture; one that cannot is given
more time, since some programs reserve a file's full size first and fill it later. What colorgan has made itself is no
arrival, wherever it lies.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from colorgan.colorization.work import is_own
from colorgan.errors import ImageReadError, UsageError
from colorgan.files import status_of
from colorgan.images import is_film_name, read_size

__all__ = ["Arrivals", "wait_for_changes"]

STILL = 3.0
"""Seconds without a change after which a file counts as whole."""

_STILL_UNREADABLE = 15.0  # the same for a file that is no picture so far
_TICK = 0.5  # seconds between two looks at files that are not whole yet
_SURE = (
    60.0  # seconds after which folders are searched whatever the system has told: it forgets when it has much to say
)

_State = tuple[int, int]  # size and time of the last change


@dataclass(slots=True)
class _Growing:
    state: _State
    since: float  # when it was first seen like this


class Arrivals:
    """Tells which files are new and whole; a file that has changed since it was handed out is new again.

    Args:
        find: Returns the files that are there now.
        still: Seconds without a change after which a file is whole.
        patience: The same for one that is no picture so far.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        find: Callable[[], Sequence[Path]],
        *,
        still: float = STILL,
        patience: float = _STILL_UNREADABLE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._still, self._patience, self._clock = still, patience, clock
        self._growing: dict[Path, _Growing] = {}
        self._handled: dict[Path, _State] = {}

    def take(self, *, search: bool = True) -> list[Path]:
        """Return the files that have become whole since the last time; each is handed out once.

        Args:
            search: Whether to look for new files, not only at those that were not whole the last time.

        Raises:
            UsageError: A folder is gone.
        """
        if search:
            self._search()
        return [path for path in list(self._growing) if self._is_due(path)]

    def _search(self) -> None:
        found = dict.fromkeys(self._find())
        self._handled = {path: state for path, state in self._handled.items() if path in found}
        self._growing = {path: growing for path, growing in self._growing.items() if path in found}
        for path in found:
            state = _state_of(path)
            if path not in self._growing and state is not None and self._handled.get(path) != state:
                self._growing[path] = _Growing(state, self._clock())

    def _is_due(self, path: Path) -> bool:
        growing, state, now = self._growing[path], _state_of(path), self._clock()
        if state is None:
            del self._growing[path]
            return False
        if state != growing.state:
            self._growing[path] = _Growing(state, now)
            return False
        if now - growing.since < self._still or (now - growing.since < self._patience and not _opens(path)):
            return False
        del self._growing[path]
        self._handled[path] = state
        return not is_own(path)


def _state_of(path: Path) -> _State | None:
    try:
        status = status_of(path)
    except UsageError:  # it may not be looked at just now
        return None
    return None if status is None else (status.st_size, status.st_mtime_ns)


def _opens(path: Path) -> bool:
    """Tell whether a file can be opened, and looks like a picture as far as its first bytes say."""
    try:
        if is_film_name(path):
            with path.open("rb"):
                return True
        read_size(path)
    except (ImageReadError, OSError):
        return False
    return True


def wait_for_changes(
    folders: Sequence[Path], *, poll: float | None = None, should_stop: Callable[[], bool]
) -> Generator[bool]:
    """Yield twice a second at least: True if folders should be searched, at once for the first time.

    Args:
        folders: What is watched, with all below it.
        poll: Seconds between two searches; None lets the system tell of changes (with watchfiles).
        should_stop: Is asked all the time whether to end.
    """
    yield True
    told = _ticks(should_stop) if poll is not None else _system_tells(folders, should_stop)
    every, last = poll or _SURE, time.monotonic()
    for changed in told:
        search = changed or time.monotonic() - last >= every
        if search:
            last = time.monotonic()
        yield search


def _ticks(should_stop: Callable[[], bool]) -> Iterator[bool]:
    while not should_stop():
        time.sleep(_TICK)
        yield False


@dataclass(frozen=True, slots=True)
class _Asked:
    """What watchfiles asks whether to end."""

    is_set: Callable[[], bool]


def _system_tells(folders: Sequence[Path], should_stop: Callable[[], bool]) -> Iterator[bool]:
    """Yield whether something has changed.

    Raises:
        UsageError: watchfiles is not there, or the system tells nothing.
    """
    if find_spec("watchfiles") is None:
        raise UsageError(
            "--watch needs watchfiles, which is not installed: pip install 'colorgan[watch]'; or give --watch-poll 5, "
            "which needs nothing"
        )
    from watchfiles import watch

    told = watch(
        *folders,
        watch_filter=None,
        stop_event=_Asked(should_stop),
        rust_timeout=int(_TICK * 1000),
        yield_on_timeout=True,
        raise_interrupt=False,
        debounce=400,
    )
    try:
        for changes in told:
            yield bool(changes)
    except (OSError, RuntimeError) as error:  # too many folders for the system, or a drive that cannot be watched
        raise UsageError(f"the system does not tell of changes ({error}); give --watch-poll 5") from error
