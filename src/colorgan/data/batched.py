"""The variations of `colorgan.data.augment` for whole batches at once, as tensor operations on any device.

They draw from the same distributions, not the same numbers. Everything random comes from the generator passed in.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.config import AugmentConfig
from colorgan.data.augment import HINT_COUNT_P, PATCH_SIDES

__all__ = [
    "Patches",
    "RandomSource",
    "derive_seed",
    "draw_hints",
    "draw_maps",
    "draw_occlusion",
    "jitter_tone",
    "through_jpeg",
    "to_device",
]

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


def derive_seed(*key: int) -> int:
    """Return a seed for torch, 0 to 2**63 - 1, that depends on all of a key's numbers."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]) >> 1


class RandomSource:
    """Random numbers on a device.

    Args:
        device: Where they are wanted.
        seed: From 0 to 2**63 - 1.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self.device = device
        self._generator = torch.Generator(device).manual_seed(seed)
        self._host = torch.Generator().manual_seed(seed ^ 1)  # for what decides how much work there is

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Draw evenly from `low` up to `high`."""
        return torch.rand(shape, generator=self._generator, device=self.device) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """Draw from the normal distribution of mean 0 and deviation 1."""
        return torch.randn(shape, generator=self._generator, device=self.device)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Draw integers from `low` to `high`, both included."""
        return torch.randint(low, high + 1, shape, generator=self._generator, device=self.device)

    def chance(self, share: float, *shape: int) -> Tensor:
        """Draw booleans that are true in `share` of the cases."""
        return torch.rand(shape, generator=self._generator, device=self.device) < share

    def some(self, share: float, count: int) -> Tensor:
        """Draw which of `count` pictures are among a `share` of them: their numbers.

        How many they are is known without a wait for the device.
        """
        return self._bring((torch.rand(count, generator=self._host) < share).nonzero()[:, 0])

    def groups(self, groups: int, count: int) -> list[Tensor]:
        """Put each of `count` pictures into one of some groups: the numbers of each group's."""
        group = torch.randint(groups, (count,), generator=self._host)
        return [self._bring((group == number).nonzero()[:, 0]) for number in range(groups)]

    def _bring(self, numbers: Tensor) -> Tensor:
        return to_device(numbers, self.device)


def to_device(host: Tensor, device: torch.device) -> Tensor:
    """Bring a small tensor to a device; a GPU is not waited for."""
    return host.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else host.to(device)


def draw_maps(count: int, config: AugmentConfig, source: RandomSource) -> tuple[Tensor, Tensor]:
    """Draw how squares are mirrored, turned and sheared.

    Returns:
        A matrix `(B, 2, 2)` and a shift `(B, 2)` each: where a result's point (x, y) comes from, in units in which
        the square goes from -1 to 1.
    """
    turned = source.chance(config.affine, count)
    angle = source.uniform(-config.affine_degrees, config.affine_degrees, count) * turned * (math.pi / 180)
    shear = source.uniform(-config.affine_shear, config.affine_shear, count) * turned * (math.pi / 180)
    scale = 1 + source.uniform(-config.affine_scale, config.affine_scale, count) * turned
    move = source.uniform(-config.affine_translate, config.affine_translate, count, 2) * turned[:, None] * 2
    cos, sin, tan = angle.cos(), angle.sin(), shear.tan()
    rows = (torch.stack((cos, cos * tan - sin), 1), torch.stack((sin, sin * tan + cos), 1))
    matrix = torch.stack(rows, 1) / scale[:, None, None]
    shift = -(matrix @ move[:, :, None])[..., 0]
    mirror = torch.where(source.chance(config.flip, count), -1.0, 1.0)
    across = torch.stack((mirror, torch.ones_like(mirror)), 1)
    return matrix * across[:, :, None], shift * across


def jitter_tone(grey: Tensor, config: AugmentConfig, source: RandomSource) -> Tensor:
    """Change the tone of grey pictures `(B, 1, H, W)` in 0..1 as age and copying do."""
    B = len(grey)
    each = (B, 1, 1, 1)
    level = grey ** source.uniform(-config.tone_gamma, config.tone_gamma, *each).exp()
    contrast = 1 - source.uniform(0, config.tone_contrast, *each)
    level = level * contrast + source.uniform(0, 1, *each) * (1 - contrast)
    deviation = source.uniform(0, config.tone_blur, B) * source.chance(0.5, B)
    level = _blur(level, deviation, reach=math.ceil(3 * config.tone_blur))
    noise = source.uniform(0, config.tone_noise, *each) * source.chance(0.5, *each)
    level = (level + noise * source.normal(*level.shape)).clamp(0, 1)
    quality = source.integers(15, 69, B)
    return torch.where(source.chance(config.tone_jpeg, *each), through_jpeg(level, quality), level)


