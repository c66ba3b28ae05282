"""Scoring a generator during training, on a fixed set of photographs."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorgan.color import rgb_to_lab
from colorgan.config import RenderConfig
from colorgan.data import PhotoFile
from colorgan.data.dataset import open_usable
from colorgan.errors import DataError
from colorgan.losses import PerceptualLoss
from colorgan.model import Generator
from colorgan.rendering import BatchCompositor, ChromaField, fit_color, make_inputs, predict_colors
from colorgan.rendering.strength_sweep import STRENGTHS, SweepValues, sweep_strengths
from colorgan.runtime import Runtime
from colorgan.training.score import ColorScore

__all__ = ["PERCEPTUAL_DB", "SCORE_SHARE", "ValidationSet", "validate"]

SCORE_SHARE = 0.7
"""A generator is judged by its PSNR gain where it is this share as colourful as the real photographs.

At a fixed colourfulness neither a dull generator (whose PSNR is high) nor a garish one can win by the dial alone, and
one whose skin has turned orange loses, because orange is far from the truth at any strength.
"""

PERCEPTUAL_DB = 2.0
"""What taking away all of the grey pictures' perceptual distance would add to the score, dB.

score = gain at `SCORE_SHARE` + `PERCEPTUAL_DB` * (1 - distance / distance of the grey pictures), the second part only
where the recipe has a perceptual backbone.
"""

_BATCH = 16
_ROUGH_SIDE = 64  # pixels on which the strengths that are worth measuring are found
_ROUGH_ERROR = 0.01  # of the share of colourfulness found there
_PERCEPTUAL_PICTURES = 64  # the backbone is slow, and this many are enough to compare two generators


class ValidationSet:
    """Photographs squashed to a square, kept in memory as 8-bit RGB.

    Args:
        photos: Candidates; damaged and nearly grey ones are passed over.
        count: How many to take at most, spread evenly.
        size: Side in pixels.

    Raises:
        DataError: None is usable.
    """

    def __init__(self, photos: Sequence[PhotoFile], count: int, size: int) -> None:
        stride = max(1, len(photos) // count)
        taken: list[Tensor] = []
        self.names: list[str] = []
        for photo in photos[::stride]:
            if len(taken) == count:
                break
            image = open_usable(photo)
            if isinstance(image, str):
                continue
            squashed = image.resize((size, size), Image.Resampling.BICUBIC)
            taken.append(torch.tensor(np.asarray(squashed)).permute(2, 0, 1))
            self.names.append(photo.name)
        if not taken:
            raise DataError(f"none of {len(photos)} validation photographs is usable: all are damaged or nearly grey")
        self.rgb = torch.stack(taken)  # (N, 3, S, S), uint8

    def __len__(self) -> int:
        return len(self.names)


@torch.inference_mode()
def validate(
    network: Generator,
    photos: ValidationSet,
    config: RenderConfig,
    runtime: Runtime,
    perceptual: PerceptualLoss | None = None,
) -> ColorScore:
    """Score a generator in eval mode: 8-bit RGB, luminance kept, mean of the pictures' PSNR.

    The figures are those of `colorgan eval` within 0.01 dB: colours are upsampled by the same code, but where they
    leave the gamut another search, quicker on a GPU, finds its edge.
    """
    targets = [rgb.to(runtime.device) for rgb in torch.split(photos.rgb, _BATCH)]
    fields = [_colour(network, _scale(rgb), config, runtime) for rgb in targets]
    strengths = _choose_strengths(targets, fields, config.strength)
    parts: list[SweepValues] = []
    distances: list[tuple[float, float]] = []  # of the generated and the grey pictures, a batch each
    for number, (rgb, found) in enumerate(zip(targets, fields, strict=True)):
        target = _scale(rgb)
        batch = BatchCompositor(rgb_to_lab(target)[:, :1], found)
        parts.append(sweep_strengths(batch.compose, target, strengths))
        if perceptual is not None and number * _BATCH < _PERCEPTUAL_PICTURES:
            with runtime.autocast():
                pair = [float(perceptual(batch.compose(s), target)) for s in (config.strength, 0.0)]
            distances.append((pair[0], pair[1]))
    distance = sum(d for d, _ in distances) / sum(g for _, g in distances) if distances else None
    return _score(SweepValues.join(parts), config.strength, distance)


def _choose_strengths(targets: list[Tensor], fields: list[list[ChromaField]], own: float) -> list[float]:
    """Return those of all strengths that decide the score, found on a few pixels of each picture.

    They are the network's own, the best one, and the ones between which `SCORE_SHARE` lies. Composing pictures at
    every strength took more than twice as long as all the rest.
    """
    strengths = sorted({*STRENGTHS, own} - {0.0})
    rough: list[SweepValues] = []
    for rgb, found in zip(targets, fields, strict=True):
        target = _scale(rgb)
        step = max(1, target.shape[-1] // _ROUGH_SIDE)
        batch = BatchCompositor(rgb_to_lab(target)[:, :1], found).thinned(step)
        rough.append(sweep_strengths(batch.compose, target[..., ::step, ::step], strengths))
    curve = SweepValues.join(rough).curve()
    swept = (0.0, *strengths)
    chosen = {own, swept[curve.gains.index(curve.best)]}
    for low, high in zip(range(len(swept) - 1), range(1, len(swept)), strict=True):
        if curve.fractions[low] - _ROUGH_ERROR <= SCORE_SHARE <= curve.fractions[high] + _ROUGH_ERROR:
            chosen |= {swept[low], swept[high]}
    if max(curve.fractions) < SCORE_SHARE + _ROUGH_ERROR:  # not reached: the last one counts
        chosen.add(swept[-1])
    return sorted(chosen - {0.0})


def _scale(rgb: Tensor) -> Tensor:
    return rgb.float() / 255


def _score(values: SweepValues, strength: float, distance: float | None) -> ColorScore:
    curve, at = values.curve(), values.strengths.index(strength)
    grey = float(values.grey_psnr.mean())
    reached = curve.gain_at(SCORE_SHARE)
    gain = curve.gains[-1] if reached is None else reached
    return ColorScore(
        psnr=grey + curve.gains[at],
        grey_psnr=grey,
        colorfulness=float(values.colorfulness[at].mean()),
        real_colorfulness=float(values.photographs.mean()),
        best_gain=curve.best,
        gain=gain,
        perceptual=distance,
        score=gain if distance is None else gain + PERCEPTUAL_DB * (1 - distance),
    )


def _colour(network: Generator, target: Tensor, config: RenderConfig, runtime: Runtime) -> list[ChromaField]:
    """Let the network colour a batch once."""
    inputs = make_inputs(rgb_to_lab(target)[:, :1], config, network.config)
    colors = predict_colors(network, inputs, config, runtime=runtime)
    return [fit_color(network_input, color).field for network_input, color in zip(inputs, colors, strict=True)]
