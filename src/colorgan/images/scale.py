"""Which values of a picture mean black and white, where its type alone does not say.

Floating-point numbers come as 0..1, as 8-bit or 16-bit levels or on scales of their own; integers of 16 signed or 32
bits often hold what fits into fewer. The scale is found by what the file says and by how the values are spread, never
by the largest of them: sharpening and resizing leave single values far beyond white.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sample", "Scale", "find_scale", "is_depth"]

_SHARE = 0.02  # of values that may lie beyond white, or below black
_OVERSHOOT = 1.5  # floats up to this many times white are white that was sharpened, not a wider scale
_DARKEST = 1 / 16  # of white: pictures of which nothing is brighter were on another scale
_DARKEST_BEYOND_BYTES = 1 / 4  # the same for floats: few programs keep 12 or 16 bits in them, many a scale of their own
_OFFSET = 0.1  # of values this far below 0, as a share of white: black is there
_FLOAT_WHITES = (1.0, 255.0, 4095.0, 65535.0)
_INTEGER_WHITES = (255, 4095, 65535)
_DEPTHS = range(8, 17)  # bits; 2^n - 1 said to be the largest value is a depth, other numbers are statistics
_MOST = 1 << 20  # values that are looked at


@dataclass(frozen=True, slots=True)
class Scale:
    """What means black and what white."""

    black: float
    white: float

    def to_levels(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Bring values to 16-bit levels; what lies beyond is clipped, what is no number is black."""
        unit = (values.astype(np.float64) - self.black) / (self.white - self.black)
        unit = np.nan_to_num(unit, nan=0.0, posinf=1.0, neginf=0.0)
        return np.asarray((unit.clip(0, 1) * 65535).round(), np.uint16)


class Sample:
    """A sample of the values of a picture that arrives in pieces, evenly spread over it.

    Args:
        pixels: How many pixels the picture has.
    """

    def __init__(self, pixels: int) -> None:
        self._step = max(1, pixels // _MOST)
        self._parts: list[NDArray[Any]] = []
        self._seen = 0

    def add(self, values: NDArray[Any]) -> None:
        """Take a piece `(h, w)` or `(h, w, channels)`."""
        flat = values.reshape(values.shape[0] * values.shape[1], -1)
        self._parts.append(flat[-self._seen % self._step :: self._step].copy())
        self._seen += len(flat)

    @property
    def values(self) -> NDArray[Any]:
        """The sample, flat."""
        return np.concatenate([part.reshape(-1) for part in self._parts]) if self._parts else np.empty(0, np.uint8)


def find_scale(values: NDArray[Any], *, bits: int, said: float | None = None, narrow: bool = True) -> Scale:
    """Find what means black and white.

    Args:
        values: A sample of the picture's values, of the file's own type: integers or floats.
        bits: Of a value.
        said: The largest value, as the file says.
        narrow: Whether integers that all fit into fewer bits than they have are believed to mean so.
    """
    if values.dtype.kind == "f":
        return _float_scale(values[np.isfinite(values)].astype(np.float64), said)
    return _integer_scale(values, bits, said, _INTEGER_WHITES if narrow else ())


def is_depth(said: float | None) -> bool:
    """Tell whether the largest value, as a file says, is that of a depth; other numbers are statistics."""
    return _depth_said(said) is not None


def _lies_within(values: NDArray[Any], white: float) -> bool:
    """Tell whether all values but a few are at most `white`."""
    beyond = int(np.count_nonzero(values > white))
    return beyond <= _SHARE * values.size or (beyond == 1 and values.size >= 16)


def _integer_scale(values: NDArray[Any], bits: int, said: float | None, narrower: tuple[int, ...]) -> Scale:
    signed = values.dtype.kind == "i"
    most = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    if signed and not _lies_within(-values.astype(np.float64), 0):
        return Scale(-most - 1, most)
    depth = _depth_said(said)
    if depth is not None and narrower and _lies_within(values, _DARKEST * depth):
        depth = None  # what programs write without looking
    whites = [white for white in (depth, *narrower) if white is not None and white < most]
    return Scale(0, next((white for white in whites if _lies_within(values, white)), most))


def _darkest(white: float) -> float:
    return _DARKEST if white <= 255 else _DARKEST_BEYOND_BYTES


def _depth_said(said: float | None) -> int | None:
    return next((2**bits - 1 for bits in _DEPTHS if said == 2**bits - 1), None)


def _float_scale(values: NDArray[np.float64], said: float | None) -> Scale:
    if not values.size:
        return Scale(0, 1)
    low, high = (float(np.quantile(values, share)) for share in (_SHARE / 4, 1 - _SHARE / 4))
    levels = high > 1 and np.array_equal(values, values.round())  # whole numbers are levels
    depth = 1.0 if said == 1 else _depth_said(said)
    if depth is not None and depth > 1 and not levels and high <= _DARKEST * depth:
        depth = None  # what programs write without looking
    whites = [white for white in (depth, *(w for w in _FLOAT_WHITES if w > 1 or not levels)) if white is not None]
    white = next((white for white in whites if _lies_within(values, _OVERSHOOT * white)), np.inf)
    if said is not None and high <= said < white / _OVERSHOOT:
        white = said
    elif levels and white == 4095 != depth and high <= 1023:
        white = 1023.0
    elif white == np.inf or not (white in (depth, whites[0]) or levels or high > _darkest(white) * white):
        white = high
    if (values < -_OFFSET * white).mean() > _OFFSET:
        return Scale(-white, white) if low >= -_OVERSHOOT * white else Scale(low, white)
    return Scale(0, white) if white > 0 else Scale(low, 0) if low < 0 else Scale(0, 1)
