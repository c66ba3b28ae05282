"""The user's word for a colour: hints are drawn for the network, and its answer is made to keep them.

A network that was given hints spreads them over what it takes for the object, but it treats them as advice, and the
strength of the settings changes them again. What the advice does to places that are unlike every hint's is believed
the less, the fewer hints there are (`weigh_advice`). What is still missing at the hints is found by regression on
Gaussian kernels (kriging of the residual) over place, L and the network's own colours: it reaches over the object,
which is alike in all three, and not over its edges. Right at the hint the colour is pinned.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.rendering.chroma import ChromaField, fit_chroma

__all__ = ["HINT_FRACTION", "draw_hints", "keep_hints", "weigh_advice"]

HINT_FRACTION = 6 / 256
"""Side of the square that stands for a hint, as a fraction of the picture's (the root of its area)."""

_REACH = 0.3  # fraction of the picture's side over which the residual is believed
_LIKE_LUMINANCE = 15.0  # units of L that still count as alike
_LIKE_COLOR = 15.0  # units of ab
_DOUBT = 0.1  # ridge of the regression: hints that contradict each other are averaged
_MARGIN = 1e-6
_CELLS_AT_ONCE = 256


def draw_hints(points: Tensor, shape: tuple[int, int]) -> Tensor:
    """Draw hints as the network is shown them.

    Args:
        points: A row for each hint `(N, 4)`: x and y as fractions of width and height, a, b. Later ones cover earlier.
        shape: Height and width at which the network sees the picture.

    Returns:
        Mask, a and b `(3, *shape)`: a square for each hint.
    """
    H, W = shape
    side = _hint_side(H, W)
    drawn = points.new_zeros(3, H, W)
    for x, y, a, b in points.tolist():
        top = min(max(round(y * H - side / 2), 0), H - side)
        left = min(max(round(x * W - side / 2), 0), W - side)
        drawn[:, top : top + side, left : left + side] = points.new_tensor([1, a, b])[:, None, None]
    return drawn


def _hint_side(height: int, width: int) -> int:
    """Return the side of the square that stands for a hint, in pixels of a picture."""
    return min(max(1, round(HINT_FRACTION * math.sqrt(height * width))), height, width)


def weigh_advice(luminance: Tensor, hints: Tensor, shape: tuple[int, int]) -> Tensor:
    """Say how far to believe what a network changes in answer to hints.

    Around a hint, as far as place and L are like the hint's, all of it. What it says of the rest of the picture is a
    guess from as many examples as there are hints: of N, N / (N + 1) is believed. One hint so keeps to its object;
    several that agree on a cast may give it to the whole picture.

    Args:
        luminance: L as the network saw it, `(B, 1, H, W)`.
        hints: The hints as the network saw them, `(B, 3, H, W)`; see `draw_hints`.
        shape: Height and width of the answer.

    Returns:
        Fractions, 0..1, `(B, 1, *shape)`; 0 for pictures without hints.
    """
    _, _, H, W = hints.shape
    mask = hints[:, :1].float()
    count = mask.sum((1, 2, 3), keepdim=True) / _hint_side(H, W) ** 2  # hints that cover each other count as one
    cells = F.adaptive_max_pool2d(mask, shape)[:, 0] > 0  # (B, h, w)
    places = _places(F.adaptive_avg_pool2d(luminance.float(), shape), shape)  # (B, 3, h, w)
    like = torch.stack([_likeness(one.flatten(1).T, here.flatten()) for one, here in zip(places, cells, strict=True)])
    return torch.lerp(count / (count + 1), torch.ones_like(count), like.view(-1, 1, *shape))


