"""What makes pictures look alike or apart as a whole: their cast and their saturation, measured and evened out."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Adjustment", "ColorStats", "adjust", "equalize", "measure_color_stats"]

_NEUTRAL = 8.0  # chroma at which a pixel has half a say about the cast
_FRACTION = 0.5  # of the way to the median
_MOST_SHIFT = 8.0  # units of a and b
_MOST_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class ColorStats:
    """The cast and the saturation of one picture."""

    a: float  # the mean of a and b where there is little colour
    b: float
    chroma: float  # root of the mean squared distance from the cast


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is to be done to a picture's colours."""

    a: float  # to be added
    b: float
    factor: float  # of the chroma, afterwards


def measure_color_stats(ab: Tensor) -> ColorStats:
    """Measure colours `(2, h, w)`.

    The cast is their mean, each pixel of chroma C weighted by `1 / (1 + (C / 8)^2)^2`: near-neutral places tell the
    white balance, a red dress does not.
    """
    flat = ab.flatten(1).double()
    weight = (1 + flat.square().sum(0) / _NEUTRAL**2) ** -2
    cast = (flat * weight).sum(1) / weight.sum()
    chroma = (flat - cast[:, None]).square().sum(0).mean().sqrt()
    return ColorStats(float(cast[0]), float(cast[1]), float(chroma))


def equalize(stats: Mapping[int, ColorStats]) -> dict[int, Adjustment]:
    """Draw pictures half of the way to their median cast and chroma, within limits."""
    if not stats:
        return {}
    table = torch.tensor([(one.a, one.b, one.chroma) for one in stats.values()], dtype=torch.float64)
    a, b, chroma = table.quantile(0.5, dim=0).tolist()

    def shift(middle: float, own: float) -> float:
        return min(max(_FRACTION * (middle - own), -_MOST_SHIFT), _MOST_SHIFT)

    def factor(own: float) -> float:
        wanted: float = (max(chroma, 1e-3) / max(own, 1e-3)) ** _FRACTION
        return min(max(wanted, 1 / _MOST_FACTOR), _MOST_FACTOR)

    return {number: Adjustment(shift(a, one.a), shift(b, one.b), factor(one.chroma)) for number, one in stats.items()}


def adjust(ab: Tensor, adjustment: Adjustment) -> Tensor:
    """Return the colours `(2, h, w)` adjusted."""
    return (ab + ab.new_tensor([adjustment.a, adjustment.b])[:, None, None]) * adjustment.factor
