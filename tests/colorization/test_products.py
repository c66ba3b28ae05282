import numpy as np
import pytest
import torch

from colorgan.colorization.products import (
    beside_the_original,
    color_layer,
    lean_of,
    uncertainty_map,
    variant_sheet,
)
from colorgan.images import photo_from_image
from colorgan.rendering import Compositor
from colorization_support import RED
from support import draw_photo


def grey_levels(seed: int = 0, size: tuple[int, int] = (70, 50)) -> np.ndarray:
    return np.array(draw_photo(seed, size).convert("L"))


class TestColorLayer:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_laid_over_the_original_gives_the_picture(self, dtype: type) -> None:
        grey = grey_levels().astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
        depth = 8 if dtype == np.uint8 else 16
        picture = np.concatenate(list(Compositor(grey, RED, depth).bands())).astype(float)
        color, opacity = color_layer(Compositor(grey, RED, depth).bands(), grey)
        share = opacity[..., None] / np.iinfo(dtype).max
        laid = color * share + grey[..., None] * (1 - share)
        assert np.abs(laid - picture).max() <= 1
        assert 0 < opacity.mean() < np.iinfo(dtype).max

    def test_nothing_to_show_is_transparent(self) -> None:
        grey = grey_levels()
        assert not color_layer(Compositor(grey, RED.scaled(0)).bands(), grey)[1].any()


def test_comparison_has_both_sides() -> None:
    grey = grey_levels()
    bands = list(beside_the_original(Compositor(grey, RED).bands(), grey))
    both = np.concatenate(bands)
    assert both.shape == (50, 140, 3)
    assert np.array_equal(both[:, :70, 1], grey)
    assert np.array_equal(both[:, 70:], np.concatenate(list(Compositor(grey, RED).bands())))


def test_doubt_is_bright() -> None:
    shown = uncertainty_map(torch.tensor([[[1.0, 0.0]]]), (10, 20))
    assert shown.shape == (10, 20)
    assert (shown[0, 0], shown[0, -1]) == (0, 255)


class TestVariants:
    def test_first_is_the_plain_one(self) -> None:
        assert lean_of(0, 5) == (0.0, 0.0)

    def test_others_lean_apart(self) -> None:
        leans = np.array([lean_of(k, 5) for k in range(1, 5)])
        assert np.allclose(leans.sum(0), 0, atol=1e-9)
        assert len(np.unique(leans.round(6), axis=0)) == 4

    def test_sheet_shows_them_all(self) -> None:
        photo = photo_from_image(draw_photo(0).convert("L"))
        sheet = variant_sheet(photo, [RED.scaled(0), RED])
        assert sheet.shape[1] > 2 * 80 or sheet.shape[0] > 2 * 64
        assert np.ptp(sheet.astype(int), axis=-1).max() > 20
