"""A photograph in memory: its grey levels at full size and depth, and everything its file said beside them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colorgan.images.metadata import Metadata

__all__ = ["Levels", "Photo", "PhotoKind"]

Levels: TypeAlias = NDArray[Any]
"""An array of uint8 or uint16 levels, 0 black and the type's maximum white (or opaque)."""


class PhotoKind(StrEnum):
    """What a picture's colours say about it."""

    GREY = "grey"  # no colour at all
    TINTED = "tinted"  # one tint: sepia, cyanotype, a yellowed print, a scan of a black-and-white print in colour
    COLOR = "color"  # really in colour


@dataclass(slots=True, kw_only=True)
class Photo:
    """One picture, upright, in sRGB.

    `grey` holds, for each pixel, the sRGB grey level whose CIE L* is that of the pixel. For a picture without colour
    these are its own levels, bit for bit (uint8 or uint16); otherwise they are uint16, whatever `depth` says, so that
    nothing is lost in rounding.
    """

    grey: Levels  # (H, W) uint8 or uint16
    depth: int  # bits a component that the result should have: 16 if the source had more than 8, else 8
    kind: PhotoKind
    original: Levels | None = None  # (H, W), `grey` before what was missing of it was filled, where something was
    alpha: Levels | None = None  # (H, W), uint8 or uint16 as `depth` says; never premultiplied
    rgb: NDArray[np.uint8] | None = None  # (H, W, 3) sRGB, only where reading was asked to keep it
    metadata: Metadata = field(default_factory=Metadata)
    format: str = ""  # Pillow's name: "JPEG", "PNG", "TIFF"; empty for pictures that came from memory
    sha256: str = ""  # of the file, in hexadecimal; empty for pictures that came from memory
    page: int = 0
    pages: int = 1

    @property
    def before(self) -> Levels:
        """The grey levels of the file, whatever was filled since."""
        return self.grey if self.original is None else self.original

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.grey.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.grey.shape[1])
