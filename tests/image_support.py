"""Pictures for tests of reading and writing: levels, their luminance, and files put together by hand."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from skimage import color as skcolor

from colorgan.errors import ImageReadError
from colorgan.images import (
    read_photos,
)


def ramp(shape: tuple[int, ...] = (24, 40), dtype: type = np.uint8, seed: int = 0) -> NDArray:
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(0, info.max, shape, dtype, endpoint=True)


def luminance_of(rgb: NDArray) -> NDArray:
    """L* by scikit-image, which knows nothing of colorgan's tables."""
    unit = rgb / np.iinfo(rgb.dtype).max
    return skcolor.rgb2lab(unit)[..., 0]


def luminance_of_grey(grey: NDArray) -> NDArray:
    return luminance_of(np.stack([grey] * 3, axis=-1))


def read_one(path: Path, **options: Any):
    (photo,) = read_photos(path, **options)
    return photo


def refused(path: Path, **options: Any) -> str:
    """Return the sentence with which a file is refused."""
    with pytest.raises(ImageReadError) as caught:
        read_photos(path, **options)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def noise(shape: tuple[int, ...] = (30, 41, 3), dtype: type = np.uint8, seed: int = 0) -> NDArray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


Tags = dict[int, tuple[int, ...]]


def tiff(*directories: Tags, data: bytes = b"") -> bytes:
    """Write a TIFF by hand: `data` from byte 8 on, then the directories in a chain, numbers as LONG."""
    result = bytearray(b"II*\0" + bytes(4) + data + bytes(len(data) % 2))
    pointer = 4
    for tags in directories:
        result[pointer : pointer + 4] = struct.pack("<I", len(result))
        behind = len(result) + 2 + 12 * len(tags) + 4
        pointer = behind - 4
        entries, values = struct.pack("<H", len(tags)), b""
        for tag, numbers in sorted(tags.items()):
            packed = struct.pack(f"<{len(numbers)}I", *numbers)
            if len(numbers) > 1:
                entries += struct.pack("<HHII", tag, 4, len(numbers), behind + len(values))
                values += packed
            else:
                entries += struct.pack("<HHI", tag, 4, 1) + packed
        result += entries + bytes(4) + values
    return bytes(result)


def page(
    width: int, height: int, *, bits: int = 8, compression: int = 1, size: int = 0, **more: tuple[int, ...]
) -> Tags:
    tags = {256: (width,), 257: (height,), 258: (bits,), 259: (compression,), 262: (1,), 273: (8,), 277: (1,),
            278: (height,), 279: (size,)}  # fmt: skip
    return tags | {int(tag.removeprefix("t")): value for tag, value in more.items()}


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, color: int, bits: int, rows: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header), *more, png_chunk(b"IDAT", rows), png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def blank_webp(width: int, height: int) -> bytes:
    """Write a WebP of one colour: each of its codes has a single symbol, so that pixels take no bits at all."""
    bits = f"{0x2F:08b}"[::-1] + f"{width - 1:014b}"[::-1] + f"{height - 1:014b}"[::-1] + "0000"
    bits += "000"  # no transform, no colour cache, one group of codes
    bits += "1000" * 5  # five codes: simple, one symbol, of one bit, 0
    bits += "0" * (-len(bits) % 8)
    payload = bytes(int(bits[n : n + 8][::-1], 2) for n in range(0, len(bits), 8)) + bytes(8)
    payload += bytes(len(payload) % 2)
    body = b"WEBPVP8L" + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


def write_dng(path: Path, *, orientation: int = 1, shape: tuple[int, int] = (64, 96)) -> None:
    """Write what a sensor sees of a ramp of grey from left to right, behind filters of red, green, green and blue."""
    H, W = shape
    levels = np.broadcast_to(np.linspace(0.02, 0.8, W) * 65535, (H, W)).astype(np.uint16)
    to_camera = (3.2404542, -1.5371385, -0.4985314, -0.9692660, 1.8760108, 0.0415560, 0.0556434, -0.2040259, 1.0572252)
    matrix = [number for value in to_camera for number in (round(value * 10000), 10000)]
    tags = [
        (271, 2, 0, "Maker", True), (272, 2, 0, "Model", True), (274, 3, 1, orientation, True),
        (33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes([0, 1, 1, 2]), True), (50706, 1, 4, bytes([1, 4, 0, 0]), True),
        (50707, 1, 4, bytes([1, 1, 0, 0]), True), (50708, 2, 0, "colorgan's test", True), (50717, 4, 1, 65535, True),
        (50721, 10, 9, matrix, True), (50728, 5, 3, [1, 1] * 3, True), (50778, 3, 1, 21, True),
    ]  # fmt: skip
    tifffile.imwrite(
        path, levels, photometric=32803, metadata=None, software=None, description="a field", extratags=tags
    )
