from pathlib import Path

import pytest
import torch

from colorgan.colorization import ColorizeOptions, Colorizer
from colorgan.config import ModelConfig, RenderConfig
from colorgan.model import build_generator
from colorgan.weights.file import save_generator


@pytest.fixture(scope="session")
def tiny_weights(tiny_config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator file with random weights that give strong colours."""
    torch.manual_seed(0)
    network = build_generator(tiny_config)
    torch.nn.init.normal_(network.color.weight, std=0.1)
    torch.nn.init.constant_(network.color.bias, 0.2)
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    save_generator(path, network, render=RenderConfig(size=64), provenance={"name": "tiny"})
    return path


@pytest.fixture
def colorizer(tiny_weights: Path) -> Colorizer:
    return Colorizer.load(tiny_weights, device="cpu", precision="float32")


@pytest.fixture
def options(colorizer: Colorizer) -> ColorizeOptions:
    return ColorizeOptions(render=colorizer.render)
