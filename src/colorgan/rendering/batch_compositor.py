"""Pictures being coloured as a batch on the device, at any strength, for measuring networks in training."""

from collections.abc import Sequence
from copy import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import fit_gamut, lab_to_rgb
from colorgan.rendering.chroma import ChromaField

__all__ = ["BatchCompositor"]

_GAMUT_STEPS = 10  # to a thousandth of the chroma


class BatchCompositor:
    """What `Compositor` makes of each picture, up to rounding and the search for the gamut's edge, but on the device.

    Args:
        luminance: L that the pictures keep, 0..100, `(B, 1, H, W)`.
        fields: The colours of each, of equal sizes.
    """

    def __init__(self, luminance: Tensor, fields: Sequence[ChromaField]) -> None:
        maps = torch.stack([torch.cat((field.slope, field.offset)) for field in fields])  # (B, 4, h, w)
        size = luminance.shape[-2:]
        if maps.shape[-2:] != size:
            maps = F.interpolate(maps, size=size, mode="bilinear", align_corners=False, antialias=True)
        self.luminance = luminance
        self.ab = maps[:, :2] * luminance + maps[:, 2:]  # (B, 2, H, W)

    def thinned(self, step: int) -> "BatchCompositor":
        """Return every `step`-th pixel of every `step`-th row: much quicker, and means over pictures hardly change."""
        thin = copy(self)
        thin.luminance, thin.ab = self.luminance[..., ::step, ::step], self.ab[..., ::step, ::step]
        return thin

    def compose(self, strength: float) -> Tensor:
        """Return the pictures at that strength, 8-bit levels as 0..1, `(B, 3, H, W)`."""
        lab = torch.cat((self.luminance, strength * self.ab), dim=1)
        return (lab_to_rgb(fit_gamut(lab, steps=_GAMUT_STEPS)).clamp(0, 1) * 255).round() / 255
