"""Varying photographs for training: geometry, tone of the grey input, missing pixels, colour hints.

All of it works on whole batches, on any device, so that processes that decode and a GPU that holds the photographs
share it. Everything random comes from the `RandomSource` that is passed in.
"""

import math
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from colorgan.config import AugmentConfig
from colorgan.data.batch import Batch
from colorgan.data.occlusion import draw_occlusion
from colorgan.data.random_source import RandomSource

__all__ = [
    "Patches",
    "cut_squares",
    "draw_hints",
    "draw_maps",
    "draw_squares",
    "is_nearly_grey",
    "jitter_tone",
    "through_jpeg",
    "vary",
]

_REC601 = (0.299, 0.587, 0.114)
_PATCH_SIDES = (1, 9)  # of a hint, pixels
_HINT_COUNT_P = 1 / 8  # of the geometric distribution of their number: Zhang et al., SIGGRAPH 2017

# Of luminance, at quality 50: table K.1 of ITU-T Rec. T.81.
_JPEG_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def is_nearly_grey(image: Image.Image, *, limit: float = 6.0) -> bool:
    """Tell whether a photograph has too little colour to teach any: grey, near-grey or of one tint.

    Judged by the standard deviation of the opponent colours R - G and (R + G) / 2 - B on a small copy, in 8-bit
    levels: a tint shifts their mean, not their deviation.
    """
    small = np.asarray(image.resize((32, 32), Image.Resampling.BOX), dtype=np.float32)
    red, green, blue = np.moveaxis(small, -1, 0)
    deviation = math.hypot(float(np.std(red - green)), float(np.std((red + green) / 2 - blue)))
    return deviation < limit


def vary(rgb: Tensor, config: AugmentConfig, source: RandomSource) -> Batch:
    """Make a batch of photographs that are cropped already, `(B, 3, S, S)` uint8: change tones, hide, hint."""
    B, _, size, _ = rgb.shape
    grey, retoned = rgb.new_zeros(B, 1, size, size), rgb.new_zeros(B, dtype=torch.bool)
    known = hints = None
    toned, hidden, hinted = source.some(config.tone), source.some(config.occlusion), source.some(config.hints)
    if len(toned):
        # Rec. 601 grey is near enough where the tone is changed at random anyway; the untouched case is exact.
        red, green, blue = (rgb[toned.here].float() / 255).unbind(1)
        level = _REC601[0] * red + _REC601[1] * green + _REC601[2] * blue
        grey[toned.here] = (jitter_tone(level[:, None], config, toned) * 255).round().to(torch.uint8)
        retoned.index_fill_(0, toned.here, True)
    if len(hidden):
        known = torch.ones_like(grey)
        known[hidden.here] = draw_occlusion(size, config, hidden).to(torch.uint8)
    if len(hinted):
        hints = rgb.new_zeros(B, 4, size, size)
        hints[hinted.here] = draw_hints(rgb[hinted.here], config, hinted)
    return Batch(rgb, grey, retoned, known, hints, left_out=())


# --- geometry ---------------------------------------------------------------------------------------------------------


def draw_squares(config: AugmentConfig, source: RandomSource) -> Tensor:
    """Draw which squares are cut from photographs.

    Returns:
        `(B, 3)`: the side as a fraction of the photograph's short side, and how far from the left and from the top it
        lies, as fractions of the room that is left there.
    """
    return torch.cat((source.uniform(config.crop_from, 1, 1), source.uniform(0, 1, 2)), 1)


def draw_maps(config: AugmentConfig, source: RandomSource) -> tuple[Tensor, Tensor]:
    """Draw how squares are mirrored, turned and sheared.

    Returns:
        A matrix `(B, 2, 2)` and a shift `(B, 2)` each: where a result's point (x, y) comes from, in units in which
        the square goes from -1 to 1.
    """
    matrix = torch.eye(2, device=source.device).repeat(len(source), 1, 1)
    shift = torch.zeros(len(source), 2, device=source.device)
    turned = source.some(config.affine)
    if len(turned):
        matrix[turned.here], shift[turned.here] = _draw_affine(config, turned)
    mirror = torch.where(source.chance(config.flip), -1.0, 1.0)
    matrix[:, :, 0] *= mirror[:, None]
    return matrix, shift


