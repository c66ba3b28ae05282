"""What can be made beside the plain coloured picture: comparisons, layers, maps of uncertainty, sheets of variants."""

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from colorgan.colorization.colorizer import reduce_grey
from colorgan.images import Photo
from colorgan.images.depth import to_depth
from colorgan.rendering import ChromaField, Compositor

__all__ = [
    "Preview",
    "SmallPictures",
    "beside_the_original",
    "color_layer",
    "lean_of",
    "make_preview",
    "paint",
    "paint_small",
    "shrink_factor",
    "shrink_grey",
    "uncertainty_map",
    "variant_sheet",
]

_Pixels = np.ndarray[Any, Any]
_LEAN = 0.05  # of variants: see `predict_rendering`
_PREVIEW = 480  # pixels of a preview's longer side
_CELL = 640  # pixels of a variant's longer side
_GAP = 12


class SmallPictures(Protocol):
    """A photograph before and after, small, as JPEG files."""

    @property
    def before(self) -> bytes:
        """The photograph before."""
        ...

    @property
    def after(self) -> bytes:
        """The photograph after."""
        ...


@dataclass(frozen=True, slots=True)
class Preview:
    """A photograph before and after, in memory."""

    before: bytes
    after: bytes


def beside_the_original(bands: Iterable[_Pixels], grey: _Pixels) -> Iterator[_Pixels]:
    """Put the grey picture to the left of each band: `(rows, W, 3)` becomes `(rows, 2 * W, 3)`."""
    top = 0
    for band in bands:
        left = to_depth(grey[top : top + len(band)], 8 * band.itemsize)
        yield np.concatenate((np.repeat(left[..., None], 3, axis=-1), band), axis=1)
        top += len(band)


def color_layer(bands: Iterable[_Pixels], grey: _Pixels) -> tuple[_Pixels, _Pixels]:
    """Return the colour alone, as a layer that gives the coloured picture when laid over the grey one.

    Each pixel is as transparent as it can be: with opacity t and layer colour c, `t * c + (1 - t) * grey` is the
    coloured pixel, within rounding.

    Returns:
        Colours `(H, W, 3)` and opacity `(H, W)`, of the bands' type.
    """
    colors, opacities = [], []
    top = 0
    for band in bands:
        most = float(np.iinfo(band.dtype).max)
        base = to_depth(grey[top : top + len(band)], 8 * band.itemsize)[..., None].astype(np.float32)
        change = band - base
        room = np.where(change > 0, most - base, base)
        fraction = (np.abs(change) / np.maximum(room, 1)).max(axis=-1)
        opacity = np.ceil(fraction.clip(0, 1) * most)
        color = base + change * (most / np.maximum(opacity, 1))[..., None]
        colors.append(color.round().clip(0, most).astype(band.dtype))
        opacities.append(opacity.astype(band.dtype))
        top += len(band)
    return np.concatenate(colors), np.concatenate(opacities)


def uncertainty_map(confidence: torch.Tensor, shape: tuple[int, int]) -> _Pixels:
    """Return where colour is a guess, bright, at the size of the photograph: `(H, W)` uint8."""
    uncertainty = (1 - confidence).clamp(0, 1)[None]
    full = F.interpolate(uncertainty, size=shape, mode="bilinear", align_corners=False)[0, 0]
    levels: _Pixels = (full * 255).round().to(torch.uint8).numpy()
    return levels


def lean_of(variant: int, count: int) -> tuple[float, float]:
    """Return where variant `variant` of `count` leans: the first nowhere, the others around the circle of hues."""
    if variant == 0:
        return 0.0, 0.0
    angle = math.pi / 4 + 2 * math.pi * (variant - 1) / max(count - 1, 1)
    return _LEAN * math.cos(angle), _LEAN * math.sin(angle)


def paint_small(photo: Photo, colors: ChromaField, longest: int) -> tuple[Image.Image, Image.Image]:
    """Return the photograph before and after, with sides of at most `longest` pixels."""
    before, grey = (shrink_grey(levels, longest) for levels in (photo.before, photo.grey))
    return Image.fromarray(before), paint(grey, colors)


def shrink_grey(grey: _Pixels, longest: int) -> _Pixels:
    """Average grey levels over squares, so that no side is longer than `longest` pixels: `(h, w)` uint8."""
    factor = shrink_factor(grey.shape, longest)
    levels: _Pixels = (reduce_grey(grey, factor)[0] * 255).round().to(torch.uint8).numpy()
    return levels


def shrink_factor(shape: tuple[int, ...], longest: int) -> int:
    """Return the side of the squares that `shrink_grey` averages."""
    return max(1, -(-max(shape) // longest))


def paint(grey: _Pixels, colors: ChromaField) -> Image.Image:
    """Lay colours over grey levels `(h, w)`."""
    return Image.fromarray(np.ascontiguousarray(np.concatenate(list(Compositor(grey, colors).bands()))))


def make_preview(photo: Photo, colors: ChromaField) -> Preview:
    """Make the small pictures that reports show."""
    before, after = (_as_jpeg(image) for image in paint_small(photo, colors, _PREVIEW))
    return Preview(before, after)


def _as_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def variant_sheet(photo: Photo, variants: Sequence[ChromaField], labels: Sequence[str] = ()) -> _Pixels:
    """Return one picture with all variants, each under its label, or numbered from 1: `(H, W, 3)` uint8."""
    cells = [paint_small(photo, colors, _CELL)[1] for colors in variants]
    width, height = cells[0].size
    columns = math.ceil(math.sqrt(len(cells) * height / width))
    columns = min(max(columns, 1), len(cells))
    rows = -(-len(cells) // columns)
    size = (columns * (width + _GAP) + _GAP, rows * (height + 30 + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    labels = labels or [str(number) for number in range(1, len(cells) + 1)]
    for number, (cell, label) in enumerate(zip(cells, labels, strict=True)):
        left = _GAP + number % columns * (width + _GAP)
        top = _GAP + number // columns * (height + 30 + _GAP)
        draw.text((left, top + 4), label, fill="black", font_size=18)
        sheet.paste(cell, (left, top + 30))
    return np.asarray(sheet)
