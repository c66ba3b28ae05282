"""Soft advice for a whole picture: its colours lean towards those of a reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import numpy as np
import torch
from torch import Tensor

from colorgan.color import rgb_to_lab
from colorgan.colorization.hints import color_to_levels
from colorgan.errors import UsageError
from colorgan.files import status_of
from colorgan.images import iter_photos

__all__ = ["Palette"]

_SHARE = 0.5  # of the way
_COLORFUL = 8.0  # chroma at which half of the advice is taken
_BREADTH = 4.0  # squared units of ab that every spread has at least
_MOST_STRETCH = 2.0
_SAMPLE = 1 << 16  # pixels of a reference that are looked at


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a reference, as the mean and the covariance of their a and b.

    A picture with mean m and covariance S leans towards the reference's M and R by half of the map that moves one
    normal distribution to the other with the least change (Olkin and Pukelsheim, "The distance between two random
    vectors with given dispersion matrices", 1982), `T(c) = M + A (c - m)` with
    `A = S^-1/2 (S^1/2 R S^1/2)^1/2 S^-1/2`, whose stretching is limited to 1/2..2. A pixel of chroma C takes
    `C^2 / (C^2 + 8^2)` of it, so that grey stays grey.
    """

    mean: Tensor  # (2,), a and b
    covariance: Tensor  # (2, 2)

    @classmethod
    def from_ab(cls, ab: Tensor) -> "Palette":
        """Take the colours of ab `(2, ...)`."""
        flat = ab.flatten(1).double()
        mean = flat.mean(1)
        spread = flat - mean[:, None]
        return cls(mean, spread @ spread.T / max(flat.shape[1], 1) + _BREADTH * torch.eye(2, dtype=torch.float64))

    @classmethod
    def from_colors(cls, colors: Sequence[str]) -> "Palette":
        """Take colours like "#3355aa".

        Raises:
            UsageError: One is malformed, or there are none.
        """
        if not colors:
            raise UsageError("a palette needs a colour, such as #3355aa")
        rgb = torch.tensor([color_to_levels(color, "a palette's colour") for color in colors]) / 255
        return cls.from_ab(rgb_to_lab(rgb.T[:, None])[1:])

    @classmethod
    def from_file(cls, path: Path) -> "Palette":
        """Take the colours of a photograph.

        Raises:
            UsageError: There is no such file, or the photograph has no colours.
            ImageReadError: It cannot be read.
        """
        status = status_of(path)
        if status is None or not S_ISREG(status.st_mode):
            raise UsageError(f"there is no picture {path} to take colours from; a palette is a file or #rrggbb,#rrggbb")
        rgb = next(iter_photos(path, keep_rgb=True)).rgb
        if rgb is None or not np.ptp(rgb, axis=-1).any():
            raise UsageError(f"{path} has no colours to take; give a photograph in colour")
        step = max(1, int((rgb.shape[0] * rgb.shape[1] / _SAMPLE) ** 0.5))
        sample = torch.from_numpy(rgb[::step, ::step].copy()).permute(2, 0, 1).float() / 255
        return cls.from_ab(rgb_to_lab(sample)[1:])

    @classmethod
    def parse(cls, text: str) -> "Palette":
        """Read a palette as options give it: colours between commas, or the name of a photograph.

        Raises:
            UsageError: It is neither.
            ImageReadError: The photograph cannot be read.
        """
        if text.startswith("#"):
            return cls.from_colors([color.strip() for color in text.split(",")])
        return cls.from_file(Path(text))

    def advise(self, ab: Tensor) -> Tensor:
        """Return the colours `(2, h, w)` of a picture, leaning towards the palette."""
        own = Palette.from_ab(ab)
        stretch = _stretch(own.covariance, self.covariance).to(ab)
        centred = ab.flatten(1) - own.mean.to(ab)[:, None]
        moved = (stretch @ centred + self.mean.to(ab)[:, None]).view(ab.shape)
        chroma = ab.square().sum(0)
        return torch.lerp(ab, moved, _SHARE * chroma / (chroma + _COLORFUL**2))


def _stretch(own: Tensor, other: Tensor) -> Tensor:
    """Return the matrix A of `Palette`, its stretching limited."""
    root, inverse = _power(own, 0.5), _power(own, -0.5)
    stretch = inverse @ _power(root @ other @ root, 0.5) @ inverse
    return _power(stretch, 1, limits=(1 / _MOST_STRETCH, _MOST_STRETCH))


def _power(matrix: Tensor, exponent: float, limits: tuple[float, float] = (0.0, float("inf"))) -> Tensor:
    """Raise the eigenvalues of a symmetric matrix to a power and clamp them."""
    values, vectors = torch.linalg.eigh(matrix)
    raised: Tensor = vectors @ torch.diag((values**exponent).clamp(*limits)) @ vectors.T
    return raised
