"""Encoding whole 8-bit pictures by Pillow, with all that each format can say beside the pixels."""

import io
import struct
from dataclasses import replace
from typing import Any

from PIL import Image, PngImagePlugin

from colorgan.images.exif import Entry, encode_exif
from colorgan.images.profiles import srgb_profile
from colorgan.images.texts import Texts

__all__ = ["encode_by_pillow"]

_SEGMENT = 65_400  # bytes that surely fit into one segment of a JPEG
_MAKER_NOTE, _EXIF = 0x927C, 0x8769


def encode_by_pillow(image: Image.Image, name: str, *, quality: int, texts: Texts) -> bytes:
    """Encode an RGB or RGBA picture in sRGB.

    Args:
        image: The picture.
        name: Pillow's name of the format.
        quality: Of JPEG (4:4:4), WebP and AVIF, 1 to 100.
        texts: What to write beside the pixels, as far as the format can hold it.
    """
    options = _options(name, quality, texts)
    buffer = io.BytesIO()  # Pillow hides what the system says when it writes to a file by itself
    image.save(buffer, name, **options)
    data = buffer.getvalue()
    return _insert_iptc(data, texts.iptc) if name == "JPEG" and texts.iptc else data


def _options(name: str, quality: int, texts: Texts) -> dict[str, Any]:
    exif, profile = _exif_block(texts.exif), srgb_profile()
    dpi = {"dpi": texts.dpi} if texts.dpi else {}
    if name == "JPEG":
        return {"quality": quality, "subsampling": 0, "icc_profile": profile, **dpi, **_jpeg_segments(texts)}
    if name == "PNG":
        return {"compress_level": 4, "icc_profile": profile, "pnginfo": _png_info(texts), "exif": exif, **dpi}
    if name == "WEBP":
        return {"quality": quality, "method": 4, "icc_profile": profile, "exif": exif, "xmp": texts.xmp or b""}
    if name == "AVIF":
        named = {"xmp": texts.xmp} if texts.xmp else {}
        return {"quality": quality, "subsampling": "4:4:4", "icc_profile": profile, "exif": exif, **named}
    return dpi if name == "BMP" else {}


def _exif_block(exif: bytes) -> bytes:
    return b"Exif\0\0" + exif if exif else b""


def _jpeg_segments(texts: Texts) -> dict[str, Any]:
    """Choose what fits: a JPEG's segments end at 64 KiB."""
    segments: dict[str, Any] = {}
    exif = _exif_block(texts.exif)
    if len(exif) > _SEGMENT:  # cameras put whole previews into their maker notes
        exif = _exif_block(encode_exif(_without_maker_note(texts)))
    if exif and len(exif) <= _SEGMENT:
        segments["exif"] = exif
    if texts.xmp and len(texts.xmp) <= _SEGMENT:
        segments["xmp"] = texts.xmp
    if texts.comment and len(texts.comment) <= _SEGMENT:
        segments["comment"] = texts.comment
    return segments


def _without_maker_note(texts: Texts) -> tuple[Entry, ...]:
    return tuple(
        replace(entry, entries=tuple(e for e in entry.entries or () if e.tag != _MAKER_NOTE))
        if entry.tag == _EXIF and entry.entries is not None
        else entry
        for entry in texts.entries
    )


def _insert_iptc(jpeg: bytes, iptc: bytes) -> bytes:
    """Put IPTC records behind the other application segments of a JPEG."""
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
    content = b"Photoshop 3.0\0" + block
    if len(content) > _SEGMENT:
        return jpeg
    place = 2
    while jpeg[place] == 0xFF and 0xE0 <= jpeg[place + 1] <= 0xEF:
        place += 2 + int(struct.unpack_from(">H", jpeg, place + 2)[0])
    segment = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    return jpeg[:place] + segment + jpeg[place:]


def _png_info(texts: Texts) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.texts.items():
        info.add_itxt(key, text)
    if texts.xmp:
        info.add_itxt("XML:com.adobe.xmp", texts.xmp.decode("utf-8", "replace"))
    return info
