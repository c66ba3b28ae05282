"""What a profile does to a picture's levels on their way to sRGB."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorgan.images.depth import to_8_bits
from colorgan.images.grey import PixelSource, ToneTables
from colorgan.images.photo import Levels
from colorgan.images.profiles import convert_to_srgb, is_plain, profile_space, tone_tables
from colorgan.srgb import LUMINANCE

__all__ = ["Toning"]


@dataclass(frozen=True)
class Toning:
    """The way of one picture's levels to sRGB.

    With a profile made of curves the levels stay as they are, and `tables` give their luminance at full depth. With
    any other usable profile `convert` brings them to sRGB. With none, or sRGB's own, nothing happens.
    """

    tables: ToneTables | None = None
    profile: bytes | None = None

    @classmethod
    def of(cls, profile: bytes | None, pixels: PixelSource) -> "Toning":
        """Find the toning of a picture; profiles that are damaged or belong to other pictures are passed over."""
        space = profile_space(profile) if profile else None
        usable = ("RGB", "GRAY") if pixels.channels == 1 else ("RGB",)
        if profile is None or space not in usable or getattr(pixels, "is_srgb", False):
            return cls()
        tables = tone_tables(profile, pixels.levels)
        if tables is None:
            return cls(None, profile) if space == "RGB" and _is_usable(profile) else cls()
        if is_plain(tables):
            return cls()
        return cls(tables if pixels.channels == 3 else tables.sum(axis=0, keepdims=True), profile)

    def convert(self, levels: Levels) -> Levels:
        """Bring a piece `(h, w)` or `(h, w, 3)` to sRGB, unless `tables` will do it."""
        if self.profile is None or self.tables is not None:
            return levels
        colors = np.stack([levels] * 3, axis=-1) if levels.ndim == 2 else levels
        if colors.dtype == np.uint8:
            return _transform(colors, self.profile)
        return _transform_deep(colors, self.profile)

    def to_rgb8(self, levels: Levels) -> NDArray[np.uint8]:
        """Bring a piece that `convert` has seen to 8-bit sRGB `(h, w, 3)`."""
        narrow = to_8_bits(levels)
        rgb = np.stack([narrow] * 3, axis=-1) if narrow.ndim == 2 else narrow
        if self.profile is None or self.tables is None or len(self.tables) == 1:
            return rgb
        return _transform(rgb, self.profile)


def _is_usable(profile: bytes) -> bool:
    try:
        convert_to_srgb(Image.new("RGB", (1, 1)), profile)
    except ValueError:
        return False
    return True


def _transform(colors: NDArray[np.uint8], profile: bytes) -> NDArray[np.uint8]:
    return np.asarray(convert_to_srgb(Image.fromarray(np.ascontiguousarray(colors)), profile))


def _transform_deep(colors: NDArray[np.uint16], profile: bytes) -> NDArray[np.uint16]:
    """Take 16-bit levels through an 8-bit transform: between the two nearest 8-bit colours, by their luminance."""
    low = np.minimum(colors // 257, 254)
    part = ((colors - low * 257) / np.float32(257)) @ np.array(LUMINANCE, np.float32)  # (h, w)
    below = _transform(low.astype(np.uint8), profile).astype(np.float32)
    above = _transform((low + 1).astype(np.uint8), profile).astype(np.float32)
    blended = below + (above - below) * part[..., None]
    return np.asarray((blended * 257).round().clip(0, 65535), np.uint16)
