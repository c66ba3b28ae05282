"""IPTC-IIM records, in the wrappings in which files hold them.

Formats: IPTC-NAA Information Interchange Model 4.2; Adobe Photoshop File Formats Specification, "Image Resource
Blocks"; the "Raw profile type" texts of PNG are ImageMagick's (coders/png.c).
"""

import binascii
import struct
from collections.abc import Iterator, Sequence

__all__ = ["add_keywords", "from_raw_profile", "from_resources", "in_order", "to_raw_profile", "to_resources"]

_IPTC = 0x0404
_MARK = 0x1C  # with which each record begins
_CHARSET, _UTF8 = (1, 90), b"\x1b%G"
_KEYWORD = (2, 25)


def from_resources(resources: bytes) -> bytes | None:
    """Return the records among Photoshop's image resources; None if there are none."""
    return next((content for number, content in _resources(resources) if number == _IPTC and content), None)


def _resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while data[place : place + 4] in (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa") and place + 12 <= len(data):
        (number,) = struct.unpack_from(">H", data, place + 4)
        place += 6 + (data[place + 6] // 2 + 1) * 2  # behind the name, which is padded to even length
        if place + 4 > len(data):
            return
        (size,) = struct.unpack_from(">I", data, place)
        yield number, data[place + 4 : place + 4 + size]
        place += 4 + size + size % 2


def to_resources(iptc: bytes) -> bytes:
    """Wrap records as an image resource."""
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


def add_keywords(iptc: bytes | None, keywords: Sequence[str]) -> bytes | None:
    """Add keywords to records, or begin some. Those that the records' own encoding has no letters for are left out.

    Records that do not say what encoding they are in get what is ASCII alone: what else it may be, nobody knows.
    """
    if not iptc:
        start = _record(*_CHARSET, _UTF8) + _record(2, 0, b"\0\4")
        return start + b"".join(_record(*_KEYWORD, word.encode()) for word in keywords)
    places = list(_places(iptc))
    kept = {iptc[start:end] for _, number, start, end in places if number == _KEYWORD}
    encoding = "utf-8" if _record(*_CHARSET, _UTF8) in iptc else "ascii"
    words = [data for word in dict.fromkeys(keywords) if (data := _encode(word, encoding)) and data not in kept]
    behind = max((end for record, _, _, end in places if record <= _KEYWORD[0]), default=0)
    return iptc[:behind] + b"".join(_record(*_KEYWORD, word) for word in words) + iptc[behind:]


def _encode(word: str, encoding: str) -> bytes:
    try:
        return word.encode(encoding)
    except UnicodeEncodeError:
        return b""


def _record(record: int, number: int, data: bytes) -> bytes:
    return struct.pack(">BBBH", _MARK, record, number, len(data)) + data


def _places(iptc: bytes) -> Iterator[tuple[int, tuple[int, int], int, int]]:
    """Yield each record: the group that it is of, its number, where its content begins and ends."""
    place = 0
    while len(head := iptc[place : place + 5]) == 5 and head[0] == _MARK:
        record, number, size = struct.unpack(">xBBH", head)
        if size > 0x7FFF or place + 5 + size > len(iptc):  # of extended length, or cut off
            return
        yield record, (record, number), place + 5, place + 5 + size
        place += 5 + size


def in_order(iptc: bytes) -> bytes:
    """Undo a swap of bytes: some TIFF writers store records as numbers of 32 bits."""
    if iptc[:1] == bytes([_MARK]) or len(iptc) % 4 or iptc[3:4] != bytes([_MARK]):
        return iptc
    return b"".join(iptc[n : n + 4][::-1] for n in range(0, len(iptc), 4))


def from_raw_profile(text: str) -> bytes | None:
    """Decode the text of a "Raw profile type ..." of PNG; None if it is damaged."""
    lines = text.strip().splitlines()  # its name, its length, hexadecimal digits
    try:
        data = binascii.unhexlify("".join("".join(lines[2:]).split()))
    except ValueError:
        return None
    return data or None


def to_raw_profile(name: str, data: bytes) -> str:
    """Encode bytes as the text of a "Raw profile type ..."."""
    digits = data.hex()
    lines = "\n".join(digits[n : n + 72] for n in range(0, len(digits), 72))
    return f"\n{name}\n{len(data):8}\n{lines}\n"
