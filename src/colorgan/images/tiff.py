"""TIFF pages, mostly of more than 8 bits, read in bands: what Pillow would cut to 8 bits or refuse.

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

from colorgan.errors import ImageReadError
from colorgan.images.budget import Meter
from colorgan.images.grey import BAND
from colorgan.images.opening import decode, open_image
from colorgan.images.photo import Levels
from colorgan.images.scale import Sample, Scale, find_scale, is_depth

__all__ = ["TiffPixels", "is_readable"]

_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD = 1, 5, 8, 32773, 32946, 34925, 50000
_CODECS = (_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD)
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _CMYK, _LAB = 0, 1, 2, 5, 8
_ASSOCIATED, _UNASSOCIATED = 1, 2
_MOST_SAID, _SIGNED_MOST_SAID = 281, 341  # MaxSampleValue, SMaxSampleValue
_WHOLE, _PACKED = (16, 32, 64), range(9, 16)  # bits a sample, in words of their own or one behind the other
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def is_readable(page: tifffile.TiffPage) -> bool:
    """Tell whether a page is one for `TiffPixels`: deeper than 8 bits, or one that Pillow misreads or does not open."""
    whole = page.bitspersample in _WHOLE and page.dtype is not None and page.dtype.kind in "uif"
    packed = page.bitspersample in _PACKED and page.sampleformat in (None, 1) and page.predictor == 1
    signed = page.dtype == np.int8 and page.bitspersample == 8 and page.predictor in (1, 2)
    plain = page.dtype == np.uint8 and page.bitspersample == 8 and page.predictor in (1, 2)
    unknown_to_pillow = page.parent.is_bigtiff and page.parent.byteorder == ">"
    return (
        (whole or packed or signed or (plain and unknown_to_pillow))
        and page.compression in _CODECS
        and page.predictor in (1, 2, 3)
        and page.photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB)
        and page.samplesperpixel >= (3 if page.photometric == _RGB else 1)
        and page.imagedepth == 1
    )


class TiffPixels:
    """The pixels of a TIFF page as 16-bit levels, or 8-bit ones where it has no more. See `grey.PixelSource`."""

    def __init__(self, page: tifffile.TiffPage, file: BinaryIO, meter: Meter) -> None:
        self.page = page
        self._file, self._meter = file, meter
        self.shape = (int(page.imagelength), int(page.imagewidth))
        self._bits = int(page.bitspersample)
        packed = self._bits in _PACKED
        self.depth = 8 if self._bits == 8 else 16
        self.levels = 256 if page.dtype == np.uint8 else 65536
        self._stored = np.dtype(np.uint16) if packed else np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        self._planar = page.planarconfig == 2 and page.samplesperpixel > 1
        self.channels = 3 if page.photometric == _RGB else 1
        self._wanted = self.channels + bool(self.alpha_kind)  # samples a pixel, the first ones
        self._scale: Scale | None = None

    @property
    def alpha_kind(self) -> int:
        """0 without alpha, 1 premultiplied, 2 not."""
        extra = tuple(self.page.extrasamples or ())
        there = self.page.samplesperpixel > self.channels
        return int(extra[0]) if there and extra and extra[0] in (_ASSOCIATED, _UNASSOCIATED) else 0

    def pieces(self) -> Iterator[tuple[slice, slice, Levels, Levels | None]]:
        """Yield rows, columns, levels and alpha; tiles are pieces, strips are cut into bands."""
        self._scale = self._find_scale()
        for rows, columns, samples in self._samples():
            wide = self._to_levels(samples)
            colors = wide[..., : self.channels]
            alpha = wide[..., self.channels] if self.alpha_kind else None
            if self.page.photometric == _MIN_IS_WHITE:
                colors = np.asarray(self.levels - 1, colors.dtype) - colors
            if alpha is not None and self.alpha_kind == _ASSOCIATED:
                colors = _unmultiply(colors, alpha)
            yield rows, columns, colors[..., 0] if self.channels == 1 else colors, alpha

    def _find_scale(self) -> Scale | None:
        """Find which values mean black and white; None where all of 8 or 16 bits are used."""
        if self._bits in _PACKED:
            return Scale(0, 2**self._bits - 1)
        tag = _MOST_SAID if self._stored.kind == "u" else _SIGNED_MOST_SAID
        said = _first_number(self.page.tags.valueof(tag)) or _first_number(self.page.tags.valueof(_MOST_SAID))
        if self.levels == 256 or (self._stored == np.uint16 and not is_depth(said)):
            return None
        sample = Sample(self.shape[0] * self.shape[1])
        for _, _, samples in self._samples():
            sample.add(samples[..., : self.channels])
        scale = find_scale(sample.values, bits=self._bits, said=said, narrow=self._stored != np.uint16)
        return None if (scale.black, scale.white) == (0, 65535) and self._stored == np.uint16 else scale

    def _to_levels(self, samples: NDArray[Any]) -> Levels:
        if self._scale is None:
            return np.asarray(samples, np.uint8 if self.levels == 256 else np.uint16)
        levels = self._scale.to_levels(samples)
        if self.alpha_kind and samples.dtype.kind == "f":  # alpha is 0..1 whatever the colours' range
            levels[..., self.channels] = Scale(0, 1).to_levels(samples[..., self.channels])
        return levels

    def _samples(self) -> Iterator[tuple[slice, slice, NDArray[Any]]]:
        """Yield rows, columns and samples `(h, w, wanted)` of the file's own type, in native byte order."""
        page, (height, width) = self.page, self.shape
        tall, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, height), width)
        if tall <= 0 or wide <= 0:
            raise ImageReadError("its strips or tiles have no pixels")
        across, down = -(-width // wide), -(-height // tall)
        planes = self._wanted if self._planar else 1
        if len(page.dataoffsets) < across * down * planes:
            raise ImageReadError("it lacks some of its strips or tiles")
        for index in range(across * down):
            top, left = index // across * tall, index % across * wide
            stored = min(tall, height - top)  # what a tile holds below the picture is not looked at
            segments = [
                self._rows(index + plane * across * down, stored, wide, 1 if self._planar else page.samplesperpixel)
                for plane in range(planes)
            ]
            for parts in zip(*segments, strict=True):
                samples = np.concatenate(parts, axis=-1) if self._planar else parts[0]
                columns = slice(left, min(left + wide, width))
                yield slice(top, top + len(samples)), columns, samples[:, : columns.stop - left, : self._wanted]
                top += len(samples)

    def _rows(self, index: int, rows: int, width: int, samples: int) -> Iterator[NDArray[Any]]:
        """Yield one strip or tile in bands `(h, width, samples)`."""
        row_bytes = -(-width * samples * self._bits // 8)
        band = max(1, min(BAND // width, 8 * BAND // row_bytes))
        pending = bytearray()
        left = rows
        for part in self._bytes(index, rows, row_bytes):
            self._meter.check_time()
            pending += part
            while left and len(pending) >= min(band, left) * row_bytes:
                count = min(band, left)
                yield self._unpack(bytes(pending[: count * row_bytes]), count, width, samples)
                del pending[: count * row_bytes]
                left -= count
            if not left:
                return  # whatever stands behind the last row
        raise ImageReadError(f"{left} of its rows are missing")

    def _bytes(self, index: int, rows: int, row_bytes: int) -> Iterator[bytes]:
        """Yield the bytes of a strip or tile, uncompressed, in parts."""
        offset, count = self.page.dataoffsets[index], self.page.databytecounts[index]
        compression = self.page.compression
        if count == 0:  # a sparse file's way of saying zeros
            yield from (bytes(row_bytes) for _ in range(rows))
        elif compression == _NONE:
            yield from self._read_parts(offset, min(count, rows * row_bytes))
        elif compression in (_DEFLATE, _OLD_DEFLATE):
            inflate = zlib.decompressobj()
            for part in self._read_parts(offset, count):
                waiting = part
                while waiting:
                    yield inflate.decompress(waiting, 8 * BAND)
                    waiting = inflate.unconsumed_tail
            yield inflate.flush()
        else:
            stored = b"".join(self._read_parts(offset, count))
            yield _decode_by_libtiff(stored, int(compression), rows, row_bytes)

    def _read_parts(self, offset: int, count: int) -> Iterator[bytes]:
        while count > 0:
            self._file.seek(offset)
            part = self._file.read(min(count, 4 * BAND))
            if not part:
                raise ImageReadError("it ends too early")
            yield part.translate(_REVERSED) if self.page.fillorder == 2 else part
            offset, count = offset + len(part), count - len(part)

    def _unpack(self, data: bytes, rows: int, width: int, samples: int) -> NDArray[Any]:
        """Turn the bytes of whole rows into samples of native byte order `(rows, width, samples)`."""
        if self._bits not in _PACKED:
            return self._undo_predictor(data, rows, width, samples)
        bits = np.unpackbits(
            np.frombuffer(data, np.uint8).reshape(rows, -1), axis=1, count=width * samples * self._bits
        )
        padded = np.zeros((rows, width * samples, 16), np.uint8)
        padded[..., 16 - self._bits :] = bits.reshape(rows, width * samples, self._bits)
        return np.packbits(padded, axis=-1).view(">u2").astype(np.uint16).reshape(rows, width, samples)

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


def _unmultiply(colors: Levels, alpha: Levels) -> Levels:
    most = np.iinfo(colors.dtype).max
    opacity = np.maximum(alpha, 1)[..., None].astype(np.float32) / np.float32(most)
    return np.asarray((colors / opacity).round().clip(0, most), colors.dtype)


def _first_number(value: object) -> float | None:
    first = value[0] if isinstance(value, tuple) and value else value
    return float(first) if isinstance(first, int | float) else None


def _decode_by_libtiff(data: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """Let libtiff undo a lossless compression, by wrapping the bytes into a grey 8-bit TIFF of their own."""
    tags = [
        (256, row_bytes), (257, rows), (258, 8), (259, compression), (262, 1), (273, 0), (277, 1), (278, rows),
        (279, len(data)),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value) for tag, value in tags)
    wrapped = b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + data
    with open_image(io.BytesIO(wrapped)) as image:
        decode(image)
        return image.tobytes()
