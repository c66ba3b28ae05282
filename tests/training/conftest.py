"""Tiny recipes and data sets for training tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from colorgan.config import PrecisionChoice
from colorgan.data import find_sets
from colorgan.runtime import Runtime, pick_runtime
from colorgan.training import Budget, Recipe, RunRequest, Trainer, load_recipe
from support import draw_photo
from training_support import TINY


@pytest.fixture(autouse=True)
def one_thread():
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
    return pick_runtime("cpu", PrecisionChoice.FLOAT32)


@pytest.fixture
def tiny_recipe() -> Callable[..., Recipe]:
    """Load the debug recipe, made tiny, with further changes."""
    return lambda *changes: load_recipe("debug", (*TINY, *changes))


@pytest.fixture
def make_trainer(photos: Path, runtime: Runtime, tiny_recipe, tmp_path: Path) -> Callable[..., Trainer]:
    """Make a trainer of a tiny run: `make_trainer(*changes, steps=4, name="run", **options)`."""

    def make(*changes: str, steps: int = 4, name: str = "run", **options) -> Trainer:
        settings = {"budget": Budget(steps=steps), "runtime": runtime, "workers": 0, **options}
        return Trainer(RunRequest(tiny_recipe(*changes), find_sets(photos), tmp_path / name, **settings))

    return make
