"""From a frame's luma to what the network sees of it, and from colours back to Cb and Cr."""

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from colorgan.colorization import Colorizer
from colorgan.config import RenderConfig
from colorgan.film.source import FilmFacts, Luma
from colorgan.images import Photo, PhotoKind
from colorgan.rendering import ChromaField, Compositor, NetworkInput

__all__ = ["Light", "compose_chroma", "thumb_of"]

_WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}  # red, blue; H.273
_LEAST_SIDE = 16  # of a thumb
_STEPS = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}  # luma pixels a chroma sample, across and down

Levels = NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Light:
    """Looks at the frames of one film."""

    facts: FilmFacts
    colorizer: Colorizer
    config: RenderConfig

    def grey(self, luma: Luma) -> Levels:
        """Return the grey levels (uint8, or uint16 of films with more bits) at the size of the chroma planes."""
        across, down = _STEPS[self.facts.layout]
        return np.asarray(self._levels.take(_reduce(luma, across, down)))

    def prepare(self, grey: Levels) -> NetworkInput:
        """Make the small copy that the network sees, upright."""
        upright = np.ascontiguousarray(np.rot90(grey, self.facts.turn))
        return self.colorizer.prepare(Photo(grey=upright, depth=8, kind=PhotoKind.GREY), self.config)

    @cached_property
    def _levels(self) -> Levels:
        """The grey level of every code of luma."""
        bits, kind = self.facts.bits, np.uint8 if self.facts.bits == 8 else np.uint16
        codes, step = np.arange(1 << bits), 1 << (bits - 8)
        low, high = (0, (1 << bits) - 1) if self.facts.full_range else (16 * step, 235 * step)
        fraction = ((codes - low) / (high - low)).clip(0, 1)
        return np.asarray((fraction * np.iinfo(kind).max).round().astype(kind))


def _reduce(luma: Luma, across: int, down: int) -> Levels:
    """Average over the luma pixels of a chroma sample."""
    if (across, down) == (1, 1):
        return luma
    if luma.dtype == np.uint8:
        H, W = luma.shape
        image = Image.frombuffer("L", (W, H), np.ascontiguousarray(luma), "raw", "L", 0, 1)
        return np.asarray(image.reduce((across, down)))
    total = luma[::down, ::across].astype(np.uint32)
    for y, x in [(y, x) for y in range(down) for x in range(across) if (y, x) != (0, 0)]:
        total += luma[y::down, x::across]
    return (total // (across * down)).astype(np.uint16)


def thumb_of(luminance: Tensor) -> Tensor:
    """Return L `(1, 1, h, w)` at the size at which motion is followed: half of that which the network sees."""
    h, w = (max(min(side, _LEAST_SIDE), side // 2) for side in luminance.shape[-2:])
    return F.interpolate(luminance[None], size=(h, w), mode="area")


def compose_chroma(grey: Levels, field: ChromaField, facts: FilmFacts) -> tuple[Levels, Levels]:
    """Lay colours over a frame and return its Cb and Cr, as codes of its depth and range.

    The colours are those that a photograph with these grey levels would get. What they add to its luma is left out, so
    that the source's luma stays; and where luma and chroma together left the RGB cube, chroma shrinks.

    Args:
        grey: Levels at the size of the chroma planes.
        field: Upright, as the network saw the frame.
        facts: Of the film.
    """
    turned = ChromaField(*(torch.rot90(x, -facts.turn, (-2, -1)) for x in (field.slope, field.offset)))
    depth = 8 if facts.bits == 8 else 16
    red, blue = _WEIGHTS[facts.matrix]
    cb, cr = (np.empty(grey.shape, np.uint8 if depth == 8 else np.uint16) for _ in range(2))
    top = 0
    with torch.inference_mode():
        for band in Compositor(grey, turned, depth).bands():
            rows = slice(top, top + len(band))
            rgb = torch.from_numpy(np.ascontiguousarray(band.transpose(2, 0, 1)).astype(np.float32))
            rgb /= np.iinfo(band.dtype).max
            luma = torch.from_numpy(grey[rows].astype(np.float32) / np.float32(np.iinfo(grey.dtype).max))
            rgb -= red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]  # what is left is chroma alone
            fraction = _fit_cube(luma, rgb)
            cb[rows] = _to_codes(rgb[2] * fraction / (2 * (1 - blue)), facts)
            cr[rows] = _to_codes(rgb[0] * fraction / (2 * (1 - red)), facts)
            top += len(band)
    return cb, cr


def _fit_cube(luma: Tensor, chroma: Tensor) -> Tensor:
    """Return the fraction of the chroma that fits over this luma."""
    over = (1 - luma) / chroma.amax(0).clamp_min(1e-6)
    under = luma / -chroma.amin(0).clamp_max(-1e-6)
    return torch.minimum(over, under).clamp_(max=1)


def _to_codes(chroma: Tensor, facts: FilmFacts) -> Levels:
    """Turn chroma within -0.5..0.5 into codes."""
    step = 1 << (facts.bits - 8)
    span = (1 << facts.bits) - 1 if facts.full_range else 224 * step
    codes = (chroma * span + (128 * step + 0.5)).clamp_(1, (1 << facts.bits) - 1)
    return codes.numpy().astype(np.uint8 if facts.bits == 8 else np.uint16)
