"""Fixtures of training tests."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from colorgan.training import TrainingOptions
from colorgan.training.journal import Journal
from training_support import make_options, make_trainer, one_thread, photos, runtime, tiny_recipe

__all__ = ["make_trainer", "one_thread", "photos", "runtime", "tiny_recipe"]


@pytest.fixture(autouse=True)
def always_one_thread(one_thread: None) -> None:
    """Compute as the processes that tests start do."""


@pytest.fixture
def options(photos: Path, tmp_path: Path) -> Callable[..., TrainingOptions]:
    """Make the options of a tiny run: `options(*changes, **given)`."""
    return partial(make_options, photos, tmp_path / "run")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """An open journal without entries, in a folder of its own."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.open()
    return journal
