"""Which directories of a TIFF are photographs, found without decoding, by the few tags that say so.

A TIFF is a chain of directories, each of which can have further ones below it (SubIFDs). Cameras and scanners put
thumbnails, smaller copies, masks and infrared channels into either place, in any order.
Format: TIFF 6.0 (Adobe, 1992); SubIFDs: TIFF Technical Note 1; the kinds of pages: Digital Negative 1.7 (Adobe).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import BinaryIO

from colorgan.errors import ImageReadError
from colorgan.images.budget import Meter

__all__ = ["Directory", "find_pages", "is_tiff"]

_KIND, _OLD_KIND, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _BELOW = 254, 255, 256, 257, 258, 262, 277, 330
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_TEXTS = (269, 270, 285, 305)  # DocumentName, ImageDescription, PageName, Software
_NUMBERS = {
    _KIND, _OLD_KIND, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _BELOW, _TILE_WIDTH, _TILE_HEIGHT
}  # fmt: skip
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}  # of the types that these tags can have
_CODES = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_REDUCED, _OF_MANY = 1, 2  # bits of NewSubfileType; all others stand for masks, depths and the like
_RAW = (32803, 34892)  # photometric interpretations: colour filter array, linear raw
_MOST_BELOW, _MOST_VALUES, _LONGEST_TEXT, _DEEPEST = 256, 4096, 2048, 2
_THUMBNAIL, _PYRAMID = 320, 3  # pixels of an untagged thumbnail's long side; levels of an untagged pyramid


def is_tiff(start: bytes) -> bool:
    """Tell whether a file that begins with `start` (4 bytes) is a TIFF or a BigTIFF."""
    return start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, slots=True)
class Directory:
    """What the tags of one directory say about its picture."""

    offset: int
    holder: int  # offset of the directory of the chain that it is, or hangs below: what describes the photograph
    width: int
    height: int
    kind: int  # NewSubfileType
    photometric: int
    samples: int
    bits: int
    tile: tuple[int, int]  # width and height; 0 without tiles
    text: str  # names and descriptions, lower case
    below: tuple["Directory", ...] = field(default=(), repr=False)

    @property
    def area(self) -> int:
        """Pixels."""
        return self.width * self.height

    @property
    def decoded_bytes(self) -> int:
        """Bytes of its pixels, decoded, with those of its tiles that lie outside of it."""
        across, down = (
            -(-side // tile) * tile if tile > 0 else side
            for side, tile in zip((self.width, self.height), self.tile, strict=True)
        )
        return across * down * self.samples * max(self.bits, 1) // 8 + 1

    @property
    def is_raw(self) -> bool:
        """Whether it is what a camera's sensor saw, which has to be developed."""
        return self.photometric in _RAW

    @property
    def is_auxiliary(self) -> bool:
        """Whether it is a mask, a depth map, or a channel that no eye sees."""
        return bool(self.kind & ~(_REDUCED | _OF_MANY)) or "infrared" in self.text

    @property
    def is_reduced(self) -> bool:
        """Whether it says that it is a small copy of another one."""
        return bool(self.kind & _REDUCED)


def find_pages(file: BinaryIO, meter: Meter) -> list[Directory]:
    """Find the directories of a TIFF that are photographs, in order: each in full size, once.

    If all that it has is a camera's raw data, these are what is returned, as one; see `Directory.is_raw`.

    Raises:
        ImageReadError: There is none; or the directories cannot be read; or they, or the pages together, would cost
            too much.
    """
    walk = _Walk(file, meter)
    chain = [directory for directory in walk.chain() if directory.area]
    groups = [largest for directory in chain if (largest := _largest(directory)) is not None]
    if not groups:
        raise ImageReadError("it is a TIFF without pictures" if not chain else "it is a TIFF with nothing but masks")
    full = [directory for directory in groups if not directory.is_reduced]
    if not full and walk.lost:
        raise ImageReadError("it is damaged or cut off: a small copy is there, and the picture is not")
    pages = _without_copies(full) if full else [max(groups, key=lambda directory: directory.area)]
    pages = [page for page in pages if not _is_infrared_of(page, pages)]
    if all(page.is_raw for page in pages):
        return pages[:1]
    pages = [page for page in pages if not page.is_raw]
    for page in pages:
        meter.take_page(page.width, page.height, page.decoded_bytes)
    return pages


def _largest(directory: Directory) -> Directory | None:
    """Return the largest picture among a directory and those below it; full ones before those that say they are not."""
    family = [d for d in (directory, *directory.below) if d.area and not d.is_auxiliary]
    return max(family, key=lambda d: (not d.is_reduced, d.area), default=None)


def _without_copies(pages: Sequence[Directory]) -> list[Directory]:
    """Leave out small copies that do not say that they are."""
    copies = set()
    for one, other in pairwise(pages):
        small, large = sorted((one, other), key=lambda page: page.area)
        if max(small.width, small.height) <= _THUMBNAIL and _is_copy(small, large, 4):
            copies.add(small.offset)
    run = [0]
    for place in range(1, len(pages)):
        run.append(run[-1] + 1 if _is_half(pages[place], pages[place - 1]) else 0)
        if run[-1] >= _PYRAMID - 1:
            copies |= {page.offset for page in pages[place - run[-1] + 1 : place + 1]}
    return [page for page in pages if page.offset not in copies]


