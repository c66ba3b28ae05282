"""The strength sweep: how many dB a model gains over grey at a given colourfulness.

The strength dial trades PSNR against colourfulness, so models can only be compared fairly where they are equally
colourful.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from colorgan.metrics import colorfulness, psnr

__all__ = ["STRENGTHS", "SweepCurve", "SweepValues", "best_gain", "gain_at_fraction", "sweep_strengths"]

STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
"""Factors on chroma at which models are measured."""


@dataclass(frozen=True, slots=True)
class SweepCurve:
    """A model's mean gain against its mean colourfulness, as the strength rises from 0."""

    fractions: tuple[float, ...]  # mean colourfulness over the photographs' mean, at each strength
    gains: tuple[float, ...]  # mean gain in dB, at each strength

    @property
    def best(self) -> float:
        """The largest mean gain at any of the strengths, dB."""
        return best_gain(self.gains)

    def gain_at(self, fraction: float) -> float | None:
        """Return the gain at that fraction of the photographs' colourfulness; None where no strength reaches it."""
        return gain_at_fraction(self.fractions, self.gains, fraction)


@dataclass(frozen=True, slots=True)
class SweepValues:
    """What N pictures have at each of S strengths."""

    strengths: tuple[float, ...]  # (S,), rising from 0
    gains: Tensor  # (S, N), PSNR less the grey picture's, dB
    colorfulness: Tensor  # (S, N)
    grey_psnr: Tensor  # (N,), dB
    photographs: Tensor  # (N,), colourfulness of the photographs

    @classmethod
    def join(cls, parts: Sequence["SweepValues"]) -> "SweepValues":
        """Put batches together, in double precision on the CPU."""
        names = ("gains", "colorfulness", "grey_psnr", "photographs")
        joined = (torch.cat([getattr(part, name).double().cpu() for part in parts], dim=-1) for name in names)
        return cls(parts[0].strengths, *joined)

    def curve(self, weights: Tensor | None = None) -> SweepCurve:
        """Return the means over the pictures, each with a weight where `weights` `(N,)` gives some."""
        if weights is None:
            weights = torch.ones_like(self.photographs)
        weights = weights / weights.sum()
        fractions = (self.colorfulness @ weights) / (self.photographs @ weights).clamp_min(1e-9)
        return SweepCurve(tuple(fractions.tolist()), tuple((self.gains @ weights).tolist()))


def sweep_strengths(
    compose: Callable[[float], Tensor], target: Tensor, strengths: Sequence[float] = STRENGTHS
) -> SweepValues:
    """Measure a batch at each strength, grey (strength 0) first.

    Args:
        compose: Returns the pictures at a strength, 8-bit levels as 0..1, `(B, 3, H, W)`.
        target: The photographs, the same.
        strengths: Factors on chroma above 0, rising.
    """
    swept = (0.0, *strengths)
    psnrs, colours = [], []
    for strength in swept:
        pictures = compose(strength)
        psnrs.append(psnr(pictures, target))
        colours.append(colorfulness(pictures))
    gains = torch.stack(psnrs) - psnrs[0]
    return SweepValues(swept, gains, torch.stack(colours), psnrs[0], colorfulness(target))


def gain_at_fraction(fractions: Sequence[float], gains: Sequence[float], fraction: float) -> float | None:
    """Return the mean gain where the mean colourfulness is `fraction` of the real photographs', by interpolation.

    Args:
        fractions: Mean colourfulness over the real photographs' mean, at rising strengths.
        gains: Mean gain in dB at the same strengths.
        fraction: Where to read.

    Returns:
        None where no strength reaches that fraction.
    """
    for low, high in zip(range(len(fractions) - 1), range(1, len(fractions)), strict=True):
        if fractions[low] <= fraction <= fractions[high] and fractions[high] > fractions[low]:
            part = (fraction - fractions[low]) / (fractions[high] - fractions[low])
            return gains[low] + part * (gains[high] - gains[low])
    return None


def best_gain(gains: Sequence[float]) -> float:
    """Return the largest mean gain at any of the measured strengths, dB."""
    return max(gains)