def _blur(level: Tensor, deviation: Tensor, *, reach: int) -> Tensor:
    """Blur each picture by a Gaussian of its own deviation `(B,)` in pixels; 0 leaves it as it is."""
    if reach == 0:
        return level
    offsets = torch.arange(-reach, reach + 1, device=level.device)
    kernels = torch.exp(-(offsets**2) / (2 * deviation.clamp_min(0.05)[:, None] ** 2))
    kernels = kernels / kernels.sum(1, keepdim=True)
    B, _, H, W = level.shape
    padded = F.pad(level.view(1, B, H, W), (reach,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernels[:, None, None, :], groups=B)
    return F.conv2d(rows, kernels[:, None, :, None], groups=B).view(B, 1, H, W)


@cache
@torch.inference_mode(mode=False)
def _jpeg_table(device: torch.device) -> Tensor:
    return torch.tensor(_JPEG_TABLE, device=device)


def through_jpeg(grey: Tensor, quality: Tensor) -> Tensor:
    """Quantise grey pictures as JPEG does.

    Args:
        grey: `(B, 1, H, W)`, 0..1.
        quality: `(B,)`, 1 to 100, by the scale of the Independent JPEG Group.
    """
    _, _, H, W = grey.shape
    padded = F.pad(grey, (0, -W % 8, 0, -H % 8), mode="replicate") * 255 - 128
    n = torch.arange(8, device=grey.device)
    cosines = torch.cos((2 * n[None] + 1) * n[:, None] * (math.pi / 16)) / 2
    cosines[0] /= math.sqrt(2)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    base = _jpeg_table(grey.device)
    table = ((base * scale[:, None, None] + 50) / 100).floor().clamp(1, 255)[:, None, None]
    B, _, rows, columns = padded.shape
    blocks = padded.view(B, rows // 8, 8, columns // 8, 8).transpose(2, 3)
    coefficients = cosines @ blocks @ cosines.T
    decoded: Tensor = cosines.T @ ((coefficients / table).round() * table) @ cosines
    pixels = decoded.transpose(2, 3).reshape(B, 1, rows, columns)[..., :H, :W]
    return ((pixels + 128) / 255).clamp(0, 1)


# --- occlusion --------------------------------------------------------------------------------------------------------


def draw_occlusion(count: int, size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    """Draw where luminance is known: `(B, 1, size, size)`, bool. The kinds are those of `augment.draw_occlusion`."""
    kinds = [_pixels] if config.occlusion_pixels else []
    kinds += [_rectangles] if config.occlusion_rectangles else []
    kinds += [_scratches] if config.occlusion_scratches else []
    kinds += [_blots] if config.occlusion_blots else []
    known = torch.ones(count, size, size, dtype=torch.bool, device=source.device)
    for kind, here in zip(kinds, source.groups(len(kinds), count), strict=True):
        if len(here):
            known[here] = ~kind(len(here), size, config, source)
    return known[:, None]


def _pixels(count: int, size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    return source.uniform(0, 1, count, size, size) < source.uniform(0.02, config.occlusion_pixels, count, 1, 1)


def _places(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return x and y of a square's pixels, to be broadcast against `(B, K, 1, 1)`."""
    n = torch.arange(size, device=device)
    return n.view(1, 1, 1, size), n.view(1, 1, size, 1)


def _first_of(count: int, most: int, source: RandomSource) -> Tensor:
    """Draw how many of `most` shapes each picture gets, 1 or more: `(B, K, 1, 1)`, bool."""
    number = source.integers(1, most, count)
    return (torch.arange(most, device=source.device) < number[:, None])[:, :, None, None]


def _rectangles(count: int, size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    x, y = _places(size, source.device)
    each = (count, config.occlusion_rectangles, 1, 1)
    smallest, largest = max(2, size // 32), max(3, size // 3) - 1
    width, height = source.integers(smallest, largest, *each), source.integers(smallest, largest, *each)
    left, top = source.integers(0, size - 1, *each), source.integers(0, size - 1, *each)
    covered = (x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)
    return (covered & _first_of(count, each[1], source)).any(1)


def _scratches(count: int, size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    x, y = _places(size, source.device)
    each = (count, config.occlusion_scratches, 1, 1)
    segments = source.integers(1, 3, *each)
    half = source.integers(1, 3, *each) / 2
    here = _first_of(count, each[1], source)
    missing = torch.zeros(count, size, size, dtype=torch.bool, device=source.device)
    start_x, start_y = source.integers(0, size - 1, *each), source.integers(0, size - 1, *each)
    for number in range(3):
        end_x, end_y = source.integers(0, size - 1, *each), source.integers(0, size - 1, *each)
        dx, dy = end_x - start_x, end_y - start_y
        along = ((x - start_x) * dx + (y - start_y) * dy) / (dx**2 + dy**2).clamp_min(1)
        along = along.clamp(0, 1)
        distance = torch.hypot(x - start_x - along * dx, y - start_y - along * dy)
        missing |= ((distance <= half) & here & (number < segments)).any(1)
        start_x, start_y = end_x, end_y
    return missing


def _blots(count: int, size: int, config: AugmentConfig, source: RandomSource) -> Tensor:
    x, y = _places(size, source.device)
    each = (count, config.occlusion_blots, 1, 1)
    across = source.uniform(0, math.log(size / 3), *each).exp()
    down = across * source.uniform(0.5, 1, *each)
    middle_x = source.uniform(0, size, *each)
    middle_y = source.uniform(0, size, *each)
    covered = ((x - middle_x) / across.clamp_min(1) * 2) ** 2 + ((y - middle_y) / down.clamp_min(1) * 2) ** 2 <= 1
    return (covered & _first_of(count, each[1], source)).any(1)


# --- hints ------------------------------------------------------------------------------------------------------------


class Patches(NamedTuple):
    """Squares in pictures, K in each; those that reach over an edge are cut off there."""

    left: Tensor  # (B, K), the first column
    top: Tensor  # (B, K)
    side: Tensor  # (B, K), 0 where there is none

    def means(self, rgb: Tensor) -> Tensor:
        """Return the mean colour under each square of `rgb` `(B, 3, H, W)` uint8: `(B, K, 3)`, uint8."""
        B, _, H, W = rgb.shape
        sums = F.pad(rgb.int().cumsum(2, dtype=torch.int32).cumsum(3, dtype=torch.int32), (1, 0, 1, 0))
        right, bottom = (self.left + self.side).clamp_max(W), (self.top + self.side).clamp_max(H)
        flat = sums.flatten(2)

        def corner(row: Tensor, column: Tensor) -> Tensor:
            place = (row * (W + 1) + column)[:, None].expand(B, 3, -1)
            return flat.gather(2, place)

        total = (
            corner(bottom, right) - corner(self.top, right) - corner(bottom, self.left) + corner(self.top, self.left)
        )
        area = ((right - self.left) * (bottom - self.top)).clamp_min(1)[:, None]
        return (total / area).round().to(torch.uint8).transpose(1, 2)

    def paint(self, colors: Tensor, height: int, width: int) -> Tensor:
        """Paint each square in its colour `(B, K, 3)`, later ones over earlier ones.

        Returns:
            Colours, 0 where there is none, and the mask: `(B, 4, height, width)`, of the colours' type.
        """
        B, count, _ = colors.shape
        columns = torch.arange(width, device=colors.device)
        rows = torch.arange(height, device=colors.device)
        across = (columns >= self.left[..., None]) & (columns < (self.left + self.side)[..., None])  # (B, K, W)
        down = (rows >= self.top[..., None]) & (rows < (self.top + self.side)[..., None])  # (B, K, H)
        number = torch.arange(1, count + 1, device=colors.device, dtype=torch.int16).view(1, -1, 1, 1)
        uppermost = ((down[..., None] & across[:, :, None]) * number).amax(1).long()  # (B, H, W), 0 where there is none
        palette = torch.cat((colors, torch.ones_like(colors[..., :1])), 2)
        palette = F.pad(palette, (0, 0, 1, 0))  # (B, 1 + K, 4)
        painted = palette.gather(1, uppermost.flatten(1)[..., None].expand(B, -1, 4))
        return painted.view(B, height, width, 4).permute(0, 3, 1, 2)


def draw_hints(rgb: Tensor, config: AugmentConfig, source: RandomSource) -> Tensor:
    """Draw colour hints as a user would give them: small squares of the photograph's mean colour there.

    Args:
        rgb: Photographs, `(B, 3, H, W)`, uint8.
        config: How many there may be.
        source: Where chance comes from.

    Returns:
        The hints' colours, 0 where there is none, and their mask: `(B, 4, H, W)`, uint8.
    """
    B, _, H, W = rgb.shape
    most = config.hints_most
    # A geometric variable is 1 more than the whole part of an exponential one.
    chance = source.uniform(0, 1, B, 1).clamp_min(1e-7)
    number = (chance.log() / math.log(1 - HINT_COUNT_P)).floor() + 1
    side = source.integers(*PATCH_SIDES, B, most) * (torch.arange(most, device=rgb.device) < number)
    patches = Patches(source.integers(0, W - 1, B, most), source.integers(0, H - 1, B, most), side)
    return patches.paint(patches.means(rgb), H, W)
