"""Raw files of cameras, developed by LibRaw (rawpy, in the extra `formats`)."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from colorgan.errors import ImageReadError
from colorgan.images.budget import Meter
from colorgan.images.metadata import Metadata, read_metadata, read_tiff_metadata
from colorgan.images.newer_formats import require
from colorgan.images.opening import open_image
from colorgan.images.sources import ArrayPixels
from colorgan.images.tiff_pages import is_tiff

__all__ = ["RAW_SUFFIXES", "develop", "is_raw", "raw_metadata", "raw_size"]

RAW_SUFFIXES = frozenset(
    {
        ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef",
        ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
    }
)  # fmt: skip
"""The suffixes of raw files, in lower case."""

_DEVELOPED_TOO = frozenset({".dng"})  # of which the directories say what they hold
_STARTS = (b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM", b"IIU\0", b"IIRO", b"IIRS", b"MMOR")
_SRGB_CURVE = (2.4, 12.92)


def is_raw(file: BinaryIO) -> bool:
    """Tell whether a file is a camera's raw file, by its first bytes, and a TIFF by its name.

    Of DNG and of other TIFFs `find_pages` tells by their directories. A TIFF of a camera's suffix is one even where
    its directories show nothing but a preview.
    """
    file.seek(0)
    start = file.read(16)
    file.seek(0)
    if start.startswith(_STARTS) or start[6:14] == b"HEAPCCDR" or start[4:12] == b"ftypcrx ":
        return True
    if not is_tiff(start[:4]):
        return False
    name = getattr(file, "name", "")
    suffix = Path(name).suffix.lower() if isinstance(name, str) else ""
    return start[8:10] == b"CR" or start[8:12] == b"IIII" or suffix in RAW_SUFFIXES - _DEVELOPED_TOO


def develop(file: BinaryIO, meter: Meter) -> tuple[ArrayPixels, Metadata]:
    """Develop a raw file as its camera saw it: its white balance, 16 bits, sRGB, upright; and read its metadata.

    Raises:
        ImageReadError: rawpy is not there, LibRaw does not know such files, it is damaged, or it is too large.
    """
    with _open(file) as raw:
        width, height = _upright_size(raw)
        meter.take_page(width, height, 8 * width * height)  # 2 of the sensor's, 6 of the colours
        from rawpy import ColorSpace

        levels = raw.postprocess(
            use_camera_wb=True, output_bps=16, output_color=ColorSpace.sRGB, gamma=_SRGB_CURVE
        )  # fmt: skip
        metadata = _metadata(file, raw)
    meter.check_time()
    return ArrayPixels(np.asarray(levels), None), metadata


def raw_size(file: BinaryIO) -> tuple[int, int]:
    """Return the width and height that a raw file will have once it is developed.

    Raises:
        ImageReadError: As `develop`.
    """
    with _open(file) as raw:
        return _upright_size(raw)


def raw_metadata(file: BinaryIO) -> Metadata:
    """Read the metadata of a raw file.

    Raises:
        ImageReadError: As `develop`.
    """
    if is_tiff(file.read(4)):
        return read_tiff_metadata(file)[0]
    with _open(file) as raw:
        return _metadata(file, raw)


@contextmanager
def _open(file: BinaryIO) -> Iterator[Any]:
    require("rawpy", "rawpy", "a camera's raw file")
    import rawpy

    file.seek(0)
    try:
        with rawpy.imread(file) as raw:
            yield raw
    except rawpy.LibRawFileUnsupportedError as error:
        raise ImageReadError(
            "it is a camera's raw file of a kind that rawpy does not know; save it as a TIFF or JPEG with the "
            "camera's program first"
        ) from error
    except rawpy.LibRawError as error:
        text = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ImageReadError(f"it is a camera's raw file that is damaged or cut off ({text})") from error


def _upright_size(raw: Any) -> tuple[int, int]:
    sizes = raw.sizes
    width, height = sizes.iwidth, sizes.iheight
    return (height, width) if sizes.flip in (5, 6) else (width, height)


def _metadata(file: BinaryIO, raw: Any) -> Metadata:
    """Return what a raw file says of its photograph: in its first directory, or else in its preview."""
    import rawpy

    file.seek(0)
    if is_tiff(file.read(4)):
        return read_tiff_metadata(file)[0]
    try:
        preview = raw.extract_thumb()
        if preview.format is not rawpy.ThumbFormat.JPEG:
            return Metadata()
        data = io.BytesIO(preview.data)
        with open_image(data) as image:
            return read_metadata(image, data)[0]
    except Exception:  # there is none, or it is damaged: a photograph is worth more than its tags
        return Metadata()
