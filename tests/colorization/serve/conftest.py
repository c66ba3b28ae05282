from pathlib import Path

import pytest

from colorgan.colorization import Colorizer


@pytest.fixture(scope="module")
def colorizer(tiny_weights: Path) -> Colorizer:
    """One for all tests of a module: they ask it for colours and change nothing of it."""
    return Colorizer.load(tiny_weights, device="cpu", precision="float32")
