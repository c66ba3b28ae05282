"""A TIFF writer that takes bands of rows, 8 or 16 bits, and keeps EXIF: tifffile with what it leaves out."""

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import tifffile
from PIL import ExifTags, TiffImagePlugin

from colorgan.images.metadata import Metadata, read_exif
from colorgan.images.photo import Levels
from colorgan.images.profiles import srgb_profile

__all__ = ["write_tiff"]

_STRIP = 1 << 19  # samples in a strip
_LEVEL = 4
_BIG = 3_900_000_000  # bytes of pixels from which offsets may need 64 bits
_NAMED = (ExifTags.Base.ImageDescription, ExifTags.Base.Software, ExifTags.Base.DateTime)
_POINTERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def write_tiff(
    file: BinaryIO,
    bands: Iterable[Levels],
    shape: tuple[int, int],
    *,
    depth: int,
    channels: int,
    metadata: Metadata,
    software: str | None,
    xmp: bytes | None,
) -> None:
    """Write a TIFF in sRGB, deflated with horizontal differencing.

    Args:
        file: Where to: an empty file opened to write and read.
        bands: Bands of rows `(h, W, channels)`, uint8 or uint16 as `depth` says, from the top.
        shape: Height and width.
        depth: 8 or 16 bits a component.
        channels: 3 (RGB) or 4 (RGB and alpha).
        metadata: What to keep of the source, apart from XMP.
        software: For the Software tag.
        xmp: XMP to write.
    """
    height, width = shape
    rows = max(1, min(height, _STRIP // (width * channels)))
    tags = read_exif(metadata.exif)
    big = height * width * channels * depth // 8 > _BIG
    with tifffile.TiffWriter(file, bigtiff=big, byteorder="<") as writer:
        writer.write(
            _strips(bands, rows),
            shape=(height, width, channels),
            dtype=np.dtype(f"u{depth // 8}"),
            photometric="rgb",
            planarconfig="contig",
            extrasamples=["unassalpha"] if channels == 4 else None,
            rowsperstrip=rows,
            compression="adobe_deflate",
            predictor=2,
            iccprofile=srgb_profile(),
            resolution=metadata.dpi,
            resolutionunit="inch" if metadata.dpi else None,
            description=_bytes(tags.get(ExifTags.Base.ImageDescription)),
            datetime=_date(tags.get(ExifTags.Base.DateTime)),
            software=_bytes(software) or False,
            metadata=None,
            extratags=list(_extra_tags(tags, metadata, xmp)),
        )
    directories = {pointer: tags[pointer] for pointer in _POINTERS if isinstance(tags.get(pointer), dict)}
    if directories:
        _add_directories(file, directories, big=big)


def _strips(bands: Iterable[Levels], rows: int) -> Iterator[bytes]:
    """Cut bands into strips of `rows` rows, and compress them."""
    pending: list[Levels] = []
    count = 0
    for band in bands:
        pending.append(band)
        count += len(band)
        if count >= rows:
            whole = np.concatenate(pending) if len(pending) > 1 else pending[0]
            full = count // rows * rows
            for top in range(0, full, rows):
                yield _compress(whole[top : top + rows])
            pending, count = [whole[full:]] if full < count else [], count - full
    if count:
        yield _compress(np.concatenate(pending))


def _compress(strip: Levels) -> bytes:
    steps = strip.copy()
    steps[:, 1:] -= strip[:, :-1]
    return zlib.compress(steps.astype(steps.dtype.newbyteorder("<"), copy=False).tobytes(), _LEVEL)


def _bytes(text: object) -> bytes | None:
    return str(text).encode() if text else None  # tifffile refuses str that is not ASCII


def _date(text: object) -> str | None:
    return str(text) if text and len(str(text)) == 19 and str(text).isascii() else None


def _extra_tags(tags: dict[int, Any], metadata: Metadata, xmp: bytes | None) -> Iterator[tuple[Any, ...]]:
    for tag, value in tags.items():
        if tag in _NAMED or tag in _POINTERS:
            continue
        if isinstance(value, str):
            yield tag, "s", 0, value.encode(), True
        elif isinstance(value, bytes):
            yield tag, "B", len(value), value, True
        elif isinstance(value, int) and 0 <= value < 65536:
            yield tag, "H", 1, value, True
    if xmp:
        yield 700, "B", len(xmp), xmp, True
    if metadata.iptc:
        yield 33723, 7, len(metadata.iptc), metadata.iptc, True
    for pointer in _POINTERS:
        if isinstance(tags.get(pointer), dict):
            yield pointer, "I", 1, 0, True  # to be filled in by _add_directories


def _add_directories(file: BinaryIO, directories: dict[int, dict[int, Any]], *, big: bool) -> None:
    """Append the directories that EXIF and GPS data live in, and point to them."""
    header = b"II+\0\x08\0\0\0" + bytes(8) if big else b"II*\0\x08\0\0\0"
    places = {}
    for pointer, values in directories.items():
        file.seek(0, io.SEEK_END)
        if file.tell() % 2:
            file.write(b"\0")
        directory = TiffImagePlugin.ImageFileDirectory_v2(header, group=pointer)
        for tag, value in values.items():
            directory[tag] = value
        places[pointer] = file.tell()
        file.write(directory.tobytes(places[pointer]))
    file.flush()
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        for pointer, place in places.items():
            tiff.pages.first.tags[pointer].overwrite(place)
    file.flush()
