"""Asking a generator for the colours of a batch: sizes, mirrored passes, regression and bins."""

import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import BIN_COUNT, ab_bins, decode_bins
from colorgan.config import ModelConfig, RenderConfig
from colorgan.model import Generator, Prediction
from colorgan.rendering.hint_guidance import weigh_advice

__all__ = [
    "Query",
    "Rendering",
    "chroma_factor",
    "mostly_known",
    "predict_rendering",
    "render_shape",
    "render_shapes",
    "render_small",
    "resample",
]

TYPICAL_CHROMA = 11.0
"""The root-mean-square chroma to which `chroma_equalization` draws pictures: the median of the first generator's."""

_MOST_EQUALIZATION = 2.0  # so that fog stays fog
_MOST_CONTRAST = 4.0  # of a place's chroma to that of its picture, as far as gamma looks at it
_TOLD = 10.0  # units of ab by which hints change a colour that is then no guess any more
_LEAST_KNOWN = 0.25  # fraction of a render pixel


@dataclass(frozen=True, slots=True)
class Query:
    """What a generator is asked, beside the luminance of a batch and the settings."""

    confidence: bool = False  # whether to say how sure the network is; it takes a third of the time on a CPU
    lean: tuple[float, float] = (0.0, 0.0)
    """A direction in the ab plane, as what one unit of a and of b adds to the logits of the bins (0.05 is much).

    Where the network is sure, colours stay; where it wavers, they lean that way. Needs bins.
    """
    pad_to: int = 1
    """The batch is filled up to this size with copies: the last digits of a convolution can depend on the size of its
    batch, and a photograph's colours should not."""
    known: Tensor | None = None  # 1 where the luminance can be trusted (B, 1, H, W); None trusts all
    hints: Tensor | None = None
    """Mask, a and b of given colours `(B, 3, h, w)`, drawn at the largest render size; others are resampled."""
    shape: tuple[int, int] | None = None
    """Height and width of the photographs, where the luminance is a smaller copy that may have lost a little of their
    aspect."""


class Rendering(NamedTuple):
    """A generator's answer for a batch of pictures of one shape."""

    ab: Tensor  # (B, 2, h, w), Lab units, at the largest render size divided by the generator's output stride
    confidence: Tensor | None  # (B, 1, h, w), 0..1: 1 - normalised entropy of the bins; None without bins
    luminance: Tensor  # (B, 1, H, W), 0..100, at the first render size, painted where it was unknown


def render_shape(height: int, width: int, size: int, model: ModelConfig) -> tuple[int, int]:
    """Return the shape at which the network should see a picture: its aspect, about `size` squared pixels.

    Sides are multiples of the model's stride, at least one stride, at most 16 times `size` (for strips).
    """
    scale = size / math.sqrt(height * width)
    sides = (round(side * scale / model.stride) * model.stride for side in (height, width))
    tall, wide = (min(max(side, model.stride), 16 * max(size, model.stride)) for side in sides)
    return tall, wide


def render_shapes(shape: tuple[int, int], config: RenderConfig, model: ModelConfig) -> tuple[tuple[int, int], ...]:
    """Return the shapes of all sizes at which the network should see a picture; see `render_shape`."""
    return tuple(render_shape(*shape, size, model) for size in (config.size, *config.sizes))


