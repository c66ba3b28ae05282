"""From 8 bits to 16 and back: 255 and 65535 are both white, so a level of 8 bits is 257 levels of 16."""

import numpy as np
from numpy.typing import NDArray

from colorgan.images.photo import Levels

__all__ = ["to_8_bits", "to_16_bits", "to_depth"]


def to_8_bits(levels: Levels) -> NDArray[np.uint8]:
    """Round levels of uint8 or uint16 to uint8; those that are stay the same array."""
    return levels if levels.dtype == np.uint8 else ((levels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def to_16_bits(levels: Levels) -> NDArray[np.uint16]:
    """Bring levels of uint8 or uint16 to uint16; those that are stay the same array."""
    return levels if levels.dtype == np.uint16 else levels.astype(np.uint16) * np.uint16(257)


def to_depth(levels: Levels, depth: int) -> Levels:
    """Bring levels to 8 or 16 bits."""
    return to_16_bits(levels) if depth == 16 else to_8_bits(levels)
