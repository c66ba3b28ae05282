"""Telling black-and-white, tinted and coloured pictures apart."""

import numpy as np
from numpy.typing import NDArray

from colorgan.images.grey import SRGB_WEIGHTS, decode_srgb
from colorgan.images.photo import PhotoKind

__all__ = ["SAMPLES", "classify"]

SAMPLES = 256
"""Samples along the longer side that `classify` is shown at most."""

_TO_XYZ = np.array(
    [[0.4123907993, 0.3575843394, 0.1804807884], SRGB_WEIGHTS, [0.0193308187, 0.1191947798, 0.9505321522]]
)
_WHITE = _TO_XYZ.sum(axis=1)
_BINS = 12  # of L, between which the tint's curve is drawn
_NEUTRAL = 2.0  # chroma that nobody sees
_BLOCK = 4  # samples along a side that are averaged: scanners and JPEG put noise into chroma


def classify(samples: NDArray[np.uint8]) -> PhotoKind:
    """Classify a picture by a small copy of it.

    A tinted picture's chroma lies along one smooth curve of its luminance, whatever the tint: sepia, cyanotype, a
    duotone, the yellow of old paper. Judged is how far the pixels are from that curve. The limits were set so that
    scans of old prints pass and photographs of low saturation, or with one small coloured thing, do not.

    Args:
        samples: sRGB `(h, w, 3)`, taken from the picture without averaging, at most `SAMPLES` on the longer side.
    """
    lab = _lab(_average_blocks(samples)).reshape(-1, 3)
    lightness, ab = lab[:, 0], lab[:, 1:]
    chroma = np.hypot(ab[:, 0], ab[:, 1])
    if np.quantile(chroma, 0.99) < _NEUTRAL and (chroma > 10).mean() < 0.0005:
        return PhotoKind.GREY
    knots, curve = _tint_curve(lightness, ab)
    if not _is_smooth(knots, curve):
        return PhotoKind.COLOR
    tint = np.stack([np.interp(lightness, knots, curve[:, i]) for i in range(2)], axis=1)
    distance = np.hypot(*(ab - tint).T)
    strays = np.quantile(distance, 0.95) > 6.5 or (distance > 10).mean() > 0.006 or (distance > 30).mean() > 0.0005
    return PhotoKind.COLOR if strays else PhotoKind.TINTED


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


def _tint_curve(lightness: NDArray[np.float64], ab: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the L of up to `_BINS` knots and the median ab there, bins of equally many pixels."""
    edges = np.quantile(lightness, np.linspace(0, 1, _BINS + 1))
    number = np.clip(np.searchsorted(edges, lightness, side="right") - 1, 0, _BINS - 1)
    members = [number == n for n in range(_BINS) if (number == n).any()]
    knots = np.array([np.median(lightness[m]) for m in members])
    return knots, np.array([np.median(ab[m], axis=0) for m in members])


def _is_smooth(knots: NDArray[np.float64], curve: NDArray[np.float64]) -> bool:
    steps = np.hypot(*np.diff(curve, axis=0).T)
    spread = np.hypot(*(curve.max(axis=0) - curve.min(axis=0)))
    return bool(spread < 70 and (steps <= 12 + 1.5 * np.diff(knots)).all())
