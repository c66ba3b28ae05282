"""What is measured: trained generators, baselines, and pictures that another program coloured."""

import dataclasses
import os
import unicodedata
from collections.abc import Mapping
from typing import Protocol as Interface

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import lab_to_rgb, luminance_to_grey
from colorgan.config import Framing, RenderConfig
from colorgan.data import PhotoFile, open_photo
from colorgan.errors import EvaluationError
from colorgan.evaluation.inputs import EvaluationBatch, frame_picture
from colorgan.model import Generator
from colorgan.rendering import (
    Compositor,
    FittedColor,
    Query,
    fit_color,
    make_inputs,
    mostly_known,
    predict_colors,
    predict_rendering,
    render_shapes,
)
from colorgan.runtime import Runtime

__all__ = [
    "Candidate",
    "FittedBatch",
    "ForeignPictures",
    "GreyBaseline",
    "MeanColorBaseline",
    "Model",
    "match_names",
    "round_to_8_bits",
]


class Candidate(Interface):
    """Anything that colours the pictures of a batch."""

    @property
    def name(self) -> str:
        """What the tables call it."""

    def color(self, batch: EvaluationBatch) -> Tensor:
        """Return the coloured pictures, 8-bit levels as 0..1, `(B, 3, H, W)`."""


def round_to_8_bits(rgb: Tensor) -> Tensor:
    """Return sRGB as it would come back from an 8-bit file."""
    return (rgb.clamp(0, 1) * 255).round() / 255


class GreyBaseline:
    """The picture without colour."""

    name = "grey"

    def color(self, batch: EvaluationBatch) -> Tensor:
        """Return the grey pictures."""
        return round_to_8_bits(luminance_to_grey(batch.luminance)).expand(-1, 3, -1, -1)


class MeanColorBaseline:
    """One colour for everything: the mean a and b of all pictures measured. The best that a tint can do."""

    name = "mean colour"

    def __init__(self, ab: tuple[float, float]) -> None:
        self.ab = ab

    def color(self, batch: EvaluationBatch) -> Tensor:
        """Return the tinted pictures."""
        tint = batch.luminance.new_tensor(self.ab).view(1, 2, 1, 1).expand(len(batch), -1, *batch.luminance.shape[-2:])
        return round_to_8_bits(lab_to_rgb(torch.cat((batch.luminance, tint), dim=1)))


class FittedBatch:
    """A model's colours for a batch, to be put on the pictures at any strength.

    Args:
        luminance: L that the results keep, `(B, 1, H, W)`.
        fitted: The colours of each picture.
    """

    def __init__(self, luminance: Tensor, fitted: list[FittedColor]) -> None:
        levels = luminance_to_grey(luminance.float().clamp(0, 100)) * 65535
        self.grey = levels.round()[:, 0].cpu().numpy().astype(np.uint16)  # (B, H, W)
        self.fitted = fitted
        self.device = luminance.device

    def compose(self, strength: float) -> Tensor:
        """Return the pictures as `colorgan colorize` writes them, `(B, 3, H, W)`, 8-bit levels as 0..1."""
        pictures = [
            np.concatenate([band.copy() for band in Compositor(grey, colors.at(strength)).bands()])
            for grey, colors in zip(self.grey, self.fitted, strict=True)
        ]
        return torch.from_numpy(np.stack(pictures)).to(self.device).permute(0, 3, 1, 2).float() / 255


class Model:
    """A generator with its settings.

    Args:
        name: What the tables call it.
        network: The generator, in eval mode, on the runtime's device.
        render: Its settings.
        runtime: Device and precision.
    """

    def __init__(self, name: str, network: Generator, render: RenderConfig, runtime: Runtime) -> None:
        self.name = name
        self.network = network
        self.render = render
        self.runtime = runtime

    def predict(self, batch: EvaluationBatch) -> FittedBatch:
        """Ask the network once for a batch; what is missing is inpainted first, if it can, as `colorize` does."""
        batch = self._inpaint(batch)
        inputs = make_inputs(batch.shown, self.render, self.network.config, known=batch.known, points=batch.hints)
        colors = predict_colors(self.network, inputs, self.render, runtime=self.runtime)
        fitted = [fit_color(network_input, color) for network_input, color in zip(inputs, colors, strict=True)]
        return FittedBatch(_with_painted(batch, [color.painted for color in colors]), fitted)

    def ask(self, batch: EvaluationBatch, size: int) -> Tensor:
        """Return the network's own colours `(B, 2, h, w)` at a render size, without hints, their chroma as it is."""
        render = RenderConfig(size=size)
        with self.runtime.autocast():
            return predict_rendering(self.network, batch.shown, render, Query(known=batch.known)).ab

    def _inpaint(self, batch: EvaluationBatch) -> EvaluationBatch:
        """Inpaint what is missing, or at least keep what was there from a network that passes it through."""
        known, repair = batch.known, self.network.repair
        if known is None:
            return batch
        if repair is None:
            return dataclasses.replace(batch, shown=torch.where(known > 0, batch.shown, batch.luminance))
        with self.runtime.autocast():
            luminance, shown = repair(batch.luminance, known), repair(batch.shown, known)
        shapes = render_shapes((known.shape[-2], known.shape[-1]), self.render, self.network.config)
        return dataclasses.replace(batch, luminance=luminance, shown=shown, known=mostly_known(known, max(shapes)))

    def color(self, batch: EvaluationBatch) -> Tensor:
        """Colour a batch at the strength of the settings."""
        return self.predict(batch).compose(self.render.strength)


def _with_painted(batch: EvaluationBatch, painted: list[Tensor | None]) -> Tensor:
    """Return the luminance that results keep, with what a network painted where it was missing."""
    given = [x for x in painted if x is not None]
    if batch.known is None or not given:
        return batch.luminance
    full = F.interpolate(torch.stack(given), size=batch.luminance.shape[-2:], mode="bilinear", align_corners=False)
    return torch.where(batch.known > 0, batch.luminance, full)


class ForeignPictures:
    """Pictures that any other program coloured, found by the names of the originals.

    Args:
        name: What the tables call it.
        pictures: The coloured pictures by the original's name.
        framing: How they are brought to size: as the originals are.
    """

    def __init__(self, name: str, pictures: Mapping[str, PhotoFile], framing: Framing) -> None:
        self.name = name
        self.pictures = pictures
        self.framing = framing

    def color(self, batch: EvaluationBatch) -> Tensor:
        """Read the pictures of a batch."""
        arrays = []
        for name, target in zip(batch.names, batch.target, strict=True):
            image = frame_picture(open_photo(self.pictures[name]), self.framing)
            if (image.height, image.width) != tuple(target.shape[-2:]):
                raise EvaluationError(
                    f"{self.pictures[name].name} has {image.width} x {image.height} pixels, its original "
                    f"{target.shape[-1]} x {target.shape[-2]}; compare pictures of the same size, or use "
                    "--protocol squash256"
                )
            arrays.append(np.asarray(image))
        pictures = torch.from_numpy(np.stack(arrays)).to(batch.target.device)
        return pictures.permute(0, 3, 1, 2).float() / 255


def match_names(originals: list[PhotoFile], coloured: list[PhotoFile]) -> dict[str, PhotoFile]:
    """Find the coloured picture of each original: the same relative path, the suffix and the Unicode form apart."""
    by_stem = {_stem(photo.name): photo for photo in coloured}
    return {photo.name: by_stem[_stem(photo.name)] for photo in originals if _stem(photo.name) in by_stem}


def _stem(name: str) -> str:
    return unicodedata.normalize("NFC", os.path.splitext(name)[0])  # noqa: PTH122 - names are no paths here
