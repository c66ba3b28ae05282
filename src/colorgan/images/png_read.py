"""A reader of 16-bit PNGs in colour or with alpha, which Pillow cuts to 8 bits.

Format: PNG (Third Edition, W3C 2023). The Average and Paeth filters make every byte depend on the one before it in
its row, so rows are not worked through one after the other but along the anti-diagonals of a band, where nothing
depends on anything else: numpy then does whole diagonals at once.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from colorgan.errors import ImageReadError
from colorgan.images.photo import Levels
from colorgan.images.png_parts import png_chunks

__all__ = ["DeepPngPixels", "is_deep_png"]

_ROWS = 256  # of a band: the longer the diagonals, the fewer the calls
_CHANNELS = {2: 3, 4: 2, 6: 4}  # by colour type
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def is_deep_png(start: bytes) -> bool:
    """Tell whether a file that begins with `start` (33 bytes) is a 16-bit PNG that is not plain grey."""
    return start[:8] == b"\x89PNG\r\n\x1a\n" and start[12:16] == b"IHDR" and start[24] == 16 and start[25] in _CHANNELS


class DeepPngPixels:
    """The pixels of a 16-bit PNG, band by band. See `grey.PixelSource`."""

    levels = 65536
    depth = 16

    def __init__(self, file: BinaryIO, transparent: tuple[int, ...] | None = None) -> None:
        """Read the header.

        Args:
            file: The file.
            transparent: The one colour that is transparent, where pixels have no alpha.
        """
        self._file = file
        self._transparent = transparent
        file.seek(16)
        width, height, _, color, _, _, interlace = struct.unpack(">IIBBBBB", file.read(13))
        self.shape = (int(height), int(width))
        self._samples = _CHANNELS[color]
        self.channels = 1 if color == 4 else 3
        self._interlaced = bool(interlace)

    def pieces(self) -> Iterator[tuple[slice, slice, Levels, Levels | None]]:
        """Yield bands; an interlaced picture comes as one."""
        height, width = self.shape
        data = _Inflated(self._file)
        if self._interlaced:
            yield slice(0, height), slice(0, width), *self._split(self._deinterlace(data))
            return
        for top, band in self._unfiltered(data, height, width):
            yield slice(top, top + len(band)), slice(0, width), *self._split(band)

    def _split(self, samples: NDArray[np.uint16]) -> tuple[Levels, Levels | None]:
        alpha = samples[..., -1] if self._samples in (2, 4) else None
        if self._samples == 3 and self._transparent is not None:
            hidden = (samples == np.array(self._transparent, np.uint16)).all(axis=-1)
            alpha = np.where(hidden, np.uint16(0), np.uint16(65535))
        return (samples[..., 0] if self.channels == 1 else samples[..., :3]), alpha

    def _deinterlace(self, data: "_Inflated") -> NDArray[np.uint16]:
        height, width = self.shape
        whole = np.empty((height, width, self._samples), np.uint16)
        for y, x, down, across in _ADAM7:
            part = whole[y::down, x::across]
            if part.size:
                for top, band in self._unfiltered(data, *part.shape[:2]):
                    part[top : top + len(band)] = band
        return whole

    def _unfiltered(self, data: "_Inflated", height: int, width: int) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        step = 2 * self._samples
        above = np.zeros((width, step), np.uint8)
        for top in range(0, height, _ROWS):
            count = min(_ROWS, height - top)
            rows = np.frombuffer(data.read(count * (1 + width * step)), np.uint8).reshape(count, -1)
            band = _unfilter(rows[:, 0], rows[:, 1:].reshape(count, width, step), above)
            above = band[-1]
            yield top, band.view(">u2").astype(np.uint16)


class _Inflated:
    """The pixel data of a PNG as a stream of bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._parts = self._inflate(file)
        self._pending = bytearray()

    def read(self, count: int) -> bytes:
        while len(self._pending) < count:
            part = next(self._parts, None)
            if part is None:
                raise ImageReadError("its pixels end too early")
            self._pending += part
        result = bytes(self._pending[:count])
        del self._pending[:count]
        return result

    @staticmethod
    def _inflate(file: BinaryIO) -> Iterator[bytes]:
        inflate = zlib.decompressobj()
        for name, _, size in png_chunks(file):
            if name != b"IDAT":
                continue
            waiting = file.read(size)
            if file.read(4) != struct.pack(">I", zlib.crc32(waiting, zlib.crc32(b"IDAT"))):
                raise ImageReadError("a checksum in it is wrong")
            while waiting:
                yield inflate.decompress(waiting, 1 << 22)
                waiting = inflate.unconsumed_tail
        yield inflate.flush()


def _unfilter(kinds: NDArray[np.uint8], filtered: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Undo the filters of rows.

    Args:
        kinds: The filter of each row `(h,)`.
        filtered: Bytes `(h, W, bytes a pixel)`.
        above: The row before the first `(W, bytes a pixel)`, unfiltered.
    """
    if kinds.max() > 4:
        raise ImageReadError("a row in it has a filter that does not exist")
    if not (kinds >= 3).any():
        return _unfilter_simple(kinds, filtered, above)
    height, width, step = filtered.shape
    # Pixel x of row r (1 is the first, 0 the row above it) stands at [x + 1 + r, r]: a column of the picture's
    # anti-diagonals. Its left and upper neighbours then stand at index - 1, the upper left one at index - 2; the
    # zeros left of each row are at [r, r].
    known = np.zeros((width + height + 1, height + 1, step), np.int16)
    known[1 : width + 1, 0] = above
    for row, values in enumerate(filtered, start=1):
        known[row + 1 : row + 1 + width, row] = values
    masks = np.stack([kinds == kind for kind in (1, 2, 3, 4)])[..., None]
    for index in range(2, width + height + 1):
        first, last = max(1, index - width), min(height, index - 1) + 1
        left = known[index - 1, first:last]
        up, corner = known[index - 1, first - 1 : last - 1], known[index - 2, first - 1 : last - 1]
        chosen = masks[:, first - 1 : last - 1]
        predicted = np.where(chosen[3], _paeth(left, up, corner), np.where(chosen[2], (left + up) >> 1, 0))
        predicted = np.where(chosen[0], left, np.where(chosen[1], up, predicted))
        known[index, first:last] += predicted
        known[index, first:last] &= 255
    result = np.empty((height, width, step), np.uint8)
    for row in range(height):
        result[row] = known[row + 2 : row + 2 + width, row + 1]
    return result


def _paeth(left: NDArray[np.int16], up: NDArray[np.int16], corner: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return the neighbour nearest to left + up - corner (section 9.4 of the specification)."""
    to_left, to_up = np.abs(up - corner), np.abs(left - corner)
    to_corner = np.abs(left + up - 2 * corner)
    vertical = np.where(to_up <= to_corner, up, corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, vertical)


def _unfilter_simple(
    kinds: NDArray[np.uint8], filtered: NDArray[np.uint8], above: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Undo the filters None, Sub and Up, row by row."""
    result = np.empty_like(filtered)
    for row, kind in enumerate(kinds):
        if kind == 1:
            np.cumsum(filtered[row], axis=0, dtype=np.uint8, out=result[row])
        else:
            np.add(filtered[row], above if kind == 2 else 0, out=result[row], casting="unsafe")
        above = result[row]
    return result
