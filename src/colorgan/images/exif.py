"""EXIF, which is a TIFF without pixels: read as raw entries, so that what is kept is kept bit by bit.

Format: TIFF 6.0 (Adobe, 1992), Exif 3.0 (CIPA DC-008).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from io import SEEK_END, BytesIO
from typing import BinaryIO

import numpy as np
from PIL.ExifTags import IFD, Base

__all__ = [
    "Entry",
    "ascii_entry",
    "encode_directory",
    "encode_exif",
    "numbers_entry",
    "parse_exif",
    "read_directory",
    "read_resolution",
    "resolution_entries",
    "shrink",
]

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WORDS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # what byte order applies to
_FORMATS = {SHORT: "u2", LONG: "u4", RATIONAL: "u4", LONG8: "u8"}
_DIRECTORIES = frozenset({int(IFD.Exif), int(IFD.GPSInfo)})
_POINTERS = _DIRECTORIES | {int(IFD.Interop), int(Base.SubIFDs)}
_LONGEST = 1 << 26  # bytes of values that are believed, in all
_SHARED = 1 << 16  # bytes that honest entries may share: some writers point both resolutions to one number
_MOST = 65535  # entries in a directory

_UTF16 = b"UNICODE\0"  # before a comment of the user
_INCH, _CENTIMETRE = 2, 3  # units of resolution
# Notes whose offsets count from their own beginning (Phil Harvey's ExifTool, MakerNotes.pm).
_MOVABLE_NOTES = (b"Apple iOS\0", b"FUJIFILM", b"Nikon\0\x02", b"OLYMPUS\0", b"OM SYSTEM\0", b"PENTAX \0")

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

    Entries that are cut off or of unknown type are left out, and so are those beyond what the stream can hold if
    (nearly) every byte belongs to one entry: a small file whose entries share their bytes says nothing worth keeping.

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
    return _Reader(file, order, big).entries(first if offset is None else offset)


class _Reader:
    """Reads directories of one stream, and no more bytes of values than it can honestly hold."""

    def __init__(self, file: BinaryIO, order: str, big: bool) -> None:
        self._file, self._order, self._big = file, order, big
        self._left = min(file.seek(0, SEEK_END), _LONGEST) + _SHARED

    def entries(self, offset: int, *, nested: bool = False) -> tuple[Entry, ...]:
        """Read the directory at `offset`; of entries with the same tag the first counts."""
        order, big = self._order, self._big
        self._file.seek(offset)
        (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", self._file.read(8 if big else 2))
        layout = f"{order}HHQ8s" if big else f"{order}HHI4s"
        size = struct.calcsize(layout)
        raw = self._file.read(min(count, _MOST) * size)
        found: dict[int, Entry] = {}
        for place in range(0, len(raw) - size + 1, size):
            fields = struct.unpack_from(layout, raw, place)
            if fields[0] not in found and (entry := self._entry(*fields, nested=nested)) is not None:
                found[entry.tag] = entry
        return tuple(found.values())

    def _entry(self, tag: int, kind: int, count: int, inline: bytes, *, nested: bool) -> Entry | None:
        size = _SIZES.get(kind, 0) * count
        if not 0 < size <= max(self._left, len(inline)):
            return None
        data = inline[:size]
        if size > len(inline):
            self._file.seek(struct.unpack(f"{self._order}{'Q' if self._big else 'I'}", inline)[0])
            data = self._file.read(size)
            self._left -= len(data)
        if len(data) < size:
            return None
        if self._order == ">" and tag == Base.UserComment and data.startswith(_UTF16):
            text = data[len(_UTF16) : len(data) // 2 * 2]  # the byte order of what is said to be a row of bytes
            data = _UTF16 + np.frombuffer(text, ">u2").astype("<u2").tobytes()
        if self._order == ">" and kind in _WORDS:
            data = np.frombuffer(data, f">u{_WORDS[kind]}").astype(f"<u{_WORDS[kind]}").tobytes()
        if tag in _DIRECTORIES and not nested:
            return self._directory(tag, int.from_bytes(data, "little"))
        return Entry(tag, kind, len(data) // _SIZES[kind], data)

    def _directory(self, tag: int, place: int) -> Entry | None:
        try:
            return Entry(tag, LONG, 1, entries=self.entries(place, nested=True))
        except (struct.error, ValueError, OverflowError):  # what it points to is cut off; the rest is worth keeping
            return None


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
        if entry.entries is not None:
            gone = set(_POINTERS)  # those to directories within a directory are not followed
            if entry.tag == IFD.Exif:
                gone |= {int(Base.ColorSpace)}
                gone |= {int(Base.ExifImageWidth), int(Base.ExifImageHeight)} if turned else set()
            inner = [e for e in entry.entries if e.tag not in gone and _is_movable(e)]
            inner += [numbers_entry(Base.ColorSpace, SHORT, 1)] if entry.tag == IFD.Exif else []
            entry = Entry(entry.tag, LONG, 1, entries=tuple(inner))  # noqa: PLW2901 - the same entry, cleaned
        kept.append(entry)
    return tuple(kept)


def _is_movable(entry: Entry) -> bool:
    """Tell whether an entry means the same at another place in another file.

    Most makers' notes hold offsets into the file that they were written into, and in its byte order.
    """
    return entry.tag != Base.MakerNote or entry.data.startswith(_MOVABLE_NOTES)


def resolution_entries(dpi: tuple[float, float] | None) -> tuple[Entry, ...]:
    """Make the entries that state a resolution in dots per inch; () if there is none."""
    if dpi is None:
        return ()
    x, y = (numbers_entry(tag, RATIONAL, *_fraction(value)) for tag, value in
            ((Base.XResolution, dpi[0]), (Base.YResolution, dpi[1])))  # fmt: skip
    return x, y, numbers_entry(Base.ResolutionUnit, SHORT, _INCH)


def _fraction(value: float) -> tuple[int, int]:
    return (round(value), 1) if value == round(value) else (round(value * 1000), 1000)


def read_resolution(entries: Iterable[Entry]) -> tuple[float, float] | None:
    """Read the resolution in dots per inch from the first directory of a file; None if it states none."""
    found = {entry.tag: entry.numbers() for entry in entries}
    unit = {_INCH: 1.0, _CENTIMETRE: 2.54}.get((found.get(Base.ResolutionUnit) or [_INCH])[0])
    pairs = [found.get(tag) or [] for tag in (Base.XResolution, Base.YResolution)]
    if unit is None or any(len(pair) < 2 or pair[1] == 0 for pair in pairs):
        return None
    x, y = (pair[0] / pair[1] * unit for pair in pairs)
    return (x, y)


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


def shrink(entries: Iterable[Entry], longest: int) -> tuple[tuple[Entry, ...], tuple[int, ...]]:
    """Leave out the largest entries until the block has at most `longest` bytes; return the rest, and their tags.

    A JPEG's segments end at 64 KiB, and cameras put whole previews into their makers' notes.
    """
    left, gone = tuple(entries), list[int]()
    while len(encode_exif(left)) > longest:
        places: list[tuple[int, int, int | None]] = [(len(e.data), e.tag, None) for e in left]
        places += [(len(inner.data), e.tag, inner.tag) for e in left for inner in e.entries or ()]
        _, tag, within = max(places, key=lambda place: place[0])
        left = _without(left, tag, within)
        gone.append(tag if within is None else within)
    return left, tuple(gone)


def _without(entries: tuple[Entry, ...], tag: int, within: int | None) -> tuple[Entry, ...]:
    if within is None:
        return tuple(entry for entry in entries if entry.tag != tag)
    return tuple(
        replace(entry, entries=_without(entry.entries or (), within, None)) if entry.tag == tag else entry
        for entry in entries
    )
