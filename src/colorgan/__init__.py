"""colorgan colours black-and-white photographs, and trains the networks that do it.

The names below are loaded when they are first used, so that importing colorgan costs nothing.

Example:
    >>> from PIL import Image
    >>> from colorgan import Colorizer
    >>> Colorizer.load("default").colorize(Image.open("grandmother.jpg")).save("grandmother-colour.jpg")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colorgan.color import lab_to_rgb, rgb_to_lab
    from colorgan.colorization import Colorizer, Hint, colorize_paths
    from colorgan.config import DiscriminatorConfig, LossConfig, ModelConfig, RenderConfig
    from colorgan.errors import ColorganError
    from colorgan.evaluation import evaluate
    from colorgan.film import colorize_film
    from colorgan.losses import GeneratorLoss
    from colorgan.model import build_discriminator, build_generator
    from colorgan.training import Trainer

__version__ = "0.1.0"

__all__ = [
    "ColorganError",
    "Colorizer",
    "DiscriminatorConfig",
    "GeneratorLoss",
    "Hint",
    "LossConfig",
    "ModelConfig",
    "RenderConfig",
    "Trainer",
    "__version__",
    "build_discriminator",
    "build_generator",
    "colorize_film",
    "colorize_paths",
    "evaluate",
    "lab_to_rgb",
    "rgb_to_lab",
]

_HOMES = {
    "ColorganError": "colorgan.errors",
    "Colorizer": "colorgan.colorization",
    "DiscriminatorConfig": "colorgan.config",
    "GeneratorLoss": "colorgan.losses",
    "Hint": "colorgan.colorization",
    "LossConfig": "colorgan.config",
    "ModelConfig": "colorgan.config",
    "RenderConfig": "colorgan.config",
    "Trainer": "colorgan.training",
    "build_discriminator": "colorgan.model",
    "build_generator": "colorgan.model",
    "colorize_film": "colorgan.film",
    "colorize_paths": "colorgan.colorization",
    "evaluate": "colorgan.evaluation",
    "lab_to_rgb": "colorgan.color",
    "rgb_to_lab": "colorgan.color",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'colorgan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
