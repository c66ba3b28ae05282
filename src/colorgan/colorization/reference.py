"""A coloured picture of the same things, whose colours are carried to the places of a photograph that match it."""

from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from colorgan.color import rgb_to_lab
from colorgan.errors import UsageError
from colorgan.files import status_of
from colorgan.images import read_photos
from colorgan.model import Generator
from colorgan.rendering import View, describe_places, render_shape

__all__ = ["Reference"]

_LONGEST = 1024  # pixels of a side that are kept
_SCALES = (1.0, 0.7, 1.4)  # of the render size, at which things may be larger or smaller than in the photograph
_CELL = 8  # pixels a side of a place


class Reference:
    """A picture in colour that shows what photographs show too: the same room, the same uniform, the frame before.

    Args:
        rgb: Its colours, sRGB `(H, W, 3)` of uint8.
        name: What the note in results calls it.
    """

    def __init__(self, rgb: NDArray[np.uint8], name: str = "") -> None:
        self.rgb = rgb
        self.name = name
        self._views: tuple[object, list[View]] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes without what can be worked out there."""
        return Reference, (self.rgb, self.name)

    @classmethod
    def from_file(cls, path: Path) -> "Reference":
        """Read a picture.

        Raises:
            UsageError: There is no such file, or it has no colours.
            ImageReadError: It cannot be read.
        """
        status = status_of(path)
        if status is None or not S_ISREG(status.st_mode):
            raise UsageError(f"there is no picture {path} to take as a reference")
        rgb = read_photos(path, keep_rgb=True)[0].rgb
        if rgb is None or not np.ptp(rgb, axis=-1).any():
            raise UsageError(f"{path} has no colours to take; give a reference in colour")
        image = Image.fromarray(rgb)
        image.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX)
        return cls(np.asarray(image), path.name)

    def views(self, network: Generator, size: int, device: torch.device) -> list[View]:
        """Return what a network sees of it: at several sizes, as it is and mirrored; kept for the next photograph.

        Args:
            network: A generator in eval mode.
            size: The render size of photographs.
            device: Where the network is.
        """
        key = (id(network), size)
        if self._views is None or self._views[0] != key:
            lab = rgb_to_lab(torch.from_numpy(self.rgb.copy()).permute(2, 0, 1)[None].float() / 255)
            made = [self._view(lab, network, round(size * scale), device) for scale in _SCALES]
            made += [self._view(lab.flip(-1), network, round(size * scale), device) for scale in _SCALES]
            self._views = key, made
        return self._views[1]

    def _view(self, lab: Tensor, network: Generator, size: int, device: torch.device) -> View:
        H, W = render_shape(self.rgb.shape[0], self.rgb.shape[1], size, network.config)
        luminance, ab = (
            F.interpolate(part, size=shape, mode="bilinear", align_corners=False, antialias=True)
            for part, shape in ((lab[:, :1], (H, W)), (lab[:, 1:], (H // _CELL, W // _CELL)))
        )
        return View(describe_places(network, luminance.to(device)).cpu(), ab[0])
