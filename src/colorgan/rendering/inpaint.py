"""Inpainting holes in a photograph of any size: regions around them, in pieces, with memory bounded.

Only what surrounds the holes is looked at. A small region is given to the network as it is. A large one is halved
until it is small, inpainted, and upsampled again tile by tile, each tile with as much around it as the network looks
at, so that tiles meet without seams.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from colorgan.color import grey_to_luminance, luminance_to_grey
from colorgan.model.inpainting import InpaintingNetwork, downsample_by_two, upsample_by_two

__all__ = ["find_regions", "group_cells", "inpaint_grey"]

_Levels = np.ndarray[Any, Any]
_Mask = np.ndarray[Any, np.dtype[np.bool_]]
_Box = tuple[slice, slice]
_Reader = Callable[[slice, slice], Tensor]

_WHOLE = 1 << 19  # pixels that are given to the network in one piece
_TILE = 512  # side of a tile of larger regions; even
_BLOCK = 64  # side of the squares by which holes are grouped into regions
_LEAST_CONTEXT = 64  # pixels around a region


def inpaint_grey(network: InpaintingNetwork, grey: _Levels, missing: _Mask) -> _Levels:
    """Inpaint what is missing.

    Args:
        network: In eval mode.
        grey: sRGB grey levels `(H, W)`, uint8 or uint16.
        missing: Where they are missing `(H, W)`.

    Returns:
        The levels, where known bit for bit those given; `grey` itself if nothing is missing.
    """
    boxes = find_regions(missing)
    if not boxes:
        return grey
    result = grey.copy()
    with torch.inference_mode():
        for box in boxes:
            _inpaint_region(network, grey, missing, box, result)
    return result


def find_regions(missing: _Mask) -> list[_Box]:
    """Return boxes, none overlapping another, that together hold all holes; holes near each other share one."""
    H, W = missing.shape
    grid = np.zeros((-(-H // _BLOCK), -(-W // _BLOCK)), np.bool_)
    for row in range(len(grid)):
        columns = missing[row * _BLOCK : (row + 1) * _BLOCK].any(0)
        grid[row] = np.logical_or.reduceat(columns, np.arange(0, W, _BLOCK))
    boxes = _merge([_bounds(cells) for cells in group_cells(grid)])
    return [
        (slice(top * _BLOCK, min(bottom * _BLOCK, H)), slice(left * _BLOCK, min(right * _BLOCK, W)))
        for top, left, bottom, right in boxes
    ]


_Cells = tuple[int, int, int, int]  # top, left, bottom, right


def group_cells(grid: _Mask) -> Iterator[list[tuple[int, int]]]:
    """Yield the cells of each group that touches, corners included."""
    left = {(int(y), int(x)) for y, x in np.argwhere(grid)}
    while left:
        group = [left.pop()]
        for y, x in group:  # which grows
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            group.extend(near)
        yield group


def _bounds(cells: list[tuple[int, int]]) -> _Cells:
    rows, columns = zip(*cells, strict=True)
    return min(rows), min(columns), max(rows) + 1, max(columns) + 1


def _merge(boxes: list[_Cells]) -> list[_Cells]:
    """Join boxes that overlap until none does."""
    merged: list[_Cells] = []
    for box in sorted(boxes):
        new = box
        while hits := [other for other in merged if _overlap(other, new)]:
            merged = [other for other in merged if other not in hits]
            tops, lefts, bottoms, rights = zip(new, *hits, strict=True)
            new = min(tops), min(lefts), max(bottoms), max(rights)
        merged.append(new)
    return merged


def _overlap(one: _Cells, two: _Cells) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _inpaint_region(network: InpaintingNetwork, grey: _Levels, missing: _Mask, box: _Box, result: _Levels) -> None:
    most = np.iinfo(grey.dtype).max
    device = network.stem.weight.device
    context = max(_LEAST_CONTEXT, min(side.stop - side.start for side in box))
    rows, columns = (_grow(side, context, n) for side, n in zip(box, grey.shape, strict=True))
    levels, holes, target = grey[rows, columns], missing[rows, columns], result[rows, columns]

    def read(rows: slice, columns: slice) -> Tensor:
        piece = torch.from_numpy(levels[rows, columns].astype(np.float32))
        return grey_to_luminance(piece.to(device) / most)[None, None]

    inside = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, (rows, columns), strict=True))
    wanted = np.zeros_like(holes)
    wanted[inside] = holes[inside]  # the others belong to other regions
    for (top, left), inpainted in _inpaint(network, read, holes, device):
        h, w = inpainted.shape[-2:]
        here = np.s_[top : top + h, left : left + w]
        found = (luminance_to_grey(inpainted[0, 0]) * most).round().clamp(0, most).cpu().numpy().astype(grey.dtype)
        target[here] = np.where(wanted[here], found, target[here])


def _grow(side: slice, by: int, most: int) -> slice:
    return slice(max(side.start - by, 0), min(side.stop + by, most))


def _inpaint(
    network: InpaintingNetwork, read: _Reader, holes: _Mask, device: torch.device
) -> Iterator[tuple[tuple[int, int], Tensor]]:
    """Yield inpainted pieces `(1, 1, h, w)` of a region with the place of their first pixel; those without holes never.

    Args:
        network: Refines each scale.
        read: Returns L `(1, 1, h, w)` of any rows and columns.
        holes: Where it is missing `(H, W)`.
        device: Of the network.
    """
    H, W = holes.shape
    if H * W <= _WHOLE:
        known = torch.from_numpy(~holes)[None, None].to(device).float()
        yield (0, 0), network(read(slice(0, H), slice(0, W)), known)
        return
    smaller, smaller_holes = _downsample(read, holes, device)
    for (top, left), inpainted in _inpaint(network, _reader(smaller), smaller_holes, device):
        h, w = inpainted.shape[-2:]
        smaller[..., top : top + h, left : left + w] = inpainted
    for top in range(0, H, _TILE):
        for left in range(0, W, _TILE):
            if holes[top : top + _TILE, left : left + _TILE].any():
                yield (top, left), _refine_tile(network, read, holes, smaller, top, left)


def _reader(luminance: Tensor) -> _Reader:
    return lambda rows, columns: luminance[..., rows, columns].clone()  # it is written to while it is read


def _downsample(read: _Reader, holes: _Mask, device: torch.device) -> tuple[Tensor, _Mask]:
    """Do `downsample_by_two` in bands."""
    H, W = holes.shape
    band = 2 * max(1, _WHOLE // (2 * W))
    luminance = torch.empty(1, 1, -(-H // 2), -(-W // 2), device=device)
    smaller = np.empty(luminance.shape[-2:], np.bool_)
    for top in range(0, H, band):
        rows = slice(top, min(top + band, H))
        known = torch.from_numpy(~holes[rows])[None, None].to(device).float()
        half, half_known = downsample_by_two(read(rows, slice(0, W)), known)
        here = slice(top // 2, top // 2 + half.shape[-2])
        luminance[..., here, :] = half
        smaller[here] = half_known[0, 0].cpu().numpy() == 0
    return luminance, smaller


def _refine_tile(
    network: InpaintingNetwork, read: _Reader, holes: _Mask, smaller: Tensor, top: int, left: int
) -> Tensor:
    """Refine one tile, seeing what is around it."""
    reach = -(-network.reach // network.stride) * network.stride  # strides are counted from the same pixel in all tiles
    tile = [slice(start, min(start + _TILE, n)) for start, n in zip((top, left), holes.shape, strict=True)]
    rows, columns = (_grow(side, reach, n) for side, n in zip(tile, holes.shape, strict=True))
    below = [slice(max(s.start // 2 - 1, 0), -(-s.stop // 2) + 1) for s in (rows, columns)]
    upsampled = upsample_by_two(smaller[..., below[0], below[1]], (1 << 30, 1 << 30))
    y, x = rows.start - 2 * below[0].start, columns.start - 2 * below[1].start
    coarse = upsampled[..., y : y + rows.stop - rows.start, x : x + columns.stop - columns.start]
    unknown = torch.from_numpy(holes[rows, columns])[None, None].to(smaller.device)
    inpainted = network.refine(read(rows, columns), unknown, coarse)
    y, x = top - rows.start, left - columns.start
    return inpainted[..., y : y + tile[0].stop - top, x : x + tile[1].stop - left]
