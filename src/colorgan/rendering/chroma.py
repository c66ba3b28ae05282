"""Upsampling a generator's coarse colours to a full-size photograph, band by band.

The colours are fitted, at render size, as an affine function of L in small windows (the fast guided filter: He and
Sun, "Fast Guided Filter", 2015). The coefficients are smooth, so they can be upsampled bilinearly; evaluated with
the full-size L they give colours that stop where the picture's own edges are, whatever its size. Every coefficient is
placed by global coordinates, so bands meet without seams.

The result keeps the photograph's luminance: the Y of each pixel is that of its grey level, and only the differences
X - Y and Z - Y are added to it. Where a colour leaves the sRGB gamut, its chroma shrinks until it fits; L and hue
stay, as `colorgan.color.fit_gamut` has it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import grey_to_luminance, lab_to_linear_rgb, linear_rgb_to_rgb, rgb_to_lab
from colorgan.errors import ImageWriteError

__all__ = ["ChromaField", "Compositor", "fit_chroma"]

_GUIDE_RADIUS = 2  # render pixels on each side of a window
_GUIDE_EPSILON = 20.0  # squared L units: contrast below its root counts as texture, not as an edge

_BAND_PIXELS = 1 << 17  # of a band: large against the cost of a call, small against the cache
_CHUNK_BANDS = 8  # whose colours outside the gamut are fitted in one go: few a band, and each go has many calls
_SCALE = 65535.0  # linear RGB in the 8-bit path runs to this, so that its whole part is a place in a table
_ROOT = _SCALE ** (1 / 3)
_FEW_ROWS = 12  # between two rows of the field: fewer are upsampled all at once, more by runs
_EDGE = 6 / 29  # of the Lab tone curve: its linear piece ends here
_TOLERANCE = 1e-6  # of linear RGB: as far may a colour leave the gamut and still count as inside
_NEWTON_STEPS = 4
_ASTRAY = 1e-3 * _SCALE
_CHECKED = 512  # pixels of a band whose lightness is looked at again
_FAR = 2.0  # L*: the mean lightness of results differs by a twentieth of this


@dataclass(frozen=True, slots=True)
class ChromaField:
    """The colours of a picture as `ab = slope * L + offset`, at render size; see `fit_chroma`."""

    slope: Tensor  # (2, h, w), Lab units per unit of L
    offset: Tensor  # (2, h, w), Lab units

    def scaled(self, strength: float) -> "ChromaField":
        """Return the field with all chroma multiplied by `strength`."""
        return ChromaField(self.slope * strength, self.offset * strength)

    def warmed(self, warmth: float) -> "ChromaField":
        """Return the field with `warmth` added to b everywhere: above 0 yellower, below 0 bluer."""
        if warmth == 0:
            return self
        return ChromaField(self.slope, self.offset + self.offset.new_tensor([0.0, warmth])[:, None, None])


def fit_chroma(
    ab: Tensor, luminance: Tensor, *, radius: int = _GUIDE_RADIUS, epsilon: float = _GUIDE_EPSILON
) -> ChromaField:
    """Fit coarse colours as an affine function of L in the windows of a guided filter.

    Args:
        ab: Colours `(2, h, w)`, Lab units, at any size.
        luminance: L `(1, H, W)`, 0..100, at the size the network saw.
        radius: Of the windows, in pixels of `luminance`; 0 fits nothing, so that colours are upsampled as they are.
        epsilon: Regularisation, in squared units of L.

    Returns:
        A field of `luminance`'s size.
    """
    shape = luminance.shape[-2:]
    ab = F.interpolate(ab.float()[None], size=shape, mode="bicubic", align_corners=False)  # (1, 2, H, W)
    if radius == 0:
        return ChromaField(torch.zeros_like(ab[0]), ab[0])
    L = luminance.float()[None]  # (1, 1, H, W)
    mean_l, mean_ab = _box(L, radius), _box(ab, radius)
    covariance = _box(L * ab, radius) - mean_l * mean_ab
    variance = (_box(L * L, radius) - mean_l * mean_l).clamp_min(0)
    slope = covariance / (variance + epsilon)
    offset = mean_ab - slope * mean_l
    return ChromaField(_box(slope, radius)[0], _box(offset, radius)[0])


def _box(x: Tensor, radius: int) -> Tensor:
    """Mean over windows of `2 * radius + 1`; behind the border the edge is repeated.

    As sums of shifted copies: ten times as fast as `avg_pool2d` on a CPU.
    """
    (H, W), side = x.shape[-2:], 2 * radius + 1
    padded = F.pad(x, (radius, radius, radius, radius), mode="replicate")
    across = sum((padded[..., i : i + W] for i in range(1, side)), padded[..., :W])
    down = sum((across[..., i : i + H, :] for i in range(1, side)), across[..., :H, :])
    return down / side**2


@cache
def _lab_f_table(levels: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return f(Y) of CIE Lab, `(L + 16) / 116`, times `_ROOT`, of every grey level."""
    grey = torch.arange(levels, dtype=torch.float64) / (levels - 1)
    table: np.ndarray[Any, np.dtype[np.float32]] = (((grey_to_luminance(grey) + 16) / 116) * _ROOT).float().numpy()
    return table


