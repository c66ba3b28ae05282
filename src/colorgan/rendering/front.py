"""The front: how many dB a model gains over grey at a given colourfulness.

The strength dial trades PSNR against colourfulness, so models can only be compared fairly where they are equally
colourful.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from colorgan.metrics import colorfulness, psnr

__all__ = ["STRENGTHS", "FrontPoint", "best_gain", "gain_at_share", "measure_front"]

STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
"""Factors on chroma at which a front is measured."""


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A batch of pictures at one strength."""

    strength: float
    gain: Tensor  # (B,), PSNR less the grey picture's, dB
    colorfulness: Tensor  # (B,)


def measure_front(
    compose: Callable[[float], Tensor], target: Tensor, strengths: Sequence[float] = STRENGTHS
) -> list[FrontPoint]:
    """Measure a batch at each strength, grey (strength 0) first.

    Args:
        compose: Returns the pictures at a strength, 8-bit levels as 0..1, `(B, 3, H, W)`.
        target: The photographs, the same.
        strengths: Factors on chroma, rising.
    """
    grey = compose(0.0)
    base = psnr(grey, target)
    points = [FrontPoint(0.0, torch.zeros_like(base), colorfulness(grey))]
    for strength in strengths:
        pictures = compose(strength)
        points.append(FrontPoint(strength, psnr(pictures, target) - base, colorfulness(pictures)))
    return points


def gain_at_share(shares: Sequence[float], gains: Sequence[float], share: float) -> float | None:
    """Return the mean gain where the mean colourfulness is `share` of the real photographs', by interpolation.

    Args:
        shares: Mean colourfulness over the real photographs' mean, at rising strengths.
        gains: Mean gain in dB at the same strengths.
        share: Where to read.

    Returns:
        None where no strength reaches that share.
    """
    for low, high in zip(range(len(shares) - 1), range(1, len(shares)), strict=True):
        if shares[low] <= share <= shares[high] and shares[high] > shares[low]:
            part = (share - shares[low]) / (shares[high] - shares[low])
            return gains[low] + part * (gains[high] - gains[low])
    return None


def best_gain(gains: Sequence[float]) -> float:
    """Return the largest mean gain at any of the measured strengths, dB."""
    return max(gains)
