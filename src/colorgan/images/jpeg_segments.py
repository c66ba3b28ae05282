"""What JPEGs say in application segments, of which each ends at 64 KiB: long XMP and long IPTC are spread over several.

Format: XMP Specification Part 3 (Adobe, 2020), sections 1.1.3 and 1.1.3.1.
"""

import struct
from collections.abc import Iterable, Iterator

from colorgan.images.iptc import from_resources, to_resources
from colorgan.images.xmp import Packet

__all__ = ["LONGEST", "LONGEST_XMP", "app_segments", "insert_segments", "read_iptc", "read_xmp"]

LONGEST = 65_533
"""Bytes of content that fit into one segment."""

_XMP, _EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"

LONGEST_XMP = LONGEST - len(_XMP)
"""Bytes of a packet that fit into one segment."""

_APP1, _APP13 = b"\xff\xe1", b"\xff\xed"
_PART = 65_400  # bytes of a packet in one of its segments

Segments = Iterable[tuple[str, bytes]]
"""Names and contents, as Pillow lists them."""


def read_xmp(xmp: bytes | None, segments: Segments) -> bytes | None:
    """Complete a packet by its extension, if segments hold one that is whole."""
    parts = [content for name, content in segments if name == "APP1" and content.startswith(_EXTENSION)]
    packet = Packet.parse(xmp) if parts else None
    if packet is None:
        return xmp
    wanted = packet.extended.encode("ascii", "replace")
    packet.join(Packet.parse(_gather(wanted, parts)))
    return packet.to_bytes()


def _gather(name: bytes, parts: list[bytes]) -> bytes | None:
    """Put the parts of an extension together; None if some are missing."""
    found: dict[int, bytes] = {}
    start, total = len(_EXTENSION), 0
    for part in parts:
        if part[start : start + 32] == name and len(part) > start + 40:
            total, offset = struct.unpack_from(">II", part, start + 32)
            found[offset] = part[start + 40 :]
    whole = b"".join(found[offset] for offset in sorted(found))
    return whole if name and len(whole) == total else None


def read_iptc(segments: Segments) -> bytes | None:
    """Return the IPTC records in Photoshop's segments."""
    found = [content[len(_PHOTOSHOP) :] for name, content in segments
             if name == "APP13" and content.startswith(_PHOTOSHOP)]  # fmt: skip
    return from_resources(b"".join(found))


def app_segments(xmp: bytes | None, extended: bytes | None, iptc: bytes | None) -> Iterator[bytes]:
    """Yield whole segments: of a packet that fits into one, its extension, and IPTC records."""
    if xmp:
        yield _segment(_APP1, _XMP + xmp)
    if extended:
        name = xmp[xmp.index(b'HasExtendedXMP="') + 16 :][:32] if xmp else b""
        for offset in range(0, len(extended), _PART):
            place = struct.pack(">II", len(extended), offset)
            yield _segment(_APP1, _EXTENSION + name + place + extended[offset : offset + _PART])
    if iptc:
        resources = to_resources(iptc)
        for offset in range(0, len(resources), _PART):
            yield _segment(_APP13, _PHOTOSHOP + resources[offset : offset + _PART])


def _segment(marker: bytes, content: bytes) -> bytes:
    return marker + struct.pack(">H", len(content) + 2) + content


def insert_segments(jpeg: bytes, segments: Iterable[bytes]) -> bytes:
    """Put segments behind the other application segments of a JPEG."""
    place = 2
    while jpeg[place] == 0xFF and 0xE0 <= jpeg[place + 1] <= 0xEF:
        place += 2 + int(struct.unpack_from(">H", jpeg, place + 2)[0])
    return b"".join((jpeg[:place], *segments, jpeg[place:]))
