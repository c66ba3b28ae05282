"""A TIFF writer that takes bands of rows, 8 or 16 bits, and keeps EXIF and GPS, which tifffile's does not.

Format: TIFF 6.0 (Adobe, 1992); BigTIFF where offsets need more than 32 bits.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
from PIL.ExifTags import Base

from colorgan.images.exif import (
    BYTE,
    LONG,
    LONG8,
    SHORT,
    UNDEFINED,
    Entry,
    encode_directory,
    numbers_entry,
    resolution_entries,
)
from colorgan.images.photo import Levels
from colorgan.images.profiles import srgb_profile
from colorgan.images.texts import Texts

__all__ = ["write_tiff"]

_STRIP = 1 << 18  # samples in a strip
_LEVEL = 4  # of deflate: twice the speed of 6 for a few percent of the size
_BIG = 3_900_000_000  # bytes of pixels from which offsets may need 64 bits
_DEFLATE, _HORIZONTAL, _RGB, _UNASSOCIATED = 8, 2, 2, 2
_XMP, _IPTC, _ICC = 700, 33723, 34675


def write_tiff(
    file: BinaryIO,
    bands: Iterable[Levels],
    shape: tuple[int, int],
    *,
    depth: int,
    channels: int,
    texts: Texts,
) -> None:
    """Write a TIFF in sRGB, deflated with horizontal differencing.

    Args:
        file: Where to: an empty file.
        bands: Bands of rows `(h, W, channels)`, uint8 or uint16 as `depth` says, from the top.
        shape: Height and width.
        depth: 8 or 16 bits a component.
        channels: 3 (RGB) or 4 (RGB and alpha).
        texts: What to write beside the pixels.
    """
    height, width = shape
    rows = max(1, min(height, _STRIP // (width * channels)))
    big = height * width * channels * depth // 8 > _BIG
    file.write(b"II+\0\x08\0\0\0" + bytes(8) if big else b"II*\0" + bytes(4))  # where the directory is comes last
    offsets, counts = [], []
    for strip in _strips(bands, rows):
        offsets.append(file.tell())
        counts.append(len(strip))
        file.write(strip)
        file.write(bytes(len(strip) % 2))
    kind = LONG8 if big else LONG
    entries = [
        numbers_entry(Base.StripOffsets, kind, *offsets),
        numbers_entry(Base.StripByteCounts, kind, *counts),
        numbers_entry(Base.RowsPerStrip, LONG, rows),
        *_layout(shape, depth, channels),
        *_description(texts),
    ]
    place = file.tell()
    file.write(encode_directory(entries, place, big=big))
    file.seek(8 if big else 4)
    file.write(struct.pack("<Q" if big else "<I", place))


def _layout(shape: tuple[int, int], depth: int, channels: int) -> Iterator[Entry]:
    height, width = shape
    yield numbers_entry(Base.ImageWidth, LONG, width)
    yield numbers_entry(Base.ImageLength, LONG, height)
    yield numbers_entry(Base.BitsPerSample, SHORT, *[depth] * channels)
    yield numbers_entry(Base.Compression, SHORT, _DEFLATE)
    yield numbers_entry(Base.PhotometricInterpretation, SHORT, _RGB)
    yield numbers_entry(Base.SamplesPerPixel, SHORT, channels)
    yield numbers_entry(Base.PlanarConfiguration, SHORT, 1)
    yield numbers_entry(Base.Predictor, SHORT, _HORIZONTAL)
    if channels == 4:
        yield numbers_entry(Base.ExtraSamples, SHORT, _UNASSOCIATED)
    yield Entry(_ICC, UNDEFINED, len(srgb_profile()), srgb_profile())


def _description(texts: Texts) -> Iterator[Entry]:
    yield from texts.entries
    yield from resolution_entries(texts.dpi)
    if texts.xmp:
        yield Entry(_XMP, BYTE, len(texts.xmp), texts.xmp)
    if texts.iptc:
        yield Entry(_IPTC, UNDEFINED, len(texts.iptc), texts.iptc)


def _strips(bands: Iterable[Levels], rows: int) -> Iterator[bytes]:
    """Cut bands into strips of `rows` rows (the last may have fewer), and compress them."""
    pending: Levels | None = None
    for band in bands:
        whole = band if pending is None else np.concatenate((pending, band))
        full = len(whole) // rows * rows
        for top in range(0, full, rows):
            yield _compress(whole[top : top + rows])
        pending = whole[full:] if full < len(whole) else None
    if pending is not None:
        yield _compress(pending)


def _compress(strip: Levels) -> bytes:
    steps = strip.copy()
    steps[:, 1:] -= strip[:, :-1]
    return zlib.compress(steps.astype(steps.dtype.newbyteorder("<"), copy=False).tobytes(), _LEVEL)
