"""Varying photographs for training: geometry, tone of the grey input, missing pixels, colour hints.

Everything is drawn from the `numpy.random.Generator` that is passed in, so a sample is a function of its seed alone.
Pictures are `(H, W, 3)` or `(H, W)` uint8 arrays.
"""

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from colorgan.config import AugmentConfig

__all__ = [
    "HINT_COUNT_P",
    "PATCH_SIDES",
    "draw_hints",
    "draw_occlusion",
    "is_nearly_grey",
    "jitter_tone",
    "vary_geometry",
]

Bytes = NDArray[np.uint8]
PATCH_SIDES = (1, 9)  # of a hint, pixels
HINT_COUNT_P = 1 / 8  # of the geometric distribution of their number: Zhang et al., SIGGRAPH 2017


def is_nearly_grey(image: Image.Image, *, limit: float = 6.0) -> bool:
    """Tell whether a photograph has too little colour to teach any: grey, near-grey or of one tint.

    Judged by the deviation of the opponent colours R - G and (R + G) / 2 - B on a small copy, in 8-bit levels: a tint
    shifts their mean, not their deviation.
    """
    small = np.asarray(image.resize((32, 32), Image.Resampling.BOX), dtype=np.float32)
    red, green, blue = np.moveaxis(small, -1, 0)
    deviation = math.hypot(float(np.std(red - green)), float(np.std((red + green) / 2 - blue)))
    return deviation < limit


def vary_geometry(image: Image.Image, size: int, config: AugmentConfig, rng: np.random.Generator) -> Image.Image:
    """Cut a random square from an RGB photograph, resampled to `size` x `size`; maybe mirrored, turned and sheared."""
    width, height = image.size
    side = min(width, height) * rng.uniform(config.crop_from, 1)
    left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
    square = image.resize(
        (size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side), reducing_gap=2
    )
    if rng.random() < config.flip:
        square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < config.affine:
        square = _warp(square, config, rng)
    return square


def _warp(image: Image.Image, config: AugmentConfig, rng: np.random.Generator) -> Image.Image:
    """Apply a random affine map about the centre; what comes in from outside is the picture's reflection."""
    size = image.width
    angle = math.radians(rng.uniform(-config.affine_degrees, config.affine_degrees))
    shear = math.tan(math.radians(rng.uniform(-config.affine_shear, config.affine_shear)))
    scale = 1 + rng.uniform(-config.affine_scale, config.affine_scale)
    move = rng.uniform(-config.affine_translate, config.affine_translate, 2) * size
    matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = matrix @ np.array([[1, shear], [0, 1]]) / scale
    pad = size // 2
    padded = Image.fromarray(np.pad(np.asarray(image), ((pad, pad), (pad, pad), (0, 0)), mode="symmetric"))
    centre = np.full(2, size / 2)
    shift = centre + pad - matrix @ (centre + move)
    coefficients = (*matrix[0], shift[0], *matrix[1], shift[1])
    return padded.transform(
        (size, size), Image.Transform.AFFINE, tuple(map(float, coefficients)), Image.Resampling.BICUBIC
    )


def jitter_tone(grey: Bytes, config: AugmentConfig, rng: np.random.Generator) -> Bytes:
    """Change the tone of a grey picture as age and copying do: gamma, contrast, blur, noise, JPEG."""
    level: NDArray[np.float32] = grey.astype(np.float32) / np.float32(255)
    level **= math.exp(rng.uniform(-config.tone_gamma, config.tone_gamma))
    contrast = 1 - rng.uniform(0, config.tone_contrast)
    level = level * np.float32(contrast) + np.float32(rng.uniform(0, 1 - contrast))
    if rng.random() < 0.5:
        level = _blur(level, rng.uniform(0, config.tone_blur))
    if rng.random() < 0.5:
        level += rng.normal(0, rng.uniform(0, config.tone_noise), level.shape).astype(np.float32)
    changed = (level.clip(0, 1) * 255).round().astype(np.uint8)
    return _through_jpeg(changed, int(rng.integers(15, 70))) if rng.random() < config.tone_jpeg else changed


def _blur(level: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    image = Image.fromarray((level.clip(0, 1) * 255).round().astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(deviation)), dtype=np.float32) / np.float32(255)


def _through_jpeg(grey: Bytes, quality: int) -> Bytes:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def draw_occlusion(size: int, config: AugmentConfig, rng: np.random.Generator) -> Bytes:
    """Draw where luminance is known: `(size, size)`, 1 known, 0 missing.

    One of four kinds: single pixels removed at random, as in the paper; rectangles; scratches; blots. A kind whose
    number or share in `config` is 0 is not drawn.
    """
    kinds = [_remove_pixels] if config.occlusion_pixels else []
    kinds += [_remove_rectangles] if config.occlusion_rectangles else []
    kinds += [_remove_scratches] if config.occlusion_scratches else []
    kinds += [_remove_blots] if config.occlusion_blots else []
    return kinds[rng.integers(len(kinds))](size, config, rng)


def _remove_pixels(size: int, config: AugmentConfig, rng: np.random.Generator) -> Bytes:
    return (rng.random((size, size)) >= rng.uniform(0.02, config.occlusion_pixels)).astype(np.uint8)


def _remove_rectangles(size: int, config: AugmentConfig, rng: np.random.Generator) -> Bytes:
    mask = Image.new("L", (size, size), 1)
    draw = ImageDraw.Draw(mask)
    for _ in range(rng.integers(1, config.occlusion_rectangles + 1)):
        width, height = (int(v) for v in rng.integers(max(2, size // 32), max(3, size // 3), 2))
        left, top = (int(v) for v in rng.integers(0, size, 2))
        draw.rectangle((left, top, left + width, top + height), fill=0)
    return np.asarray(mask)


def _remove_scratches(size: int, config: AugmentConfig, rng: np.random.Generator) -> Bytes:
    mask = Image.new("L", (size, size), 1)
    draw = ImageDraw.Draw(mask)
    for _ in range(rng.integers(1, config.occlusion_scratches + 1)):
        points = rng.integers(0, size, (int(rng.integers(2, 5)), 2))
        draw.line([(int(x), int(y)) for x, y in points], fill=0, width=int(rng.integers(1, 4)))
    return np.asarray(mask)


def _remove_blots(size: int, config: AugmentConfig, rng: np.random.Generator) -> Bytes:
    mask = Image.new("L", (size, size), 1)
    draw = ImageDraw.Draw(mask)
    for _ in range(rng.integers(1, config.occlusion_blots + 1)):
        across, squashed = math.exp(rng.uniform(0, math.log(size / 3))), rng.uniform(0.5, 1)
        left, top = rng.uniform(-across / 2, size - across / 2, 2)
        draw.ellipse((left, top, left + across, top + across * squashed), fill=0)
    return np.asarray(mask)


def draw_hints(rgb: Bytes, config: AugmentConfig, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """Draw colour hints as a user would give them: small squares of the photograph's mean colour there.

    Returns:
        The hints' colours `(H, W, 3)`, 0 where there is none, and where they are `(H, W)`, 1 or 0.
    """
    height, width, _ = rgb.shape
    colours, mask = np.zeros_like(rgb), np.zeros((height, width), dtype=np.uint8)
    for _ in range(min(int(rng.geometric(HINT_COUNT_P)), config.hints_most)):
        side = int(rng.integers(PATCH_SIDES[0], PATCH_SIDES[1] + 1))
        top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
        here = np.s_[top : top + side, left : left + side]
        colours[here] = rgb[here].mean((0, 1)).round().astype(np.uint8)
        mask[here] = 1
    return colours, mask
