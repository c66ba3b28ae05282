import math

import numpy as np
import pytest
import scipy.spatial.distance  # type: ignore[import-untyped]
import skimage.color
import skimage.metrics
import torch
from torch import Tensor

from colorgan.color import rgb_to_lab
from colorgan.metrics import (
    PSNR_LIMIT,
    ab_rmse_of_lab,
    color_distribution_consistency,
    color_histograms,
    colorfulness,
    delta_e_2000,
    psnr,
    ssim,
)
from support import draw_photo


def delta_e(prediction: Tensor, target: Tensor) -> Tensor:
    return delta_e_2000(rgb_to_lab(prediction), rgb_to_lab(target)).mean((1, 2))


def ab_rmse(prediction: Tensor, target: Tensor) -> Tensor:
    return ab_rmse_of_lab(rgb_to_lab(prediction), rgb_to_lab(target))


METRICS = [psnr, ssim, delta_e, ab_rmse]


def photos(*seeds: int, size: tuple[int, int] = (40, 32)) -> Tensor:
    arrays = [np.asarray(draw_photo(seed, size), dtype=np.float32) / 255 for seed in seeds]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    target = photos(1, 2, 3)
    noise = torch.rand(target.shape, generator=torch.Generator().manual_seed(0)) - 0.5
    return (target + 0.3 * noise).clamp(0, 1), target


def as_arrays(batch: Tensor) -> list[np.ndarray]:
    return list(batch.permute(0, 2, 3, 1).double().numpy())


class TestShape:
    @pytest.mark.parametrize("metric", METRICS)
    def test_one_value_a_picture(self, metric, pair):
        values = metric(*pair)
        assert values.shape == (3,)
        assert values.dtype is torch.float32

    @pytest.mark.parametrize("metric", METRICS)
    def test_a_batch_gives_what_its_pictures_give(self, metric, pair):
        alone = torch.cat([metric(p[None], t[None]) for p, t in zip(*pair, strict=True)])
        torch.testing.assert_close(metric(*pair), alone)

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize("size", [(1, 1), (3, 17)])
    def test_tiny_pictures(self, metric, size):
        assert metric(photos(1, size=size), photos(2, size=size)).isfinite().all()


class TestPsnr:
    def test_against_scikit_image(self, pair):
        expected = [
            skimage.metrics.peak_signal_noise_ratio(t, p, data_range=1)
            for p, t in zip(*map(as_arrays, pair), strict=True)
        ]
        assert psnr(*pair).tolist() == pytest.approx(expected, abs=1e-4)

    def test_a_known_error(self):
        black = torch.zeros(1, 3, 4, 4)
        assert psnr(black + 0.1, black).item() == pytest.approx(20, abs=1e-5)

    def test_only_where_asked(self):
        black = torch.zeros(2, 3, 4, 4)
        wrong, where = black.clone(), torch.zeros(2, 1, 4, 4)
        wrong[0, :, 0, 0], where[0, :, 0, :2] = 0.1, 1
        half = 20 - 10 * math.log10(0.5)
        assert psnr(wrong, black, where).tolist() == pytest.approx([half, PSNR_LIMIT], abs=1e-4)

    def test_identical_pictures_stay_finite(self, pair):
        assert psnr(pair[0], pair[0]).tolist() == pytest.approx([PSNR_LIMIT] * 3)


class TestColorfulness:
    def test_against_the_formula_in_numpy(self):
        batch = photos(1, 2, 3)
        expected = []
        for image in as_arrays(batch):
            red, green, blue = np.moveaxis(image * 255, -1, 0)
            rg, yb = red - green, (red + green) / 2 - blue
            spread = math.hypot(rg.std(), yb.std())
            expected.append(spread + 0.3 * math.hypot(rg.mean(), yb.mean()))
        assert colorfulness(batch).tolist() == pytest.approx(expected, rel=1e-5)

    def test_means_are_signed(self):
        """Half red, half green: the mean of |rg| is 255, the mean of rg is 0."""
        image = torch.zeros(1, 3, 2, 2)
        image[:, 0, 0], image[:, 1, 1] = 1, 1
        assert colorfulness(image).item() == pytest.approx(255 + 0.3 * 127.5, rel=1e-6)

    def test_grey_is_zero(self):
        assert colorfulness(torch.rand(2, 1, 8, 8).expand(-1, 3, -1, -1)).tolist() == [0, 0]


