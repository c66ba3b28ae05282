"""Reading pictures: any format, mode, depth, profile and orientation into upright grey levels in sRGB."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images.classify import SAMPLES, classify
from colorgan.images.files import READ_FORMATS, open_source, unreadable
from colorgan.images.grey import GreyWriter, PixelSource
from colorgan.images.metadata import quiet, read_metadata, read_tiff_metadata
from colorgan.images.photo import Levels, Photo, PhotoKind
from colorgan.images.sources import PillowPixels, array_pixels, open_pixels
from colorgan.images.tiff import TiffPixels, is_deep, is_tiff
from colorgan.images.toning import Toning

__all__ = ["MAX_PIXELS", "SUFFIXES", "is_image_name", "iter_photos", "photo_from_image", "read_photos", "read_size"]

MAX_PIXELS = 500_000_000
"""Larger pictures are refused unless the caller raises the limit: a small file can claim any size."""

SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".tif", ".tiff", ".webp", ".bmp", ".dib", ".gif", ".pgm",
        ".ppm", ".pbm", ".pnm", ".avif", ".jp2",
    }
)  # fmt: skip
"""The suffixes by which folders are searched for pictures, in lower case."""

# tifffile reports odd tags through logging, which prints on stderr where nobody listens.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_SAME_AS = {"MPO": "JPEG", "DIB": "BMP"}

_limit_lock = threading.Lock()


def is_image_name(path: str | Path) -> bool:
    """Tell whether a file's name is that of a picture; macOS's `._` companions are not."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith("._")


def read_photos(source: Path | BinaryIO, *, max_pixels: int = MAX_PIXELS, keep_rgb: bool = False) -> list[Photo]:
    """Read a picture; a TIFF of several pages gives one photo a page, an animation its first frame.

    Args:
        source: A file, or a stream (standard input).
        max_pixels: Larger pages are refused before they are decoded.
        keep_rgb: Keep the colours too (3 bytes a pixel), for a comparison.

    Raises:
        ImageReadError: It cannot be read; the message says why in one sentence.
    """
    return list(iter_photos(source, max_pixels=max_pixels, keep_rgb=keep_rgb))


def iter_photos(source: Path | BinaryIO, *, max_pixels: int = MAX_PIXELS, keep_rgb: bool = False) -> Iterator[Photo]:
    """Read a picture page by page, as `read_photos` does, holding one page at a time."""
    with _reading(source) as file:
        times = _times(file)
        for photo in _pages(file, max_pixels, keep_rgb):
            photo.metadata.times = times
            yield photo


def read_size(path: Path) -> tuple[int, int]:
    """Return a picture's width and height, upright, without decoding it.

    Raises:
        ImageReadError: It is no picture that can be read.
    """
    with _reading(path) as file:
        start = file.read(4)
        file.seek(0)
        if is_tiff(start):
            with tifffile.TiffFile(file) as tiff:
                page = tiff.pages[0]
                assert isinstance(page, tifffile.TiffPage)  # noqa: S101 - frames are read only where asked for
                width, height = page.imagewidth, page.imagelength
                orientation = int(page.tags.valueof(274, 1))
        else:
            with _open(file) as image:
                width, height = image.size
                _, orientation = read_metadata(image)
    return (height, width) if orientation in _SIDEWAYS else (width, height)


