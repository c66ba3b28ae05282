"""Luminance that is missing in training: single pixels, rectangles, scratches, blots."""

import math

import torch
from torch import Tensor

from colorgan.config import AugmentConfig
from colorgan.data.random_source import RandomSource

__all__ = ["draw_occlusion"]


def draw_occlusion(size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    """Draw where luminance is known: `(B, 1, size, size)`, bool.

    In each picture one of four kinds is missing: single pixels, as in the paper; rectangles; scratches; blots. A kind
    whose number or fraction in `config` is 0 is not drawn.
    """
    kinds = [_pixels] if config.occlusion_pixels else []
    kinds += [_rectangles] if config.occlusion_rectangles else []
    kinds += [_scratches] if config.occlusion_scratches else []
    kinds += [_blots] if config.occlusion_blots else []
    known = torch.ones(len(source), size, size, dtype=torch.bool, device=source.device)
    for kind, group in zip(kinds, source.groups(len(kinds)), strict=True):
        if len(group):
            known[group.here] = ~kind(size, config, group)
    return known[:, None]


def _pixels(size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    return source.uniform_pixels(size, size) < source.uniform(0.02, config.occlusion_pixels, 1, 1)


def _places(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return x and y of a square's pixels, to be broadcast against `(B, K, 1, 1)`."""
    n = torch.arange(size, device=device)
    return n.view(1, 1, 1, size), n.view(1, 1, size, 1)


def _rectangles(size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    x, y = _places(size, source.device)
    there = source.counts(config.occlusion_rectangles)[..., None, None]
    each = there.shape[1:]
    smallest, largest = max(2, size // 32), max(3, size // 3) - 1
    width, height = source.integers(smallest, largest, *each), source.integers(smallest, largest, *each)
    left, top = source.integers(0, size - 1, *each), source.integers(0, size - 1, *each)
    across = (x >= left) & (x <= left + width) & there
    return (across & ((y >= top) & (y <= top + height))).any(1)


def _scratches(size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    """Draw lines of up to three segments, by spots along them that are less than a pixel apart."""
    there = source.counts(config.occlusion_scratches)
    B, count = there.shape
    ends = source.integers(0, size - 1, count, 4, 2).float()
    start, way = ends[:, :, :3, None], ends.diff(dim=2)[:, :, :, None]  # (B, K, 3, 1, 2)
    step = torch.arange(3, device=source.device)
    drawn = there[..., None] & (step < source.integers(1, 3, count, 1))  # (B, K, 3)
    reach = (source.integers(1, 3, count, 1) / 2).square().where(drawn, -1)[..., None, None, None]
    spots = start + way * torch.linspace(0, 1, 2 * size, device=source.device)[:, None]  # (B, K, 3, P, 2)
    x, y = spots[..., None, None].unbind(4)  # (B, K, 3, P, 1, 1)
    columns, rows = x.round() + (step - 1), y.round() + (step[:, None] - 1)  # of the pixels around each spot
    distance = (columns - x).square() + (rows - y).square()  # (B, K, 3, P, 3, 3)
    distance[..., 1, 1] = 0  # the pixel that a spot lies in is hit, however thin the line
    inside = distance <= reach
    side = size + 2  # with a border, whose corner takes what is not inside
    places = ((rows + 1) * side + (columns + 1)).where(inside, 0).long().flatten(1)
    canvas = torch.zeros(B, side**2, dtype=torch.bool, device=source.device).scatter_(1, places, True)
    return canvas.view(B, side, side)[:, 1:-1, 1:-1]


def _blots(size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    x, y = _places(size, source.device)
    there = source.counts(config.occlusion_blots)[..., None, None]
    each = there.shape[1:]
    across = source.uniform(0, math.log(size / 3), *each).exp()
    down = across * source.uniform(0.5, 1, *each)
    columns = ((x - source.uniform(0, size, *each)) / across.clamp_min(1) * 2).square()
    rows = ((y - source.uniform(0, size, *each)) / down.clamp_min(1) * 2).square()
    return (columns + rows <= there * 2 - 1).any(1)
