"""What a run can teach a generator: to colour, or to fill what is missing."""

import dataclasses
from typing import Protocol

import torch
from torch import nn

from colorgan.errors import ConfigError
from colorgan.losses import Head, PerceptualLoss, heads_looked_at
from colorgan.model import Generator, Prediction
from colorgan.runtime import Runtime
from colorgan.training.inpainting_score import validate_inpainting
from colorgan.training.recipe import Recipe
from colorgan.training.score import Score
from colorgan.training.targets import Targets
from colorgan.training.validation import ValidationSet, validate
from colorgan.weights.file import LoadedGenerator

__all__ = ["Task", "pick_task"]


class Task(Protocol):
    """What is trained, how it is asked, and how it is judged."""

    keeps_shape: bool
    """Whether a generator that is begun with always keeps its shape, whatever the recipe says of it."""

    def trained_part(self, generator: Generator) -> nn.Module:
        """Return the part of a generator that is run and trained."""

    def predict(self, part: nn.Module, targets: Targets) -> Prediction:
        """Ask that part, or what wraps it, about a batch."""

    def adopt_shape(self, recipe: Recipe, given: LoadedGenerator) -> Recipe:
        """Return the recipe with the shape and settings of a generator that is begun with."""

    def score(
        self,
        network: Generator,
        photos: ValidationSet,
        recipe: Recipe,
        runtime: Runtime,
        perceptual: PerceptualLoss | None,
    ) -> Score:
        """Judge a generator."""


class _Coloring:
    """The whole generator learns to colour."""

    keeps_shape = False

    def trained_part(self, generator: Generator) -> nn.Module:
        return generator

    def predict(self, part: nn.Module, targets: Targets) -> Prediction:
        prediction: Prediction = part(targets.lab[:, :1], targets.known, targets.hints)
        return prediction

    def adopt_shape(self, recipe: Recipe, given: LoadedGenerator) -> Recipe:
        return dataclasses.replace(recipe, model=given.network.config, render=given.render)

    def score(
        self,
        network: Generator,
        photos: ValidationSet,
        recipe: Recipe,
        runtime: Runtime,
        perceptual: PerceptualLoss | None,
    ) -> Score:
        return validate(network, photos, recipe.render, runtime, perceptual=perceptual)


class _Inpainting:
    """The repair network alone learns to fill missing luminance; the colours are taken from the truth."""

    keeps_shape = True

    def trained_part(self, generator: Generator) -> nn.Module:
        if generator.repair is None:
            raise ConfigError("the recipe trains the repair alone, and its model has none; give it model.repair_widths")
        return generator.repair

    def predict(self, part: nn.Module, targets: Targets) -> Prediction:
        luminance, ab = targets.lab[:, :1], targets.lab[:, 1:]
        known = torch.ones_like(luminance) if targets.known is None else targets.known
        return Prediction(ab, ab, None, part(luminance, known), None)

    def adopt_shape(self, recipe: Recipe, given: LoadedGenerator) -> Recipe:
        model = dataclasses.replace(given.network.config, repair_widths=recipe.model.repair_widths)
        return dataclasses.replace(recipe, model=model, render=given.render)

    def score(
        self,
        network: Generator,
        photos: ValidationSet,
        recipe: Recipe,
        runtime: Runtime,
        perceptual: PerceptualLoss | None,  # noqa: ARG002 - of what it paints, nothing is judged but the grey level
    ) -> Score:
        assert network.repair is not None  # noqa: S101 - `trained_part` has seen to it
        return validate_inpainting(network.repair, photos, recipe.augment, runtime)


def pick_task(recipe: Recipe) -> Task:
    """Return a recipe's task: if its loss looks at missing luminance alone, that is all there is to learn."""
    return _Inpainting() if heads_looked_at(recipe.loss) == {Head.REPAIR} else _Coloring()
