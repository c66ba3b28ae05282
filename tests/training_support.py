"""What training tests share: tiny recipes, data sets and runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from colorgan.config import PrecisionChoice
from colorgan.data import Batch, find_sets
from colorgan.runtime import Runtime, pick_runtime
from colorgan.training import Budget, Recipe, RunRequest, Trainer, TrainingOptions, load_recipe
from support import draw_photo

TINY = (
    "model.bottleneck_width=16",
    "model.decoder_widths=[16, 8, 8]",
    "model.repair_widths=[4, 4]",
    "discriminator.width=4",
    "loss.bins_rebalance=0.5",
    "augment.occlusion=0.5",
    "augment.hints=0.5",
    "run.size=32",
    "run.log_interval=1",
    "run.validation_count=4",
    "run.validation_size=32",
    "render.size=32",
)
"""Changes that make the debug recipe quicker still, with every part taking part."""


def draw_batch(*, holes: bool = True, hints: bool = True, count: int = 4, size: int = 32) -> Batch:
    """Draw a batch of noise, with holes and hints."""
    generator = torch.Generator().manual_seed(0)

    def noise(channels: int, most: int) -> torch.Tensor:
        return torch.randint(0, most, (count, channels, size, size), generator=generator, dtype=torch.uint8)

    given = torch.cat((noise(3, 256), noise(1, 2)), dim=1) if hints else None
    retoned = torch.tensor([True, False] * (count // 2))
    return Batch(noise(3, 256), noise(1, 256), retoned, noise(1, 2) if holes else None, given, ())


def make_options(photos: Path, folder: Path, /, *changes: str, **given: Any) -> TrainingOptions:
    """Make the options of a tiny run on the CPU."""
    settings: dict[str, Any] = {
        "data": photos,
        "recipe": "debug",
        "run_dir": folder,
        "device": "cpu",
        "precision": "float32",
        "workers": 0,
        "overrides": (*TINY, *changes),
        **given,
    }
    return TrainingOptions(**settings)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute as the processes that tests start do: bit-for-bit equality needs the same number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 drawn photographs; never written to."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(24):
        draw_photo(number, (64, 48)).save(folder / f"photo{number:03}.png")
    return folder


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """The CPU, in single precision."""
    return pick_runtime("cpu", PrecisionChoice.FLOAT32)


@pytest.fixture
def tiny_recipe() -> Callable[..., Recipe]:
    """Load the debug recipe, made tiny, with further changes."""
    return lambda *changes: load_recipe("debug", (*TINY, *changes))


@pytest.fixture
def make_trainer(
    photos: Path, runtime: Runtime, tiny_recipe: Callable[..., Recipe], tmp_path: Path
) -> Callable[..., Trainer]:
    """Make a trainer of a tiny run: `make_trainer(*changes, steps=4, name="run", **options)`."""

    def make(*changes: str, steps: int = 4, name: str = "run", **options: Any) -> Trainer:
        settings = {"budget": Budget(steps=steps), "runtime": runtime, "workers": 0, **options}
        return Trainer(RunRequest(tiny_recipe(*changes), find_sets(photos), tmp_path / name, **settings))

    return make
