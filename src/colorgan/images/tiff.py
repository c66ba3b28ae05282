"""TIFF pages of more than 8 bits, read in bands: what Pillow would cut to 8 bits or refuse.

tifffile parses the file. The compressed bytes are undone by zlib, or by libtiff through Pillow, which is told that
they are 8-bit grey: all that libtiff's lossless codecs do is turn bytes into bytes.
Format: TIFF 6.0 (Adobe, 1992); floating-point predictor: Adobe Photoshop TIFF Technical Note 3.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images.grey import BAND
from colorgan.images.photo import Levels

__all__ = ["TiffPixels", "is_deep"]

_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD = 1, 5, 8, 32773, 32946, 34925, 50000
_CODECS = (_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD)
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _CMYK, _LAB = 0, 1, 2, 5, 8
_ASSOCIATED, _UNASSOCIATED = 1, 2


def is_deep(page: tifffile.TiffPage) -> bool:
    """Tell whether a page has more than 8 bits a component and is laid out as `TiffPixels` can read it."""
    return (
        page.bitspersample in (16, 32, 64)
        and page.dtype is not None
        and page.dtype.kind in "uif"
        and page.compression in _CODECS
        and page.predictor in (1, 2, 3)
        and page.photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB)
        and page.imagedepth == 1
    )


class TiffPixels:
    """The pixels of a deep TIFF page as 16-bit levels, piece by piece. See `grey.PixelSource`."""

    levels = 65536
    depth = 16

    def __init__(self, page: tifffile.TiffPage, file: BinaryIO) -> None:
        self.page = page
        self._file = file
        self.shape = (int(page.imagelength), int(page.imagewidth))
        order = page.parent.byteorder
        self._stored = np.dtype(page.dtype).newbyteorder(order)
        self._planar = page.planarconfig == 2 and page.samplesperpixel > 1
        self.channels = 3 if page.photometric == _RGB else 1
        self._range: tuple[float, float] | None = None

    @property
    def alpha_kind(self) -> int:
        """0 without alpha, 1 premultiplied, 2 not."""
        extra = tuple(self.page.extrasamples or ())
        return int(extra[0]) if extra and extra[0] in (_ASSOCIATED, _UNASSOCIATED) else 0

    def pieces(self) -> Iterator[tuple[slice, slice, Levels, Levels | None]]:
        """Yield rows, columns, levels and alpha; tiles are pieces, strips are cut into bands."""
        if self._stored.kind != "u":
            self._range = self._find_range()
        for rows, columns, samples in self._samples():
            wide = self._to_levels(samples)
            colors = wide[..., : self.channels]
            alpha = wide[..., self.channels] if self.alpha_kind else None
            if self.page.photometric == _MIN_IS_WHITE:
                colors = 65535 - colors
            if alpha is not None and self.alpha_kind == _ASSOCIATED:
                colors = _unmultiply(colors, alpha)
            yield rows, columns, colors[..., 0] if self.channels == 1 else colors, alpha

    def _find_range(self) -> tuple[float, float]:
        """Find which values mean black and white in signed and floating-point pictures.

        Floats are taken as 0..1 if none is larger, else as 8-bit, else as 16-bit levels, else stretched; signed
        integers as 0..their maximum, or over their whole range if any is negative.
        """
        lowest, highest = np.inf, -np.inf
        for _, _, samples in self._samples():
            finite = samples[..., : self.channels]
            finite = finite[np.isfinite(finite)] if self._stored.kind == "f" else finite
            if finite.size:
                lowest, highest = min(lowest, float(finite.min())), max(highest, float(finite.max()))
        if self._stored.kind == "i":
            limits = np.iinfo(self._stored)
            return (float(limits.min) if lowest < 0 else 0.0, float(limits.max))
        for white in (1.0, 255.0, 65535.0):
            if highest <= white * 1.0001:
                return 0.0, white
        return min(lowest, 0.0), highest

    def _to_levels(self, samples: NDArray[Any]) -> NDArray[np.uint16]:
        if samples.dtype.kind == "u":
            shift = 8 * samples.dtype.itemsize - 16
            return (samples >> shift).astype(np.uint16) if shift else np.asarray(samples, np.uint16)
        black, white = self._range or (0.0, 1.0)
        unit = np.nan_to_num((samples.astype(np.float64) - black) / (white - black), nan=0.0, posinf=1.0, neginf=0.0)
        levels = (unit.clip(0, 1) * 65535).round().astype(np.uint16)
        if self.alpha_kind and samples.dtype.kind == "f":  # alpha is 0..1 whatever the colours' range
            opacity = np.nan_to_num(samples[..., self.channels].astype(np.float64)).clip(0, 1)
            levels[..., self.channels] = (opacity * 65535).round().astype(np.uint16)
        return levels

    def _samples(self) -> Iterator[tuple[slice, slice, NDArray[Any]]]:
        """Yield rows, columns and samples `(h, w, samples)` of the file's own type, in native byte order."""
        page, (height, width) = self.page, self.shape
        tall, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, height), width)
        across, down = -(-width // wide), -(-height // tall)
        planes = page.samplesperpixel if self._planar else 1
        if len(page.dataoffsets) < across * down * planes:
            raise ImageReadError("it lacks some of its strips or tiles")
        for index in range(across * down):
            top, left = index // across * tall, index % across * wide
            stored = tall if page.is_tiled else min(tall, height - top)
            segments = [
                self._rows(index + plane * across * down, stored, wide, 1 if self._planar else page.samplesperpixel)
                for plane in range(planes)
            ]
            for parts in zip(*segments, strict=True):
                samples = np.concatenate(parts, axis=-1) if self._planar else parts[0]
                bottom = min(top + len(samples), height)
                if bottom > top:
                    columns = slice(left, min(left + wide, width))
                    yield slice(top, bottom), columns, samples[: bottom - top, : columns.stop - left]
                top += len(samples)

    def _rows(self, index: int, rows: int, width: int, samples: int) -> Iterator[NDArray[Any]]:
        """Yield one strip or tile in bands `(h, width, samples)`."""
        row_bytes = width * samples * self._stored.itemsize
        band = max(1, BAND // width)
        pending = bytearray()
        left = rows
        for part in self._bytes(index, rows, row_bytes):
            pending += part
            while left and len(pending) >= min(band, left) * row_bytes:
                count = min(band, left)
                yield self._undo_predictor(bytes(pending[: count * row_bytes]), count, width, samples)
                del pending[: count * row_bytes]
                left -= count
        if left:
            raise ImageReadError(f"{left} of its rows are missing")

    def _bytes(self, index: int, rows: int, row_bytes: int) -> Iterator[bytes]:
        """Yield the bytes of a strip or tile, uncompressed, in parts."""
        offset, count = self.page.dataoffsets[index], self.page.databytecounts[index]
        compression = self.page.compression
        if count == 0:  # a sparse file's way of saying zeros
            yield bytes(rows * row_bytes)
        elif compression == _NONE:
            yield from _read_parts(self._file, offset, min(count, rows * row_bytes))
        elif compression in (_DEFLATE, _OLD_DEFLATE):
            inflate = zlib.decompressobj()
            for part in _read_parts(self._file, offset, count):
                waiting = part
                while waiting:
                    yield inflate.decompress(waiting, 8 * BAND)
                    waiting = inflate.unconsumed_tail
            yield inflate.flush()
        else:
            self._file.seek(offset)
            yield _decode_by_libtiff(self._file.read(count), int(compression), rows, row_bytes)

    def _undo_predictor(self, data: bytes, rows: int, width: int, samples: int) -> NDArray[Any]:
        """Turn the bytes of whole rows into samples of native byte order `(rows, width, samples)`."""
        native = self._stored.newbyteorder("=")
        if self.page.predictor == 3:
            spread = np.frombuffer(data, np.uint8).reshape(rows, -1, samples)
            planes = np.cumsum(spread, axis=1, dtype=np.uint8).reshape(rows, native.itemsize, width * samples)
            packed = np.ascontiguousarray(planes.transpose(0, 2, 1))
            return packed.view(self._stored.newbyteorder(">")).reshape(rows, width, samples).astype(native)
        values = np.frombuffer(data, self._stored).reshape(rows, width, samples)
        if self.page.predictor == 2:
            unsigned = np.dtype(f"u{native.itemsize}")
            steps = values.view(unsigned.newbyteorder(self._stored.byteorder))
            return np.cumsum(steps, axis=1, dtype=unsigned).view(native)
        return values.astype(native, copy=False)


def _unmultiply(colors: NDArray[np.uint16], alpha: NDArray[np.uint16]) -> NDArray[np.uint16]:
    opacity = np.maximum(alpha, 1)[..., None].astype(np.float32) / 65535
    return (colors / opacity).round().clip(0, 65535).astype(np.uint16)


def _read_parts(file: BinaryIO, offset: int, count: int) -> Iterator[bytes]:
    while count > 0:
        file.seek(offset)
        part = file.read(min(count, 4 * BAND))
        if not part:
            raise ImageReadError("it ends too early")
        offset, count = offset + len(part), count - len(part)
        yield part


def _decode_by_libtiff(data: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """Let libtiff undo a lossless compression, by wrapping the bytes into a grey 8-bit TIFF of their own."""
    tags = [
        (256, row_bytes), (257, rows), (258, 8), (259, compression), (262, 1), (273, 0), (277, 1), (278, rows),
        (279, len(data)),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value) for tag, value in tags)
    wrapped = b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + data
    with Image.open(io.BytesIO(wrapped), formats=["TIFF"]) as image:
        return image.tobytes()
