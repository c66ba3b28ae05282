"""What moves where between two small grey pictures: dense Lucas and Kanade, from coarse to fine.

B. D. Lucas and T. Kanade, "An Iterative Image Registration Technique with an Application to Stereo Vision", 1981, in
the pyramid of J.-Y. Bouguet, "Pyramidal Implementation of the Lucas Kanade Feature Tracker", 2000; with windows that
are box sums, for each pixel, and a motion that is smoothed where there is nothing to see it by.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["carry", "estimate_motion", "likeness", "reverse_motion", "trusted"]

_RADIUS = 3  # of a window
_SMALLEST = 6  # shorter side of the coarsest level
_STEPS = 3  # at each level
_DAMPING = 4.0  # squared units of L a pixel: below it there is nothing to see a motion by
_MOST_STEP = 1.5  # pixels
_REWEIGHTED = 4  # times that the camera's motion is fitted
_OUTLIER = 0.7  # pixels off the camera's motion by which something moves on its own
_TOLERANCE = 6.0  # units of L that grain and flicker may differ by


def estimate_motion(here: Tensor, there: Tensor, guess: Tensor | None = None, *, steps: int = _STEPS) -> Tensor:
    """Return where each pixel of one picture lies in another.

    Args:
        here: L `(1, 1, h, w)`.
        there: L of the other, of the same size.
        guess: A motion to begin with, which saves the coarse levels.
        steps: At each level.

    Returns:
        The motion `(1, 2, h, w)` in pixels, x and y: what is here at `p` is there at `p + motion(p)`.
    """
    here, there = _level_out(here), _level_out(there)
    if guess is not None:
        return _refine(here, there, guess, guess, steps)
    levels = [(here, there)]
    while min(levels[-1][0].shape[-2:]) >= 2 * _SMALLEST:
        levels.append((_halve(levels[-1][0]), _halve(levels[-1][1])))
    prior = motion = _find_pan(here, there)
    for level, (one, other) in reversed(list(enumerate(levels))):
        shape = (one.shape[-2], one.shape[-1])
        motion = _refine(one, other, _resize(motion, shape), _resize(prior, shape), steps)
        prior = _fit_camera(one, other, motion) if level else prior
    return motion


def reverse_motion(motion: Tensor) -> Tensor:
    """Return about the motion from the other picture to this one."""
    back = -motion
    for _ in range(_STEPS):
        back = -carry(motion, back)
    return back


def carry(what: Tensor, motion: Tensor, *, beyond: str = "border", sharp: bool = False) -> Tensor:
    """Fetch what another picture `(1, C, h, w)` has where this one's pixels lie in it; see `estimate_motion`.

    Args:
        what: Of the other picture.
        motion: Of this one.
        beyond: What lies beyond its edges: "border" repeats them, "zeros" is nothing.
        sharp: Whether to interpolate bicubically, for what is carried again and again.
    """
    h, w = what.shape[-2:]
    scale = torch.tensor([2 / w, 2 / h])[None, :, None, None]
    grid = (_places(h, w) + motion * scale).permute(0, 2, 3, 1)
    mode = "bicubic" if sharp else "bilinear"
    return F.grid_sample(what, grid, mode=mode, padding_mode=beyond, align_corners=False)


def likeness(here: Tensor, carried: Tensor) -> Tensor:
    """Say where a carried picture looks like this one: L `(1, 1, h, w)` to 0..1; a light that flickers is no matter."""
    difference = _box(_level_out(here) - _level_out(carried), 1)
    return torch.exp(-(difference / _TOLERANCE).square())


def trusted(here: Tensor, there: Tensor, motion: Tensor) -> Tensor:
    """Say how far what is known of another picture holds here, 0..1: where it looks alike, and not beyond its edges."""
    inside = carry(torch.ones_like(there), motion, beyond="zeros")
    return likeness(here, carry(there, motion)) * inside


@cache
def _places(h: int, w: int) -> Tensor:
    """Return the middles of all pixels as `grid_sample` counts them, `(1, 2, h, w)`."""
    y, x = ((torch.arange(n) + 0.5) * (2 / n) - 1 for n in (h, w))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))[None]


def _level_out(luminance: Tensor) -> Tensor:
    """Take the mean light away: old films flicker."""
    return luminance - luminance.mean()


def _find_pan(here: Tensor, there: Tensor) -> Tensor:
    """Return the shift of the whole picture, if there is one that explains more than none does.

    Phase correlation: C. D. Kuglin and D. C. Hines, "The Phase Correlation Image Alignment Method", 1975.
    """
    h, w = here.shape[-2:]
    window = torch.hann_window(h + 2)[1:-1, None] * torch.hann_window(w + 2)[None, 1:-1]
    one, other = (torch.fft.rfft2(picture[0, 0] * window) for picture in (here, there))
    cross = one.conj() * other
    peak = int(torch.fft.irfft2(cross / cross.abs().clamp_min(1e-6), s=(h, w)).argmax())
    y, x = (place - n if 2 * place > n else place for place, n in ((peak // w, h), (peak % w, w)))
    pan = torch.tensor([x, y], dtype=torch.float32)[None, :, None, None].expand(1, 2, h, w)
    still = (here - there).abs()
    inside = carry(torch.ones_like(there), pan, beyond="zeros")
    panned = ((here - carry(there, pan)).abs() * inside).sum() / inside.sum().clamp_min(1)
    return pan if panned < still.mean() else torch.zeros_like(pan)


def _halve(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def _resize(motion: Tensor, shape: tuple[int, int]) -> Tensor:
    h, w = motion.shape[-2:]
    if (h, w) == shape:
        return motion
    larger = F.interpolate(motion, size=shape, mode="bilinear", align_corners=False)
    return larger * torch.tensor([shape[1] / w, shape[0] / h])[None, :, None, None]


def _refine(here: Tensor, there: Tensor, motion: Tensor, prior: Tensor, steps: int) -> Tensor:
    """Follow the pixels from where they are thought to be; those in flat places go where `prior` says."""
    across, down = _slopes(here)
    products = torch.cat((across * across, across * down, down * down), dim=1)
    xx, xy, yy = _box(products, _RADIUS).unsqueeze(2).unbind(1)
    xx, yy = xx + _DAMPING, yy + _DAMPING
    determinant = xx * yy - xy * xy
    for _ in range(steps):
        off = here - carry(there, motion)
        pull = _box(torch.cat((across * off, down * off), dim=1), _RADIUS) + _DAMPING * (prior - motion)
        px, py = pull.unsqueeze(2).unbind(1)
        step = torch.cat((yy * px - xy * py, xx * py - xy * px), dim=1) / determinant
        motion = _box(motion + step.clamp(-_MOST_STEP, _MOST_STEP), 1)
    return motion


def _fit_camera(here: Tensor, there: Tensor, motion: Tensor) -> Tensor:
    """Return the affine motion that most of the picture follows: a camera that pans, turns or zooms.

    Fitted to the motion where there is something to see it by and where it fits, by reweighted least squares.
    """
    h, w = motion.shape[-2:]
    across, down = _slopes(here)
    seen = _box(across * across + down * down, _RADIUS)
    trust = (seen / (seen + _DAMPING) * trusted(here, there, motion)).flatten()
    places = torch.cat((torch.ones(1, 1, h, w), _places(h, w)), dim=1)[0].flatten(1)  # (3, N)
    wanted, weight = motion[0].flatten(1), trust  # (2, N)
    for _ in range(_REWEIGHTED):
        weighted = places * weight
        normal = weighted @ places.T + 1e-3 * torch.eye(3)
        model = torch.linalg.solve(normal, weighted @ wanted.T).T  # (2, 3)
        missed = (wanted - model @ places).norm(dim=0)
        weight = trust / (1 + (missed / _OUTLIER) ** 2)
    fitted: Tensor = (model @ places).view(1, 2, h, w)
    return fitted


def _slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return across, down


def _box(x: Tensor, radius: int) -> Tensor:
    """Mean over windows, as sums of shifted copies: quicker than pooling on a CPU."""
    (h, w), side = x.shape[-2:], 2 * radius + 1
    padded = F.pad(x, (radius, radius, radius, radius), mode="replicate")
    across = padded[..., :w].clone()
    for shift in range(1, side):
        across += padded[..., shift : shift + w]
    down = across[..., :h, :].clone()
    for shift in range(1, side):
        down += across[..., shift : shift + h, :]
    return down.mul_(1 / side**2)
