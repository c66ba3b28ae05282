"""What a validation found: a kind of score for each task, told apart by what stands in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

__all__ = ["ColorScore", "InpaintingScore", "Score", "describe_score", "kind_of_score"]


@dataclass(frozen=True, slots=True)
class ColorScore:
    """How well photographs are coloured."""

    psnr: float  # dB, at the recipe's strength
    grey_psnr: float  # dB, of the pictures without colour
    colorfulness: float
    real_colorfulness: float
    best_gain: float  # dB over grey, at the best strength
    gain: float  # dB over grey, where `validation.SCORE_SHARE` of the real colourfulness is reached
    perceptual: float | None  # distance over that of the grey pictures, at the recipe's strength
    score: float  # `gain`, and the perceptual part where there is one

    needed: ClassVar = ("score", "psnr", "grey_psnr", "colorfulness", "real_colorfulness")  # of an entry in a journal
    tracked: ClassVar = ("psnr", "colorfulness", "score")  # for those who follow a run from outside
    text: ClassVar = (
        "PSNR {psnr:.2f} dB (grey {grey_psnr:.2f}), colourfulness {colorfulness:.1f} (real {real_colorfulness:.1f})"
    )

    def numbers(self) -> dict[str, float]:
        """Return what is worth following from outside."""
        return {name: getattr(self, name) for name in self.tracked}


@dataclass(frozen=True, slots=True)
class InpaintingScore:
    """How well missing luminance is filled."""

    hole_psnr: float  # dB, of the grey level inside holes
    smooth_psnr: float  # dB, the same of filling them smoothly, without a network
    score: float  # what the network gains over that, dB

    needed: ClassVar = ("score", "hole_psnr", "smooth_psnr")
    tracked: ClassVar = ("hole_psnr", "score")
    text: ClassVar = "PSNR in holes {hole_psnr:.2f} dB (filled smoothly {smooth_psnr:.2f})"

    def numbers(self) -> dict[str, float]:
        """Return what is worth following from outside."""
        return {name: getattr(self, name) for name in self.tracked}


Score = ColorScore | InpaintingScore


def kind_of_score(values: Mapping[str, Any]) -> type[Score] | None:
    """Return the kind of score that an entry of a journal holds; None if it holds none."""
    kinds: tuple[type[Score], ...] = (ColorScore, InpaintingScore)
    return next((kind for kind in kinds if all(name in values for name in kind.needed)), None)


def describe_score(values: Mapping[str, Any]) -> str:
    """Return a score for people, but for the number that it ends in; from its values by name."""
    kind = kind_of_score(values)
    return "" if kind is None else str(kind.text.format(**values))
