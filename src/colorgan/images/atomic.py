"""Writing a picture's file, and saying in one sentence why the system does not let it be written."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from colorgan.errors import ImageWriteError
from colorgan.files import atomic_write, make_folder

__all__ = ["atomic_file", "unwritable"]


@contextmanager
def atomic_file(target: Path, *, times: tuple[int, int] | None = None, with_folder: bool = False) -> Iterator[BinaryIO]:
    """Open a file that takes the name of `target` once it is complete; see `colorgan.files.atomic_write`.

    Args:
        target: Where to; an existing file is replaced.
        times: Access and modification time (nanoseconds) that the file shall have.
        with_folder: Whether to make its folder, too.

    Raises:
        ImageWriteError: The system does not let it be written. Nothing is left behind, as after any exception.
    """
    try:
        if with_folder:
            make_folder(target.parent)
        with atomic_write(target, times=times) as file:
            yield file
    except OSError as error:
        raise unwritable(target, error) from error


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
