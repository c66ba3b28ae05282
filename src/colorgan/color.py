"""Colour as pure tensor functions: sRGB, linear RGB, XYZ, CIE L*a*b*, the sRGB gamut, and the bins of the ab plane.

Every function takes and returns float32 tensors with the three components in dimension -3, `(..., 3, H, W)`, unless
it says otherwise. Ranges: sRGB and linear RGB 0..1, L 0..100, a and b about -108..98. The white is D65 (CIE 1931,
2 degrees), the primaries and the tone curve are those of IEC 61966-2-1 (sRGB). Greys are exactly neutral: the
matrices act on differences between components, so that equal components give exactly equal components.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from colorgan.srgb import D65, RGB_TO_XYZ

__all__ = [
    "AB_LIMIT",
    "BIN_COUNT",
    "ab_bins",
    "decode_bins",
    "encode_bins",
    "fit_gamut",
    "grey_to_luminance",
    "lab_to_linear_rgb",
    "lab_to_rgb",
    "linear_rgb_to_lab",
    "linear_rgb_to_rgb",
    "luminance_to_grey",
    "rgb_to_lab",
    "rgb_to_linear_rgb",
]

AB_LIMIT = 110.0
"""Networks predict ab divided by this, which holds every sRGB colour in -1..1."""

# Rows of the sRGB matrix divided by the white point, so that each sums to 1: relative X, Y, Z of linear RGB.
(_R_TO_X, _B_TO_X), (_R_TO_Y, _B_TO_Y), (_R_TO_Z, _B_TO_Z) = (
    (red / white, blue / white) for (red, _, blue), white in zip(RGB_TO_XYZ, D65, strict=True)
)


def _inverse_rows() -> list[list[float]]:
    """Invert the matrix by its cofactors: importing this module must not start the libraries of linear algebra."""
    m = [[r, 1.0 - r - b, b] for r, b in ((_R_TO_X, _B_TO_X), (_R_TO_Y, _B_TO_Y), (_R_TO_Z, _B_TO_Z))]

    def cofactor(i: int, j: int) -> float:
        (a, b), (c, d) = ((row[(j + 1) % 3], row[(j + 2) % 3]) for row in (m[(i + 1) % 3], m[(i + 2) % 3]))
        return a * d - b * c

    determinant = sum(m[0][j] * cofactor(0, j) for j in range(3))
    return [[cofactor(j, i) / determinant for j in range(3)] for i in range(3)]


_INVERSE = _inverse_rows()
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27  # CIE 15:2004, the exact fractions
_F_EDGE = 6 / 29  # the cube root of _EPSILON


def rgb_to_linear_rgb(rgb: Tensor) -> Tensor:
    """Undo the sRGB tone curve (IEC 61966-2-1). Any shape; values below 0 stay on the linear piece."""
    curved = ((rgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(rgb > 0.04045, curved, rgb / 12.92)


def linear_rgb_to_rgb(linear: Tensor) -> Tensor:
    """Apply the sRGB tone curve (IEC 61966-2-1). Any shape; values below 0 stay on the linear piece."""
    curved = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curved, linear * 12.92)


def _lab_f(t: Tensor) -> Tensor:
    root = t.clamp_min(_EPSILON) ** (1 / 3)
    return torch.where(t > _EPSILON, root, (_KAPPA * t + 16) / 116)


def _lab_f_inverse(f: Tensor) -> Tensor:
    return torch.where(f > _F_EDGE, f * f * f, (116 * f - 16) / _KAPPA)


def linear_rgb_to_lab(linear: Tensor) -> Tensor:
    """Convert linear RGB `(..., 3, H, W)` to Lab."""
    red, green, blue = linear.unbind(-3)
    red_excess, blue_excess = red - green, blue - green
    x = _lab_f(green + _R_TO_X * red_excess + _B_TO_X * blue_excess)
    y = _lab_f(green + _R_TO_Y * red_excess + _B_TO_Y * blue_excess)
    z = _lab_f(green + _R_TO_Z * red_excess + _B_TO_Z * blue_excess)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=-3)


def lab_to_linear_rgb(lab: Tensor) -> Tensor:
    """Convert Lab `(..., 3, H, W)` to linear RGB; colours outside the gamut leave 0..1."""
    luminance, a, b = lab.unbind(-3)
    f = (luminance + 16) / 116
    y = _lab_f_inverse(f)
    x_excess = _lab_f_inverse(f + a / 500) - y
    z_excess = _lab_f_inverse(f - b / 200) - y
    return torch.stack([y + row[0] * x_excess + row[2] * z_excess for row in _INVERSE], dim=-3)


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB `(..., 3, H, W)` in 0..1 to Lab (L 0..100, D65, 2 degrees).

    Greys give a = b = 0 exactly. Gradients are finite everywhere, black and white included.
    """
    return linear_rgb_to_lab(_each(rgb_to_linear_rgb, rgb))


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Convert Lab `(..., 3, H, W)` to sRGB.

    Colours outside the gamut come out outside 0..1: clamp them, or call `fit_gamut` first. a = b = 0 gives exactly
    equal components. Gradients are finite everywhere.
    """
    return _each(linear_rgb_to_rgb, lab_to_linear_rgb(lab))


def _each(curve: Callable[[Tensor], Tensor], components: Tensor) -> Tensor:
    """Apply a curve to each component by itself.

    Over the whole tensor, the last few elements, all of the last component, would be computed one by one and the
    others by vector instructions, whose last bit may differ: equal components would come out unequal.
    """
    return torch.stack([curve(component.contiguous()) for component in components.unbind(-3)], dim=-3)


def grey_to_luminance(grey: Tensor) -> Tensor:
    """Return L (0..100) of sRGB grey levels (0..1). Any shape."""
    return 116 * _lab_f(rgb_to_linear_rgb(grey)) - 16


def luminance_to_grey(luminance: Tensor) -> Tensor:
    """Return the sRGB grey level (0..1) whose L is given (0..100). Any shape."""
    return linear_rgb_to_rgb(_lab_f_inverse((luminance + 16) / 116))


def _outside_gamut(lab: Tensor, tolerance: float) -> Tensor:
    linear = lab_to_linear_rgb(lab)
    return ((linear < -tolerance) | (linear > 1 + tolerance)).any(dim=-3)  # (..., H, W)


def fit_gamut(lab: Tensor, *, tolerance: float = 1e-5, steps: int = 14) -> Tensor:
    """Bring Lab colours `(..., 3, H, W)` into the sRGB gamut: L and hue stay, chroma shrinks to the edge.

    Colours inside come back unchanged. The edge is found by bisection on the colours outside only, to `2 ** -steps`
    of their chroma, from inside. L outside 0..100 is clamped.

    Args:
        lab: Colours, L 0..100.
        tolerance: How far linear RGB may leave 0..1 and still count as inside.
        steps: Bisection steps.
    """
    luminance = lab[..., :1, :, :].clamp(0, 100)
    lab = torch.cat((luminance, lab[..., 1:, :, :]), dim=-3)
    outside = _outside_gamut(lab, tolerance)
    if not bool(outside.any()):
        return lab
    points = lab.movedim(-3, -1)  # (..., H, W, 3)
    bad = points[outside].T[:, :, None]  # (3, N, 1)
    inside, beyond = torch.zeros_like(bad[0]), torch.ones_like(bad[0])
    for _ in range(steps):
        middle = (inside + beyond) / 2
        escaped = _outside_gamut(torch.cat((bad[:1], bad[1:] * middle)), tolerance)
        inside, beyond = torch.where(escaped, inside, middle), torch.where(escaped, middle, beyond)
    fitted = points.clone()
    fitted[outside] = torch.cat((bad[:1], bad[1:] * inside))[:, :, 0].T
    return fitted.movedim(-1, -3)


_GRID = 10  # units of a and b between bins
_CELLS = 22  # cells from -110 to 110

# For each a, the first and the last b of the bins. Written out because files of weights depend on it: a table found
# by search changes with rounding at the cells' edges.
_BIN_ROWS = {
    -90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-10, 90), -50: (-30, 100),
    -40: (-30, 100), -30: (-40, 100), -20: (-50, 100), -10: (-60, 100), 0: (-70, 90),
    10: (-80, 90), 20: (-80, 90), 30: (-90, 80), 40: (-100, 80), 50: (-100, 80),
    60: (-110, 80), 70: (-110, 80), 80: (-110, 70), 90: (-110, 70), 100: (-80, -20),
}  # fmt: skip


@cache
@torch.inference_mode(mode=False)  # what is kept must serve training too
def _bin_table(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the bins' ab `(304, 2)` and the bin's index at each grid corner `(23, 23)`, -1 where there is none."""
    bins = [(a, b) for a, (first, last) in _BIN_ROWS.items() for b in range(first, last + 1, _GRID)]
    index = torch.full((_CELLS + 1, _CELLS + 1), -1)
    for number, (a, b) in enumerate(bins):
        index[a // _GRID + _CELLS // 2, b // _GRID + _CELLS // 2] = number
    return torch.tensor(bins, dtype=torch.float32, device=device), index.to(device)


BIN_COUNT = 304
"""The number of ab bins."""


def ab_bins() -> Tensor:
    """Return the bins' ab values `(304, 2)`, ordered by a, then b.

    The bins are the four corners of every cell of a grid of 10 units that holds an sRGB colour (of those whose
    8-bit components are multiples of 5), after Zhang, Isola and Efros, "Colorful Image Colorization" (ECCV 2016).
    """
    return _bin_table(torch.device("cpu"))[0].clone()


def encode_bins(ab: Tensor) -> tuple[Tensor, Tensor]:
    """Spread ab `(B, 2, H, W)` softly over the four bins around it, with bilinear weights.

    Returns:
        Indices of the bins `(B, 4, H, W)` (int64) and their weights `(B, 4, H, W)`, which sum to 1. The weighted
        mean of the bins is ab again for every sRGB colour; colours outside the gamut go to bins that exist.
    """
    table = _bin_table(ab.device)[1]
    position = ((ab + AB_LIMIT) / _GRID).clamp(0, _CELLS - 1e-4)
    cell = position.floor()
    part = position - cell  # (B, 2, H, W)
    cell = cell.long()
    indices, weights = [], []
    for da, db in ((0, 0), (0, 1), (1, 0), (1, 1)):
        indices.append(table[cell[:, 0] + da, cell[:, 1] + db])
        weight_a = part[:, 0] if da else 1 - part[:, 0]
        weight_b = part[:, 1] if db else 1 - part[:, 1]
        weights.append(weight_a * weight_b)
    index, weight = torch.stack(indices, 1), torch.stack(weights, 1)
    weight = weight * (index >= 0)
    return index.clamp_min(0), weight / weight.sum(1, keepdim=True).clamp_min(1e-6)


def decode_bins(logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Return the mean ab `(B, 2, H, W)` of the bins under `logits` `(B, 304, H, W)`.

    Args:
        logits: Unnormalised log-probabilities of the bins.
        temperature: Divides the logits first; below 1 favours the likeliest bins.
    """
    with torch.autocast(logits.device.type, enabled=False):
        # With the bins last, as channels_last keeps them: several times faster on a CPU.
        probabilities = (logits.permute(0, 2, 3, 1).float() / temperature).softmax(-1)
        return (probabilities @ _bin_table(logits.device)[0]).permute(0, 3, 1, 2)
