"""A batch as the losses and the generator see it."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import grey_to_luminance, rgb_to_lab
from colorgan.data import Batch

__all__ = ["Targets", "build_targets", "halve"]


class Targets(NamedTuple):
    """A batch as the losses and the generator see it."""

    lab: Tensor  # (B, 3, H, W); L is that of the picture before anything was hidden
    known: Tensor | None  # (B, 1, H, W)
    hints: Tensor | None  # (B, 3, H, W): mask, a, b


def build_targets(batch: Batch) -> Targets:
    """Turn 8-bit pictures into the truth in Lab and the canvas."""
    lab = rgb_to_lab(batch.rgb.float() / 255)
    retoned = grey_to_luminance(batch.grey.float() / 255)
    luminance = torch.where(batch.retoned[:, None, None, None], retoned, lab[:, :1])
    lab = torch.cat((luminance, lab[:, 1:]), dim=1)
    hints = None
    if batch.hints is not None:
        mask = batch.hints[:, 3:].float()
        hints = torch.cat((mask, rgb_to_lab(batch.hints[:, :3].float() / 255)[:, 1:] * mask), dim=1)
    return Targets(lab, None if batch.known is None else batch.known.float(), hints)


def halve(targets: Targets) -> Targets:
    """Shrink a batch to half the size: what is missing in part is missing, what is hinted in part is hinted."""
    known = None if targets.known is None else -F.max_pool2d(-targets.known, 2)
    hints = None
    if targets.hints is not None:
        mean = F.avg_pool2d(targets.hints, 2)
        share = mean[:, :1]
        hints = torch.cat(((share > 0).float(), mean[:, 1:] / share.clamp_min(0.25)), dim=1)
    return Targets(F.avg_pool2d(targets.lab, 2), known, hints)
