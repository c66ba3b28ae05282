"""The grey level that looks as light as a colour, exactly where there is no colour and to 16 bits elsewhere.

CIE L* depends on the relative luminance Y alone, and so does the sRGB level of a grey. The grey level of a colour is
therefore the sRGB encoding of its Y, and Y is a sum of one function a channel: three tables.
"""

from collections.abc import Iterator
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from colorgan.images.depth import to_16_bits
from colorgan.images.photo import Levels
from colorgan.srgb import LUMINANCE

__all__ = ["BAND", "GreyWriter", "PixelSource", "ToneTables", "decode_srgb", "encode_srgb", "grey_of", "srgb_tables"]

BAND = 1 << 20
"""Pixels in a band: whole pictures are never held in floating point."""

ToneTables = NDArray[np.float32]
"""(channels, levels): what each channel's level adds to the relative luminance Y, 0..1."""

_STEPS = 1 << 17


class PixelSource(Protocol):
    """A picture that is read in pieces, each piece once, in any order."""

    shape: tuple[int, int]  # height, width
    channels: int  # 1 or 3
    levels: int  # 256 or 65536
    depth: int  # 8 or 16: bits that the result should have

    def pieces(self) -> Iterator[tuple[slice, slice, Levels, Levels | None]]:
        """Yield rows, columns, levels `(h, w)` or `(h, w, 3)`, and alpha `(h, w)` or None."""
        ...


def decode_srgb(level: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn sRGB levels 0..1 into linear light 0..1."""
    level = np.asarray(level, np.float64)
    return np.where(level <= 0.04045, level / 12.92, ((np.maximum(level, 0.04045) + 0.055) / 1.055) ** 2.4)


def encode_srgb(linear: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn linear light 0..1 into sRGB levels 0..1."""
    linear = np.asarray(linear, np.float64)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


@cache
def srgb_tables(levels: int) -> ToneTables:
    """Return the tables of sRGB colours with 256 or 65536 levels."""
    light = decode_srgb(np.arange(levels) / (levels - 1))
    return np.stack([weight * light for weight in LUMINANCE]).astype(np.float32)


@cache
def _encoding() -> NDArray[np.uint16]:
    # Indexed by the square root of Y: the encoding is smooth in it, while in Y itself it is steep near black.
    root = np.arange(_STEPS) / (_STEPS - 1)
    return (encode_srgb(root**2) * 65535).round().astype(np.uint16)


def grey_of(levels: Levels, tables: ToneTables) -> NDArray[np.uint16]:
    """Return the grey levels of grey `(h, w)` or coloured `(h, w, 3)` levels under `tables`."""
    channels = levels[..., None] if levels.ndim == 2 else levels
    light = tables[0].take(channels[..., 0])
    for channel in range(1, len(tables)):
        light += tables[channel].take(channels[..., channel])
    np.sqrt(light.clip(0, 1, out=light), out=light)
    light *= _STEPS - 1
    light += 0.5
    return np.asarray(_encoding().take(light.astype(np.uint32)))


def _is_neutral(levels: Levels) -> bool:
    return levels.ndim == 2 or bool(
        np.array_equal(levels[..., 0], levels[..., 1]) and np.array_equal(levels[..., 1], levels[..., 2])
    )


class GreyWriter:
    """Collects the grey levels of a picture that arrives in pieces.

    As long as every piece is neutral and no profile changes its tones, the levels stay what they are; the first
    colour turns the whole picture to 16 bits.
    """

    def __init__(self, shape: tuple[int, int], levels: int, tables: ToneTables | None) -> None:
        self._own_tables = tables
        self._srgb = srgb_tables(levels)
        self.neutral = True  # whether all pieces so far were grey
        self.grey: Levels = np.empty(shape, np.uint8 if levels == 256 and tables is None else np.uint16)

    def add(self, rows: slice, columns: slice, levels: Levels) -> None:
        """Take one piece, `(h, w)` or `(h, w, 3)`."""
        neutral = _is_neutral(levels)
        self.neutral &= neutral
        if self._own_tables is not None:
            self.grey[rows, columns] = grey_of(levels, self._own_tables)
        elif neutral:
            plain = levels if levels.ndim == 2 else levels[..., 0]
            self.grey[rows, columns] = to_16_bits(plain) if self.grey.dtype == np.uint16 else plain
        else:
            self.grey = to_16_bits(self.grey)
            self.grey[rows, columns] = grey_of(levels, self._srgb)