@contextmanager
def _reading(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    """Open a picture's file, and name it in whatever goes wrong while it is read."""
    with open_source(source) as (file, name):
        try:
            yield file
        except ImageReadError as error:
            raise ImageReadError(f"{name} cannot be read: {error}") from error
        except Exception as error:  # decoders raise whatever a damaged file leads them to
            raise unreadable(name, error) from error


def _times(file: BinaryIO) -> tuple[int, int] | None:
    try:
        status = os.fstat(file.fileno())
    except (OSError, AttributeError):  # a stream in memory
        return None
    return status.st_atime_ns, status.st_mtime_ns


def _pages(file: BinaryIO, max_pixels: int, keep_rgb: bool) -> Iterator[Photo]:
    start = file.read(4)
    file.seek(0)
    if is_tiff(start):
        yield from _tiff_pages(file, max_pixels, keep_rgb)
        return
    with _open(file) as image:
        _check_size(image.size, max_pixels)
        pixels = open_pixels(file, image)
        metadata, orientation = read_metadata(image)  # some of it may stand behind the pixels
        profile = image.info.get("icc_profile")
        yield _finish(pixels, profile, orientation, keep_rgb, metadata=metadata, format=_format(image))


def _format(image: Image.Image) -> str:
    name = image.format or ""
    return _SAME_AS.get(name, name)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageReadError(
            f"it claims {width} x {height} pixels, more than the limit of {max_pixels:,}; "
            "raise the limit if you trust it"
        )
    if width * height == 0:
        raise ImageReadError("it has no pixels")


@contextmanager
def _open(file: BinaryIO) -> Iterator[Image.Image]:
    # Pillow's own limit is a global that warns at 89 and refuses at 179 megapixels; ours is checked right after.
    with _limit_lock, quiet():
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file, formats=READ_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        yield image


def _tiff_pages(file: BinaryIO, max_pixels: int, keep_rgb: bool) -> Iterator[Photo]:
    with tifffile.TiffFile(file) as tiff:
        numbers = [n for n, page in enumerate(tiff.pages) if n == 0 or not _is_auxiliary(page)]
        if not numbers:
            raise ImageReadError("it is a TIFF without pages")
        for place, number in enumerate(numbers):
            page = tiff.pages[number]
            assert isinstance(page, tifffile.TiffPage)  # noqa: S101 - frames are read only where asked for
            _check_size((page.imagewidth, page.imagelength), max_pixels)
            found: dict[str, Any] = {"format": "TIFF", "page": place, "pages": len(numbers)}
            if is_deep(page):
                metadata, orientation = read_tiff_metadata(file, page)
                profile = page.tags.valueof(34675)
                yield _finish(TiffPixels(page, file), profile, orientation, keep_rgb, metadata=metadata, **found)
                continue
            file.seek(0)
            with _open(file) as image:
                image.seek(number)
                image.load()
                metadata, orientation = read_metadata(image)  # Pillow has applied and cleared the orientation
                pixels = PillowPixels(image, depth=16 if page.bitspersample > 8 else None)
                profile = image.info.get("icc_profile")
                yield _finish(pixels, profile, orientation, keep_rgb, metadata=metadata, **found)


def _is_auxiliary(page: Any) -> bool:
    """Tell whether a page is a thumbnail or a mask of another one (tag NewSubfileType)."""
    kind = page.tags.valueof(254, 0) if hasattr(page, "tags") else 0
    return bool(kind & 0b101)


def photo_from_image(image: Image.Image | NDArray[Any], *, keep_rgb: bool = False) -> Photo:
    """Take a picture that is already in memory.

    Args:
        image: A Pillow image of any mode, or an array `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)` of uint8,
            uint16, bool, or floats in 0..1.
        keep_rgb: Keep the colours too.

    Raises:
        ImageReadError: The array has another shape or type.
    """
    if not isinstance(image, Image.Image):
        return _finish(array_pixels(image), None, 1, keep_rgb)
    image.load()
    metadata, orientation = read_metadata(image)
    profile = image.info.get("icc_profile")
    return _finish(PillowPixels(image), profile, orientation, keep_rgb, metadata=metadata, format=_format(image))


def _finish(pixels: PixelSource, profile: bytes | None, orientation: int, keep_rgb: bool, **found: Any) -> Photo:
    """Collect the pieces of a picture into a photo."""
    toning = Toning.of(profile, pixels)
    height, width = pixels.shape
    writer = GreyWriter(pixels.shape, pixels.levels, toning.tables)
    sampler = _Sampler(pixels.shape)
    alpha: Levels | None = None
    rgb = np.empty((height, width, 3), np.uint8) if keep_rgb else None
    for rows, columns, stored, opacity in pixels.pieces():
        levels = toning.convert(stored)
        writer.add(rows, columns, levels)
        sampler.add(rows, columns, levels, toning)
        if rgb is not None:
            rgb[rows, columns] = toning.to_rgb8(levels)
        if opacity is not None:
            alpha = np.empty((height, width), opacity.dtype) if alpha is None else alpha
            alpha[rows, columns] = opacity
    return Photo(
        grey=_turn(writer.grey, orientation),
        depth=pixels.depth,
        kind=PhotoKind.GREY if writer.neutral else classify(sampler.samples),
        alpha=None if alpha is None else _turn(alpha, orientation),
        rgb=None if rgb is None else _turn(rgb, orientation),
        **found,
    )


class _Sampler:
    """Keeps every n-th pixel of a picture that arrives in pieces, as 8-bit sRGB."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._step = max(1, -(-max(shape) // SAMPLES))
        self.samples = np.zeros((-(-shape[0] // self._step), -(-shape[1] // self._step), 3), np.uint8)

    def add(self, rows: slice, columns: slice, levels: Levels, toning: Toning) -> None:
        step = self._step
        chosen = levels[-rows.start % step :: step, -columns.start % step :: step]
        if chosen.size:
            place = (slice(-(-whole.start // step), -(-whole.stop // step)) for whole in (rows, columns))
            self.samples[tuple(place)] = toning.to_rgb8(chosen)


_TURNS = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x.swapaxes(0, 1)[:, ::-1],
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: x.swapaxes(0, 1)[::-1],
}


_SIDEWAYS = (5, 6, 7, 8)


def _turn(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Set a picture upright, as EXIF's orientation tag says."""
    return np.ascontiguousarray(_TURNS[orientation](pixels)) if orientation in _TURNS else pixels
