"""HEIC and JPEG XL, which Pillow reads only with help: opened by the packages of the extra `formats`.

Formats: ISO/IEC 14496-12 (boxes), 23008-12 (HEIF); JPEG XL: ISO/IEC 18181-1 (the size), 18181-2 (the container).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import BinaryIO

import numpy as np
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images.budget import Meter
from colorgan.images.photo import Levels

__all__ = ["deep_heif_levels", "is_heif", "is_jxl", "open_heif", "open_jxl", "require"]

_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_CODESTREAM = b"\xff\n"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of width to height
_MOST_BOXES = 256
_SIZE_BYTES = 16  # within which a codestream has said its size
_MODES = frozenset({"L", "LA", "RGB", "RGBA", "I;16", "F"})  # of Pillow and of the decoder


def require(module: str, package: str, what: str) -> None:
    """Refuse a file whose package is not there.

    Raises:
        ImageReadError: It is not.
    """
    if find_spec(module) is None:
        raise ImageReadError(f"{what} needs {package}, which is not installed: pip install 'colorgan[formats]'")


def is_heif(start: bytes) -> bool:
    """Tell whether a file that begins with `start` (64 bytes) is HEIF, but not AVIF, which Pillow reads."""
    size = int.from_bytes(start[:4], "big")
    return start[4:8] == b"ftyp" and start[8:12] in _BRANDS and b"avif" not in start[16 : max(size, 16)]


def is_jxl(start: bytes) -> bool:
    """Tell whether a file that begins with `start` is JPEG XL."""
    return start.startswith((_CODESTREAM, _CONTAINER))


def open_heif(file: BinaryIO) -> Image.Image:
    """Open a HEIF without decoding it.

    Raises:
        ImageReadError: The package for it is not there, or it is damaged.
    """
    require("pillow_heif", "pillow-heif", "a HEIC file")
    from pillow_heif import HeifImageFile

    file.seek(0)
    try:
        opener: Callable[[BinaryIO], Image.Image] = HeifImageFile
        return opener(file)
    except SyntaxError as error:
        raise ImageReadError(f"it is a HEIC file that is damaged or cut off ({error})") from error


def deep_heif_levels(file: BinaryIO, image: Image.Image) -> Levels | None:
    """Decode a HEIF of more than 8 bits, `(H, W)`, `(H, W, 3)` or with opacity `(H, W, 4)`; None of any other picture.

    Pillow has no mode for such colours.
    """
    if image.format != "HEIF" or image.info.get("bit_depth", 8) <= 8 or image.mode not in ("L", "RGB", "RGBA"):
        return None
    from pillow_heif import open_heif as open_levels

    file.seek(0)
    levels = np.asarray(open_levels(file, convert_hdr_to_8bit=False))
    return levels if levels.dtype == np.uint16 else None


@contextmanager
def open_jxl(file: BinaryIO, meter: Meter | None) -> Iterator[Image.Image | bytes]:
    """Open a JPEG XL; give its picture, upright, or the JPEG that was packed into it.

    The decoder decodes all when it opens, so that the size is read beforehand.

    Args:
        file: What it is in.
        meter: Told of its pixels.

    Raises:
        ImageReadError: The package for it is not there, it is damaged, or it has too many pixels.
    """
    require("pillow_jxl", "pillow-jxl-plugin", "a JPEG XL file")
    from pillow_jxl import Decoder

    width, height = _jxl_size(file)
    (meter or Meter()).take_page(width, height, 8 * width * height)
    file.seek(0)
    try:
        is_jpeg, facts, data, profile, boxes = Decoder(num_threads=1)(file.read())
    except (RuntimeError, ValueError) as error:  # whose messages are about building the library
        raise ImageReadError("it is a JPEG XL file that is damaged or cut off") from error
    if is_jpeg:
        yield bytes(data)
        return
    if facts.mode not in _MODES:
        raise ImageReadError(f"it is a JPEG XL file of pixels that pillow-jxl-plugin cannot hand on ({facts.mode})")
    image = Image.frombytes(facts.mode, (facts.width, facts.height), data)
    image.format = "JXL"
    found = {bytes(box.box_type): bytes(box.data) for box in boxes}
    exif = found.get(b"Exif", b"")
    exif = exif if exif[:2] in (b"II", b"MM") else exif[4:]  # behind the place at which it begins
    image.info |= {"exif": exif} if exif else {}
    image.info |= {"xmp": found[b"xml "]} if b"xml " in found else {}
    image.info |= {"icc_profile": bytes(profile)} if profile else {}
    with image:
        yield image


def _jxl_size(file: BinaryIO) -> tuple[int, int]:
    """Return the width and height, upright, that a JPEG XL claims.

    Raises:
        ImageReadError: It is cut off before it says that.
    """
    file.seek(0)
    start = file.read(_SIZE_BYTES)
    if start.startswith(_CONTAINER):
        start = _codestream_start(file)
    if len(start) < _SIZE_BYTES // 2 or not start.startswith(_CODESTREAM):
        raise ImageReadError("it is a JPEG XL file that is damaged or cut off")
    bits = _Bits(start[2:])
    small = bits.take(1)
    height = 8 * (1 + bits.take(5)) if small else bits.take_side()
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        width = height * across // down
    else:
        width = 8 * (1 + bits.take(5)) if small else bits.take_side()
    usual = bits.take(1)
    turn = 1 + bits.take(3) if not usual and bits.take(1) else 1
    return (height, width) if turn >= 5 else (width, height)


def _codestream_start(file: BinaryIO) -> bytes:
    """Return the first bytes of the codestream in a container, whose parts may be short."""
    place, found = 0, b""
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        size, kind, begin = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, begin = int.from_bytes(head[8:16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            begin += 4 if kind == b"jxlp" else 0
            file.seek(place + begin)
            found += file.read(min(size - begin, _SIZE_BYTES) if size else _SIZE_BYTES)
        if len(found) >= _SIZE_BYTES or size < begin:  # the last box may have no size
            break
        place += size
    return found


class _Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def take_side(self) -> int:
        return 1 + self.take((9, 13, 18, 30)[self.take(2)])
