"""Varying photographs."""

import io
import math
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.config import AugmentConfig
from colorgan.data import augment
from colorgan.data.augment import (
    Patches,
    cut_squares,
    draw_hints,
    draw_maps,
    is_nearly_grey,
    jitter_tone,
    through_jpeg,
    vary,
)
from colorgan.data.random_source import RandomSource
from colorgan.errors import ConfigError
from support import draw_photo


def source(count: int, seed: int = 0) -> RandomSource:
    return RandomSource.at(range(count), seed)


def grey_photos(count: int, size: int = 48) -> torch.Tensor:
    pictures = [np.asarray(draw_photo(number, (size, size)).convert("L")) for number in range(count)]
    return torch.tensor(np.stack(pictures))[:, None].float() / 255


class TestIsNearlyGrey:
    def test_knows_grey_and_tinted_pictures_from_coloured_ones(self):
        colored = draw_photo(1)
        grey = colored.convert("L").convert("RGB")
        sepia = Image.fromarray((np.asarray(grey) * 0.7 + np.array([60, 40, 10])).astype(np.uint8))
        assert [is_nearly_grey(x) for x in (colored, grey, sepia)] == [False, True, True]


class TestCutSquares:
    def cut(self, image: Image.Image, seed: int = 0, size: int = 64, **config: Any) -> np.ndarray:
        (found,) = cut_squares([image], size, AugmentConfig(**config), source(1, seed))
        assert found.shape == (3, size, size)
        return found.permute(1, 2, 0).numpy()

    def test_is_a_function_of_the_seed(self):
        one, two, other = (self.cut(draw_photo(1), seed, 32, affine=1.0) for seed in (1, 1, 2))
        assert np.array_equal(one, two)
        assert not np.array_equal(one, other)

    def test_without_variation_takes_the_whole_square(self):
        image = draw_photo(1, (64, 64))
        assert np.array_equal(self.cut(image, crop_from=1.0, flip=0.0), np.asarray(image))

    def test_flip_mirrors(self):
        image = draw_photo(1, (64, 64))
        plain, mirrored = (self.cut(image, crop_from=1.0, flip=flip) for flip in (0.0, 1.0))
        assert np.array_equal(plain[:, ::-1], mirrored)

    def test_affine_map_fills_the_border_with_the_picture(self):
        assert self.cut(Image.new("RGB", (64, 64), "white"), affine=1.0, affine_degrees=45).min() == 255

    @pytest.mark.parametrize("flip", [0.0, 1.0])
    def test_affine_map_without_extent_changes_nothing(self, flip):
        still = {"affine_degrees": 0, "affine_translate": 0, "affine_scale": 0, "affine_shear": 0}
        image = draw_photo(1, (64, 64))
        found = self.cut(image, crop_from=1.0, flip=flip, affine=1.0, **still)
        assert np.array_equal(found, np.asarray(image)[:, :: -1 if flip else 1])

    def test_holds_one_photograph_at_a_time(self):
        made: list[weakref.ref[Image.Image]] = []

        def images():
            for number in range(6):
                image = draw_photo(number)
                assert sum(ref() is not None for ref in made) <= 1
                made.append(weakref.ref(image))
                yield image
                del image

        assert len(cut_squares(images(), 16, AugmentConfig(), source(6))) == 6

    def test_affine_map_moves_the_picture_where_it_says(self):
        """A mark in the middle comes to lie where the inverse of the map says, mirrored or not."""
        image = Image.new("RGB", (65, 65))
        image.putpixel((32, 32), (255, 255, 255))
        config = AugmentConfig(crop_from=1.0, affine=1.0, affine_translate=0.2)
        for seed in range(6):
            (matrix,), (shift,) = draw_maps(config, self.after_squares(seed))
            (found,) = cut_squares([image], 65, config, source(1, seed))
            row, column = divmod(int(found.sum(0).argmax()), 65)
            wanted = (torch.linalg.solve(matrix, -shift) + 1) / 2 * 65 - 0.5
            assert [column, row] == pytest.approx(wanted.tolist(), abs=0.75)

    @staticmethod
    def after_squares(seed: int) -> RandomSource:
        drawn = source(1, seed)
        augment.draw_squares(AugmentConfig(), drawn)
        return drawn