def _draw_affine(config: AugmentConfig, source: RandomSource) -> tuple[Tensor, Tensor]:
    turn, shear, zoom, right, down = source.uniform(-1, 1, 5).unbind(1)
    angle, tan = turn * math.radians(config.affine_degrees), (shear * math.radians(config.affine_shear)).tan()
    cos, sin, scale = angle.cos(), angle.sin(), 1 + zoom * config.affine_scale
    matrix = torch.stack((cos, cos * tan - sin, sin, sin * tan + cos), 1).view(-1, 2, 2) / scale[:, None, None]
    move = torch.stack((right, down), 1) * (2 * config.affine_translate)
    return matrix, -(matrix @ move[:, :, None])[..., 0]


def cut_squares(images: Iterable[Image.Image], size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    """Cut random squares from RGB photographs, maybe mirrored, turned and sheared: `(B, 3, size, size)`, uint8.

    By Pillow, which shrinks photographs of any size well, and several times faster than `DeviceDataset.crop` could on
    a CPU; what is drawn is the same.
    """
    squares = draw_squares(config, source).tolist()
    maps = zip(*(x.tolist() for x in draw_maps(config, source)), strict=True)
    cut = [
        _warp(_cut(image, size, *square), *found) for image, square, found in zip(images, squares, maps, strict=True)
    ]
    return torch.from_numpy(np.stack([np.asarray(image) for image in cut])).permute(0, 3, 1, 2).contiguous()


def _cut(image: Image.Image, size: int, fraction: float, left: float, top: float) -> Image.Image:
    side = min(image.size) * fraction
    left, top = (image.width - side) * left, (image.height - side) * top
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=2)


def _warp(square: Image.Image, matrix: list[list[float]], shift: list[float]) -> Image.Image:
    """Apply one of `draw_maps`; what comes in from outside is the picture's reflection."""
    if matrix == [[1, 0], [0, 1]] and shift == [0, 0]:
        return square
    if matrix == [[-1, 0], [0, 1]] and shift == [0, 0]:
        return square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size, pad = square.width, square.width // 2
    padded = Image.fromarray(np.pad(np.asarray(square), ((pad, pad), (pad, pad), (0, 0)), mode="symmetric"))
    (a, b), (d, e) = matrix
    c, f = (size / 2 * (1 + move - sum(row)) + pad for row, move in zip(matrix, shift, strict=True))
    return padded.transform((size, size), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BICUBIC)


# --- tone -------------------------------------------------------------------------------------------------------------


def jitter_tone(grey: Tensor, config: AugmentConfig, source: RandomSource) -> Tensor:
    """Change the tone of grey pictures `(B, 1, H, W)` in 0..1 as age and copying do."""
    level = grey ** source.uniform(-config.tone_gamma, config.tone_gamma, 1, 1, 1).exp()
    contrast = 1 - source.uniform(0, config.tone_contrast, 1, 1, 1)
    level = level * contrast + source.uniform(0, 1, 1, 1, 1) * (1 - contrast)
    blurred, noisy, copied = source.some(0.5), source.some(0.5), source.some(config.tone_jpeg)
    if len(blurred):
        std = blurred.uniform(0, config.tone_blur)
        level[blurred.here] = _blur(level[blurred.here], std, reach=math.ceil(3 * config.tone_blur))
    if len(noisy):
        std = noisy.uniform(0, config.tone_noise, 1, 1, 1)
        level[noisy.here] += std * noisy.normal_pixels(*grey.shape[2:])[:, None]
    level = level.clamp(0, 1)
    if len(copied):
        level[copied.here] = through_jpeg(level[copied.here], copied.integers(15, 69))
    return level


