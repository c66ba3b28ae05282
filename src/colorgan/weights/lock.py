"""A lock between processes: the system releases it when its holder ends, however that happens."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["LockTimeoutError", "hold_lock"]


class LockTimeoutError(TimeoutError):
    """Another process held the lock for too long."""


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def hold_lock(
    path: Path,
    *,
    timeout: float,
    on_wait: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the lock of the file `path`, which is made if need be and stays.

    The file stays because deleting it would let a third process lock a new one while a second still waits.

    Args:
        path: The lock file.
        timeout: Seconds to wait for another process.
        on_wait: Called once if there is another process to wait for.
        sleep: Waits for some seconds.
        clock: Tells seconds.

    Raises:
        LockTimeoutError: Another process still holds it.
        OSError: The file cannot be made, or its file system knows no locks.
    """
    with path.open("ab") as file:
        deadline = clock() + timeout
        waiting = False
        while not _try_lock(file):
            if clock() >= deadline:
                raise LockTimeoutError
            if not waiting:
                on_wait()
                waiting = True
            sleep(0.2)
        try:
            yield
        finally:
            _unlock(file)
