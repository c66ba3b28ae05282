"""Finding damage in a photograph, so conservatively that what it takes is hardly ever part of the picture.

Three kinds are looked for: flat patches (one level, sharp all round, in a picture that has grain elsewhere), light
scratches and cracks, and light specks of dust; the latter two only where the picture around them is plain. Dark marks
are left alone, since hair, wires and birds look like them; so are light specks on dark ground, which may be stars, and
flat black or white, which may be a burnt-out window.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import grey_to_luminance
from colorgan.colorization.colorizer import reduce_grey
from colorgan.images.depth import to_8_bits
from colorgan.rendering.inpaint import group_cells

__all__ = ["find_damage"]

_Levels = np.ndarray[Any, Any]
_Mask = np.ndarray[Any, np.dtype[np.bool_]]

_PIXELS = 1_200_000  # of the copy on which marks are looked for
_OPENING = 2  # marks are narrower than twice this and one, in pixels of that copy
_LIGHTER = 14.0  # units of L by which the middle of a mark is lighter than its surroundings, at least
_LIGHTER_BY_NOISE = 6.0  # the same in deviations of the picture's noise
_PLAIN = 12.0  # units of L that the surroundings may vary, marks apart
_AROUND = 7  # pixels on each side that count as surroundings
_CROWDED = 0.3  # fraction of the neighbourhood above which light marks are texture
_FOLLOWED = 1.8  # factor on the two limits above where a scratch is followed
_FAR = 0.2  # how far, fraction of the picture's longer side
_LONG = 0.065  # length of a scratch, fraction of the picture's longer side
_SLENDER = 5.0  # length over width
_SPECK = 5  # largest side of a speck, pixels of the copy
_MOST_SPECKS = 150  # more of them are snow, leaves or spray
_NIGHT = 35.0  # L below which light specks may be stars
_MOST = 0.1  # fraction of a picture above which marks are texture

_GRID = 256  # cells along the longer side, by which flat patches are looked for
_PATCH = 4  # cells on each side of a patch, at least
_SOLID = 0.85  # fraction of its bounding box that a patch fills: patches are rectangles, buttons are not
_STEP = 6  # 8-bit levels that make an edge


def find_damage(grey: _Levels) -> _Mask:
    """Return where grey levels `(H, W)` uint8 or uint16 are damaged, `(H, W)` bool."""
    eight = to_8_bits(grey)
    missing = _find_patches(eight)
    factor = max(1, int(np.ceil(np.sqrt(grey.size / _PIXELS))))
    marks = _find_marks(reduce_grey(grey, factor))
    if marks.any():
        missing |= marks.repeat(factor, 0).repeat(factor, 1)[: grey.shape[0], : grey.shape[1]]
    return missing


# --- scratches and specks ---------------------------------------------------------------------------------------------


def _find_marks(grey: Tensor) -> _Mask:
    """Find scratches and specks in grey levels 0..1 `(1, h, w)`."""
    luminance = grey_to_luminance(grey)[None]  # (1, 1, h, w)
    ground = _largest(_least(luminance, _OPENING), _OPENING)  # without what is light and narrow
    lighter = luminance - ground
    limit = max(_LIGHTER, _LIGHTER_BY_NOISE * _noise(luminance))
    varies = _largest(ground, _AROUND) - _least(ground, _AROUND)
    light = lighter > limit / 2
    crowding = F.avg_pool2d(light.float(), 2 * _AROUND + 1, 1, _AROUND, count_include_pad=False)
    candidates = (light & (varies < _PLAIN) & (crowding < _CROWDED))[0, 0].numpy()
    marks = np.zeros(candidates.shape, np.bool_)
    if not candidates.any() or candidates.mean() > _MOST:
        return marks
    lighter_, ground_ = lighter[0, 0].numpy(), ground[0, 0].numpy()
    scratches, specks = np.zeros_like(marks), []
    for group in group_cells(candidates):
        y, x = np.array(group).T
        peak = float(np.quantile(lighter_[y, x], 0.75))
        if peak < limit:
            continue
        if _is_scratch(y, x, max(candidates.shape)):
            scratches[y, x] = True
        elif max(np.ptp(y), np.ptp(x)) < _SPECK and ground_[y, x].mean() > _NIGHT and not _has_company(light, y, x):
            specks.append((y, x))
    if len(specks) <= _MOST_SPECKS:
        for y, x in specks:
            marks[y, x] = True
    # Where there is a scratch for certain, it is followed into places where alone it would not be believed.
    follows = (light & (varies < _FOLLOWED * _PLAIN) & (crowding < _FOLLOWED * _CROWDED))[0, 0].numpy()
    marks |= _follow(scratches, follows, round(_FAR * max(candidates.shape)))
    return _largest(torch.from_numpy(marks)[None, None].float(), 1)[0, 0].numpy() > 0


def _follow(seeds: _Mask, way: _Mask, steps: int) -> _Mask:
    """Grow from seeds along the way, at most so many pixels."""
    found = seeds.copy()
    edge = list(zip(*np.nonzero(seeds), strict=True))
    for _ in range(steps):
        near = {(y + dy, x + dx) for y, x in edge for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
        edge = [p for p in near if 0 <= p[0] < way.shape[0] and 0 <= p[1] < way.shape[1] and way[p] and not found[p]]
        if not edge:
            break
        found[tuple(np.array(edge).T)] = True
    return found


def _largest(x: Tensor, radius: int) -> Tensor:
    return F.max_pool2d(x, 2 * radius + 1, 1, radius)


def _least(x: Tensor, radius: int) -> Tensor:
    return -_largest(-x, radius)


def _noise(luminance: Tensor) -> float:
    """Return the deviation of the noise: the median of small differences, which edges do not reach."""
    if min(luminance.shape[-2:]) < 3:
        return 0.0
    kernel = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]])[None, None] / 6
    return float(F.conv2d(luminance, kernel).abs().median()) / 0.6745


def _is_scratch(y: _Levels, x: _Levels, side: int) -> bool:
    length = float(np.hypot(np.ptp(y) + 1, np.ptp(x) + 1))
    return length >= max(12, _LONG * side) and length * length >= _SLENDER * len(y)


def _has_company(light: Tensor, y: _Levels, x: _Levels) -> bool:
    """Whether there is more that is light right around a speck: then it is part of something."""
    top, left, reach = int(y.min()), int(x.min()), 2 * _SPECK
    around = light[
        0, 0, max(0, top - reach) : int(y.max()) + reach + 1, max(0, left - reach) : int(x.max()) + reach + 1
    ]
    return int(around.sum()) > 1.5 * len(y) + 2


# --- flat patches -----------------------------------------------------------------------------------------------------


def _find_patches(grey: _Levels) -> _Mask:
    """Find patches of one level in 8-bit levels `(H, W)`."""
    H, W = grey.shape
    missing = np.zeros(grey.shape, np.bool_)
    cell = max(4, -(-max(H, W) // _GRID))
    rows, columns = H // cell, W // cell
    if min(rows, columns) < 2 * _PATCH:
        return missing
    cells = grey[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    low, high = cells.min((1, 3)).astype(np.int16), cells.max((1, 3)).astype(np.int16)
    flat = high - low <= 1
    if flat.mean() > 0.5:  # a drawing, or a picture without grain
        return missing
    for group in group_cells(flat & (low > 4) & (high < 251)):
        y, x = np.array(group).T
        if min(np.ptp(y), np.ptp(x)) + 1 < _PATCH:
            continue
        level = int(np.median(low[y, x]))
        top, bottom = max(0, int(y.min()) - 1) * cell, (int(y.max()) + 2) * cell
        left, right = max(0, int(x.min()) - 1) * cell, (int(x.max()) + 2) * cell
        window = grey[top:bottom, left:right].astype(np.int16)
        here = torch.from_numpy(np.abs(window - level) <= 1)[None, None].float()
        here = _largest(_least(here, 1), 1)  # single pixels that happen to have the level are left
        if _is_patch(torch.from_numpy(window), here, level):
            missing[top:bottom, left:right] |= (_largest(here, 1)[0, 0] > 0).numpy()
    return missing


def _is_patch(window: Tensor, here: Tensor, level: int) -> bool:
    """Whether a flat place is solid and has a sharp edge nearly all round."""
    inside = here[0, 0] > 0
    ring = (_largest(here, 3) - _largest(here, 2))[0, 0] > 0
    if not bool(inside.any()) or not bool(ring.any()):
        return False
    y, x = inside.nonzero().unbind(1)
    box = (int(y.max() - y.min()) + 1) * (int(x.max() - x.min()) + 1)
    step = (window - level).abs() > _STEP
    return bool(inside.sum() > _SOLID * box) and float(step[ring].float().mean()) > 0.8
