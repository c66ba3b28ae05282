"""The protocol: everything that must be the same for two results to be comparable."""

from dataclasses import dataclass
from typing import Annotated

from colorgan.config import Checked, Degradation, Framing, Occlusion, Range
from colorgan.rendering import HINT_FRACTION

__all__ = ["PATCHY_SHARE", "Protocol"]

PATCHY_SHARE = 0.2
"""Share of the pixels that `Occlusion.PAPER` takes away."""

_FRAMINGS = {
    Framing.SQUASH256: "squashed to 256 x 256 whatever their aspect, bicubic with antialiasing",
    Framing.CROP256: "short side brought to 256, bicubic with antialiasing, the middle 256 x 256 cut out",
    Framing.FULL: "full size",
}
_OCCLUSIONS = {
    Occlusion.PAPER: f"{PATCHY_SHARE:.0%} of the pixels missing, one by one",
    Occlusion.RECTANGLES: "1 to 4 rectangles missing",
    Occlusion.SCRATCHES: "1 to 4 scratches missing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol(Checked):
    """How pictures are prepared, damaged, hinted, and their values put together.

    Everything random depends on `seed` and the picture's name only, so every model meets the same damage and hints,
    on every machine and whatever else is in the folder.
    """

    framing: Framing = Framing.SQUASH256
    occlusion: Occlusion = Occlusion.NONE
    degradation: Degradation = Degradation.NONE
    hints: Annotated[int, Range(0, 10_000)] = 0  # places where the true colour is given
    seed: Annotated[int, Range(0)] = 0
    resamples: Annotated[int, Range(100, 1_000_000)] = 2000  # of the bootstrap

    def describe(self) -> dict[str, str]:
        """Return what a reader must know, line by line: name and text."""
        return {
            "pictures": _FRAMINGS[self.framing],
            "input": self._describe_input(),
            "luminance": self._describe_luminance(),
            "colours": "8-bit sRGB, rounded before they are measured",
            "aggregation": "mean over pictures of each picture's value; 95 % intervals by bootstrap over pictures "
            f"({self.resamples} resamples, seed {self.seed})",
        }

    def _describe_input(self) -> str:
        parts = []
        if self.degradation is Degradation.OLD_PHOTO:
            parts.append("aged like an old photograph")
        if self.occlusion is not Occlusion.NONE:
            parts.append(_OCCLUSIONS[self.occlusion])
        if self.hints:
            side = round(256 * HINT_FRACTION)
            parts.append(f"{self.hints} true colour hints at random places ({side} x {side} px of 256 x 256)")
        return ", ".join(parts) or "clean, no hints"

    def _describe_luminance(self) -> str:
        kept = "kept from the picture (CIE L*), colours outside sRGB give up chroma"
        if self.degradation is not Degradation.NONE:
            kept = "kept from the picture before ageing (CIE L*), so that only colour is judged"
        if self.occlusion is not Occlusion.NONE:
            kept += "; painted by the model where it is missing, mid-grey in the baselines"
        return kept