@cache
def _tone_table() -> Tensor:
    """Return the 8-bit sRGB level of the linear component `(i + 0.5) / _SCALE`."""
    linear = (torch.arange(int(_SCALE) + 2, dtype=torch.float64) + 0.5) / _SCALE
    return (linear_rgb_to_rgb(linear).clamp(0, 1) * 255).round().to(torch.uint8)


def _xyz_to_rgb_rows() -> list[tuple[float, float]]:
    """Return, for each component of linear RGB, its factors of X - Y and of Z - Y (X, Y, Z relative to the white).

    Taken from `lab_to_linear_rgb` itself: at L = 100 a step of a or b changes X or Z alone.
    """
    probes = torch.tensor([[100.0, 500.0, 0.0], [100.0, 0.0, -200.0]], dtype=torch.float64)  # f(X) = 2, f(Z) = 2
    red_green_blue = lab_to_linear_rgb(probes.T[:, :, None])[:, :, 0]  # (3, 2)
    return [(float(x) / 7, float(z) / 7) for x, z in red_green_blue - 1]  # 2 ** 3 - 1 = 7


_ROWS = _xyz_to_rgb_rows()
_MATRIX = torch.tensor([[x, 1 - x - z, z] for x, z in _ROWS])


@dataclass(slots=True)
class Compositor:
    """A photograph being coloured: iterate over `bands()`, then ask how many pixels the gamut moved.

    Args:
        grey: Grey levels `(H, W)`: uint8 or uint16, whatever `depth` says.
        colors: The colours to give it, strength included.
        depth: Bits per component of the result, 8 or 16.
    """

    grey: np.ndarray[Any, Any]
    colors: ChromaField
    depth: int = 8
    out_of_gamut: int = field(default=0, init=False)  # pixels whose chroma was shrunk into the gamut, so far

    def bands(self) -> Iterator[np.ndarray[Any, Any]]:
        """Yield the coloured picture from top to bottom as sRGB bands `(rows, W, 3)`, uint8 or uint16.

        In memory the three planes of a band lie one after the other: writers that join planes are quickest.

        Raises:
            ImageWriteError: After the last band: they are not as light as the photograph. What was written is no
                result.
        """
        H, W = self.grey.shape
        rows = min(H, max(1, _BAND_PIXELS // W))
        coefficients = _Coefficients(self.colors, H, W)
        scratch = _Scratch(rows * W)
        check = _LightnessCheck()
        tops = range(0, H, rows)
        for first in range(0, len(tops), _CHUNK_BANDS):
            with torch.inference_mode():
                bands = [
                    self._paint(top, min(top + rows, H), coefficients, scratch)
                    for top in tops[first : first + _CHUNK_BANDS]
                ]
                self.out_of_gamut += _fit_gamut(bands, self.depth)
            for number, band in enumerate(bands, first):
                check.add(self.grey[tops[number] : tops[number] + rows], band.levels)
                yield band.levels.reshape(3, -1, W).transpose(1, 2, 0)
        check.end()

    def _paint(self, top: int, bottom: int, coefficients: "_Coefficients", scratch: "_Scratch") -> "_Band":
        """Colour rows; what lies outside the gamut is cut off, and kept for `_fit_gamut`."""
        W = self.grey.shape[1]
        size = (bottom - top) * W
        f, clipped, linear = (buffer[:, :size] for buffer in (scratch.f, scratch.clipped, scratch.linear))
        self._look_up_f(top, bottom, f[1])
        maps = coefficients.evaluate(top, bottom, scratch.maps)  # (4, size)
        torch.addcmul(maps[1], maps[0], f[1], out=f[0])
        torch.addcmul(maps[3], maps[2], f[1], out=f[2])
        _invert_lab_f(f, clipped, linear)
        rgb = _mix(linear, clipped)
        where = _find_outside(rgb)
        given = None if where is None else f.index_select(1, torch.from_numpy(where))  # (3, n)
        if where is not None:
            rgb.clamp_(0, _SCALE)
        return _Band(_to_levels(rgb, self.depth, scratch.places[:, :size]), where, given)

    def _look_up_f(self, top: int, bottom: int, out: Tensor) -> None:
        band = np.ascontiguousarray(self.grey[top:bottom]).reshape(-1)
        table = _lab_f_table(256 if band.dtype == np.uint8 else 65536)
        np.take(table, band, out=out.numpy(), mode="wrap")  # never wraps; the quickest of the modes


@dataclass(frozen=True, slots=True)
class _Band:
    """Painted rows, and what the gamut still has to do with them."""

    levels: np.ndarray[Any, Any]  # (3, N), uint8 or uint16
    where: np.ndarray[Any, Any] | None  # places of the colours outside the gamut (n,); None if there are none
    given: Tensor | None  # f(X), f(Y), f(Z) there, scaled by `_ROOT`, (3, n)


class _LightnessCheck:
    """The last resort: compares how light a photograph and its result are, on a few pixels of each band."""

    def __init__(self) -> None:
        self._sums = np.zeros(2)
        self._count = 0

    def add(self, grey: np.ndarray[Any, Any], levels: np.ndarray[Any, Any]) -> None:
        """Take a band: grey levels `(h, W)`, and the painted ones `(3, h * W)`."""
        step = max(1, grey.size // _CHECKED)
        given, painted = (
            torch.from_numpy((x[..., ::step] / np.iinfo(x.dtype).max).astype(np.float32))
            for x in (grey.reshape(-1), levels)
        )
        before, after = grey_to_luminance(given), rgb_to_lab(painted[:, None])[0]
        self._sums += (float(before.sum()), float(after.sum()))
        self._count += given.numel()

    def end(self) -> None:
        """Compare.

        Raises:
            ImageWriteError: They differ.
        """
        before, after = self._sums / max(self._count, 1)
        if not abs(after - before) <= _FAR:
            raise ImageWriteError(
                f"the result came out with a mean lightness L* of {after:.1f}, and the photograph has {before:.1f}; "
                "nothing was written: please report this as a bug of colorgan"
            )


class _Scratch:
    """Memory for one band, used again for the next."""

    def __init__(self, pixels: int) -> None:
        self.f, self.clipped, self.linear = (torch.empty(3, pixels) for _ in range(3))
        self.maps = torch.empty(4, pixels)
        self.places = torch.empty(3, pixels, dtype=torch.int32)


class _Coefficients:
    """The field's coefficients for any rows of a picture of H x W.

    They are restated for f = (L + 16) / 116, scaled by `_ROOT`: f(X) = slope * f(Y) + offset, and the same for Z.
    """

    def __init__(self, colors: ChromaField, H: int, W: int) -> None:
        (slope_a, slope_b), (offset_a, offset_b) = colors.slope.cpu().float(), colors.offset.cpu().float()
        maps = torch.stack((
            1 + slope_a * (116 / 500),
            (offset_a - 16 * slope_a) * (_ROOT / 500),
            1 - slope_b * (116 / 200),
            -(offset_b - 16 * slope_b) * (_ROOT / 200),
        ))  # fmt: skip
        h, w = maps.shape[-2:]
        if h > H or w > W:  # the picture is smaller than what the network saw
            h, w = min(h, H), min(w, W)
            maps = F.interpolate(maps[None], size=(h, w), mode="bilinear", align_corners=False, antialias=True)[0]
        self.maps = maps
        self.width = W
        position = ((torch.arange(H, dtype=torch.float64) + 0.5) * (h / H) - 0.5).clamp(0, h - 1)
        above = position.floor().long()
        self.above = above.tolist()
        self.weight = (position - above).float()[:, None]  # (H, 1)
        self._wide: dict[int, Tensor] = {}  # rows of the field upsampled to full width, by number
        self._dense = _FEW_ROWS * h > H  # whether there are few rows between two of the field

    def evaluate(self, top: int, bottom: int, scratch: Tensor) -> Tensor:
        """Return the four coefficients `(4, (bottom - top) * W)` of these rows, written to `scratch`."""
        size = (bottom - top) * self.width
        out = scratch[:, :size].view(4, bottom - top, self.width)
        first, last = self.above[top], min(self.above[bottom - 1] + 1, self.maps.shape[1] - 1)
        if self._dense:
            wide = _widen(self.maps[:, first : last + 1], self.width)  # (4, n, W)
            above = torch.tensor(self.above[top:bottom]) - first
            below = (above + 1).clamp_max(last - first)
            torch.lerp(wide.index_select(1, above), wide.index_select(1, below), self.weight[top:bottom], out=out)
            return scratch[:, :size]
        self._upsample_rows(first, last)
        start = top
        while start < bottom:  # a run of rows lies between the same two rows of the field
            above, end = self.above[start], start + 1
            while end < bottom and self.above[end] == above:
                end += 1
            upper, lower = self._wide[above], self._wide.get(above + 1, self._wide[above])
            torch.lerp(upper, lower, self.weight[start:end], out=out[:, start - top : end - top])
            start = end
        return scratch[:, :size]

    def _upsample_rows(self, first: int, last: int) -> None:
        self._wide = {number: row for number, row in self._wide.items() if number >= first}
        missing = [number for number in range(first, last + 1) if number not in self._wide]
        if missing:
            wide = _widen(self.maps[:, missing[0] : missing[-1] + 1], self.width)  # (4, n, W)
            self._wide.update(zip(missing, wide.unsqueeze(2).unbind(1), strict=True))  # (4, 1, W) each


def _widen(rows: Tensor, width: int) -> Tensor:
    """Upsample rows of the field `(4, n, w)` to a picture's width."""
    return F.interpolate(rows, size=width, mode="linear", align_corners=False)


def _invert_lab_f(f: Tensor, clipped: Tensor, out: Tensor) -> None:
    """Undo the Lab tone curve of scaled `f`: the cube, and below the edge its tangent there."""
    edge = _EDGE * _ROOT
    torch.clamp_min(f, edge, out=clipped)
    torch.pow(clipped, 3, out=out)
    torch.sub(f, clipped, out=clipped)
    out.add_(clipped, alpha=3 * edge * edge)


def _mix(xyz: Tensor, out: Tensor) -> Tensor:
    """Turn X, Y, Z relative to the white `(3, N)` into linear RGB; `xyz` is used up."""
    x, y, z = xyz
    x.sub_(y)
    z.sub_(y)
    for component, (from_x, from_z) in zip(out, _ROWS, strict=True):
        torch.add(y, x, alpha=from_x, out=component)
        component.add_(z, alpha=from_z)
    return out


def _find_outside(rgb: Tensor) -> np.ndarray[Any, Any] | None:
    """Return the places of the colours outside the gamut, None if there are none."""
    low, high = -_TOLERANCE * _SCALE, (1 + _TOLERANCE) * _SCALE
    if float(rgb.amin()) >= low and float(rgb.amax()) <= high:
        return None
    outside = torch.minimum(torch.minimum(rgb[0], rgb[1]), rgb[2]) < low
    outside |= torch.maximum(torch.maximum(rgb[0], rgb[1]), rgb[2]) > high
    return np.flatnonzero(outside.numpy())  # Torch takes ten times as long


def _fit_gamut(bands: Sequence[_Band], depth: int) -> int:
    """Shrink the chroma of the colours outside, in place; return how many there were."""
    found = [band.given for band in bands if band.given is not None]
    if not found:
        return 0
    given = torch.cat(found, dim=1)  # (3, n)
    fitted = _at_the_edge(given[1], given - given[1]).clamp_(0, _SCALE)
    levels = _to_levels(fitted, depth, torch.empty(fitted.shape, dtype=torch.int32))
    start = 0
    for band in bands:
        if band.where is not None:
            end = start + len(band.where)
            band.levels[:, band.where] = levels[:, start:end]
            start = end
    return start


def _at_the_edge(f_of_y: Tensor, chroma: Tensor) -> Tensor:
    """Return linear RGB `(3, n)` of colours outside the gamut, with as much of their chroma as fits.

    Newton's method on the fraction of the chroma: each component, cubic in the fraction, is followed along its tangent
    to the end of 0..1 that it moves towards, and the first to arrive decides. A few steps end within a fraction of a
    level.
    """
    edge = _EDGE * _ROOT
    fraction = torch.ones_like(f_of_y)
    for step in range(_NEWTON_STEPS + 1):
        f = torch.addcmul(f_of_y, chroma, fraction)
        clipped = f.clamp_min(edge)
        square = clipped * clipped
        xyz = torch.addcmul((f - clipped) * (3 * edge * edge), square, clipped)
        rgb = _MATRIX @ xyz
        if step == _NEWTON_STEPS:  # always as many, or a colour would depend on its neighbours in the band
            break
        slope = _MATRIX @ (square * chroma).mul_(3)
        grows = (slope >= 0).float()
        slope.add_(grows.mul(2).sub_(1), alpha=1e-3)  # away from 0
        fraction = (fraction + (grows * _SCALE - rgb).div_(slope)).amin(0).clamp_(0, 1)
    astray = ((rgb < -_ASTRAY) | (rgb > _SCALE + _ASTRAY)).any(0)
    return torch.where(astray, xyz[1], rgb)  # one in ten thousand of even the wildest colours: grey is always inside


def _to_levels(linear: Tensor, depth: int, places: Tensor) -> np.ndarray[Any, Any]:
    """Apply the sRGB tone curve to scaled linear RGB within 0.._SCALE `(3, N)` and round to whole levels.

    `places` is scratch memory, int32 of the same shape.
    """
    if depth == 8:
        places.copy_(linear)  # within -1.._SCALE + 1, so that cutting off fractions ends inside the table
        looked_up = torch.empty(linear.shape, dtype=torch.uint8)
        for component, place in zip(looked_up, places, strict=True):
            torch.index_select(_tone_table(), 0, place, out=component)
        return looked_up.numpy()
    edge = 0.0031308 * _SCALE
    curved = linear.clamp_min(edge).mul_(1 / _SCALE).pow_(1 / 2.4).mul_(1.055).sub_(0.055)
    curved += (linear.clamp_max(edge) - edge) * (12.92 / _SCALE)
    levels: np.ndarray[Any, Any] = curved.mul_(65535).add_(0.5).numpy().astype(np.uint16)
    return levels