def _places(luminance: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return place and L of each cell `(B, 3, h, w)`, each divided by the distance that counts as near."""
    h, w = shape
    y = (torch.arange(h, device=luminance.device) + 0.5) / (_REACH * math.sqrt(h * w))
    x = (torch.arange(w, device=luminance.device) + 0.5) / (_REACH * math.sqrt(h * w))
    grid = torch.stack((x.expand(h, w), y[:, None].expand(h, w)))
    return torch.cat((grid.expand(len(luminance), -1, -1, -1), luminance / _LIKE_LUMINANCE), dim=1)


def _likeness(features: Tensor, hinted: Tensor) -> Tensor:
    """Return how much alike each of M cells is to the most similar hinted one, 0..1, from `(M, F)` and `(M,)`."""
    alike = features.new_zeros(len(features))
    for some in torch.split(features[hinted], _CELLS_AT_ONCE):
        if len(some):
            nearest = (features[:, None] - some).square().sum(-1).amin(1)
            alike = torch.maximum(alike, torch.exp(-0.5 * nearest))
    return alike


def keep_hints(colors: ChromaField, luminance: Tensor, points: Tensor) -> ChromaField:
    """Change colours so that those at the hints are the hinted ones, and the object around them follows.

    Args:
        colors: The colours `(2, H, W)`, strength included.
        luminance: L `(1, H, W)`, 0..100, to which they were fitted.
        points: The hints, as in `draw_hints`.

    Returns:
        Colours that are the hinted ones at the hints, whatever the detail of L there, and change little where place, L
        or colour are far from every hint's. Without hints, `colors` itself.
    """
    if not len(points):
        return colors
    luminance, points = luminance.float(), points.to(luminance)
    features = _features(colors, luminance)  # (5, H, W)
    at_hints = _sample(features, points)  # (N, 5)
    given = _sample(colors.slope * luminance + colors.offset, points)  # (N, 2)
    kernel = _kernel(at_hints[:, :, None], at_hints.T)  # (N, N)
    eye = torch.eye(len(points), dtype=torch.float64)
    residual = (points[:, 2:] - given).double().cpu()
    factors = torch.linalg.solve(kernel.double().cpu() + _DOUBT * eye, residual).to(luminance)  # (N, 2)
    change = torch.zeros_like(colors.offset)
    for place, factor in zip(at_hints, factors, strict=True):
        change += factor[:, None, None] * _kernel(place[:, None], features.flatten(1)).view(luminance.shape)
    spread = fit_chroma(change, luminance)
    return _pin(ChromaField(colors.slope + spread.slope, colors.offset + spread.offset), points)


def _features(colors: ChromaField, luminance: Tensor) -> Tensor:
    """Return place, L and ab of each pixel `(5, H, W)`, each divided by the distance that counts as near."""
    _, H, W = luminance.shape
    y = (torch.arange(H, device=luminance.device) + 0.5) / (_REACH * math.sqrt(H * W))
    x = (torch.arange(W, device=luminance.device) + 0.5) / (_REACH * math.sqrt(H * W))
    smooth = F.avg_pool2d(luminance[None], 3, stride=1, padding=1, count_include_pad=False)[0]
    ab = colors.slope * smooth + colors.offset
    place = (x.expand(H, W)[None], y[:, None].expand(H, W)[None])
    return torch.cat((*place, smooth / _LIKE_LUMINANCE, ab / _LIKE_COLOR))


def _kernel(place: Tensor, features: Tensor) -> Tensor:
    """Return how much alike points are, 0..1, from features `(..., 5, 1)` and `(5, M)`."""
    return torch.exp(-0.5 * (features - place).square().sum(-2))


def _sample(maps: Tensor, points: Tensor) -> Tensor:
    """Return the values of maps `(C, H, W)` at the hints, `(N, C)`."""
    grid = (2 * points[:, :2] - 1)[None, None]  # (1, 1, N, 2)
    found = F.grid_sample(maps[None], grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found[0, :, 0].T


def _pin(colors: ChromaField, points: Tensor) -> ChromaField:
    """Set the four pixels around each hint to its colour, whatever L: upsampling interpolates between them."""
    _, H, W = colors.offset.shape
    slope, offset = colors.slope.clone(), colors.offset.clone()
    for x, y, a, b in points.tolist():
        top, left = _first_of_two(y, H), _first_of_two(x, W)
        slope[:, top : top + 2, left : left + 2] = 0
        offset[:, top : top + 2, left : left + 2] = offset.new_tensor([a, b])[:, None, None]
    return ChromaField(slope, offset)


def _first_of_two(fraction: float, side: int) -> int:
    return max(min(math.floor(fraction * side - 0.5 + _MARGIN), side - 2), 0)
