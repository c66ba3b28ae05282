from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    plan_paths,
)
from colorgan.colorization.masks import add_masks
from colorgan.colorization.serve import EditSession
from support import draw_photo


@pytest.fixture(scope="module")
def colorizer(tiny_weights: Path) -> Colorizer:
    """One for all tests of a module: they ask it for colours and change nothing of it."""
    return Colorizer.load(tiny_weights, device="cpu", precision="float32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, size in (("a.png", (1700, 60)), ("sub/b.png", (90, 60))):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        draw_photo(1, size).convert("L").save(tmp_path / "in" / name)
    return tmp_path / "in"


@pytest.fixture
def begin(folder: Path, colorizer: Colorizer) -> Callable[..., EditSession]:
    """Begin a session for the folder."""

    def begin(*, image_format: str | None = None, mask: Path | None = None, **options: Any) -> EditSession:
        plan = plan_paths([folder], folder.with_name("out"), image_format=image_format)
        plan = plan if mask is None else add_masks(plan, mask)
        return EditSession(plan, colorizer, ColorizeOptions(render=colorizer.render, **options))

    return begin


@pytest.fixture
def session(begin: Callable[..., EditSession]) -> EditSession:
    return begin()
