"""What training is fed with."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Batch"]


class Batch(NamedTuple):
    """Training pictures `size` x `size`, uint8."""

    rgb: Tensor  # (B, 3, S, S), the photographs
    grey: Tensor  # (B, 1, S, S), the sRGB grey levels that the network shall see, where they are changed in tone
    retoned: Tensor  # (B,), bool: whether `grey` counts, and not the photograph's own
    known: Tensor | None  # (B, 1, S, S), 1 where the luminance is given; None where all of it is
    hints: Tensor | None  # (B, 4, S, S), hint colours in sRGB, then their mask; None where there are none
    left_out: tuple[tuple[str, str], ...]  # names of photographs passed over, with the reason

    def complete(self, *, known: bool, hints: bool) -> "Batch":
        """Spell out the masks that are asked for and stand as None: everything known, no hints."""
        B, _, H, W = self.rgb.shape
        given = self
        if known and self.known is None:
            given = given._replace(known=self.rgb.new_ones(B, 1, H, W))
        if hints and self.hints is None:
            given = given._replace(hints=self.rgb.new_zeros(B, 4, H, W))
        return given

    def to(self, device: torch.device) -> "Batch":
        """Bring the tensors to a device."""
        moved = (x.to(device, non_blocking=True) if isinstance(x, Tensor) else x for x in self)
        return Batch(*moved)  # type: ignore[arg-type]
