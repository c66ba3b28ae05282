"""Varying whole batches."""

import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.config import AugmentConfig
from colorgan.data import batched
from colorgan.data.batched import (
    Patches,
    RandomSource,
    draw_hints,
    draw_maps,
    draw_occlusion,
    jitter_tone,
    through_jpeg,
)
from support import draw_photo

CPU = torch.device("cpu")


def source(seed: int = 0) -> RandomSource:
    return RandomSource(CPU, seed)


def grey_photos(count: int, size: int = 48) -> torch.Tensor:
    pictures = [np.asarray(draw_photo(number, (size, size)).convert("L")) for number in range(count)]
    return torch.tensor(np.stack(pictures))[:, None].float() / 255


class TestDice:
    def test_is_a_function_of_the_seed(self):
        assert torch.equal(source(1).uniform(0, 1, 5), source(1).uniform(0, 1, 5))
        assert not torch.equal(source(1).uniform(0, 1, 5), source(2).uniform(0, 1, 5))

    def test_draws_from_the_ranges_asked_for(self):
        uniform, integers = source().uniform(-2, 3, 10_000), source().integers(2, 4, 10_000)
        assert -2 <= uniform.min() < -1.9
        assert 2.9 < uniform.max() < 3
        assert integers.unique().tolist() == [2, 3, 4]
        assert source().chance(0.3, 10_000).float().mean() == pytest.approx(0.3, abs=0.02)


class TestDrawMaps:
    def test_without_variation_changes_nothing(self):
        matrix, shift = draw_maps(3, AugmentConfig(flip=0.0), source())
        assert torch.equal(matrix, torch.eye(2).expand(3, 2, 2))
        assert torch.count_nonzero(shift) == 0

    def test_mirrors_the_share_asked_for(self):
        matrix, _ = draw_maps(2000, AugmentConfig(flip=0.25), source())
        assert (matrix[:, 0, 0] < 0).float().mean() == pytest.approx(0.25, abs=0.03)
        assert (matrix[:, 1, 1] == 1).all()

    def test_stays_within_the_limits(self):
        config = AugmentConfig(
            flip=0.0, affine=1.0, affine_degrees=20, affine_shear=0, affine_scale=0.1, affine_translate=0.05
        )
        matrix, shift = draw_maps(2000, config, source())
        angle = torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]) * 180 / math.pi
        assert 19 < angle.abs().max() <= 20.001
        scale = matrix.det().sqrt()
        assert 1 / 1.1001 <= scale.min() < 0.92
        assert 1.1 < scale.max() <= 1 / 0.8999
        # A twentieth of the side is a tenth of the distance from -1 to 1, in a square that may be smaller.
        assert 0.1 < shift.norm(dim=1).max() <= math.sqrt(2) * 0.1 / 0.9


class TestThroughJpeg:
    @pytest.mark.parametrize("quality", [15, 50, 80])
    def test_answers_as_pillow_does(self, quality):
        grey = grey_photos(2)
        found = through_jpeg(grey, torch.full((2,), quality))
        for picture, ours in zip(grey, found, strict=True):
            buffer = io.BytesIO()
            Image.fromarray((picture[0] * 255).round().byte().numpy()).save(buffer, "JPEG", quality=quality)
            theirs = torch.tensor(np.asarray(Image.open(buffer))) / 255
            assert (ours[0] - theirs).abs().mean() < 0.002
            assert (ours[0] - theirs).abs().max() < 0.06  # of a coefficient that was rounded the other way

    def test_takes_sides_that_are_no_multiple_of_8(self):
        grey = grey_photos(1, 45)[..., :43]
        found = through_jpeg(grey, torch.tensor([90]))
        assert found.shape == grey.shape
        assert (found - grey).abs().mean() < 0.02


