"""The world that every test runs in: no colours, a fixed width, an empty data folder, no network."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # tests share the cores already; also for the programs that they start
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from PIL import Image

from colorgan import console
from colorgan.colorization import Colorizer
from colorgan.config import ModelConfig, RenderConfig
from colorgan.model import Generator, build_generator
from colorgan.weights.file import save_generator
from support import draw_photo


@pytest.fixture(autouse=True)
def pinned_world(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Pin what would change a test's outcome from one machine to another."""
    for name in ("COLORGAN_DEBUG", "COLORGAN_OFFLINE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    settings = tmp_path_factory.mktemp("settings") / "colorgan.toml"
    settings.touch()
    monkeypatch.setenv("COLORGAN_CONFIG", str(settings))  # not the user's own
    monkeypatch.setenv("COLORGAN_DATA_DIR", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setattr(console.settings, "verbosity", console.Verbosity.NORMAL)
    monkeypatch.setattr(console.settings, "log", None)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests reach servers of their own, and nothing else."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        internet = self.family in (socket.AF_INET, socket.AF_INET6)
        if internet and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def tiny_config() -> ModelConfig:
    """A generator small enough for any test: the compact form with narrow stages and every head."""
    return ModelConfig(bottleneck_width=16, decoder_widths=(16, 8, 8), attention_heads=2, repair_widths=(8, 4))


@pytest.fixture
def tiny_generator(tiny_config: ModelConfig) -> Generator:
    """A tiny generator with random weights, in eval mode."""
    torch.manual_seed(0)
    return build_generator(tiny_config).eval()


@pytest.fixture(scope="session")
def tiny_weights(tiny_config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator file with random weights that give strong colours."""
    torch.manual_seed(0)
    network = build_generator(tiny_config)
    torch.nn.init.normal_(network.color.weight, std=0.1)
    assert network.color.bias is not None
    torch.nn.init.constant_(network.color.bias, 0.2)
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    save_generator(path, network, render=RenderConfig(size=64), provenance={"name": "tiny"})
    return path


@pytest.fixture
def colorizer(tiny_weights: Path) -> Colorizer:
    """A colorizer of that file."""
    return Colorizer.load(tiny_weights, device="cpu", precision="float32")


@pytest.fixture
def photo_folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of drawn colour photographs: `photo_folder(count, size=(w, h), name="photos")`."""

    def make(count: int = 6, size: tuple[int, int] = (80, 64), name: str = "photos") -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            draw_photo(number, size).save(folder / f"photo{number:03}.png")
        return folder

    return make


@pytest.fixture
def colour_photo() -> Image.Image:
    """One drawn colour photograph, 96 x 64."""
    return draw_photo(1, (96, 64))
