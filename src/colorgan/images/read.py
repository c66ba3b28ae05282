"""Reading pictures: any format, mode, depth, profile and orientation into upright grey levels in sRGB."""

import hashlib
import logging
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images.budget import Meter, ReadLimits
from colorgan.images.classify import SAMPLES, classify
from colorgan.images.exif import SHORT, encode_exif, numbers_entry
from colorgan.images.files import open_source, unreadable
from colorgan.images.grey import GreyWriter, PixelSource
from colorgan.images.metadata import read_metadata, read_tiff_metadata
from colorgan.images.opening import PageView, decode, open_image
from colorgan.images.photo import Levels, Photo, PhotoKind
from colorgan.images.raw import RAW_SUFFIXES, develop, is_raw, raw_size
from colorgan.images.sources import PillowPixels, array_pixels, open_pixels
from colorgan.images.tiff import TiffPixels, is_readable
from colorgan.images.tiff_pages import find_pages, is_tiff
from colorgan.images.toning import Toning

__all__ = [
    "SUFFIXES",
    "count_pages",
    "is_image_name",
    "iter_photos",
    "photo_from_image",
    "read_photos",
    "read_size",
]

SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".tif", ".tiff", ".webp", ".bmp", ".dib", ".gif", ".pgm",
        ".ppm", ".pbm", ".pnm", ".avif", ".jp2", ".heic", ".heif", ".hif", ".jxl",
    }
    | RAW_SUFFIXES
)  # fmt: skip
"""The suffixes by which folders are searched for pictures, in lower case."""

# They report odd tags through logging, which prints on stderr where nobody listens.
for _talker in ("tifffile", "PIL"):
    logging.getLogger(_talker).addHandler(logging.NullHandler())

_SAME_AS = {"MPO": "JPEG", "DIB": "BMP"}


def is_image_name(path: str | Path) -> bool:
    """Tell whether a file's name is that of a picture; macOS's `._` companions are not."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith("._")


def read_photos(source: Path | BinaryIO, *, limits: ReadLimits | None = None, keep_rgb: bool = False) -> list[Photo]:
    """Read a picture; a TIFF of several pages gives one photo a page, an animation its first frame.

    All pages are held in memory; `iter_photos` holds one at a time.

    Args:
        source: A file, or a stream (standard input).
        limits: What reading it may cost; the environment's if left out.
        keep_rgb: Keep the colours too (3 bytes a pixel), for a comparison.

    Raises:
        ImageReadError: It cannot be read; the message says why in one sentence.
    """
    return list(iter_photos(source, limits=limits, keep_rgb=keep_rgb))


def iter_photos(
    source: Path | BinaryIO, *, limits: ReadLimits | None = None, keep_rgb: bool = False, first: int = 0
) -> Generator[Photo, None, None]:
    """Read a picture page by page, as `read_photos` does, holding one page at a time; from page `first` on."""
    with _reading(source, limits) as (file, meter):
        with meter.running():
            times, sha256 = _times(file), _digest(file)
        pages = _pages(file, meter, keep_rgb, first)
        while True:
            with meter.running():
                photo = next(pages, None)
            if photo is None:
                return
            photo.metadata.times, photo.sha256 = times, sha256
            yield photo


def count_pages(path: Path) -> int:
    """Return how many photographs a file holds, without decoding them: the pages of a TIFF, 1 of any other format.

    Only a TIFF is looked into: another file may turn out not to be a picture when it is read. A camera's raw file is
    one photograph.

    Raises:
        ImageReadError: It cannot be opened, or it is a TIFF without photographs, or with more than the limits allow.
    """
    with _reading(path) as (file, meter), meter.running():
        return 1 if is_raw(file) or not is_tiff(file.read(4)) else len(find_pages(file, meter))


def read_size(path: Path) -> tuple[int, int]:
    """Return a picture's width and height, upright, without decoding it.

    Raises:
        ImageReadError: It is no picture that can be read.
    """
    with _reading(path) as (file, meter), meter.running():
        if is_raw(file):
            return raw_size(file)
        if is_tiff(file.read(4)):
            page = find_pages(file, meter)[0]
            if page.is_raw:
                return raw_size(file)
            width, height = page.width, page.height
            with _open_tiff(file) as tiff:
                _, orientation = read_tiff_metadata(file, _parse_page(tiff, page.holder))
        else:
            with open_image(file) as image:
                width, height = image.size
                _, orientation = read_metadata(image, file)
    return (height, width) if orientation in _SIDEWAYS else (width, height)


@contextmanager
def _reading(source: Path | BinaryIO, limits: ReadLimits | None = None) -> Iterator[tuple[BinaryIO, Meter]]:
    """Open a picture's file with a meter of its own, and name it in whatever goes wrong while it is read."""
    meter = Meter(limits)
    meter.name = str(source) if isinstance(source, Path) else "standard input"
    with ExitStack() as stack:
        with meter.running():
            file, name = stack.enter_context(open_source(source, meter))
        try:
            meter.file_bytes = file.seek(0, os.SEEK_END)
            file.seek(0)
            yield file, meter
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


def _digest(file: BinaryIO) -> str:
    start, digest = file.tell(), hashlib.sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    file.seek(start)
    return digest.hexdigest()


