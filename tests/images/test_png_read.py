"""PNG files of 16 bits."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import (
    read_photos,
)
from image_support import luminance_of, luminance_of_grey, ramp, read_one


def png(pixels: NDArray, color: int, *, interlaced: bool = False, seed: int = 0) -> bytes:
    """Write a 16-bit PNG with random filters, row by row as the specification says."""
    rng = np.random.default_rng(seed)
    passes = [pixels]
    if interlaced:
        steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        passes = [pixels[y::dy, x::dx] for y, x, dy, dx in steps]
    data = b"".join(_filtered(part, rng) for part in passes if part.size)
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def _filtered(part: NDArray, rng: np.random.Generator) -> bytes:
    rows = part.astype(">u2").view(np.uint8).reshape(len(part), -1).astype(int)
    step, above, result = 2 * part.shape[2], np.zeros(rows.shape[1], int), b""
    for row in rows:
        left, corner = (np.concatenate((np.zeros(step, int), r[:-step])) for r in (row, above))
        p = left + above - corner
        a, b, c = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
        kind = int(rng.integers(5))
        guess = [0 * row, left, above, (left + above) // 2, paeth][kind]
        result += bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes()
        above = row
    return result


class TestDeepPng:
    """16-bit PNG, which Pillow reads as 8 bits."""

    def test_grey(self, tmp_path: Path) -> None:
        grey = ramp(dtype=np.uint16)
        Image.fromarray(grey).save(tmp_path / "a.png")
        photo = read_one(tmp_path / "a.png")
        assert np.array_equal(photo.grey, grey)
        assert photo.depth == 16

    @pytest.mark.parametrize("interlaced", [False, True])
    @pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (300, 17), (9, 11)])
    def test_all_filters(self, shape: tuple[int, int], interlaced: bool) -> None:
        pixels = ramp((*shape, 2), np.uint16)
        (photo,) = read_photos(io.BytesIO(png(pixels, 4, interlaced=interlaced)))
        assert np.array_equal(photo.grey, pixels[..., 0])
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, pixels[..., 1])

    @pytest.mark.parametrize(("color", "samples"), [(2, 3), (6, 4)])
    def test_colour(self, color: int, samples: int) -> None:
        pixels = ramp((30, 20, samples), np.uint16)
        (photo,) = read_photos(io.BytesIO(png(pixels, color)))
        assert np.abs(luminance_of_grey(photo.grey) - luminance_of(pixels[..., :3])).max() < 0.01
        assert (photo.alpha is None) == (samples == 3)
        assert photo.depth == 16

    def test_a_broken_checksum_is_refused(self) -> None:
        data = bytearray(png(ramp((30, 20, 3), np.uint16), 2))
        data[80] ^= 1
        with pytest.raises(ImageReadError, match=r"damaged|checksum"):
            read_photos(io.BytesIO(bytes(data)))

    def test_a_cut_one_is_refused(self) -> None:
        with pytest.raises(ImageReadError):
            read_photos(io.BytesIO(png(ramp((30, 20, 3), np.uint16), 2)[:1000]))
