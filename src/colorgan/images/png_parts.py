"""The chunks of a PNG, told apart: those that hold pixels, for whoever decodes them, and what the others say.

Decoders refuse a picture for a long text or a wrong checksum in a remark. Here, as the specification wants it, what
is ancillary never costs the picture: such a chunk is passed over. Format: PNG (Third Edition, W3C 2023).
"""

import io
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, BinaryIO

__all__ = ["Spliced", "is_png", "open_png_parts", "png_chunks"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OF_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_REMARKS = (b"tRNS", b"pHYs", b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_LEAST_TRANSPARENCY = {0: 2, 2: 6, 3: 1}  # bytes of tRNS, by colour type
_LONGEST = 16 << 20  # bytes of one remark, inflated; a longer one is passed over
_MOST = 64 << 20  # bytes of all remarks together, those passed over included
_INCH = 0.0254  # metres


def is_png(start: bytes) -> bool:
    """Tell whether a file that begins with `start` (8 bytes) is a PNG."""
    return start[:8] == _SIGNATURE


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and size of the contents of each chunk, the file standing there."""
    place = len(_SIGNATURE)
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8:
            return
        size = int.from_bytes(header[:4], "big")
        yield header[4:], place + 8, size
        if header[4:] == b"IEND":
            return
        place += size + 12


def open_png_parts(file: BinaryIO) -> tuple["Spliced", dict[Any, Any]]:
    """Return a PNG's chunks of pixels as a file of their own, and what the other chunks say, as Pillow words it."""
    pieces = [(0, len(_SIGNATURE))]
    remarks = _Remarks()
    color = -1
    for name, place, size in png_chunks(file):
        if name == b"IHDR":
            color = (file.read(10).ljust(10, b"\xff"))[9]
        if name in _REMARKS:
            content = remarks.read(file, name, size)
            if name != b"tRNS" or content is None or len(content) < _LEAST_TRANSPARENCY.get(color, 1 << 32):
                continue
        elif name not in _OF_PIXELS:
            continue
        pieces.append((place - 8, size + 12))
    return Spliced(file, pieces), remarks.info


class _Remarks:
    """What the ancillary chunks of a PNG say."""

    def __init__(self) -> None:
        self.info: dict[Any, Any] = {}
        self._left = _MOST

    def read(self, file: BinaryIO, name: bytes, size: int) -> bytes | None:
        """Take the chunk that the file stands at; None if it is damaged or too long."""
        if size > min(self._left, _LONGEST):
            return None
        content = file.read(size)
        if file.read(4) != zlib.crc32(content, zlib.crc32(name)).to_bytes(4, "big"):
            return None
        self._left -= size
        try:
            getattr(self, f"_{name.decode()}", lambda _: None)(content)
        except (ValueError, IndexError, struct.error, zlib.error):
            return None
        return content

    def _pHYs(self, content: bytes) -> None:  # noqa: N802 - as the chunk is called
        x, y, unit = struct.unpack(">IIB", content[:9])
        if unit == 1:
            self.info["dpi"] = (x * _INCH, y * _INCH)

    def _iCCP(self, content: bytes) -> None:  # noqa: N802
        _, packed = content.split(b"\0", 1)
        self.info.setdefault("icc_profile", self._inflate(packed))

    def _eXIf(self, content: bytes) -> None:  # noqa: N802
        self.info.setdefault("exif", b"Exif\0\0" + content)

    def _tEXt(self, content: bytes) -> None:  # noqa: N802
        key, _, text = content.partition(b"\0")
        self._note(key, text.decode("latin-1"))

    def _zTXt(self, content: bytes) -> None:  # noqa: N802
        key, packed = content.split(b"\0", 1)
        self._note(key, self._inflate(packed).decode("latin-1"))

    def _iTXt(self, content: bytes) -> None:  # noqa: N802
        key, rest = content.split(b"\0", 1)
        _, _, text = rest[2:].split(b"\0", 2)  # language, and the key in it
        if rest[0]:
            text = self._inflate(rest[1:2] + text)
        if key == b"XML:com.adobe.xmp":
            self.info.setdefault("xmp", text)
        self._note(key, text.decode())

    def _note(self, key: bytes, text: str) -> None:
        if key:
            self.info[key.decode("latin-1")] = text

    def _inflate(self, packed: bytes) -> bytes:
        """Inflate what stands behind the byte for its method.

        Raises:
            ValueError: It is damaged or too long.
        """
        inflate = zlib.decompressobj()
        plain = inflate.decompress(packed[1:], min(self._left, _LONGEST) + 1) if packed[0] == 0 else b""
        self._left = max(0, self._left - len(plain))
        if not inflate.eof or len(plain) > _LONGEST:
            raise ValueError("damaged or too long")
        return plain


class Spliced(io.RawIOBase):
    """Pieces of a file as one file.

    Args:
        file: The file.
        pieces: Where each begins, and its size; what follows on another is joined with it.
    """

    def __init__(self, file: BinaryIO, pieces: list[tuple[int, int]]) -> None:
        self._file = file
        self._starts: list[int] = []  # in `file`
        self._places: list[int] = []  # in this one
        end = self._size = 0
        for start, size in pieces:
            if start != end or not self._starts:
                self._starts.append(start)
                self._places.append(self._size)
            self._size += size
            end = start + size
        self._place = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read bytes."""
        left = self._size - self._place if size is None or size < 0 else min(size, self._size - self._place)
        parts = []
        while left > 0:
            number = bisect_right(self._places, self._place) - 1
            end = self._places[number + 1] if number + 1 < len(self._places) else self._size
            self._file.seek(self._starts[number] + self._place - self._places[number])
            part = self._file.read(min(left, end - self._place))
            if not part:
                break
            parts.append(part)
            self._place += len(part)
            left -= len(part)
        return b"".join(parts)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere."""
        self._place = max(0, place + (0, self._place, self._size)[whence])
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True
