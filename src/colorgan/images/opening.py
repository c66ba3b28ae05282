"""Opening and decoding with Pillow: only formats that photographs come in, without its global limit and its talk."""

import ctypes
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import BinaryIO, Literal, cast

from PIL import Image, _imaging

from colorgan.images.budget import Meter
from colorgan.images.files import PILLOW_FORMATS
from colorgan.images.metadata import quiet
from colorgan.images.newer_formats import is_heif, is_jxl, open_heif, open_jxl
from colorgan.images.png_parts import is_png, open_png_parts

__all__ = ["PageView", "decode", "open_image"]


_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 2, "I;16": 2}  # of Pillow's modes; others hold 4


@contextmanager
def open_image(file: BinaryIO, meter: Meter | None = None) -> Iterator[Image.Image]:
    """Open a picture without decoding it; see `decode`.

    Of a PNG only the chunks that hold pixels are shown to Pillow, which calls a file damaged for a wrong checksum in
    a remark or for a long text; what the others say is in the picture's `info`, as Pillow would put it there.

    Args:
        file: What it is in.
        meter: Told of its pixels, if they are to be decoded.

    Raises:
        ImageReadError: They are too many.
    """
    file.seek(0)
    start = file.read(64)
    file.seek(0)
    if is_jxl(start):
        with (
            open_jxl(file, meter) as found,
            nullcontext(found) if isinstance(found, Image.Image) else open_image(io.BytesIO(found)) as image,
        ):
            yield image
        return
    if meter is not None and (size := _webp_size(start)) is not None:  # of which Pillow reserves memory when opening
        meter.take_page(*size, 4 * size[0] * size[1])
        meter = None
    shown, info = open_png_parts(file) if is_png(start) else (file, {})
    with quiet(), _without_limit():
        heif = is_heif(start)
        image = open_heif(file) if heif else Image.open(cast("BinaryIO", shown), formats=PILLOW_FORMATS)
    with image:
        if meter is not None:
            meter.take_page(*image.size, image.width * image.height * _PIXEL_BYTES.get(image.mode, 4))
        image.info.update(info)
        if image.format == "PNG" and not any(str(key).startswith("Raw profile") for key in info):
            image.info.setdefault("exif", b"")  # else Pillow would decode the pixels to look behind them
        yield image


def _webp_size(start: bytes) -> tuple[int, int] | None:
    """Return the width and height that a WebP claims in its first 30 bytes, None of other files.

    Format: RFC 9649.
    """
    if len(start) < 30 or start[:4] != b"RIFF" or start[8:12] != b"WEBP":
        return None
    if start[12:16] == b"VP8X":
        return int.from_bytes(start[24:27], "little") + 1, int.from_bytes(start[27:30], "little") + 1
    if start[12:16] == b"VP8L":
        packed = int.from_bytes(start[21:25], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    width, height = (int.from_bytes(start[place : place + 2], "little") & 0x3FFF for place in (26, 28))
    return width, height


def decode(image: Image.Image) -> None:
    """Decode a picture; whoever calls has checked its size."""
    with _without_limit():
        if image.format != "TIFF":
            image.load()
            return
        # Pillow maps uncompressed TIFFs that were opened by path into memory, and scrambles those that lie on a side.
        name, image.filename = getattr(image, "filename", ""), ""  # type: ignore[attr-defined]
        try:
            with _silent_libtiff():
                image.load()
        finally:
            image.filename = name  # type: ignore[attr-defined]


class _Switch:
    """Something of the whole process that is changed while anybody needs it, and put back after the last."""

    def __init__(self, change: Callable[[], Callable[[], None]]) -> None:
        self._change = change
        self._users = 0
        self._lock = threading.Lock()
        self._undo: Callable[[], None] = lambda: None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Change it."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._undo = self._change()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._undo()


def _lift_limit() -> Callable[[], None]:
    # Pillow's own limit warns at 89 and refuses at 179 megapixels, when opening and again when decoding.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None

    def undo() -> None:
        Image.MAX_IMAGE_PIXELS = limit

    return undo


def _silence_libtiff() -> Callable[[], None]:
    # libtiff prints what it finds wrong on stderr; Pillow's exceptions say it again.
    try:
        setter = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):  # linked in some other way
        return lambda: None
    setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    handler = setter(None)

    def undo() -> None:
        setter(handler)

    return undo


_without_limit = _Switch(_lift_limit)
_silent_libtiff = _Switch(_silence_libtiff)


# What decoding needs to know: sizes, layout, compression, colours, and the profile, which CMYK is converted by.
_LAYOUT_TAGS = frozenset(
    {254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332, 338,
     339, 347, *range(512, 522), 529, 530, 531, 34675}
)  # fmt: skip


class PageView(io.RawIOBase):
    """A TIFF as if one of its directories were the first, and held nothing but what decoding needs.

    So Pillow is shown a single page, wherever it stands, and what is damaged in its metadata cannot cost the pixels.
    """

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file = file
        file.seek(0)
        head = file.read(16)
        order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
        big = head[2:4] in (b"+\0", b"\0+")
        place, word, count_size, entry_size = (8, 8, 8, 20) if big else (4, 4, 2, 12)
        file.seek(offset)
        count = file.read(count_size)
        table = bytearray(file.read(int.from_bytes(count, order) * entry_size))
        one = (1).to_bytes(2, order) + (1).to_bytes(word, order) + bytes(word)  # a BYTE of 0
        for start in range(0, len(table) - entry_size + 1, entry_size):
            if int.from_bytes(table[start : start + 2], order) not in _LAYOUT_TAGS:
                table[start + 2 : start + entry_size] = one
        self._patches = ((place, offset.to_bytes(word, order)), (offset + count_size, bytes(table)))
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        """Read bytes, those of the header and the directory as they are shown."""
        start = self._file.tell()
        data = self._file.read(size)
        for place, patch in self._patches:
            first, last = max(start, place), min(start + len(data), place + len(patch))
            if first < last:
                data = data[: first - start] + patch[first - place : last - place] + data[last - start :]
        return data

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere."""
        return self._file.seek(place, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Return the file's descriptor, for libtiff, which is told where the directory stands."""
        return self._file.fileno()
