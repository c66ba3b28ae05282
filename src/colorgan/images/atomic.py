"""Writing a file so that at every moment there is either none or a complete one."""

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from colorgan.errors import ImageWriteError

__all__ = ["LEFTOVER", "atomic_file", "unwritable"]

LEFTOVER = ".colorgan-*.part"
"""Glob of the temporary files; one that outlives its process (killed at once) holds nothing of worth."""

_numbers = itertools.count()


@contextmanager
def atomic_file(target: Path, *, times: tuple[int, int] | None = None) -> Iterator[BinaryIO]:
    """Open a hidden file beside `target`, to write and read; it takes the target's name once it is complete.

    Args:
        target: Where to; an existing file is replaced.
        times: Access and modification time (nanoseconds) that the file shall have.

    Raises:
        ImageWriteError: The system does not let it be written. Nothing is left behind, as after any exception.
    """
    if target.is_dir():
        raise ImageWriteError(f"{target} cannot be written: it is a folder; pass the name of a file in it")
    temporary = target.with_name(f".colorgan-{os.getpid()}-{next(_numbers)}.part")
    try:
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if times is not None:
            os.utime(temporary, ns=times)
        temporary.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        _discard(temporary)


def _discard(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the folder is gone or closed to us: there is nothing to discard
        return


def unwritable(target: Path | str, error: OSError) -> ImageWriteError:
    """Put what the system said into one sentence."""
    known = {
        errno.ENOSPC: "the disk is full; make room and run again",
        errno.EDQUOT: "the disk quota is used up; make room and run again",
        errno.EACCES: "permission denied; choose another folder with -o",
        errno.EPERM: "permission denied; choose another folder with -o",
        errno.EROFS: "its file system is read-only; choose another folder with -o",
        errno.EISDIR: "it is a folder; pass the name of a file in it",
        errno.ENOENT: "its folder does not exist; make it first",
        errno.ENOTDIR: "a part of its path is a file, not a folder",
        errno.ENAMETOOLONG: "its name is too long for the file system",
    }
    return ImageWriteError(f"{target} cannot be written: {known.get(error.errno or 0, error.strerror or str(error))}")