def _pages(file: BinaryIO, meter: Meter, keep_rgb: bool, first: int) -> Iterator[Photo]:
    if is_raw(file):
        yield from _raw_page(file, meter, keep_rgb, first)
        return
    if is_tiff(file.read(4)):
        yield from _tiff_pages(file, meter, keep_rgb, first)
        return
    if first > 0:
        return
    with open_image(file, meter) as image:
        pixels = open_pixels(file, image)
        metadata, orientation = read_metadata(image, file)  # some of it may stand behind the pixels
        profile = image.info.get("icc_profile")
        yield _finish(pixels, profile, orientation, keep_rgb, metadata=metadata, format=_format(image))


def _raw_page(file: BinaryIO, meter: Meter, keep_rgb: bool, first: int) -> Iterator[Photo]:
    if first > 0:
        return
    pixels, metadata = develop(file, meter)
    yield _finish(pixels, None, 1, keep_rgb, metadata=metadata, format="RAW")


def _format(image: Image.Image) -> str:
    name = image.format or ""
    return _SAME_AS.get(name, name)


def _tiff_pages(file: BinaryIO, meter: Meter, keep_rgb: bool, first: int) -> Iterator[Photo]:
    directories = find_pages(file, meter)
    if directories[0].is_raw:
        yield from _raw_page(file, meter, keep_rgb, first)
        return
    with _open_tiff(file) as tiff:
        for number, directory in enumerate(directories[first:], start=first):
            page = _parse_page(tiff, directory.offset)
            holder = page if directory.holder == directory.offset else _parse_page(tiff, directory.holder)
            metadata, orientation = read_tiff_metadata(file, holder)
            found = {"metadata": metadata, "format": "TIFF", "page": number, "pages": len(directories)}
            profile = _profile(page, holder)
            if is_readable(page):
                yield _finish(TiffPixels(page, file, meter), profile, orientation, keep_rgb, **found)
            else:
                pixels, is_turned = _load_shallow(file, page)
                yield _finish(pixels, profile, 1 if is_turned else orientation, keep_rgb, **found)


_ORIENTATION, _PROFILE = 274, 34675


@contextmanager
def _open_tiff(file: BinaryIO) -> Iterator[tifffile.TiffFile]:
    file.seek(0)
    # These kinds of TIFF make tifffile read all of their pages at once.
    # It is told a name since it asks the file for one, and temporary files have numbers.
    with tifffile.TiffFile(file, name="the picture", is_lsm=False, is_scanimage=False, is_ndpi=False) as tiff:
        yield tiff


def _parse_page(tiff: tifffile.TiffFile, offset: int) -> tifffile.TiffPage:
    tiff.filehandle.seek(offset)
    return tifffile.TiffPage(tiff, 0)


def _load_shallow(file: BinaryIO, page: tifffile.TiffPage) -> tuple[PillowPixels, bool]:
    """Let Pillow read a page of a TIFF; return it, and whether Pillow has set it upright."""
    with open_image(cast("BinaryIO", PageView(file, page.offset))) as image:
        orientation = getattr(image, "tag_v2", {}).get(_ORIENTATION, 1)
        is_turned = orientation in _TURNS
        # Pillow looks for the orientation in all of the metadata, and refuses the picture if some of it is damaged.
        entries = [numbers_entry(_ORIENTATION, SHORT, orientation)] if is_turned else []
        profile = image.info.get("icc_profile")
        image.info = {"exif": b"Exif\0\0" + (encode_exif(entries) or _NO_ENTRIES)}
        image.info |= {"icc_profile": profile} if isinstance(profile, bytes) else {}
        decode(image)
        return PillowPixels(image, depth=16 if page.bitspersample > 8 else None), is_turned


_NO_ENTRIES = b"II*\0\x08\0\0\0" + bytes(6)


def _profile(*pages: tifffile.TiffPage) -> bytes | None:
    """Return the colour profile of the first of some pages that has one."""
    found = (page.tags.valueof(_PROFILE) for page in pages)
    return next((profile for profile in found if isinstance(profile, bytes)), None)


def photo_from_image(image: Image.Image | NDArray[Any], *, keep_rgb: bool = False) -> Photo:
    """Take a picture that is already in memory.

    Args:
        image: A Pillow image of any mode, or an array `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)` of uint8,
            uint16, bool, or floats in 0..1.
        keep_rgb: Keep the colours too.

    Raises:
        TypeError: It is something else, a path for example.
        ValueError: It has no pixels, it was closed, or the array has another shape or range.
        ImageReadError: The file that it was opened from is damaged.
    """
    if isinstance(image, np.ndarray):
        return _finish(array_pixels(image), None, 1, keep_rgb)
    if not isinstance(image, Image.Image):
        raise TypeError(
            f"a picture must be a Pillow image or an array, got {type(image).__name__}; open a file with "
            "PIL.Image.open, or give its path to colorize_paths"
        )
    if 0 in image.size:
        raise ValueError(f"a picture of {image.width} x {image.height} pixels has nothing to colour")
    try:
        decode(image)
    except OSError as error:
        raise unreadable(getattr(image, "filename", "") or "the picture", error) from error
    except (AttributeError, AssertionError, ValueError) as error:
        raise ValueError("the picture was closed before it was used; open it again") from error
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
