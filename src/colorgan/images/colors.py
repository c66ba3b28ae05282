"""A picture's colours, for those who train on them or compare with them: 8-bit sRGB, upright, as `colorize` sees them.

Training asks for thousands of small pictures, so nothing else of them is worked out here, and large JPEGs can be
decoded smaller.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorgan.images.budget import ReadLimits
from colorgan.images.metadata import read_metadata
from colorgan.images.opening import decode, open_image
from colorgan.images.photo import Levels
from colorgan.images.png_read import is_deep_png
from colorgan.images.raw import is_raw
from colorgan.images.read import _pages, _reading
from colorgan.images.sources import open_pixels
from colorgan.images.tiff_pages import is_tiff
from colorgan.images.toning import Toning

__all__ = ["Colors", "read_colors"]

_SIDEWAYS = (5, 6, 7, 8)
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PLAIN_MODES = frozenset({"1", "L", "P", "RGB", "CMYK"})
"""Modes of eight bits a channel, without transparency and, if there is no profile, in sRGB."""
_ORIENTED = frozenset({"exif", "xmp", "Raw profile type exif", "Raw profile type APP1", "XML:com.adobe.xmp"})
"""What `Image.info` calls the metadata that may hold an orientation."""


@dataclass(frozen=True, slots=True)
class Colors:
    """A picture's colours, for those who train on them or compare with them."""

    image: Image.Image  # RGB, sRGB, upright; white where the picture is transparent
    size: tuple[int, int]  # width and height of the picture in its file, upright


def read_colors(source: Path | BinaryIO, *, short_side: int | None = None, limits: ReadLimits | None = None) -> Colors:
    """Read a picture's colours as `read_photos` sees them, its first page only.

    What lies behind transparent places nobody sees: they become white, as on a page.

    Args:
        source: A file, or a stream.
        short_side: Large JPEGs may be decoded smaller, as long as their short side keeps this many pixels; that is
            several times faster. None decodes in full.
        limits: What reading it may cost; the environment's if left out.

    Raises:
        ImageReadError: It cannot be read; the message says why in one sentence.
    """
    with _reading(source, limits) as (file, meter), meter.running():
        start = file.read(33)
        file.seek(0)
        if is_raw(file) or is_tiff(start[:4]):
            photo = next(_pages(file, meter, keep_rgb=True, first=0))
            assert photo.rgb is not None  # noqa: S101 - it was asked for
            return Colors(Image.fromarray(_on_white(photo.rgb, photo.alpha)), (photo.width, photo.height))
        with open_image(file, meter) as image:
            size = image.size
            if short_side is not None:
                scale = short_side / min(size)
                image.draft("RGB", (round(size[0] * scale), round(size[1] * scale)))
            colors, orientation = _decode_colors(file, image, deep=is_deep_png(start))
        turn = _TRANSPOSITIONS.get(orientation)
        upright = colors if turn is None else colors.transpose(turn)
        return Colors(upright, size[::-1] if orientation in _SIDEWAYS else size)


def _decode_colors(file: BinaryIO, image: Image.Image, *, deep: bool) -> tuple[Image.Image, int]:
    """Return a picture's colours as they lie in the file, and its orientation."""
    profile = image.info.get("icc_profile")
    if profile is None and not deep and image.mode in _PLAIN_MODES and "transparency" not in image.info:
        decode(image)
        colors = image.convert("RGB")
    else:
        pixels = open_pixels(file, image)
        toning = Toning.of(profile, pixels)
        rgb, alpha = np.empty((*pixels.shape, 3), np.uint8), None
        for rows, columns, stored, opacity in pixels.pieces():
            rgb[rows, columns] = toning.to_rgb8(toning.convert(stored))
            if opacity is not None:
                alpha = np.empty(pixels.shape, opacity.dtype) if alpha is None else alpha
                alpha[rows, columns] = opacity
        colors = Image.fromarray(_on_white(rgb, alpha))
    tagged = not _ORIENTED.isdisjoint(image.info)
    return colors, read_metadata(image, file)[1] if tagged else 1


def _on_white(rgb: NDArray[np.uint8], alpha: Levels | None) -> NDArray[np.uint8]:
    """Lay colours on white, as pages do."""
    if alpha is None or alpha.min() == (most := np.iinfo(alpha.dtype).max):
        return rgb
    opacity = (alpha / np.float32(most))[..., None]
    return np.asarray((rgb * opacity + 255 * (1 - opacity)).round(), np.uint8)
