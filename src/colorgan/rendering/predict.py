"""Asking a generator for the colours of a picture: sizes, mirrored passes, regression and bins."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import decode_bins
from colorgan.config import ModelConfig, RenderConfig
from colorgan.model import Generator, Prediction

__all__ = ["Rendering", "predict_rendering", "render_shape", "shrink"]


class Rendering(NamedTuple):
    """A generator's answer for a batch of pictures of one shape."""

    ab: Tensor  # (B, 2, h, w), Lab units, at the render size divided by the generator's output stride
    confidence: Tensor | None  # (B, 1, h, w), 0..1: 1 less the normalised entropy of the bins; None without bins
    luminance: Tensor  # (B, 1, H, W) as given to `predict_rendering`, painted where it was unknown


def render_shape(height: int, width: int, size: int, model: ModelConfig) -> tuple[int, int]:
    """Return the shape at which the network should see a picture: its aspect, about `size` squared pixels.

    Sides are multiples of the model's stride, at least one stride, at most 16 times `size` (for strips).
    """
    scale = size / math.sqrt(height * width)
    sides = (round(side * scale / model.stride) * model.stride for side in (height, width))
    tall, wide = (min(max(side, model.stride), 16 * max(size, model.stride)) for side in sides)
    return tall, wide


def shrink(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resample `(B, C, H, W)` to `(B, C, *shape)` bilinearly, with antialiasing where it gets smaller."""
    if x.shape[-2:] == shape:
        return x
    return F.interpolate(x, size=shape, mode="bilinear", align_corners=False, antialias=True)


def predict_rendering(
    network: Generator,
    luminance: Tensor,
    config: RenderConfig,
    known: Tensor | None = None,
    hints: Tensor | None = None,
) -> Rendering:
    """Ask for the colours of a batch, as `config` says (all but its strength, which the caller applies).

    Args:
        network: A generator in eval mode.
        luminance: L, 0..100, `(B, 1, H, W)`, any size; it is resampled to the render size.
        config: Sizes, mirrored passes, mixing.
        known: 1 where the luminance can be trusted `(B, 1, H, W)`; None trusts all.
        hints: Mask, a and b of given colours, drawn at the size `render_shape` gives; with several sizes they are
            resampled.
    """
    H, W = luminance.shape[-2:]
    answers = []
    for size in (config.size, *config.sizes):
        shape = render_shape(H, W, size, network.config)
        inputs = (
            shrink(luminance, shape),
            None if known is None else (shrink(known, shape) > 0.999).float(),
            None if hints is None else F.interpolate(hints, size=shape, mode="nearest"),
        )
        answers.append(_mix(network(*inputs), config))
        if config.flip:
            mirrored = network(*(None if x is None else x.flip(-1) for x in inputs))
            answers.append(tuple(None if x is None else x.flip(-1) for x in _mix(mirrored, config)))
    raise NotImplementedError
