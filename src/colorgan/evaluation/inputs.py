"""What a colouring program is shown: the picture at the protocol's size, without colour, damaged, hinted."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from colorgan.color import grey_to_luminance, rgb_to_lab
from colorgan.config import Degradation, Framing, Occlusion
from colorgan.data.folder import hash_name
from colorgan.evaluation.protocol import PATCHY_SHARE, Protocol
from colorgan.rendering import HINT_FRACTION

__all__ = ["EvaluationBatch", "age_photo", "frame_picture", "make_batch", "occlude", "place_hints"]

Bytes = NDArray[np.uint8]
_SIDE = 256


@dataclass(frozen=True, slots=True)
class EvaluationBatch:
    """Pictures of one size with what a program may know of them."""

    names: tuple[str, ...]
    target: Tensor  # (B, 3, H, W), the photographs, sRGB 0..1
    lab: Tensor  # (B, 3, H, W), the photographs in Lab
    luminance: Tensor  # (B, 1, H, W), 0..100: what results keep; mid-grey where it is missing
    shown: Tensor  # (B, 1, H, W), 0..100: what the network sees; differs where the picture was aged
    known: Tensor | None  # (B, 1, H, W), 1 where luminance is given; None: everywhere
    hints: Tensor | None  # (B, N, 4): x and y as fractions of width and height, a, b

    def __len__(self) -> int:
        return len(self.names)


def frame_picture(image: Image.Image, framing: Framing) -> Image.Image:
    """Bring an RGB picture to the protocol's size; one that has it already stays as it is."""
    if framing is Framing.FULL or image.size == (_SIDE, _SIDE):
        return image
    if framing is Framing.SQUASH256:
        return image.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    scale = _SIDE / min(image.size)
    width, height = (max(_SIDE, round(side * scale)) for side in image.size)
    left, top = (width - _SIDE) // 2, (height - _SIDE) // 2
    return image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + _SIDE, top + _SIDE))


def make_batch(
    names: Sequence[str],
    images: Sequence[Image.Image],
    protocol: Protocol,
    device: torch.device | str = "cpu",
) -> EvaluationBatch:
    """Make the batch of framed RGB pictures of one size."""
    arrays = [np.asarray(image) for image in images]
    target = _stack(arrays).to(device) / 255
    lab = rgb_to_lab(target)
    luminance, shown, known, hints = lab[:, :1], lab[:, :1], None, None
    if protocol.degradation is Degradation.OLD_PHOTO:
        aged = [age_photo(array, _picture_rng(name, protocol, 1)) for name, array in zip(names, arrays, strict=True)]
        shown = rgb_to_lab(_stack(aged).to(device) / 255)[:, :1]
    if protocol.occlusion is not Occlusion.NONE:
        shape = arrays[0].shape[:2]
        masks = [occlude(shape, protocol.occlusion, _picture_rng(name, protocol, 2)) for name in names]
        known = _stack([mask[..., None] for mask in masks]).to(device)
        luminance = torch.where(known > 0, luminance, grey_to_luminance(torch.tensor(0.5, device=device)))
    if protocol.hints:
        rngs = [_picture_rng(name, protocol, 3) for name in names]
        hints = torch.stack([place_hints(ab, protocol.hints, rng) for ab, rng in zip(lab[:, 1:], rngs, strict=True)])
    return EvaluationBatch(tuple(names), target, lab, luminance, shown, known, hints)


def _stack(arrays: Sequence[Bytes]) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float().contiguous()


def _picture_rng(name: str, protocol: Protocol, purpose: int) -> np.random.Generator:
    return np.random.default_rng((protocol.seed, purpose, hash_name(name)))


def occlude(shape: tuple[int, ...], occlusion: Occlusion, rng: np.random.Generator) -> Bytes:
    """Draw where luminance is known: `(H, W)`, 1 known, 0 missing."""
    height, width = shape
    if occlusion is Occlusion.PAPER:
        return (rng.random((height, width)) >= PATCHY_SHARE).astype(np.uint8)
    mask = Image.new("L", (width, height), 1)
    draw = ImageDraw.Draw(mask)
    side = min(height, width)
    for _ in range(rng.integers(1, 5)):
        if occlusion is Occlusion.RECTANGLES:
            wide, tall = rng.uniform(0.06, 0.25, 2) * side
            left, top = rng.uniform(0, width - wide), rng.uniform(0, height - tall)
            draw.rectangle((left, top, left + wide, top + tall), fill=0)
        else:
            ends = rng.uniform(0, 1, (int(rng.integers(2, 5)), 2)) * (width, height)
            draw.line([tuple(end) for end in ends.tolist()], fill=0, width=max(1, round(side * 0.008)))
    return np.asarray(mask)


def place_hints(ab: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    """Return the true mean colour of squares of `ab` `(2, H, W)` at random places.

    Returns:
        A row for each hint `(count, 4)`: x and y of the square's middle as fractions of width and height, a, b.
    """
    _, H, W = ab.shape
    side = min(max(1, round(HINT_FRACTION * (H * W) ** 0.5)), H, W)
    hints = ab.new_zeros(count, 4)
    for hint in hints:
        top, left = int(rng.integers(0, H - side + 1)), int(rng.integers(0, W - side + 1))
        hint[0], hint[1] = (left + side / 2) / W, (top + side / 2) / H
        hint[2:] = ab[:, top : top + side, left : left + side].mean((1, 2))
    return hints


def age_photo(rgb: Bytes, rng: np.random.Generator) -> Bytes:
    """Turn a photograph `(H, W, 3)` into the scan of an old black-and-white print of it, sepia still in it.

    Blur of the lens, a faded and flattened tone, uneven fading towards the edges, grain, the texture of the paper, a
    sepia tint, JPEG. The luminance of the result is what is left when the tint is neutralised.
    """
    height, width, _ = rgb.shape
    grey = Image.fromarray(rgb).convert("L").filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.8)))
    level = np.asarray(grey, dtype=np.float32) / 255
    level = level ** np.exp(rng.uniform(-0.3, 0.3))
    black, white = rng.uniform(0.05, 0.2), rng.uniform(0.75, 0.95)
    level = black + (white - black) * level
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / max(height - 1, 1) - 0.5, x / max(width - 1, 1) - 0.5
    level = level + rng.uniform(0, 0.3) * (x * x + y * y) * (white - level)
    level = level + rng.normal(0, rng.uniform(0.01, 0.04), level.shape)  # grain
    level = level * (1 + rng.uniform(0.01, 0.03) * _paper_texture(height, width, rng))
    tint = np.array([1.0, rng.uniform(0.9, 0.97), rng.uniform(0.72, 0.9)])
    print_ = (level[..., None] * tint).clip(0, 1) * 255
    return _through_jpeg(print_.round().astype(np.uint8), quality=int(rng.integers(40, 80)))


def _paper_texture(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise that is coarser than grain, of standard deviation about 1."""
    coarse = rng.normal(0, 1, (height // 3 + 2, width // 3 + 2))
    rows, columns = np.arange(height) / 3, np.arange(width) / 3
    top, left = rows.astype(int), columns.astype(int)
    down, right = (rows - top)[:, None], (columns - left)[None]
    upper = coarse[top][:, left] * (1 - right) + coarse[top][:, left + 1] * right
    lower = coarse[top + 1][:, left] * (1 - right) + coarse[top + 1][:, left + 1] * right
    texture: NDArray[np.float64] = 1.5 * (upper * (1 - down) + lower * down)
    return texture


def _through_jpeg(rgb: Bytes, quality: int) -> Bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as image:
        return np.asarray(image)