class TestJitterTone:
    def test_without_variation_changes_nothing(self):
        still = AugmentConfig(tone_gamma=0, tone_contrast=0, tone_noise=0, tone_blur=0, tone_jpeg=0)
        grey = grey_photos(3)
        assert torch.allclose(jitter_tone(grey, still, source()), grey)

    def test_each_change_alone_does_what_it_says(self):
        none: dict[str, Any] = {"tone_gamma": 0, "tone_contrast": 0, "tone_noise": 0, "tone_blur": 0, "tone_jpeg": 0}
        grey = grey_photos(8)
        flatter = jitter_tone(grey, AugmentConfig(**{**none, "tone_contrast": 0.5}), source())
        assert ((flatter.amax((1, 2, 3)) - flatter.amin((1, 2, 3))) < (grey.amax() - grey.amin())).all()
        smoother = jitter_tone(grey, AugmentConfig(**{**none, "tone_blur": 2.0}), source())
        steps = [x.diff(dim=-1).abs().mean((1, 2, 3)) for x in (smoother, grey)]
        assert (steps[0] <= steps[1] + 1e-6).all()
        assert (steps[0] < 0.9 * steps[1]).any()
        noisy = jitter_tone(grey, AugmentConfig(**{**none, "tone_noise": 0.2}), source())
        assert 0 < (noisy - grey).abs().mean() < 0.2
        assert noisy.min() >= 0
        assert noisy.max() <= 1

    def test_blur_keeps_the_mean_and_takes_each_picture_by_itself(self):
        grey = grey_photos(2)
        found = batched._blur(grey, torch.tensor([0.0, 2.0]), reach=6)
        assert torch.allclose(found[0], grey[0])
        assert found[1].mean() == pytest.approx(grey[1].mean().item(), abs=0.01)
        assert (found[1] - grey[1]).abs().mean() > 0.005


class TestDrawOcclusion:
    @pytest.mark.parametrize("kind", ["pixels", "rectangles", "scratches", "blots"])
    def test_each_kind_hides_something_but_not_all(self, kind):
        none: dict[str, Any] = {
            "occlusion_pixels": 0.0,
            "occlusion_rectangles": 0,
            "occlusion_scratches": 0,
            "occlusion_blots": 0,
        }
        config = AugmentConfig(**{**none, f"occlusion_{kind}": 0.4 if kind == "pixels" else 4})
        known = draw_occlusion(64, 48, config, source())
        assert known.shape == (64, 1, 48, 48)
        assert known.dtype is torch.bool
        hidden = 1 - known.float().mean((1, 2, 3))
        assert (hidden > 0).float().mean() > 0.9
        assert hidden.max() < 0.95
        assert 0.005 < hidden.mean() < 0.5

    def test_mixes_the_kinds_that_are_asked_for(self):
        known = draw_occlusion(60, 32, AugmentConfig(occlusion_rectangles=1, occlusion_scratches=0), source())
        # Single pixels leave many edges, a rectangle few.
        edges = known.float().diff(dim=-1).abs().mean((1, 2, 3))
        assert 15 < (edges > 0.05).sum() < 50


class TestHints:
    def test_means_are_those_of_the_squares(self):
        rgb = torch.randint(0, 256, (2, 3, 20, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        patches = Patches(torch.tensor([[3], [22]]), torch.tensor([[5], [18]]), torch.tensor([[4], [9]]))
        means = patches.means(rgb)
        assert torch.equal(means[0, 0], rgb[0, :, 5:9, 3:7].float().mean((1, 2)).round().byte())
        assert torch.equal(means[1, 0], rgb[1, :, 18:, 22:].float().mean((1, 2)).round().byte())

    def test_later_squares_lie_over_earlier_ones(self):
        patches = Patches(torch.tensor([[0, 2, 0]]), torch.tensor([[0, 2, 0]]), torch.tensor([[4, 4, 0]]))
        colors = torch.tensor([[[10, 20, 30], [40, 50, 60], [70, 80, 90]]], dtype=torch.uint8)
        painted = patches.paint(colors, 8, 8)
        assert painted.shape == (1, 4, 8, 8)
        assert painted[0, :, 0, 0].tolist() == [10, 20, 30, 1]
        assert painted[0, :, 3, 3].tolist() == [40, 50, 60, 1]
        assert painted[0, :, 7, 0].tolist() == [0, 0, 0, 0]
        assert painted[0, 3].sum() == 16 + 16 - 4

    def test_number_and_size_are_those_of_single_samples(self):
        rgb = torch.zeros(400, 3, 200, 200, dtype=torch.uint8)
        covered = draw_hints(rgb, AugmentConfig(hints_most=50), source())[:, 3].float().sum((1, 2))
        assert (covered > 0).all()
        # Eight squares of 1 to 9 pixels on average, of which a few overlap or reach over the edge.
        assert covered.mean() == pytest.approx(8 * 285 / 9, rel=0.15)
