"""Photographs in many formats, and damaged copies of them, drawn by number."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from support import draw_photo

Rng = np.random.Generator


def _pillow(image: Image.Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def _tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def _book() -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(np.asarray(draw_photo(4, (20, 16))), subifds=1, subfiletype=1, photometric="rgb")
        writer.write(np.asarray(draw_photo(4)), photometric="rgb")
        writer.write(_deep(draw_photo(5).convert("L")), compression="zlib", predictor=True)
    return buffer.getvalue()


def _deep(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(np.uint16) * np.uint16(257)


def _packed(image: Image.Image) -> bytes:
    """Write a TIFF of 12 bits: two samples in three bytes, which tifffile is told are three of 8 bits."""
    pairs = (np.asarray(image).astype(np.uint32) * 16).reshape(image.height, -1, 2)
    both = (pairs[..., 0] << 12 | pairs[..., 1])[..., None]
    data = bytearray(_tiff((both >> np.array([16, 8, 0]) & 255).astype(np.uint8).reshape(image.height, -1)))
    for tag, number in ((256, image.width), (258, 12)):
        place = next(place for kind in (3, 4) if (place := data.find(struct.pack("<HHI", tag, kind, 1))) >= 0)
        struct.pack_into("<H", data, place + 8, number)
    return bytes(data)


def _deep_png(image: Image.Image) -> bytes:
    rows = _deep(image).astype(">u2")
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    result = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", image.width, image.height, 16, 2, 0, 0, 0)
    for name, content in ((b"IHDR", header), (b"tEXt", b"Title\0Anna"), (b"IDAT", zlib.compress(data)), (b"IEND", b"")):
        result += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return result


def photographs() -> dict[str, bytes]:
    """Draw photographs in every format, with the metadata that their formats can hold."""
    color, grey = draw_photo(1), draw_photo(2).convert("L")
    exif = Image.Exif()
    exif.update({271: "Zeiss", 274: 6, 315: "Anna"})
    exif.get_ifd(34665)[36867] = "1923:05:01 12:00:00"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "Anna")
    texts.add_text("Comment", "by the sea", zip=True)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
    deep = _deep(grey)
    return {
        "jpeg": _pillow(color, "JPEG", exif=exif, icc_profile=icc, xmp=xmp, comment="sea"),
        "jpeg-cmyk": _pillow(color.convert("CMYK"), "JPEG"),
        "png": _pillow(color, "PNG", exif=exif, icc_profile=icc, pnginfo=texts, dpi=(300, 300)),
        "png-palette": _pillow(color.convert("P"), "PNG", transparency=3),
        "png-16-grey": _pillow(Image.fromarray(deep), "PNG"),
        "png-16": _deep_png(color),
        "tiff": _pillow(color, "TIFF", exif=exif, icc_profile=icc, compression="tiff_lzw"),
        "tiff-plain": _pillow(grey, "TIFF"),
        "tiff-g4": _pillow(grey.convert("1"), "TIFF", compression="group4"),
        "tiff-jpeg": _pillow(color, "TIFF", compression="jpeg"),
        "tiff-16": _tiff(deep, compression="zlib", predictor=True, rowsperstrip=7),
        "tiff-16-lzw": _pillow(Image.fromarray(deep), "TIFF", compression="tiff_lzw"),
        "tiff-12": _packed(grey),
        "tiff-float": _tiff((deep / 65535).astype(np.float32), tile=(16, 16)),
        "tiff-int": _tiff(deep.astype(np.int32), byteorder=">"),
        "bigtiff": _tiff(_deep(color), photometric="rgb", bigtiff=True, planarconfig="contig"),
        "tiff-book": _book(),
        "webp": _pillow(color, "WEBP", exif=exif, icc_profile=icc, xmp=xmp),
        "webp-lossless": _pillow(color.convert("RGBA"), "WEBP", lossless=True),
        "avif": _pillow(color, "AVIF", exif=exif),
        "jpeg-2000": _pillow(color, "JPEG2000"),
        "gif": _pillow(color, "GIF", comment="sea"),
        "bmp": _pillow(color, "BMP"),
        "bmp-palette": _pillow(color.convert("P"), "BMP"),
        "pgm": _pillow(grey, "PPM"),
        "ppm-16": b"P6\n# by hand\n80 64\n65535\n" + _deep(color).astype(">u2").tobytes(),
        "pbm": b"P1 3 2\n1 0 1\n0 1 0\n",
    }


def _flip(data: bytearray, rng: Rng) -> None:
    for place in rng.integers(0, len(data), rng.integers(1, 9)):
        data[place] ^= 1 << int(rng.integers(8))


def _replace(data: bytearray, rng: Rng) -> None:
    for place in rng.integers(0, len(data), rng.integers(1, 30)):
        data[place] = int(rng.integers(256))


def _break_head(data: bytearray, rng: Rng) -> None:
    for place in rng.integers(0, min(len(data), 400), rng.integers(1, 9)):
        data[place] = int(rng.integers(256))


def _claim(data: bytearray, rng: Rng) -> None:
    """Put numbers that are at the edge of what fits where numbers may stand."""
    for place in rng.integers(0, max(1, min(len(data), 1000) - 8), rng.integers(1, 4)):
        number = [0, 1, 255, 256, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(data), int(place)][rng.integers(10)]
        data[place : place + 4] = struct.pack(rng.choice(["<I", ">I"]), number)


def _cut(data: bytearray, rng: Rng) -> None:
    del data[int(rng.integers(len(data))) :]


def _lose(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 200))]


def _repeat(data: bytearray, rng: Rng) -> None:
    start, place = (int(n) for n in rng.integers(0, len(data), 2))
    data[place:place] = data[start : start + int(rng.integers(1, 400))]


def _blank(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(len(data)))
    size = min(int(rng.integers(1, 300)), len(data) - start)
    data[start : start + size] = bytes([int(rng.choice([0, 255]))]) * size


_WAYS: tuple[Callable[[bytearray, Rng], None], ...] = (
    _flip, _replace, _break_head, _claim, _claim, _cut, _lose, _repeat, _blank,
)  # fmt: skip


def mutants(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield damaged photographs, each with a name that says of what format it was."""
    whole = list(photographs().items())
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        name, data = whole[number % len(whole)]
        broken = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            if broken:
                _WAYS[rng.integers(len(_WAYS))](broken, rng)
        yield f"{name}-{number}", bytes(broken)
