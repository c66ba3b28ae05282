"""What tests share besides fixtures."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def draw_photo(seed: int, size: tuple[int, int] = (80, 64)) -> Image.Image:
    """Draw a picture in the colours of a landscape: a sky, a meadow, a house, and noise. `size` is width, height."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    horizon = rng.uniform(0.3, 0.6) * height / max(width, height)
    sky = np.array([0.45, 0.65, 0.95]) + (y[..., None] - horizon) * rng.uniform(0.2, 0.6)
    meadow = np.array([0.25, 0.55, 0.15]) * (0.7 + 0.6 * (y[..., None] - horizon))
    picture = np.where((y < horizon)[..., None], sky, meadow)
    left, top = rng.uniform(0.1, 0.6), horizon - rng.uniform(0.05, 0.2)
    house = (x > left) & (x < left + 0.25) & (y > top) & (y < horizon + 0.1)
    picture = np.where(house[..., None], rng.uniform([0.6, 0.2, 0.1], [0.9, 0.5, 0.3]), picture)
    picture = picture + rng.normal(0, 0.02, (height, width, 1))
    return Image.fromarray((picture.clip(0, 1) * 255).round().astype(np.uint8))


def run_colorgan(*arguments: str | Path, cwd: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own and return what it printed."""
    command = [sys.executable, "-m", "colorgan", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=240, **options)


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so; fail if it takes too long."""
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.05)
