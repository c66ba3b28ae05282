"""From a generator to the colours of a photograph of any size: the way of colourising, training and evaluation.

`NetworkInput`s are shown to the network by `predict_colors`; what it says of each is fitted to its edges by
`fit_color`, and is then had at any strength; `Compositor` lays that over the photograph.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from colorgan.config import ModelConfig, OutputSpace, RenderConfig
from colorgan.model import Generator
from colorgan.rendering.chroma import ChromaField, fit_chroma
from colorgan.rendering.hint_guidance import draw_hints, keep_hints
from colorgan.rendering.predict import Query, predict_rendering, render_shapes, resample
from colorgan.runtime import Runtime

__all__ = ["FittedColor", "NetworkInput", "PredictedColor", "fit_color", "make_inputs", "predict_colors"]


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """A photograph as the network is to see it: L, and what else is known of it."""

    luminance: Tensor  # (1, h, w), 0..100, at the largest render size or above
    shape: tuple[int, int]  # height and width of the photograph
    render_shapes: tuple[tuple[int, int], ...]  # at which the network sees it; equal ones can share a batch
    known: Tensor | None = None  # (1, h, w), 1 where L can be trusted; None trusts all
    points: Tensor | None = None  # (N, 4), colours that were given; see `colorgan.rendering.draw_hints`

    @property
    def guide(self) -> Tensor:
        """L `(1, h, w)` at the largest render size, to which colours are fitted."""
        return resample(self.luminance[None], max(self.render_shapes))[0]


@dataclass(frozen=True, slots=True)
class PredictedColor:
    """What the network says of one photograph."""

    ab: Tensor  # (2, h, w), Lab units, float32, coarse, without strength
    confidence: Tensor | None = None  # (1, h, w), 0..1; None if it was not asked for, or without bins
    painted: Tensor | None = None  # (1, h, w), L at the first render size, where the network made some of it up


@dataclass(frozen=True, slots=True)
class FittedColor:
    """The colours of one photograph, fitted to its edges, to be had at any strength; see `fit_color`."""

    field: ChromaField  # without strength
    guide: Tensor  # (1, h, w), L that it is fitted to
    points: Tensor | None = None  # (N, 4), colours that no strength changes

    def at(self, strength: float, *, warmth: float = 0.0) -> ChromaField:
        """Return the colours with their strength and with `warmth` added to b, both kept from the hints."""
        field = self.field.scaled(strength).warmed(warmth)
        return field if self.points is None else keep_hints(field, self.guide, self.points)


def make_inputs(
    luminance: Tensor,
    config: RenderConfig,
    model: ModelConfig,
    *,
    known: Tensor | None = None,
    points: Tensor | None = None,
) -> list[NetworkInput]:
    """Make the inputs of a batch of pictures of one size.

    Args:
        luminance: L, 0..100, `(B, 1, H, W)`.
        config: For the render sizes.
        model: Of the network.
        known: 1 where L can be trusted `(B, 1, h, w)`, of any size; None trusts all.
        points: Colours that were given `(B, N, 4)`; None gives none.
    """
    shape = (luminance.shape[-2], luminance.shape[-1])
    shapes = render_shapes(shape, config, model)
    return [
        NetworkInput(L, shape, shapes, None if known is None else known[i], None if points is None else points[i])
        for i, L in enumerate(luminance)
    ]


def predict_colors(
    network: Generator,
    inputs: Sequence[NetworkInput],
    config: RenderConfig,
    query: Query | None = None,
    *,
    runtime: Runtime,
) -> list[PredictedColor]:
    """Ask for the colours of pictures with equal render shapes, as one batch.

    Args:
        network: A generator in eval mode, on the runtime's device.
        inputs: What to colour.
        config: The settings; their strength is left to `FittedColor`.
        query: What is asked beside the plain colours; its `known`, `hints` and `shape` are those of the inputs.
        runtime: Where the network runs and how precisely.
    """
    batch = torch.stack([one.luminance for one in inputs]).to(runtime.device)
    known, hints = (None if x is None else x.to(runtime.device) for x in (_stack_known(inputs), _draw_points(inputs)))
    query = dataclasses.replace(query or Query(), known=known, hints=hints, shape=inputs[0].shape)
    with torch.inference_mode(), runtime.autocast():
        answer = predict_rendering(network, batch, config, query)
    paints = known is not None and network.repair is None and network.config.output is OutputSpace.RGB
    confidence, painted = answer.confidence, answer.luminance if paints else None
    return [
        PredictedColor(
            ab.float(),
            None if confidence is None else confidence[i].float(),
            None if painted is None else painted[i].float(),
        )
        for i, ab in enumerate(answer.ab)
    ]


def _stack_known(inputs: Sequence[NetworkInput]) -> Tensor | None:
    """Stack what is known of a batch, `(B, 1, h, w)`; None where all is."""
    if all(one.known is None for one in inputs):
        return None
    return torch.stack([torch.ones_like(one.luminance) if one.known is None else one.known for one in inputs])


def _draw_points(inputs: Sequence[NetworkInput]) -> Tensor | None:
    """Draw the hints of a batch, `(B, 3, h, w)`; None where it has none."""
    if all(one.points is None for one in inputs):
        return None
    shape = max(inputs[0].render_shapes)
    points = [one.luminance.new_zeros(0, 4) if one.points is None else one.points for one in inputs]
    return torch.stack([draw_hints(given, shape) for given in points])


def fit_color(network_input: NetworkInput, color: PredictedColor) -> FittedColor:
    """Fit what the network says of a photograph to the edges of that."""
    guide = network_input.guide if color.painted is None else color.painted
    return FittedColor(fit_chroma(color.ab, guide), guide, network_input.points)
