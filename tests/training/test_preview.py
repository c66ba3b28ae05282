"""Sample sheets."""

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.config import AugmentConfig
from colorgan.model import build_generator
from colorgan.training import load_recipe
from colorgan.training.preview import write_sheet
from support import draw_photo
from training_support import TINY

HOLES = AugmentConfig(occlusion=1.0, occlusion_pixels=0.9, occlusion_rectangles=0, occlusion_scratches=0)


@pytest.fixture
def rgb() -> torch.Tensor:
    pictures = [np.asarray(draw_photo(number, (64, 64))) for number in range(3)]
    return torch.tensor(np.stack(pictures)).permute(0, 3, 1, 2)


def columns(path) -> list[np.ndarray]:
    """Return the three columns of a sheet's first row."""
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet)
    return [pixels[16:48, x : x + 32].astype(int) for x in (0, 36, 72)]


class TestWriteSheet:
    @pytest.mark.parametrize("changes", [(), ("model.repair_widths=[]",)])
    def test_shows_photograph_what_was_seen_and_what_was_made(self, rgb, tmp_path, runtime, changes):
        network = build_generator(load_recipe("debug", (*TINY, *changes)).model).eval()
        write_sheet(tmp_path / "sheet.png", network, rgb, 32, HOLES, runtime)
        original, seen, made = columns(tmp_path / "sheet.png")
        assert original.std() > 10
        holes = seen.max(-1) == 0
        assert 0.02 < holes.mean() < 0.95
        assert (seen.min(-1) == seen.max(-1)).all()  # grey
        error = np.abs(made.mean(-1) - original.mean(-1))
        assert error[holes].mean() > error[~holes].mean()  # what was not seen is not given away

    @pytest.mark.parametrize(
        "kinds", [{}, {"occlusion_pixels": 0, "occlusion_rectangles": 0, "occlusion_scratches": 0}]
    )
    def test_shows_no_holes_where_the_recipe_has_none(self, rgb, tmp_path, runtime, kinds):
        without = AugmentConfig(occlusion=0.0, **kinds)
        network = build_generator(load_recipe("debug", TINY).model).eval()
        write_sheet(tmp_path / "sheet.png", network, rgb, 32, without, runtime)
        _, seen, _ = columns(tmp_path / "sheet.png")
        assert (seen.max(-1) > 0).mean() > 0.99
