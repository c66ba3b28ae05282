"""Inpainting of luminance that is missing: coarse to fine, a small network at each scale.

The picture is halved again and again; a pixel of the smaller picture is the mean of those of its four that are known,
so holes close a little at each scale and are gone at the last one. On the way back each scale is upsampled, laid into
the holes of the next finer one, and refined there by the network, which sees the filled picture and where it was
filled. So holes of any size are filled, large ones smoothly and small ones sharply, and the network needs to see no
farther than a few dozen pixels. Without the network's part this is the pull-push of Gortler et al., "The Lumigraph"
(SIGGRAPH 1996).
"""

import itertools
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorgan.model.blocks import pad_reflect

__all__ = ["InpaintingNetwork", "downsample_by_two", "inpaint_smoothly", "upsample_by_two"]

_NOTHING_KNOWN = 50.0  # L of a picture of which nothing is known
_DILATIONS = (1, 2, 4, 1)  # of the convolutions at the coarsest stride


class InpaintingNetwork(nn.Module):
    """Fills holes in luminance; independent of the rest of the generator.

    It has no norms, so a picture's result does not depend on what is beside it; its last layer begins at zero, so that
    a new one fills smoothly.

    Args:
        widths: Channels at stride 1, 2, 4 and so on.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.stride = 1 << (len(widths) - 1)
        self.stem = nn.Conv2d(2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(i, o, 4, stride=2, padding=1) for i, o in itertools.pairwise(widths))
        self.before = nn.ModuleList(nn.Conv2d(w, w, 3, padding=1) for w in widths[:-1])
        self.deepest = nn.ModuleList(nn.Conv2d(widths[-1], widths[-1], 3, padding=d, dilation=d) for d in _DILATIONS)
        self.up = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(widths[1:], widths[:-1], strict=True))
        self.after = nn.ModuleList(nn.Conv2d(2 * w, w, 3, padding=1) for w in widths[:-1])
        self.change = nn.Conv2d(widths[0], 1, 3, padding=1)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)  # type: ignore[arg-type]

    @property
    def reach(self) -> int:
        """How many pixels a pixel's answer looks at on each side, at one scale; rounded up to a multiple of stride."""
        return self.stride * (sum(_DILATIONS) + 6)

    def forward(self, luminance: Tensor, known: Tensor) -> Tensor:
        """Inpaint what is missing.

        Args:
            luminance: L, 0..100, `(B, 1, H, W)`, of any size; what is missing is not looked at.
            known: 1 where it is given, 0 where it is missing `(B, 1, H, W)`.

        Returns:
            L, the given one where known, bit for bit.
        """
        return _inpaint(luminance, known, self.refine)

    def refine(self, luminance: Tensor, unknown: Tensor, coarse: Tensor) -> Tensor:
        """Fill the holes of one scale with what the coarser one says, refined.

        Args:
            luminance: L of this scale `(B, 1, H, W)`.
            unknown: Where it is missing, bool `(B, 1, H, W)`.
            coarse: The coarser scale's result, upsampled `(B, 1, H, W)`.
        """
        filled = torch.where(unknown, coarse, luminance)
        change = self._propose(filled, unknown)
        return torch.where(unknown, (filled + 100 * change).clamp(0, 100), luminance)

    def _propose(self, filled: Tensor, unknown: Tensor) -> Tensor:
        """Return the change of L / 100 `(B, 1, H, W)`."""
        H, W = filled.shape[-2:]
        seen = torch.cat((filled / 50 - 1, unknown.to(filled.dtype)), dim=1).to(self.stem.weight.dtype)
        seen = pad_reflect(seen, *(-(-side // self.stride) * self.stride for side in (H, W)))
        x = F.relu(self.stem(seen.contiguous(memory_format=torch.channels_last)))
        skips = []
        for conv, down in zip(self.before, self.down, strict=True):
            x = F.relu(conv(x))
            skips.append(x)
            x = F.relu(down(x))
        for conv in self.deepest:
            x = x + F.relu(conv(x))
        for up, conv, skip in zip(reversed(self.up), reversed(self.after), reversed(skips), strict=True):
            x = F.interpolate(up(x), scale_factor=2.0, mode="nearest")
            x = F.relu(conv(torch.cat((x, skip), dim=1)))
        change: Tensor = self.change(x)
        return change[..., :H, :W].float()


def inpaint_smoothly(luminance: Tensor, known: Tensor) -> Tensor:
    """Inpaint what is missing without a network; arguments and result are those of `InpaintingNetwork.forward`."""
    return _inpaint(luminance, known, lambda given, unknown, coarse: torch.where(unknown, coarse, given))


def _inpaint(luminance: Tensor, known: Tensor, refine: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    unknown = known < 0.5
    if not bool(unknown.any()):
        return luminance
    if max(luminance.shape[-2:]) == 1:
        return torch.where(unknown, _NOTHING_KNOWN, luminance)
    coarse = _inpaint(*downsample_by_two(luminance, known), refine)
    return refine(luminance, unknown, upsample_by_two(coarse, luminance.shape[-2:]))


def downsample_by_two(luminance: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return the picture at half the size: the mean of the known ones of four pixels, known where any of them is.

    Args:
        luminance: `(B, 1, H, W)`.
        known: 1 or 0 `(B, 1, H, W)`.

    Returns:
        Both at `(B, 1, ceil(H / 2), ceil(W / 2))`; 0 where nothing is known.
    """
    fraction = F.avg_pool2d(known, 2, ceil_mode=True)
    given = torch.where(known > 0, luminance, 0.0)  # what is missing may be anything, nan too
    mean = F.avg_pool2d(given, 2, ceil_mode=True) / fraction.clamp_min(1e-6)
    return mean * (fraction > 0), (fraction > 0).to(known.dtype)


def upsample_by_two(coarse: Tensor, shape: Sequence[int]) -> Tensor:
    """Upsample `(B, 1, ceil(H / 2), ceil(W / 2))` to `(B, 1, H, W)`, bilinearly."""
    H, W = shape
    return F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)[..., :H, :W]