def resample(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resample `(B, C, H, W)` to `(B, C, *shape)` bilinearly, with antialiasing where it gets smaller."""
    if x.shape[-2:] == shape:
        return x
    return F.interpolate(x, size=shape, mode="bilinear", align_corners=False, antialias=True)


def mostly_known(known: Tensor, shape: tuple[int, int]) -> Tensor:
    """Say at a render size which pixels of a filled photograph are to be taken for known; 1 or 0 `(B, 1, *shape)`.

    Only those of which nearly all was filled are not: a network that is told so colours them more truly than what the
    filling looks like, but it knows less of every pixel that it is told is missing.
    """
    return (resample(known, shape) > _LEAST_KNOWN).float()


def predict_rendering(
    network: Generator, luminance: Tensor, config: RenderConfig, query: Query | None = None
) -> Rendering:
    """Ask for the colours of a batch, as `config` says (all but its strength, which the caller applies).

    Args:
        network: A generator in eval mode.
        luminance: L, 0..100, `(B, 1, H, W)`, any size; it is resampled to the render size.
        config: Sizes, mirrored passes, mixing, what is done to the chroma.
        query: What else there is to say; the plain colours if left out.
    """
    query = query or Query()
    batch, query = _pad(luminance, query)
    plain = _ask(network, batch, config, dataclasses.replace(query, hints=None, confidence=_is_last(query)))
    if query.hints is None:
        answer = plain._replace(ab=plain.ab * chroma_factor(plain.ab, config))
    else:
        answer = _ask(network, batch, config, query)
        answer = answer._replace(ab=_take_advice(plain.ab, answer.ab, batch, query.hints, config))
    ab, confidence, painted = answer
    count = len(luminance)
    return Rendering(ab[:count], None if confidence is None else confidence[:count], painted[:count])


def _is_last(query: Query) -> bool:
    """Whether the confidence of the answer without hints is wanted: where there are any, they have a say in it."""
    return query.confidence and query.hints is None


def _pad(luminance: Tensor, query: Query) -> tuple[Tensor, Query]:
    """Fill a batch up with copies of its last picture."""
    copies = max(0, query.pad_to - len(luminance))

    def fill(x: Tensor) -> Tensor:
        return torch.cat((x, x[-1:].expand(copies, -1, -1, -1))) if copies else x

    known, hints = (None if x is None else fill(x) for x in (query.known, query.hints))
    return fill(luminance), dataclasses.replace(query, known=known, hints=hints)


def render_small(network: Generator, luminance: Tensor, config: RenderConfig) -> tuple[Tensor, Tensor | None]:
    """Return ab, with the strength of the settings, and confidence for a batch that has the render size already."""
    query = Query(confidence=True)
    answers = [_read(network(luminance), config, query)]
    if config.flip:
        answers.append(_mirror(_read(network(luminance.flip(-1)), config, query)))
    ab, confidence, _ = answers[0] if len(answers) == 1 else _average(answers)
    return ab * chroma_factor(ab, config) * config.strength, confidence


def _take_advice(plain: Tensor, hinted: Tensor, luminance: Tensor, hints: Tensor, config: RenderConfig) -> Tensor:
    """Change the plain colours as hints do, without strengthening what they change.

    Chroma scale and equalization make up for the timidity of a network that does not know. Where hints changed its
    mind it does; and strengthened, what they do far from their object would be as strong as what they do to it.
    """
    to = (hints.shape[-2], hints.shape[-1])
    weights = weigh_advice(resample(luminance, to), hints, (plain.shape[-2], plain.shape[-1]))
    change = (hinted - plain) * weights.to(plain.dtype)
    told = (change.norm(dim=1, keepdim=True) / _TOLD).clamp(max=1)
    factor = chroma_factor(plain, config)
    return (plain + change) * torch.lerp(factor.expand_as(told), torch.ones_like(told), told)


def _ask(network: Generator, luminance: Tensor, config: RenderConfig, query: Query) -> Rendering:
    """Average the answers at all sizes, mirrored or not, as the network gives them."""
    answers: list[Rendering] = []
    shape = query.shape or (luminance.shape[-2], luminance.shape[-1])
    for to in render_shapes(shape, config, network.config):
        small = resample(luminance, to)
        trusted = None if query.known is None else (resample(query.known, to) > 0.999).float()
        points = None if query.hints is None else F.interpolate(query.hints, size=to, mode="nearest")
        answers.append(_read(network(small, trusted, points), config, query))
        if config.flip:
            mirrored = network(*(None if x is None else x.flip(-1) for x in (small, trusted, points)))
            answers.append(_mirror(_read(mirrored, config, query)))
    return answers[0] if len(answers) == 1 else _average(answers)


def chroma_factor(ab: Tensor, config: RenderConfig, typical: Tensor | None = None) -> Tensor:
    """Return the factor on the chroma of each place, `(B, 1, h, w)` or `(B, 1, 1, 1)`.

    It is made of the chroma scale and corrections of what regression does where it is unsure, which is to say something
    pale near the mean of all colours:

    - Chroma equalization e brings the pictures' root-mean-square chroma r nearer to each other: it becomes
      `r ** (1 - e) * typical ** e`. A picture of which the network is unsure is not left pale.
    - Within a picture, a chroma of c becomes `c * (c / r) ** (gamma - 1)`. What is vivid, so that the network must be
      sure of it, becomes more so; what is pale, most of it brown, stays so. At equal mean colourfulness both cost less
      error than strengthening everything alike.
    - The limit keeps what was vivid to begin with, skin above all, from becoming garish: c becomes
      `limit * tanh(c / limit)`.

    Args:
        ab: What the network said, `(B, 2, h, w)`.
        config: The settings.
        typical: r, one for all or one a picture, `(B, 1, 1, 1)`; measured in each picture if left out.
    """
    chroma = ab.square().sum(1, keepdim=True).sqrt()
    if typical is None:
        typical = chroma.square().mean((2, 3), keepdim=True).sqrt().clamp_min(1e-3)
    factor = (TYPICAL_CHROMA / typical) ** config.chroma_equalization
    factor = factor.clamp(1 / _MOST_EQUALIZATION, _MOST_EQUALIZATION) * config.chroma_scale
    if config.chroma_gamma != 1:
        factor = factor * (chroma / typical).clamp(1 / _MOST_CONTRAST, _MOST_CONTRAST) ** (config.chroma_gamma - 1)
    if config.chroma_limit > 0:
        reached = (chroma * factor / config.chroma_limit).clamp_min(1e-6)
        factor = factor * reached.tanh() / reached
    return factor


def _read(prediction: Prediction, config: RenderConfig, query: Query) -> Rendering:
    """Take ab from the regression, the bins or both."""
    ab, confidence = prediction.coarse_ab, None
    if prediction.bins is not None and query.confidence:
        log_probability = prediction.bins.log_softmax(1)
        entropy = -(log_probability.exp() * log_probability).sum(1, keepdim=True)
        confidence = 1 - entropy / math.log(BIN_COUNT)
    if prediction.bins is not None and config.bins_share > 0:
        ab = torch.lerp(ab, decode_bins(prediction.bins, temperature=config.temperature), config.bins_share)
    if prediction.bins is not None and any(query.lean):
        tilt = (ab_bins() @ torch.tensor(query.lean)).to(prediction.bins.device)[:, None, None]
        plain = decode_bins(prediction.bins, temperature=config.temperature)
        ab = ab + decode_bins(prediction.bins + tilt, temperature=config.temperature) - plain
    return Rendering(ab, confidence, prediction.luminance)


def _mirror(rendering: Rendering) -> Rendering:
    ab, confidence, luminance = rendering
    return Rendering(ab.flip(-1), None if confidence is None else confidence.flip(-1), luminance.flip(-1))


def _average(answers: list[Rendering]) -> Rendering:
    largest = max((a.ab.shape[-2:] for a in answers), key=math.prod)

    def mean(maps: list[Tensor]) -> Tensor:
        same = [F.interpolate(m, size=largest, mode="bilinear", align_corners=False) for m in maps]
        return torch.stack(same).mean(0)

    confidences = [a.confidence for a in answers if a.confidence is not None]
    return Rendering(mean([a.ab for a in answers]), mean(confidences) if confidences else None, answers[0].luminance)
