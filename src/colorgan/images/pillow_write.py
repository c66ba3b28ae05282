"""Encoding whole 8-bit pictures by Pillow, with all that each format can say beside the pixels."""

import io
from typing import Any

from PIL import Image, PngImagePlugin

from colorgan.images.jpeg_segments import LONGEST_XMP, app_segments, insert_segments
from colorgan.images.png_write import text_chunks
from colorgan.images.profiles import srgb_profile
from colorgan.images.texts import Texts

__all__ = ["encode_by_pillow", "pillow_options"]


def encode_by_pillow(image: Image.Image, name: str, *, quality: int, texts: Texts) -> bytes:
    """Encode an RGB or RGBA picture in sRGB.

    Args:
        image: The picture.
        name: Pillow's name of the format.
        quality: Of JPEG (4:4:4), WebP and AVIF, 1 to 100.
        texts: What to write beside the pixels, as far as the format can hold it.
    """
    options = pillow_options(name, quality, texts)
    buffer = io.BytesIO()  # Pillow hides what the system says when it writes to a file by itself
    image.save(buffer, name, **options)
    if name != "JPEG":
        return buffer.getvalue()
    return insert_segments(buffer.getvalue(), app_segments(*texts.split_xmp(LONGEST_XMP), texts.iptc))


def pillow_options(name: str, quality: int, texts: Texts) -> dict[str, Any]:
    """Return what Pillow is to be told when it writes a format; see `encode_by_pillow`."""
    profile = srgb_profile()
    dpi = {"dpi": texts.dpi} if texts.dpi else {}
    if name == "JPEG":
        return {"quality": quality, "subsampling": 0, "icc_profile": profile, **dpi, **_jpeg_blocks(texts)}
    if name == "PNG":
        exif = _exif_block(texts.exif)
        return {"compress_level": 4, "icc_profile": profile, "pnginfo": _png_info(texts), "exif": exif, **dpi}
    if name in ("WEBP", "AVIF"):
        named: dict[str, Any] = {"method": 4} if name == "WEBP" else {"subsampling": "4:4:4"}
        named |= {"xmp": xmp} if (xmp := texts.xmp) else {}
        exif = _exif_block(texts.exif_with_resolution)
        return {"quality": quality, "icc_profile": profile, "exif": exif, **named}
    return dpi if name == "BMP" else {}


def _exif_block(exif: bytes) -> bytes:
    return b"Exif\0\0" + exif if exif else b""


def _jpeg_blocks(texts: Texts) -> dict[str, Any]:
    blocks: dict[str, Any] = {"exif": _exif_block(texts.exif)} if texts.entries else {}
    return blocks | ({"comment": texts.comment} if texts.comment else {})


def _png_info(texts: Texts) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for name, content in text_chunks(texts):
        info.add(name, content)
    return info
