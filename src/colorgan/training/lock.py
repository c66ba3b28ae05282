"""The lock of a run's folder: one trainer at a time, however the last one ended.

The system keeps the lock and releases it when its holder ends, by `kill -9` too. Unlike `flock`, these locks are not
handed on to the processes that decode photographs, which may outlive the trainer for a moment; they hold between the
machines of a network drive; and they do not hold within one process, which therefore keeps a list.

Downloads (`colorgan.weights.download`) wait for each other, start no processes that could inherit a lock, and use
filelock; a run's lock is never waited for, and must say who holds it, which filelock cannot.
"""

import contextlib
import datetime as dt
import os
import socket
import sys
from pathlib import Path

from colorgan.errors import TrainingError
from colorgan.runs import RunFolder

__all__ = ["RunLock"]

_PLACE = 1 << 30  # of the byte that is locked, behind what the file says: Windows lets nobody read what is locked

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        os.lseek(handle, _PLACE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _PLACE)
        except (BlockingIOError, PermissionError):
            return False
        return True


_held: set[Path] = set()  # by this process


class RunLock:
    """The lock of one folder. The file stays when it is released, and then says nothing."""

    def __init__(self, folder: Path) -> None:
        self.path = RunFolder(folder).lock
        self._real = self.path
        self._handle, self._process = -1, -1

    def acquire(self) -> None:
        """Take the lock, unless this object holds it already. Where a file system knows no locks, nothing is locked.

        Raises:
            TrainingError: Another trainer holds it; the message says which.
            OSError: The file cannot be made.
        """
        if self._handle >= 0:
            return
        self._real = self.path.resolve()
        if self._real in _held:
            raise self._refusal(f"process {os.getpid()}, this one,")
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            is_free = _try_lock(handle)
        except OSError:  # no locks on this file system
            os.close(handle)
            return
        if not is_free:
            holder = _read(handle)
            os.close(handle)
            raise self._refusal(holder or "another process")
        self._handle, self._process = handle, os.getpid()
        _held.add(self._real)
        _write(handle, f"process {os.getpid()} on {socket.gethostname()}, since {_now()},\n")

    def release(self) -> None:
        """Let others have it."""
        if self._handle >= 0 and self._process == os.getpid():  # a forked process has copies of all objects
            _held.discard(self._real)
            _write(self._handle, "")
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        """Release it with the trainer that was to use it."""
        self.release()

    def _refusal(self, holder: str) -> TrainingError:
        return TrainingError(
            f"{holder} trains in {self.path.parent} already; wait for it or stop it, or choose another --run-dir"
        )


def _read(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 300).decode(errors="replace").strip()


def _write(handle: int, text: str) -> None:
    with contextlib.suppress(OSError):  # a full disk; what the file says is for people
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, text.encode())


def _now() -> str:
    return f"{dt.datetime.now():%Y-%m-%d %H:%M}"  # noqa: DTZ005 - the user's clock
