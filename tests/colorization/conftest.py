from pathlib import Path

import pytest
import torch

from colorgan.runtime import Runtime
from support import draw_photo


@pytest.fixture
def cpu() -> Runtime:
    return Runtime(torch.device("cpu"), torch.float32)


@pytest.fixture
def grey_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for number in range(7):
        path = folder / f"box{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_photo(number, (60 + 9 * (number % 3), 48)).convert("L").save(path)
    return folder
