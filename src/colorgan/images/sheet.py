"""Finding the pictures on a sheet: without the scanner's lid, the card, the paper's margin, and what lies beside them.

All of it works on a grid of some 64 x 64 cells, in CIE Lab.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_pictures", "shrink"]

Mask = NDArray[np.bool_]

_LAYERS = 3  # margins around each other: a lid, a card, the paper
_ALIKE = 8.0  # distance within a margin: shadows of the lid, noise
_NEUTRAL = 5.0  # chroma of lids; what is greyer says nothing about colour, wherever it is
_OF_EDGE, _OF_EDGE_TINTED = 0.2, 0.7  # share of the edge that a margin takes
_ROUGHLY, _NEARLY, _EXACTLY = 0.65, 0.8, 0.95  # share of its bounding box that what is left fills
_SMALLEST = 0.06  # share of the sheet below which nothing is called the picture
_BESIDE = 0.2  # of the largest picture: what is smaller is a stamp, a label, a colour strip


def find_pictures(lab: NDArray[np.float64]) -> list[Mask]:
    """Return where the pictures are, `(h, w)` each: at least one, the whole sheet if there is no margin.

    Args:
        lab: The sheet, `(h, w, 3)`.
    """
    inside = np.ones(lab.shape[:2], bool)
    for _ in range(_LAYERS):
        margin = _find_margin(lab, inside)
        left = inside if margin is None else shrink(inside & ~margin)  # the cells between are of both
        if margin is None or np.count_nonzero(left) < _SMALLEST * left.size:
            break
        inside = left
    parts = sorted(_parts(inside), key=np.count_nonzero, reverse=True)
    return [part for part in parts if np.count_nonzero(part) >= _BESIDE * np.count_nonzero(parts[0])]


def _find_margin(lab: NDArray[np.float64], inside: Mask) -> Mask | None:
    """Find an even surface along the edge of what is inside; None if there is none, or nothing would be left."""
    edge = inside & ~shrink(inside)
    colors: list[NDArray[np.float64]] = []
    for side in _sides(inside, edge):
        color = np.median(lab[side], axis=0)
        if all(np.linalg.norm(color - other) > _ALIKE / 3 for other in colors):
            colors.append(color)
    found = []
    for color in colors:
        away = lab - color
        alike = (np.linalg.norm(away, axis=-1) < _ALIKE) & (np.hypot(away[..., 1], away[..., 2]) < _ALIKE / 2)
        margin = _spread(edge, inside & alike)
        if _is_margin(color, edge, margin, inside):
            found.append(margin)
    return max(found, key=lambda margin: np.count_nonzero(margin & edge), default=None)


def _sides(inside: Mask, edge: Mask) -> list[Mask]:
    """Return the cells of the edge that lie above, below, left and right of what is inside."""
    rows, columns = np.nonzero(inside)
    y, x = np.indices(inside.shape)
    top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
    sides = [edge & near for near in (y <= top + 1, y >= bottom - 1, x <= left + 1, x >= right - 1)]
    return [side for side in sides if side.any()]


def _is_margin(color: NDArray[np.float64], edge: Mask, margin: Mask, inside: Mask) -> bool:
    """Tell whether an even surface is a margin, and not a sky or a wall that reaches the edge."""
    left = inside & ~margin
    if np.count_nonzero(left) < _SMALLEST * left.size:
        return False
    share = np.count_nonzero(margin & edge) / np.count_nonzero(edge)
    if share < _OF_EDGE:
        return False
    filled = _filled(max(_parts(left), key=np.count_nonzero))
    if np.hypot(color[1], color[2]) < _NEUTRAL:
        return filled >= _ROUGHLY
    sides = sum(np.count_nonzero(side & margin) > 0.95 * np.count_nonzero(side) for side in _sides(inside, edge))
    return bool((share >= _OF_EDGE_TINTED and filled >= _NEARLY) or (sides >= 2 and filled >= _EXACTLY))


def _filled(part: Mask) -> float:
    """Return how much of its bounding box a part fills: prints are rectangles, if aslant."""
    rows, columns = np.nonzero(part)
    return float(len(rows) / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1)))


def _spread(start: Mask, allowed: Mask) -> Mask:
    """Grow from `start` as far as `allowed` goes."""
    reached = start & allowed
    while True:
        grown = grow(reached) & allowed
        if np.array_equal(grown, reached):
            return reached
        reached = grown


def _parts(mask: Mask) -> list[Mask]:
    """Return the connected parts of a mask."""
    parts, left = [], mask.copy()
    while left.any():
        start = np.zeros_like(mask)
        start.flat[np.argmax(left)] = True
        parts.append(_spread(start, left))
        left &= ~parts[-1]
    return parts


def grow(mask: Mask) -> Mask:
    """Add the neighbours above, below, left and right."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def shrink(mask: Mask) -> Mask:
    """Take away the cells along the edge, that of the sheet included."""
    padded = np.pad(mask, 1)
    return np.asarray(~grow(~padded)[1:-1, 1:-1])
