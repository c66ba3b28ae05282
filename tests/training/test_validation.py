"""Scoring a generator during training."""

import numpy as np
import pytest
import torch

from colorgan.color import lab_to_rgb, rgb_to_lab
from colorgan.config import RenderConfig
from colorgan.data import find_photos
from colorgan.errors import DataError
from colorgan.model import build_generator
from colorgan.training import load_recipe
from colorgan.training.validation import PERCEPTUAL_DB, ValidationSet, validate
from support import draw_photo
from training_support import TINY


class TestValidationSet:
    def test_takes_photographs_spread_evenly(self, photos):
        found = ValidationSet(find_photos(photos), 6, 32)
        assert found.names == [f"photo{n:03}.png" for n in range(0, 24, 4)]
        assert found.rgb.shape == (6, 3, 32, 32)
        assert found.rgb.dtype == torch.uint8

    def test_passes_over_damaged_and_grey_ones(self, tmp_path):
        draw_photo(1).save(tmp_path / "a.png")
        draw_photo(2).convert("L").save(tmp_path / "b.png")
        (tmp_path / "c.png").write_bytes(b"damaged")
        found = ValidationSet(find_photos(tmp_path), 9, 32)
        assert found.names == ["a.png"]
        assert [name for name, _ in found.left_out] == ["b.png", "c.png"]

    def test_refuses_a_set_without_any(self, tmp_path):
        (tmp_path / "c.png").write_bytes(b"damaged")
        with pytest.raises(DataError, match="none of 1 validation photographs is usable"):
            ValidationSet(find_photos(tmp_path), 9, 32)


class Distance(torch.nn.Module):
    """A stand-in for a perceptual distance."""

    def forward(self, prediction, truth):
        return (prediction - truth).abs().mean()


class TestValidate:
    @pytest.fixture
    def network(self):
        torch.manual_seed(0)
        return build_generator(load_recipe("debug", TINY).model).eval()

    def test_a_network_that_says_grey_scores_grey(self, network, photos, runtime):
        torch.nn.init.zeros_(network.color.weight)
        torch.nn.init.zeros_(network.color.bias)
        score = validate(network, ValidationSet(find_photos(photos), 5, 32), RenderConfig(size=32), runtime)
        assert score.psnr == pytest.approx(score.grey_psnr)
        assert score.colorfulness == pytest.approx(0, abs=0.5)
        assert score.real_colorfulness > 20
        assert score.gain == score.score == pytest.approx(0, abs=1e-4)
        assert score.perceptual is None

    def test_psnr_is_that_of_8_bit_pictures_with_their_luminance_kept(self, network, photos, runtime):
        pictures = ValidationSet(find_photos(photos), 3, 32)
        score = validate(network, pictures, RenderConfig(size=32), runtime)
        truth = pictures.rgb.float() / 255
        lab = rgb_to_lab(truth)
        with torch.no_grad():
            ab = network(lab[:, :1]).coarse_ab
        ab = torch.nn.functional.interpolate(ab, size=(32, 32), mode="bicubic", align_corners=False)
        made = (lab_to_rgb(torch.cat((lab[:, :1], ab), 1)).clamp(0, 1) * 255).round() / 255
        expected = np.mean([-10 * float((a - b).square().mean().log10()) for a, b in zip(made, truth, strict=True)])
        assert score.psnr == pytest.approx(expected, abs=1e-3)

    def test_the_perceptual_part_is_the_share_of_greys_distance_that_is_gone(self, network, photos, runtime):
        pictures = ValidationSet(find_photos(photos), 3, 32)
        score = validate(network, pictures, RenderConfig(size=32), runtime, perceptual=Distance())
        assert score.perceptual > 0
        assert score.score == pytest.approx(score.gain + PERCEPTUAL_DB * (1 - score.perceptual))