def _blur(level: Tensor, std: Tensor, *, reach: int) -> Tensor:
    """Blur each picture by a Gaussian of its own standard deviation `(B,)` in pixels; 0 leaves it as it is."""
    if reach == 0:
        return level
    offsets = torch.arange(-reach, reach + 1, device=level.device)
    kernels = torch.exp(-(offsets**2) / (2 * std.clamp_min(0.05)[:, None] ** 2))
    kernels = kernels / kernels.sum(1, keepdim=True)
    B, _, H, W = level.shape
    padded = F.pad(level.view(1, B, H, W), (reach,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernels[:, None, None, :], groups=B)
    return F.conv2d(rows, kernels[:, None, :, None], groups=B).view(B, 1, H, W)


@cache
@torch.inference_mode(mode=False)
def _jpeg_tables(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the quantisation at quality 50 `(64,)`, and the cosine transform of a block as a matrix `(64, 64)`."""
    n = torch.arange(8, dtype=torch.float64)
    cosines = torch.cos((2 * n[None] + 1) * n[:, None] * (math.pi / 16)) / 2
    cosines[0] /= math.sqrt(2)
    return torch.tensor(_JPEG_TABLE, device=device).flatten(), torch.kron(cosines, cosines).float().to(device)


def through_jpeg(grey: Tensor, quality: Tensor) -> Tensor:
    """Quantise grey pictures as JPEG does.

    Args:
        grey: `(B, 1, H, W)`, 0..1.
        quality: `(B,)`, 1 to 100, by the scale of the Independent JPEG Group.
    """
    B, _, H, W = grey.shape
    padded = F.pad(grey, (0, -W % 8, 0, -H % 8), mode="replicate") * 255 - 128
    base, transform = _jpeg_tables(grey.device)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = ((base * scale[:, None] + 50) / 100).floor().clamp(1, 255)[:, None]  # (B, 1, 64)
    rows, columns = (side // 8 for side in padded.shape[-2:])
    blocks = padded.view(B, rows, 8, columns, 8).transpose(2, 3).reshape(B, -1, 64)
    decoded = ((blocks @ transform.T / table).round() * table) @ transform
    pixels = decoded.view(B, rows, columns, 8, 8).transpose(2, 3).reshape(padded.shape)[..., :H, :W]
    return ((pixels + 128) / 255).clamp(0, 1)


# --- hints ------------------------------------------------------------------------------------------------------------


class Patches(NamedTuple):
    """Squares in pictures, K in each; those that reach over an edge are cut off there."""

    left: Tensor  # (B, K), the first column
    top: Tensor  # (B, K)
    side: Tensor  # (B, K), 0 where there is none

    def _places(self, height: int, width: int) -> Tensor:
        """Return the numbers of each square's pixels `(B, K, P)`, `height * width` for those that are none."""
        step = torch.arange(_PATCH_SIDES[1], device=self.side.device)
        columns, rows = self.left[..., None] + step, self.top[..., None] + step
        within = step < self.side[..., None]
        inside = (within & (rows < height))[..., None] & (within & (columns < width))[..., None, :]
        return (rows[..., None] * width + columns[..., None, :]).where(inside, height * width).flatten(2)

    def means(self, rgb: Tensor) -> Tensor:
        """Return the mean colour under each square of `rgb` `(B, 3, H, W)` uint8: `(B, K, 3)`, uint8."""
        B, _, H, W = rgb.shape
        places = self._places(H, W)
        flat = F.pad(rgb.flatten(2), (0, 1))  # the pixel that is none has no colour
        colors = flat.gather(2, places.flatten(1)[:, None].expand(B, 3, -1)).view(B, 3, *places.shape[1:])
        area = (places < H * W).sum(2).clamp_min(1)[:, None]
        return (colors.sum(3) / area).round().to(torch.uint8).transpose(1, 2)

    def paint(self, colors: Tensor, height: int, width: int) -> Tensor:
        """Paint each square in its colour `(B, K, 3)`, later ones over earlier ones.

        Returns:
            Colours, 0 where there is none, and the mask: `(B, 4, height, width)`, of the colours' type.
        """
        B, count, _ = colors.shape
        none = height * width
        places = self._places(height, width)
        number = torch.arange(count, device=colors.device)[:, None].expand_as(places).flatten(1)
        flat = places.flatten(1)
        uppermost = number.new_zeros(B, none + 1).scatter_reduce_(1, flat, number, "amax")
        seen = flat.where(uppermost.gather(1, flat) == number, none)
        painted = torch.cat((colors, torch.ones_like(colors[..., :1])), 2).transpose(1, 2)  # (B, 4, K)
        painted = painted[..., None].expand(-1, -1, -1, places.shape[2]).flatten(2)
        canvas = colors.new_zeros(B, 4, none + 1).scatter_(2, seen[:, None].expand(-1, 4, -1), painted)
        return canvas[..., :none].view(B, 4, height, width)


def draw_hints(rgb: Tensor, config: AugmentConfig, source: RandomSource) -> Tensor:
    """Draw colour hints as a user would give them: small squares of the photograph's mean colour there.

    Args:
        rgb: Photographs, `(B, 3, H, W)`, uint8.
        config: How many there may be.
        source: Where chance comes from.

    Returns:
        The hints' colours, 0 where there is none, and their mask: `(B, 4, H, W)`, uint8.
    """
    H, W = rgb.shape[2:]
    there = source.geometric_counts(_HINT_COUNT_P, config.hints_most)
    count = there.shape[1]
    side = source.integers(*_PATCH_SIDES, count) * there
    patches = Patches(source.integers(0, W - 1, count), source.integers(0, H - 1, count), side)
    return patches.paint(patches.means(rgb), H, W)
