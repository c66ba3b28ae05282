"""The networks, built from their configurations."""

from colorgan.model.discriminators import Discriminator, build_discriminator
from colorgan.model.generator import Generator, Prediction, build_generator
from colorgan.model.inference import prepare_for_inference

__all__ = [
    "Discriminator",
    "Generator",
    "Prediction",
    "build_discriminator",
    "build_generator",
    "prepare_for_inference",
]
