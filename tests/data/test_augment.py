"""Varying photographs."""

import numpy as np
import pytest
from PIL import Image

from colorgan.config import AugmentConfig
from colorgan.data.augment import draw_hints, draw_occlusion, is_nearly_grey, jitter_tone, vary_geometry
from support import draw_photo


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestIsNearlyGrey:
    def test_knows_grey_and_tinted_pictures_from_coloured_ones(self):
        colored = draw_photo(1)
        grey = colored.convert("L").convert("RGB")
        sepia = Image.fromarray((np.asarray(grey) * 0.7 + np.array([60, 40, 10])).astype(np.uint8))
        assert [is_nearly_grey(x) for x in (colored, grey, sepia)] == [False, True, True]


class TestVaryGeometry:
    def test_is_a_function_of_the_seed(self):
        config = AugmentConfig(affine=1.0)
        one, two, other = (np.asarray(vary_geometry(draw_photo(1), 32, config, rng(s))) for s in (1, 1, 2))
        assert np.array_equal(one, two)
        assert not np.array_equal(one, other)

    def test_without_variation_takes_the_whole_square(self):
        config = AugmentConfig(crop_from=1.0, flip=0.0)
        image = draw_photo(1, (64, 64))
        assert np.array_equal(np.asarray(vary_geometry(image, 64, config, rng())), np.asarray(image))

    def test_flip_mirrors(self):
        image = draw_photo(1, (64, 64))
        plain, mirrored = (
            np.asarray(vary_geometry(image, 64, AugmentConfig(crop_from=1.0, flip=f), rng())) for f in (0.0, 1.0)
        )
        assert np.array_equal(plain[:, ::-1], mirrored)

    def test_affine_map_fills_the_border_with_the_picture(self):
        white = Image.new("RGB", (64, 64), "white")
        warped = vary_geometry(white, 64, AugmentConfig(affine=1.0, affine_degrees=45), rng())
        assert np.asarray(warped).min() == 255

    def test_affine_map_without_extent_changes_nothing(self):
        still = AugmentConfig(
            crop_from=1.0, flip=0.0, affine=1.0, affine_degrees=0, affine_translate=0, affine_scale=0, affine_shear=0
        )
        image = draw_photo(1, (64, 64))
        assert np.array_equal(np.asarray(vary_geometry(image, 64, still, rng())), np.asarray(image))


class TestJitterTone:
    def test_changes_the_tone_and_stays_a_picture(self):
        grey = np.asarray(draw_photo(1).convert("L"))
        changed = [jitter_tone(grey, AugmentConfig(tone_jpeg=1.0), rng(s)) for s in range(8)]
        assert all(c.dtype == np.uint8 and c.shape == grey.shape for c in changed)
        assert len({c.tobytes() for c in changed}) == 8

    def test_without_extent_changes_nothing(self):
        still = AugmentConfig(tone_gamma=0, tone_contrast=0, tone_noise=0, tone_blur=0, tone_jpeg=0)
        grey = np.asarray(draw_photo(1).convert("L"))
        assert np.array_equal(jitter_tone(grey, still, rng(3)), grey)


class TestDrawOcclusion:
    def test_removes_something_and_leaves_something(self):
        for seed in range(40):
            known = draw_occlusion(64, AugmentConfig(), rng(seed))
            assert set(np.unique(known)) == {0, 1}
            assert known.mean() > 0.3

    def test_draws_single_pixels_and_larger_holes(self):
        def largest_hole(seed: int) -> int:
            missing = draw_occlusion(64, AugmentConfig(), rng(seed)) == 0
            return max(int((missing[y : y + 4, x : x + 4]).sum()) for y in range(60) for x in range(60))

        sizes = [largest_hole(seed) for seed in range(12)]
        assert max(sizes) == 16
        assert min(sizes) < 16

    def test_removes_only_pixels_and_at_most_the_share_where_that_is_asked_for(self):
        only = AugmentConfig(occlusion_pixels=0.05, occlusion_rectangles=0, occlusion_scratches=0)
        shares = [1 - draw_occlusion(64, only, rng(seed)).mean() for seed in range(30)]
        assert min(shares) > 0.01
        assert max(shares) < 0.07

    def test_draws_blots_of_all_sizes_where_that_is_asked_for(self):
        only = AugmentConfig(occlusion_pixels=0, occlusion_rectangles=0, occlusion_scratches=0, occlusion_blots=1)
        missing = [1 - draw_occlusion(64, only, rng(seed)) for seed in range(40)]
        sizes = [int(m.sum()) for m in missing if m.any()]
        assert min(sizes) < 10
        assert 100 < max(sizes) < 0.15 * 64 * 64


class TestDrawHints:
    def test_gives_the_photographs_own_colours(self):
        rgb = np.asarray(draw_photo(1))
        colors, mask = draw_hints(rgb, AugmentConfig(), rng(1))
        assert mask.any()
        assert not colors[mask == 0].any()
        error = np.abs(colors[mask == 1].astype(float) - rgb[mask == 1])
        assert error.mean() < 30

    def test_draws_few_hints_most_often(self):
        rgb = np.asarray(draw_photo(1))
        shares = [draw_hints(rgb, AugmentConfig(), rng(s))[1].mean() for s in range(50)]
        assert np.median(shares) < 0.1

    def test_draws_no_more_than_asked_for(self):
        rgb = np.asarray(draw_photo(1))
        assert all(draw_hints(rgb, AugmentConfig(hints_most=1), rng(s))[1].sum() <= 81 for s in range(30))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_refuses_shares_that_cannot_be_meant(share):
    from colorgan.errors import ConfigError

    with pytest.raises(ConfigError):
        AugmentConfig(flip=share)
