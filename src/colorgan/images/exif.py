"""EXIF, which is a TIFF without pixels: read as raw entries, so that what is kept is kept bit by bit.

Format: TIFF 6.0 (Adobe, 1992), Exif 3.0 (CIPA DC-008).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL.ExifTags import IFD, Base

__all__ = ["Entry", "ascii_entry", "encode_directory", "encode_exif", "numbers_entry", "parse_exif", "read_directory"]

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WORDS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # what byte order applies to
_FORMATS = {SHORT: "u2", LONG: "u4", RATIONAL: "u4", LONG8: "u8"}
_DIRECTORIES = frozenset({int(IFD.Exif), int(IFD.GPSInfo)})
_LONGEST = 1 << 26  # bytes of one entry that are believed

# Entries of the first directory that describe the photograph; the others describe how the old file was laid out.
_DESCRIPTIVE = _DIRECTORIES | {
    int(tag)
    for tag in (
        Base.DocumentName, Base.ImageDescription, Base.Make, Base.Model, Base.PageName, Base.Software, Base.DateTime,
        Base.Artist, Base.HostComputer, Base.Rating, Base.RatingPercent, Base.Copyright, Base.XPTitle, Base.XPComment,
        Base.XPAuthor, Base.XPKeywords, Base.XPSubject,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory; little-endian, whatever its file was."""

    tag: int
    type: int
    count: int
    data: bytes = b""
    entries: tuple["Entry", ...] | None = None  # of the directory that this entry points to

    def numbers(self) -> list[int]:
        """Return the values of an entry of whole numbers."""
        return [int(n) for n in np.frombuffer(self.data, f"<{_FORMATS[self.type]}")] if self.type in _FORMATS else []


def ascii_entry(tag: int, text: str) -> Entry:
    """Make an entry of text; what is not ASCII is written as UTF-8, as the Metadata Working Group advises."""
    data = text.encode() + b"\0"
    return Entry(tag, ASCII, len(data), data)


def numbers_entry(tag: int, kind: int, *numbers: int) -> Entry:
    """Make an entry of whole numbers (of pairs of them for RATIONAL)."""
    data = np.array(numbers, f"<{_FORMATS[kind]}").tobytes()
    return Entry(tag, kind, len(data) // _SIZES[kind], data)


def read_directory(file: BinaryIO, offset: int | None = None) -> tuple[Entry, ...]:
    """Read a directory of a TIFF stream, by default its first, and those for EXIF and GPS that it points to.

    Entries that are cut off or of unknown type are left out.

    Raises:
        ValueError: It is no TIFF.
        struct.error: It ends within the directory.
    """
    file.seek(0)
    start = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 8:
        raise ValueError("not a TIFF stream")
    big = start[2:4] in (b"+\0", b"\0+")
    first = struct.unpack_from(f"{order}Q", start, 8)[0] if big else struct.unpack_from(f"{order}I", start, 4)[0]
    return _entries(file, first if offset is None else offset, order, big, depth=0)


def _entries(file: BinaryIO, offset: int, order: str, big: bool, depth: int) -> tuple[Entry, ...]:
    file.seek(offset)
    (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
    layout = f"{order}HHQ8s" if big else f"{order}HHI4s"
    size = struct.calcsize(layout)
    raw = file.read(min(count, 65535) * size)
    found = (
        _entry(file, struct.unpack_from(layout, raw, n), order, big, depth) for n in range(0, len(raw) - size + 1, size)
    )
    return tuple(entry for entry in found if entry is not None)


def _entry(file: BinaryIO, raw: tuple[int, int, int, bytes], order: str, big: bool, depth: int) -> Entry | None:
    tag, kind, count, inline = raw
    size = _SIZES.get(kind, 0) * count
    if not 0 < size <= _LONGEST:
        return None
    if size > len(inline):
        file.seek(struct.unpack(f"{order}{'Q' if big else 'I'}", inline)[0])
    data = file.read(size) if size > len(inline) else inline[:size]
    if len(data) < size:
        return None
    if order == ">" and kind in _WORDS:
        data = np.frombuffer(data, f">u{_WORDS[kind]}").astype(f"<u{_WORDS[kind]}").tobytes()
    if tag in _DIRECTORIES and depth == 0:
        place = int.from_bytes(data, "little")
        return Entry(tag, LONG, 1, entries=_entries(file, place, order, big, depth=1))
    return Entry(tag, kind, count, data)


def parse_exif(exif: bytes) -> tuple[Entry, ...]:
    """Read the first directory of an EXIF block, with or without "Exif" and two zeros before it; () if damaged."""
    try:
        return read_directory(BytesIO(exif.removeprefix(b"Exif\0\0")))
    except (ValueError, struct.error, OverflowError):
        return ()


def describe_photograph(entries: Iterable[Entry], *, turned: bool) -> tuple[Entry, ...]:
    """Keep the entries that describe the photograph, fit for an upright sRGB picture.

    Args:
        entries: The first directory of a file.
        turned: Whether width and height change places; sizes noted in EXIF are then left out.
    """
    kept = []
    for entry in entries:
        if entry.tag not in _DESCRIPTIVE:
            continue
        if entry.entries is not None and entry.tag == IFD.Exif:
            gone = {int(IFD.Interop), int(Base.ColorSpace)}
            gone |= {int(Base.ExifImageWidth), int(Base.ExifImageHeight)} if turned else set()
            inner = [e for e in entry.entries if e.tag not in gone] + [numbers_entry(Base.ColorSpace, SHORT, 1)]
            entry = Entry(entry.tag, LONG, 1, entries=tuple(inner))  # noqa: PLW2901 - the same entry, cleaned
        kept.append(entry)
    return tuple(kept)


def encode_exif(entries: Iterable[Entry]) -> bytes:
    """Write entries as an EXIF block without "Exif" and two zeros before it; empty if there are none."""
    entries = tuple(entries)
    return b"II*\0\x08\0\0\0" + encode_directory(entries, 8) if entries else b""


def encode_directory(entries: Iterable[Entry], offset: int, *, big: bool = False) -> bytes:
    """Write a directory, the values of its entries and the directories that they point to.

    Args:
        entries: In any order.
        offset: Where in the file the directory will stand.
        big: Whether the file is a BigTIFF, with offsets of 64 bits.
    """
    ordered = sorted(entries, key=lambda entry: entry.tag)
    word, width = ("Q", 8) if big else ("I", 4)
    head = struct.pack("<Q" if big else "<H", len(ordered))
    behind = offset + len(head) + len(ordered) * (20 if big else 12) + width
    table, values = bytearray(), bytearray()
    for entry in ordered:
        place = behind + len(values)
        if entry.entries is not None:
            kind = LONG8 if big else LONG
            table += struct.pack(f"<HH{word}{word}", entry.tag, kind, 1, place)
            values += encode_directory(entry.entries, place, big=big)
        elif len(entry.data) <= width:
            table += struct.pack(f"<HH{word}{width}s", entry.tag, entry.type, entry.count, entry.data)
        else:
            table += struct.pack(f"<HH{word}{word}", entry.tag, entry.type, entry.count, place)
            values += entry.data
        values += bytes(len(values) % 2)
    return head + bytes(table) + bytes(width) + bytes(values)
