"""What a file says beside its pixels, read from wherever its format keeps it. `marks` completes it by a note."""

import struct
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image
from PIL.ExifTags import Base

from colorgan.images import jp2_boxes, jpeg_segments
from colorgan.images.exif import Entry, describe_photograph, encode_exif, parse_exif, read_directory, read_resolution
from colorgan.images.iptc import from_raw_profile, from_resources, in_order
from colorgan.images.xmp import Packet

__all__ = ["Metadata", "quiet", "read_metadata", "read_tiff_metadata"]

_XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG = 700, 33723, 34377
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"

_quiet_lock = threading.RLock()


@dataclass(slots=True, kw_only=True)
class Metadata:
    """What a file says beside its pixels. An empty one (the default) is also how metadata is stripped."""

    exif: bytes | None = None  # an EXIF block without "Exif\0\0", upright, without thumbnail
    xmp: bytes | None = None
    iptc: bytes | None = None  # IIM records
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None  # of JPEG and GIF
    texts: dict[str, str] = field(default_factory=dict)  # of PNG
    times: tuple[int, int] | None = None  # last access and modification of the file, nanoseconds


@dataclass(slots=True)
class _Blocks:
    """The blocks of a file, as it keeps them."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings about odd tags from the user. Warnings are per process, so one thread at a time."""
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_metadata(image: Image.Image, file: BinaryIO | None = None) -> tuple[Metadata, int]:
    """Read the metadata of a loaded picture, and its EXIF orientation (1 to 8). Damaged parts are left out.

    Args:
        image: The picture. For a file of TIFF, use `read_tiff_metadata`: Pillow spoils what is not ASCII in it.
        file: What it was opened from, if anything.
    """
    blocks = _find_blocks(image, file)
    entries = parse_exif(blocks.exif) if blocks.exif else _memory_exif(image)
    # Of a TIFF, Pillow has applied the orientation while loading; a JPEG XL's is that of its codestream, and applied.
    metadata, orientation = _clean(entries, blocks, upright=image.format in ("TIFF", "JXL"))
    metadata.dpi = _sane(image.info.get("dpi")) or metadata.dpi
    metadata.comment = _as_bytes(image.info.get("comment"))
    metadata.texts = _read_texts(image)
    return metadata, orientation


def read_tiff_metadata(file: BinaryIO, page: Any = None) -> tuple[Metadata, int]:
    """Read the metadata of a page of a TIFF, and its orientation.

    Args:
        file: The whole TIFF.
        page: The page as tifffile has parsed it; the first one if left out.
    """
    try:
        entries = read_directory(file, None if page is None else page.offset)
    except (ValueError, struct.error, OverflowError):
        entries = ()
    values = {entry.tag: entry.data for entry in entries}
    iptc = values.get(_IPTC_TAG) or from_resources(values.get(_PHOTOSHOP_TAG, b"")) or b""
    return _clean(entries, _Blocks(None, values.get(_XMP_TAG), in_order(iptc) or None), upright=False)


def _clean(entries: tuple[Entry, ...], blocks: _Blocks, *, upright: bool) -> tuple[Metadata, int]:
    """Keep what describes the photograph, as it is once it stands upright; return the orientation that it had."""
    xmp, turned = _set_upright(blocks.xmp)
    orientation = 1 if upright else _orientation(entries) or turned
    metadata = Metadata(
        exif=encode_exif(describe_photograph(entries, turned=orientation >= 5)) or None,
        xmp=xmp,
        iptc=blocks.iptc,
        dpi=_sane(read_resolution(entries)),
    )
    return metadata, orientation


def _orientation(entries: Iterable[Entry]) -> int | None:
    numbers = [n for entry in entries if entry.tag == Base.Orientation for n in entry.numbers()]
    return (numbers[0] if 1 <= numbers[0] <= 8 else 1) if numbers else None


def _set_upright(xmp: bytes | None) -> tuple[bytes | None, int]:
    """Return XMP of the upright picture, untouched if it says nothing of an orientation, and what it said."""
    packet = Packet.parse(xmp) if xmp and b"Orientation" in xmp.replace(b"\0", b"") else None
    orientation = packet.set_upright() if packet is not None else 1
    return (packet.to_bytes() if packet is not None and orientation != 1 else xmp), orientation


def _find_blocks(image: Image.Image, file: BinaryIO | None) -> _Blocks:
    info = image.info
    blocks = _Blocks(_as_bytes(info.get("exif")), _as_bytes(info.get("xmp")))
    if image.format in ("JPEG", "MPO"):
        segments = [part for part in getattr(image, "applist", []) if isinstance(part[1], bytes)]
        blocks.xmp = jpeg_segments.read_xmp(blocks.xmp, segments)
        blocks.iptc = jpeg_segments.read_iptc(segments)
    elif image.format == "PNG":
        _add_raw_profiles(blocks, info)
    elif image.format == "JPEG2000" and file is not None:
        boxes = jp2_boxes.read_boxes(file)
        blocks = _Blocks(boxes.get(jp2_boxes.EXIF), boxes.get(jp2_boxes.XMP), boxes.get(jp2_boxes.IPTC))
    elif image.format == "TIFF":
        with quiet():
            blocks.xmp, blocks.iptc = _tiff_bytes(image, _XMP_TAG), _tiff_bytes(image, _IPTC_TAG)
    return blocks


def _add_raw_profiles(blocks: _Blocks, info: dict[Any, Any]) -> None:
    """Take what ImageMagick writes into a PNG as text; PNG's own chunks go first."""
    for name in ("exif", "APP1", "xmp", "iptc", "8bim"):
        text = info.get(f"Raw profile type {name}")
        data = from_raw_profile(text) if isinstance(text, str) else None
        if data is None:
            continue
        if name in ("iptc", "8bim"):
            blocks.iptc = blocks.iptc or from_resources(data) or (data if data[:1] == b"\x1c" else None)
        elif name == "xmp" or data.startswith(_XMP_SEGMENT):
            blocks.xmp = blocks.xmp or data.removeprefix(_XMP_SEGMENT)
        else:
            blocks.exif = blocks.exif or data


def _memory_exif(image: Image.Image) -> tuple[Entry, ...]:
    """Read the EXIF of a picture that was made or changed in memory."""
    try:
        with quiet():
            return parse_exif(image.getexif().tobytes())
    except Exception:  # Pillow raises whatever a damaged directory leads to; a picture is worth more than its tags
        return ()


def _as_bytes(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, bytes | bytearray) and value else None


def _tiff_bytes(image: Image.Image, tag: int) -> bytes | None:
    value = getattr(image, "tag_v2", {}).get(tag)
    if isinstance(value, tuple) and all(isinstance(v, int) and 0 <= v < 256 for v in value):
        return bytes(value)  # stored as BYTE, one number each
    return _as_bytes(value)


def _sane(dpi: object) -> tuple[float, float] | None:
    """Return a resolution if it is one; 1 x 1 is how programs write that they know none."""
    try:
        x, y = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 1 <= x < 1e6 and 1 <= y < 1e6 and (x, y) != (1, 1) else None


def _read_texts(image: Image.Image) -> dict[str, str]:
    if image.format != "PNG":
        return {}
    # `image.text` would decode the pixels; the strings in `info` are the same texts.
    texts = {key: str(value) for key, value in image.info.items() if isinstance(key, str) and isinstance(value, str)}
    return {key: text for key, text in texts.items() if not key.startswith(("XML:", "Raw profile"))}
