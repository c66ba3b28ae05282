"""Telling black-and-white, tinted and coloured pictures apart."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from colorgan.images.grey import decode_srgb
from colorgan.images.photo import PhotoKind
from colorgan.images.sheet import find_pictures, shrink
from colorgan.srgb import RGB_TO_XYZ

__all__ = ["SAMPLES", "classify"]

SAMPLES = 256
"""Samples along the longer side that `classify` is shown at most."""

_TO_XYZ = np.array(RGB_TO_XYZ)
_WHITE = _TO_XYZ.sum(axis=1)
_BINS = 12  # of L, between which the tint's curve is drawn
_TAIL = 0.02  # share of the cells in each of the bins at the ends, where tints are steep
_NEUTRAL = 2.0  # chroma that nobody sees
_GRID = 8  # cells along a side from which margins and stamps are looked for
_STRIP_DEPTHS = (0.06, 0.1, 0.14, 0.18)  # share of the picture that a colour strip takes
_STAMP_DEPTH = 0.18  # share of the picture along a side where dates are stamped
_LEAST_REST = 0.7  # share of the picture on which the judgement rests
_MOST_OF_SHEET = 0.5  # share of the sheet that pictures take if its tint is theirs
_LARGEST_STAMP = 0.03  # share of the picture
_BLOCK = 4  # samples along a side that are averaged: scanners and JPEG put noise into chroma


def classify(samples: NDArray[np.uint8]) -> PhotoKind:
    """Classify a picture by a small copy of it.

    A tinted picture's chroma lies along one smooth curve of its luminance, whatever the tint: sepia, cyanotype, a
    duotone, the yellow of old paper. Judged is how far the pixels are from that curve, where there is a picture: not on
    the lid or the card around a print, nor in a date stamp or a colour strip at its edge. The limits were set so that
    scans of old prints pass and photographs of low saturation, or with one small coloured thing, do not.

    Args:
        samples: sRGB `(h, w, 3)`, taken from the picture without averaging, at most `SAMPLES` on the longer side.
    """
    lab = _lab(_average_blocks(samples))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    if np.quantile(chroma, 0.99) < _NEUTRAL and (chroma > 10).mean() < 0.0005:
        return PhotoKind.GREY
    if min(lab.shape[:2]) < _GRID:
        return PhotoKind.TINTED if _has_one_tint(lab.reshape(-1, 3)) else PhotoKind.COLOR
    pictures = find_pictures(lab)
    tinted = all(_is_tinted(lab, picture) for picture in pictures)
    if not tinted and sum(picture.mean() for picture in pictures) > _MOST_OF_SHEET:  # else it says little of them
        tinted = _is_tinted(lab, np.ones(lab.shape[:2], bool))
    return PhotoKind.TINTED if tinted else PhotoKind.COLOR


def _is_tinted(lab: NDArray[np.float64], picture: NDArray[np.bool_]) -> bool:
    """Tell whether a picture `(h, w)` of a sheet has one tint, apart from what was stamped on it or laid beside it."""
    inner = shrink(picture)  # the cells along the edge are mixed with what is around it
    inner = inner if np.count_nonzero(inner) >= _GRID**2 else picture
    return _has_one_tint(lab[inner]) or any(_has_one_tint(lab[rest]) for rest in _without_additions(lab, inner))


def _without_additions(lab: NDArray[np.float64], picture: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """Yield what is left of a picture without a strip of many colours along a side, or a stamp near one."""
    rows, columns = np.nonzero(picture)
    y, x = np.indices(picture.shape)
    down, across = (y - rows.min()) / (np.ptp(rows) + 1), (x - columns.min()) / (np.ptp(columns) + 1)
    sides = (down, 1 - down, across, 1 - across)
    zones = [side < depth for side in sides for depth in _STRIP_DEPTHS if _has_many_hues(lab[picture & (side < depth)])]
    strays = np.count_nonzero(_distance(lab[picture], *_tint_curve(lab[picture])) > 10)
    if strays < _LARGEST_STAMP * (np.ptp(rows) + 1) * (np.ptp(columns) + 1):
        zones += [side < _STAMP_DEPTH for side in sides]
    for zone in zones:
        if np.count_nonzero(rest := picture & ~zone) > _LEAST_REST * np.count_nonzero(picture):
            yield rest


def _has_many_hues(lab: NDArray[np.float64]) -> bool:
    """Tell whether cells `(n, 3)` look like those of a colour strip."""
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    vivid = lab[chroma > 25, 1:]
    if not len(vivid) or len(vivid) < 0.12 * len(lab):
        return False
    hues = vivid / np.hypot(*vivid.T)[:, None]
    return bool(np.hypot(*hues.mean(axis=0)) < 0.7)


def _has_one_tint(lab: NDArray[np.float64]) -> bool:
    """Tell whether the chroma of cells `(n, 3)` lies along one smooth curve of their luminance."""
    knots, curve = _tint_curve(lab)
    if not _is_smooth(knots, curve):
        return False
    distance = _distance(lab, knots, curve)
    # The steeper the curve, the further JPEG's halved chroma and noise in luminance lead from it.
    span = float(np.hypot(*np.ptp(curve, axis=0)))
    return bool(
        np.quantile(distance, 0.95) <= 4 + 0.08 * span
        and (distance > 10).mean() <= 0.006 + 0.0003 * span
        and (distance > 30).mean() <= 0.0005
    )


def _distance(lab: NDArray[np.float64], knots: NDArray[np.float64], curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each of the cells `(n, 3)` is from a curve."""
    tint = np.stack([np.interp(lab[:, 0], knots, curve[:, i]) for i in range(2)], axis=1)
    return np.asarray(np.hypot(*(lab[:, 1:] - tint).T))


def _average_blocks(samples: NDArray[np.uint8]) -> NDArray[np.float64]:
    height, width = samples.shape[:2]
    block = max(1, min(_BLOCK, min(height, width) // 16))
    whole = samples[: height // block * block, : width // block * block].astype(np.float64)
    return np.asarray(whole.reshape(height // block, block, width // block, block, 3).mean(axis=(1, 3)))


def _lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert sRGB 0..255 `(..., 3)` to CIE Lab; in numpy, so that reading pictures does not need torch."""
    ratio = decode_srgb(rgb / 255) @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack((116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])), axis=-1)


def _tint_curve(lab: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the L of knots and the median ab there: of bins of equally many cells, and two small ones at the ends."""
    lightness, ab = lab[:, 0], lab[:, 1:]
    edges = np.quantile(lightness, [0, *np.linspace(_TAIL, 1 - _TAIL, _BINS + 1), 1])
    number = np.clip(np.searchsorted(edges, lightness, side="right") - 1, 0, len(edges) - 2)
    members = [number == n for n in range(len(edges) - 1) if (number == n).any()]
    knots = np.array([np.median(lightness[m]) for m in members])
    return knots, np.array([np.median(ab[m], axis=0) for m in members])


def _is_smooth(knots: NDArray[np.float64], curve: NDArray[np.float64]) -> bool:
    steps = np.hypot(*np.diff(curve, axis=0).T)
    spread = np.hypot(*(curve.max(axis=0) - curve.min(axis=0)))
    return bool(spread < 70 and (steps <= 6 + 0.7 * np.diff(knots)).all())