class TestSsim:
    def test_against_scikit_image(self, pair):
        expected = [
            skimage.metrics.structural_similarity(
                t,
                p,
                data_range=1,
                channel_axis=2,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for p, t in zip(*map(as_arrays, pair), strict=True)
        ]
        assert ssim(*pair).tolist() == pytest.approx(expected, abs=1e-5)

    def test_against_torchmetrics(self, pair):
        functional = pytest.importorskip("torchmetrics.functional.image")
        _, everywhere = functional.structural_similarity_index_measure(*pair, data_range=1.0, return_full_image=True)
        inside = everywhere[..., 5:-5, 5:-5]  # torchmetrics also counts windows that reach over the border
        torch.testing.assert_close(ssim(*pair), inside.mean((1, 2, 3)), atol=1e-5, rtol=0)

    def test_identical_is_one(self, pair):
        assert ssim(pair[0], pair[0]).tolist() == pytest.approx([1] * 3, abs=1e-6)


# G. Sharma, W. Wu, E. N. Dalal (2005), Table 1: L, a, b of both colours, and their difference.
SHARMA = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195
50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


class TestDeltaE:
    def test_published_pairs(self):
        # Double precision: some pairs sit on the discontinuity of the mean hue on purpose.
        numbers = [[float(value) for value in line.split()] for line in SHARMA.strip().splitlines()]
        rows = torch.tensor(numbers, dtype=torch.float64)
        assert len(rows) == 34
        first, second = (rows[:, i : i + 3].T[:, :, None] for i in (0, 3))
        measured = delta_e_2000(first, second)[:, 0]
        assert measured.tolist() == pytest.approx(rows[:, 6].tolist(), abs=5e-5)
        torch.testing.assert_close(delta_e_2000(second, first)[:, 0], measured)

    def test_against_scikit_image(self, pair):
        expected = [
            skimage.color.deltaE_ciede2000(skimage.color.rgb2lab(t), skimage.color.rgb2lab(p)).mean()
            for p, t in zip(*map(as_arrays, pair), strict=True)
        ]
        assert delta_e(*pair).tolist() == pytest.approx(expected, rel=1e-3)

    def test_identical_is_zero(self, pair):
        assert delta_e(pair[0], pair[0]).tolist() == pytest.approx([0] * 3, abs=1e-3)


class TestAbRmse:
    def test_is_the_distance_in_the_ab_plane(self):
        first, second = torch.tensor([0.8, 0.2, 0.1]), torch.tensor([0.1, 0.6, 0.3])
        images = [color.view(1, 3, 1, 1).expand(1, 3, 5, 4) for color in (first, second)]
        a, b = (skimage.color.rgb2lab(color.double().numpy())[1:] for color in (first, second))
        assert ab_rmse(*images).item() == pytest.approx(float(np.hypot(*(a - b))), rel=1e-3)

    def test_luminance_does_not_matter(self):
        grey = torch.linspace(0, 1, 20).view(1, 1, 4, 5).expand(1, 3, 4, 5)
        assert ab_rmse(grey, 1 - grey).item() < 1e-4


class TestColorDistributionConsistency:
    def test_against_scipy(self):
        frames = torch.from_numpy(np.random.default_rng(0).integers(0, 60, (7, 3, 9, 11), dtype=np.uint8))
        frames[3:, 1] += 40
        arrays = frames.numpy()
        expected = []
        for step in (1, 2, 4):
            pairs = [
                scipy.spatial.distance.jensenshannon(
                    *(np.bincount(arrays[n, channel].ravel(), minlength=256) / 99 for n in (i, i + step))
                )
                ** 2
                for i in range(7 - step)
                for channel in range(3)
            ]
            expected.append(np.mean(pairs))
        assert color_distribution_consistency(color_histograms(frames)) == pytest.approx(np.mean(expected), rel=1e-9)

    def test_what_stands_still_scores_nought_and_opposites_the_most(self):
        still = torch.full((5, 3, 4, 4), 7, dtype=torch.uint8)
        assert color_distribution_consistency(color_histograms(still)) == 0
        black_and_white = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
        histograms = color_histograms(black_and_white)
        assert color_distribution_consistency(histograms) == pytest.approx(math.log(2))

    def test_films_of_one_frame(self):
        assert color_distribution_consistency(color_histograms(torch.zeros(1, 3, 2, 2, dtype=torch.uint8))) == 0
