"""colorgan colours black-and-white photographs, and trains the networks that do it.

The names below are loaded when they are first used, so that importing colorgan costs nothing.

Example:
    >>> from PIL import Image
    >>> from colorgan import Colorizer
    >>> Colorizer.load("default").colorize(Image.open("grandmother.jpg")).save("grandmother-colour.jpg")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from colorgan.version import __version__

if TYPE_CHECKING:
    from colorgan.color import lab_to_rgb, rgb_to_lab
    from colorgan.colorization import ColorizeOptions, Colorizer, Hint, Outcome, Palette
    from colorgan.config import DiscriminatorConfig, LossConfig, ModelConfig, RenderConfig
    from colorgan.data import PhotoSets
    from colorgan.errors import ColorganError
    from colorgan.evaluation import EvaluationRequest, Protocol, Report, evaluate
    from colorgan.losses import GeneratorLoss
    from colorgan.model import build_discriminator, build_generator
    from colorgan.request import ColorizeRequest, FilmOptions
    from colorgan.session import ColorizeSession, colorize_paths
    from colorgan.training import Recipe, Trainer, TrainingOptions, load_recipe, prepare_training
    from colorgan.weights.file import load_generator, save_generator

__all__ = [
    "ColorganError",
    "ColorizeOptions",
    "ColorizeRequest",
    "ColorizeSession",
    "Colorizer",
    "DiscriminatorConfig",
    "EvaluationRequest",
    "FilmOptions",
    "GeneratorLoss",
    "Hint",
    "LossConfig",
    "ModelConfig",
    "Outcome",
    "Palette",
    "PhotoSets",
    "Protocol",
    "Recipe",
    "RenderConfig",
    "Report",
    "Trainer",
    "TrainingOptions",
    "__version__",
    "build_discriminator",
    "build_generator",
    "colorize_paths",
    "evaluate",
    "lab_to_rgb",
    "load_generator",
    "load_recipe",
    "prepare_training",
    "rgb_to_lab",
    "save_generator",
]

_HOMES = {
    "ColorganError": "colorgan.errors",
    "ColorizeOptions": "colorgan.colorization",
    "ColorizeRequest": "colorgan.request",
    "ColorizeSession": "colorgan.session",
    "Colorizer": "colorgan.colorization",
    "DiscriminatorConfig": "colorgan.config",
    "EvaluationRequest": "colorgan.evaluation",
    "FilmOptions": "colorgan.request",
    "GeneratorLoss": "colorgan.losses",
    "Hint": "colorgan.colorization",
    "LossConfig": "colorgan.config",
    "ModelConfig": "colorgan.config",
    "Outcome": "colorgan.colorization",
    "Palette": "colorgan.colorization",
    "PhotoSets": "colorgan.data",
    "Protocol": "colorgan.evaluation",
    "Recipe": "colorgan.training",
    "RenderConfig": "colorgan.config",
    "Report": "colorgan.evaluation",
    "Trainer": "colorgan.training",
    "TrainingOptions": "colorgan.training",
    "build_discriminator": "colorgan.model",
    "build_generator": "colorgan.model",
    "colorize_paths": "colorgan.session",
    "evaluate": "colorgan.evaluation",
    "lab_to_rgb": "colorgan.color",
    "load_generator": "colorgan.weights.file",
    "load_recipe": "colorgan.training",
    "prepare_training": "colorgan.training",
    "rgb_to_lab": "colorgan.color",
    "save_generator": "colorgan.weights.file",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'colorgan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
