"""Reading the bytes of photographs without waiting for ever: on pipes, devices, and drives that do not answer."""

import os
import stat
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

from colorgan.errors import DataError, ImageReadError
from colorgan.images.files import unreadable

__all__ = ["leave_time_to_others", "read_part"]

_PATIENCE = 60.0  # seconds that a read may take
_MOST_STALLS = 3  # reads in a row that took longer
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

_own = threading.local()
_stalls = 0
_others_look_at_time = False


def leave_time_to_others() -> None:
    """Read in this process without a limit of time, which costs a twentieth of a millisecond each time.

    For processes that another one waits for, and ends when nothing comes.
    """
    global _others_look_at_time  # noqa: PLW0603 - of this process
    _others_look_at_time = True


class _Reader:
    """A thread that reads on behalf of another one, which can so stop waiting for it."""

    def __init__(self) -> None:
        self.process = os.getpid()  # threads do not come along where a process is forked
        self._asked: SimpleQueue[tuple[Path, int, int | None]] = SimpleQueue()
        self._answers: SimpleQueue[bytes | Exception] = SimpleQueue()
        threading.Thread(target=self._work, name="colorgan-reader", daemon=True).start()

    def read(self, path: Path, offset: int, size: int | None, patience: float) -> bytes | Exception:
        """Return the bytes, or the error that came instead.

        Raises:
            Empty: Nothing came in time; the thread may hang on.
        """
        self._asked.put((path, offset, size))
        return self._answers.get(timeout=patience)

    def _work(self) -> None:
        while True:
            asked = self._asked.get()
            try:
                self._answers.put(_read(*asked))
            except Exception as error:
                self._answers.put(error)


def _read(path: Path, offset: int, size: int | None) -> bytes:
    if "\0" in str(path):
        raise ImageReadError("no path holds a null character")
    handle = os.open(path, _FLAGS)  # a pipe would keep us waiting if it were opened otherwise
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ImageReadError("it is a pipe, a device or a folder, not a file")
        file.seek(offset)
        return file.read() if size is None else file.read(size)


def read_part(path: Path, offset: int = 0, size: int | None = None, *, name: str = "") -> bytes:
    """Read a file, or a part of it.

    Args:
        path: The file.
        offset: Where the part begins.
        size: Its length, bytes; None is all that follows.
        name: What messages call it; its path if left out.

    Raises:
        ImageReadError: It is no ordinary file, the system refuses it, or it does not come within a minute.
        DataError: The last few reads did not come in time either: a drive is gone.
    """
    global _stalls  # noqa: PLW0603 - of this process, as drives are
    name = name or str(path)
    if _others_look_at_time:
        try:
            return _read(path, offset, size)
        except ImageReadError as error:
            raise ImageReadError(f"{name} cannot be read: {error}") from error
        except OSError as error:
            raise unreadable(name, error) from error
    reader: _Reader | None = getattr(_own, "reader", None)
    if reader is None or reader.process != os.getpid():
        reader = _own.reader = _Reader()
    try:
        answer = reader.read(path, offset, size, _PATIENCE)
    except Empty:
        _own.reader = None
        _stalls += 1
        if _stalls >= _MOST_STALLS:
            raise DataError(
                f"the last {_stalls} photographs did not come within {_PATIENCE:g} seconds each, now {name}; see to "
                f"the drive or network that {path.parent} lies on"
            ) from None
        raise ImageReadError(f"{name} cannot be read: it did not come within {_PATIENCE:g} seconds") from None
    _stalls = 0
    if isinstance(answer, bytes):
        return answer
    if isinstance(answer, ImageReadError):
        raise ImageReadError(f"{name} cannot be read: {answer}")
    raise unreadable(name, answer) from answer