def _is_copy(small: Directory, large: Directory, factor: int) -> bool:
    """Tell whether a picture has the shape of a larger one, within the rounding of its sides."""
    skew = abs(small.width * large.height - small.height * large.width)
    return factor * small.width <= large.width and skew <= max(large.width, large.height)


def _is_half(small: Directory, large: Directory) -> bool:
    return abs(2 * small.width - large.width) <= 1 and abs(2 * small.height - large.height) <= 1


def _is_infrared_of(page: Directory, pages: Sequence[Directory]) -> bool:
    """Tell whether a page is the channel that SilverFast lays beside a scan in colour, without saying so."""
    return (
        page.samples == 1
        and "silverfast" in page.text
        and any(o.samples >= 3 and (o.width, o.height) == (page.width, page.height) for o in pages)
    )


class _Walk:
    """A way through the directories of a TIFF that visits none twice."""

    def __init__(self, file: BinaryIO, meter: Meter) -> None:
        self._file, self._meter = file, meter
        file.seek(0, 2)
        self._end = file.tell()
        file.seek(0)
        start = file.read(16)
        self._order = "<" if start[:2] == b"II" else ">"
        self._big = start[2:4] in (b"+\0", b"\0+")
        self._word, self._width = ("Q", 8) if self._big else ("I", 4)
        place = 8 if self._big else 4
        if len(start) < place + self._width:
            raise ImageReadError("it ends within its first bytes")
        (self._first,) = struct.unpack_from(self._order + self._word, start, place)
        self._visited: set[int] = set()
        self.lost = False
        """Whether a directory below another one cannot be read."""

    def chain(self) -> Iterator[Directory]:
        """Yield the directories of the chain; one that leads back into it ends it."""
        offset = self._first
        while offset and offset not in self._visited:
            directory, offset = self._read(offset, offset, depth=0)
            yield directory

    def _read(self, offset: int, holder: int, depth: int) -> tuple[Directory, int]:
        """Return a directory, and where the next one stands."""
        self._visited.add(offset)
        self._meter.check_pages(len(self._visited))
        raw, layout, size = self._entries(offset)
        found: dict[int, tuple[int, ...]] = {}
        texts = []
        for place in range(0, len(raw) - self._width, size):
            tag, kind, count, inline = struct.unpack_from(layout, raw, place)
            if tag in _NUMBERS:
                found.setdefault(tag, self._numbers(kind, count, inline))
            elif tag in _TEXTS and kind in (1, 2):
                texts.append(self._bytes(min(count, _LONGEST_TEXT), inline))
        (behind,) = struct.unpack_from(self._order + self._word, raw, len(raw) - self._width)
        first = {tag: values[0] for tag, values in found.items() if values}
        kind = first.get(_KIND, 1 if first.get(_OLD_KIND) == 2 else 0)
        directory = Directory(
            offset,
            holder,
            max(0, first.get(_WIDTH, 0)),
            max(0, first.get(_HEIGHT, 0)),
            kind,
            first.get(_PHOTOMETRIC, 1),
            first.get(_SAMPLES, 1),
            first.get(_BITS, 1),
            (first.get(_TILE_WIDTH, 0), first.get(_TILE_HEIGHT, 0)),
            b" ".join(texts).decode("latin-1").lower(),
            tuple(self._below(found.get(_BELOW, ()), holder, depth)),
        )
        return directory, behind

    def _below(self, offsets: Sequence[int], holder: int, depth: int) -> Iterator[Directory]:
        if depth >= _DEEPEST:
            return
        for offset in offsets[:_MOST_BELOW]:
            self.lost |= offset >= self._end
            if 0 < offset < self._end and offset not in self._visited:
                try:
                    directory, _ = self._read(offset, holder, depth + 1)
                except ImageReadError:
                    self._meter.check_pages(len(self._visited))  # which may be why
                    self.lost = True
                    continue
                yield directory
                yield from directory.below

    def _entries(self, offset: int) -> tuple[bytes, str, int]:
        """Return the entries of a directory with the offset behind them, an entry's layout, and its size."""
        self._file.seek(offset)
        head = self._file.read(8 if self._big else 2)
        layout, size = (f"{self._order}HHQ8s", 20) if self._big else (f"{self._order}HHI4s", 12)
        count = int.from_bytes(head, "little" if self._order == "<" else "big")
        if not head or count > 65535:
            raise ImageReadError("it is cut off: the directory of one of its pages is missing")
        raw = self._file.read(count * size + self._width)
        if len(raw) < count * size:
            raise ImageReadError("it is cut off within the directory of one of its pages")
        return raw.ljust(count * size + self._width, b"\0"), layout, size

    def _numbers(self, kind: int, count: int, inline: bytes) -> tuple[int, ...]:
        count = min(count, _MOST_VALUES)
        if kind not in _CODES or not count:
            return ()
        data = self._bytes(count * _SIZES[kind], inline)
        return struct.unpack(f"{self._order}{len(data) // _SIZES[kind]}{_CODES[kind]}", data)

    def _bytes(self, size: int, inline: bytes) -> bytes:
        if size <= len(inline):
            return inline[:size]
        self._file.seek(struct.unpack(self._order + self._word, inline)[0])
        data = self._file.read(size)
        return data if len(data) == size else b""