class TestVary:
    def test_changes_what_it_is_asked_to_and_nothing_else(self):
        rgb = torch.tensor(np.stack([np.asarray(draw_photo(n, (32, 32))) for n in range(40)])).permute(0, 3, 1, 2)
        batch = vary(rgb, AugmentConfig(tone=0.5, occlusion=0.5, hints=0.5), source(40))
        assert torch.equal(batch.rgb, rgb)
        assert 8 < torch.as_tensor(batch.retoned).sum() < 32
        assert torch.equal(batch.grey.flatten(1).any(1), torch.as_tensor(batch.retoned))
        assert batch.known is not None
        assert batch.hints is not None
        assert 8 < (batch.known == 0).flatten(1).any(1).sum() < 32
        assert 8 < batch.hints[:, 3].flatten(1).any(1).sum() < 32

    def test_says_nothing_where_nothing_is_done(self):
        rgb = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
        batch = vary(rgb, AugmentConfig(tone=0, occlusion=0, hints=0), source(2))
        assert (batch.known, batch.hints, batch.retoned.any().item()) == (None, None, False)


class TestDrawMaps:
    def test_without_variation_changes_nothing(self):
        matrix, shift = draw_maps(AugmentConfig(flip=0.0), source(3))
        assert torch.equal(matrix, torch.eye(2).expand(3, 2, 2))
        assert torch.count_nonzero(shift) == 0

    def test_mirrors_the_share_asked_for(self):
        matrix, _ = draw_maps(AugmentConfig(flip=0.25), source(2000))
        assert (matrix[:, 0, 0] < 0).float().mean() == pytest.approx(0.25, abs=0.03)
        assert (matrix[:, 1, 1] == 1).all()

    def test_stays_within_the_limits(self):
        config = AugmentConfig(
            flip=0.0, affine=1.0, affine_degrees=20, affine_shear=0, affine_scale=0.1, affine_translate=0.05
        )
        matrix, shift = draw_maps(config, source(2000))
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
        assert torch.allclose(jitter_tone(grey, still, source(3)), grey)

    def test_each_change_alone_does_what_it_says(self):
        none: dict[str, Any] = {"tone_gamma": 0, "tone_contrast": 0, "tone_noise": 0, "tone_blur": 0, "tone_jpeg": 0}
        grey = grey_photos(8)
        flatter = jitter_tone(grey, AugmentConfig(**{**none, "tone_contrast": 0.5}), source(8))
        assert ((flatter.amax((1, 2, 3)) - flatter.amin((1, 2, 3))) < (grey.amax() - grey.amin())).all()
        smoother = jitter_tone(grey, AugmentConfig(**{**none, "tone_blur": 2.0}), source(8))
        steps = [x.diff(dim=-1).abs().mean((1, 2, 3)) for x in (smoother, grey)]
        assert (steps[0] <= steps[1] + 1e-6).all()
        assert (steps[0] < 0.9 * steps[1]).any()
        noisy = jitter_tone(grey, AugmentConfig(**{**none, "tone_noise": 0.2}), source(8))
        assert 0 < (noisy - grey).abs().mean() < 0.2
        assert noisy.min() >= 0
        assert noisy.max() <= 1

    def test_blur_keeps_the_mean_and_takes_each_picture_by_itself(self):
        grey = grey_photos(2)
        found = augment._blur(grey, torch.tensor([0.0, 2.0]), reach=6)
        assert torch.allclose(found[0], grey[0])
        assert found[1].mean() == pytest.approx(grey[1].mean().item(), abs=0.01)
        assert (found[1] - grey[1]).abs().mean() > 0.005


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

    def test_few_are_likelier(self):
        rgb = torch.zeros(400, 3, 200, 200, dtype=torch.uint8)
        covered = draw_hints(rgb, AugmentConfig(hints_most=50), source(400))[:, 3].float().sum((1, 2))
        assert (covered > 0).all()
        # Eight squares of 1 to 9 pixels on average, of which a few overlap or reach over the edge.
        assert covered.mean() == pytest.approx(8 * 285 / 9, rel=0.15)

    def test_gives_the_photographs_own_colours(self):
        rgb = torch.tensor(np.asarray(draw_photo(1))).permute(2, 0, 1)[None]
        colors, mask = draw_hints(rgb, AugmentConfig(), source(1, 1)).split((3, 1), dim=1)
        assert mask.any()
        assert not colors[(mask == 0).expand_as(colors)].any()
        there = (mask == 1).expand_as(colors)
        assert (colors[there].float() - rgb[there].float()).abs().mean() < 30

    def test_draws_no_more_than_asked_for(self):
        rgb = torch.zeros(30, 3, 64, 80, dtype=torch.uint8)
        assert draw_hints(rgb, AugmentConfig(hints_most=1), source(30))[:, 3].sum((1, 2)).max() <= 81


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_refuses_fractions_that_cannot_be(fraction):
    with pytest.raises(ConfigError):
        AugmentConfig(flip=fraction)
