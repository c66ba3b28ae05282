"""Opening pictures, and saying in one sentence why one cannot be opened."""

import errno
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISCHR, S_ISFIFO, S_ISSOCK
from typing import BinaryIO

from PIL import UnidentifiedImageError

from colorgan.errors import ImageReadError
from colorgan.images.budget import Meter

__all__ = ["PILLOW_FORMATS", "open_source", "read_bytes", "seekable", "unreadable"]

# Pillow knows more, some of which start other programs (EPS) or read what no scanner makes.
PILLOW_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "DIB", "GIF", "PPM", "AVIF", "JPEG2000")
"""The formats that Pillow is asked to read."""


_PART = 1 << 20  # bytes of a stream that are read at once


@contextmanager
def open_source(source: Path | BinaryIO, meter: Meter | None = None) -> Iterator[tuple[BinaryIO, str]]:
    """Open a path, or take a stream as it is (copied to a temporary file if it cannot seek); give it with its name.

    Args:
        source: The path, or the stream.
        meter: Told of what is copied: a stream without an end would fill the disk.

    Raises:
        ImageReadError: It cannot be opened, it is empty, it is a pipe, which might keep us waiting for ever, or the
            stream is too long.
    """
    if isinstance(source, Path):
        name = str(source)
        try:
            if any(is_kind(source.stat().st_mode) for is_kind in (S_ISFIFO, S_ISSOCK, S_ISCHR)):
                raise ImageReadError(
                    f"{name} cannot be read: it is a pipe or a device; pass a file, or - to read a pipe"
                )
            file: BinaryIO = source.open("rb")
        except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
            raise unreadable(name, error) from error
        with file:
            _refuse_empty(file, name)
            yield file, name
        return
    name = _name_of(source)
    with seekable(source, meter) as stream:
        _refuse_empty(stream, name)
        yield stream, name


@contextmanager
def seekable(source: BinaryIO, meter: Meter | None = None) -> Iterator[BinaryIO]:
    """Give a stream that can be read again: itself, or a temporary copy on disk if it cannot seek.

    Args:
        source: The stream.
        meter: Told of what is copied: a stream without an end would fill the disk.

    Raises:
        ImageReadError: It cannot be read, or it is too long.
    """
    if source.seekable():
        yield source
        return
    name = _name_of(source)
    with tempfile.TemporaryFile() as copy:
        try:
            _copy_stream(source, copy, meter or Meter())
        except ImageReadError as error:
            raise ImageReadError(f"{name} cannot be read: {error}") from error
        except OSError as error:
            raise unreadable(name, error) from error
        yield copy


def _name_of(stream: BinaryIO) -> str:
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else "the picture on standard input"  # temporary files have numbers


def _copy_stream(source: BinaryIO, copy: BinaryIO, meter: Meter) -> None:
    while part := source.read(_PART):
        meter.take_stream(len(part))
        copy.write(part)
    copy.seek(0)


def _refuse_empty(file: BinaryIO, name: str) -> None:
    start = file.tell()
    if file.seek(0, io.SEEK_END) == start:
        raise ImageReadError(f"{name} is empty (0 bytes); copy it again from where it came")
    file.seek(start)


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        ImageReadError: It cannot be read, or it is empty.
    """
    with open_source(path) as (file, _):
        return file.read()


def unreadable(name: str | Path, error: Exception) -> ImageReadError:
    """Put what went wrong with a picture into one sentence."""
    if isinstance(error, UnidentifiedImageError):
        return ImageReadError(f"{name} is not a picture in a format that colorgan reads, whatever its name says")
    if isinstance(error, OSError) and error.errno is not None:
        return ImageReadError(f"{name} cannot be read: {_reason(error)}")
    if isinstance(error, MemoryError):
        return ImageReadError(f"{name} does not fit into this machine's memory")
    text = str(error).strip().rstrip(".") or type(error).__name__
    return ImageReadError(f"{name} is damaged or cut off ({text.splitlines()[0]}); copy it again from where it came")


def _reason(error: OSError) -> str:
    known = {
        errno.ENOENT: "there is no such file",
        errno.EACCES: "permission denied; change its permissions or run as its owner",
        errno.EISDIR: "it is a folder; pass the pictures in it",
        errno.EIO: "the disk reports an error",
        errno.ENAMETOOLONG: "its name is too long",
    }
    return known.get(error.errno or 0, error.strerror or str(error))
