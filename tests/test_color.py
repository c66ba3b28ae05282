import kornia.color
import numpy as np
import pytest
import skimage.color
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from colorgan.color import (
    AB_LIMIT,
    BIN_COUNT,
    ab_bins,
    decode_bins,
    encode_bins,
    fit_gamut,
    grey_to_luminance,
    lab_to_linear_rgb,
    lab_to_rgb,
    linear_rgb_to_lab,
    linear_rgb_to_rgb,
    luminance_to_grey,
    rgb_to_lab,
    rgb_to_linear_rgb,
)


def colour_grid(step: int) -> Tensor:
    """Every 8-bit colour whose components are multiples of `step`, and the brightest: `(1, 3, N, 1)` in 0..1."""
    levels = torch.tensor([*range(0, 255, step), 255], dtype=torch.float32)
    return torch.cartesian_prod(levels, levels, levels).T[None, :, :, None] / 255


def all_greys() -> Tensor:
    """All 8-bit greys `(1, 3, 256, 1)`."""
    return (torch.arange(256) / 255).view(1, 1, 256, 1).expand(1, 3, 256, 1)


def one_colour(*components: float) -> Tensor:
    return torch.tensor(components).view(1, 3, 1, 1)


class TestRgbToLinearRgb:
    def test_reference_values(self) -> None:
        # IEC 61966-2-1, computed with its formula in exact arithmetic.
        rgb = torch.tensor([0.0, 0.04045, 0.5, 0.735357, 1.0])
        expected = torch.tensor([0.0, 0.0031308, 0.2140411, 0.5, 1.0])
        torch.testing.assert_close(rgb_to_linear_rgb(rgb), expected, atol=2e-6, rtol=0)

    def test_round_trip(self) -> None:
        rgb = torch.linspace(-0.2, 1.3, 1001)
        torch.testing.assert_close(linear_rgb_to_rgb(rgb_to_linear_rgb(rgb)), rgb, atol=2e-6, rtol=0)

    def test_has_no_step_at_the_joint(self) -> None:
        around = torch.tensor([0.04045 - 1e-6, 0.04045 + 1e-6])
        low, high = rgb_to_linear_rgb(around)
        assert 0 <= high - low < 1e-6


class TestLinearRgbToRgb:
    def test_rises_everywhere(self) -> None:
        curve = linear_rgb_to_rgb(torch.linspace(-0.5, 1.5, 4001))
        assert (curve.diff() > 0).all()


class TestRgbToLab:
    @pytest.mark.parametrize("shape", [(3, 4, 5), (1, 3, 1, 1), (2, 3, 7, 4), (2, 2, 3, 2, 2)])
    def test_keeps_the_shape(self, shape: tuple[int, ...]) -> None:
        lab = rgb_to_lab(torch.rand(shape))
        assert lab.shape == shape
        assert lab.dtype == torch.float32

    @pytest.mark.parametrize(
        ("rgb", "lab"),
        [
            # Bruce Lindbloom's CIE colour calculator, sRGB, D65, no adaptation.
            ((1.0, 0.0, 0.0), (53.2408, 80.0925, 67.2032)),
            ((0.0, 1.0, 0.0), (87.7347, -86.1827, 83.1793)),
            ((0.0, 0.0, 1.0), (32.2970, 79.1875, -107.8602)),
            ((1.0, 1.0, 1.0), (100.0, 0.0, 0.0)),
            ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ],
    )
    def test_reference_values(self, rgb: tuple[float, ...], lab: tuple[float, ...]) -> None:
        torch.testing.assert_close(rgb_to_lab(one_colour(*rgb)), one_colour(*lab), atol=2e-3, rtol=0)

    def test_agrees_with_scikit_image(self) -> None:
        rgb = colour_grid(17)
        ours = rgb_to_lab(rgb)[0, :, :, 0].T.numpy()
        theirs = skimage.color.rgb2lab(rgb[0, :, :, 0].T.double().numpy())
        # scikit-image rounds the matrix and the white to other digits.
        assert np.abs(ours - theirs).max() < 0.02

    def test_agrees_with_kornia(self) -> None:
        rgb = colour_grid(17)
        torch.testing.assert_close(rgb_to_lab(rgb), kornia.color.rgb_to_lab(rgb), atol=0.05, rtol=0)

    @pytest.mark.parametrize("shape", [(1, 1), (3, 7), (13, 17), (1, 1001)])
    def test_greys_are_exactly_neutral_whatever_the_size(self, shape: tuple[int, int]) -> None:
        grey = torch.rand(2, 1, *shape).expand(-1, 3, -1, -1).contiguous()
        lab = rgb_to_lab(grey)
        assert lab[:, 1:].abs().max() == 0
        red, green, blue = lab_to_rgb(lab).unbind(1)
        assert torch.equal(red, green)
        assert torch.equal(green, blue)

    def test_greys_are_exactly_neutral(self) -> None:
        lab = rgb_to_lab(all_greys())
        assert (lab[:, 1:] == 0).all()
        assert (lab[0, 0, :, 0].diff() > 0).all()

    @pytest.mark.parametrize("level", [0.0, 1.0, 0.04045, 0.0031308])
    def test_gradient_is_finite(self, level: float) -> None:
        rgb = torch.full((1, 3, 1, 1), level, requires_grad=True)
        for component in range(3):
            (gradient,) = torch.autograd.grad(rgb_to_lab(rgb)[:, component].sum(), rgb)
            assert gradient.isfinite().all()
            assert gradient.abs().max() > 0

    def test_gradient_is_right(self) -> None:
        rgb = torch.rand(1, 3, 2, 2, dtype=torch.float64).mul(0.8).add(0.1).requires_grad_()
        assert torch.autograd.gradcheck(rgb_to_lab, rgb)


class TestLabToRgb:
    def test_round_trip_of_8_bit_colours(self) -> None:
        rgb = colour_grid(5)  # 140,608 colours
        error = (lab_to_rgb(rgb_to_lab(rgb)) - rgb).abs().max()
        assert error < 0.1 / 255

    def test_8_bit_greys_come_back_exactly(self) -> None:
        rgb = lab_to_rgb(rgb_to_lab(all_greys()))
        assert (rgb[:, 0] == rgb[:, 1]).all()
        assert (rgb[:, 0] == rgb[:, 2]).all()
        levels = (rgb.clamp(0, 1) * 255).round()
        assert levels[0, 0, :, 0].tolist() == list(range(256))

    @settings(max_examples=50, deadline=None)
    @given(st.floats(0, 100), st.floats(-110, 110), st.floats(-110, 110))
    def test_any_colour_is_finite_and_comes_back(self, luminance: float, a: float, b: float) -> None:
        lab = one_colour(luminance, a, b)
        rgb = lab_to_rgb(lab)
        assert rgb.isfinite().all()
        torch.testing.assert_close(rgb_to_lab(rgb), lab, atol=0.05, rtol=1e-3)

    def test_agrees_with_scikit_image(self) -> None:
        lab = rgb_to_lab(colour_grid(17))
        theirs = skimage.color.lab2rgb(lab[0, :, :, 0].T.double().numpy())
        assert np.abs(lab_to_rgb(lab)[0, :, :, 0].T.clamp(0, 1).numpy() - theirs).max() < 0.5 / 255

    @pytest.mark.parametrize("lab", [(0.0, 0.0, 0.0), (100.0, 0.0, 0.0), (0.0, 60.0, -60.0), (100.0, -90.0, 90.0)])
    def test_gradient_is_finite(self, lab: tuple[float, ...]) -> None:
        colour = one_colour(*lab).requires_grad_()
        lab_to_rgb(colour).sum().backward()
        assert colour.grad is not None
        assert colour.grad.isfinite().all()

    def test_gradient_is_right(self) -> None:
        lab = rgb_to_lab(torch.rand(1, 3, 2, 2, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
        assert torch.autograd.gradcheck(lab_to_rgb, lab)


class TestLinearRgbToLab:
    def test_round_trip(self) -> None:
        linear = torch.rand(2, 3, 8, 8)
        torch.testing.assert_close(lab_to_linear_rgb(linear_rgb_to_lab(linear)), linear, atol=1e-5, rtol=0)


class TestGreyToLuminance:
    def test_agrees_with_rgb_to_lab(self) -> None:
        greys = all_greys()
        torch.testing.assert_close(grey_to_luminance(greys[:, :1]), rgb_to_lab(greys)[:, :1], atol=1e-5, rtol=0)

    def test_is_not_the_grey_level(self) -> None:
        # Half of the sRGB scale is L* 53.39 (Lindbloom's calculator), not 50.
        assert grey_to_luminance(torch.tensor(0.5)).item() == pytest.approx(53.389, abs=1e-3)


class TestLuminanceToGrey:
    def test_8_bit_greys_come_back_exactly(self) -> None:
        grey = luminance_to_grey(grey_to_luminance(torch.arange(256) / 255))
        assert (grey * 255).round().tolist() == list(range(256))
        assert grey[0] == 0

    def test_16_bit_greys_come_back_within_a_level(self) -> None:
        levels = torch.arange(0, 65536, 7) / 65535
        assert ((luminance_to_grey(grey_to_luminance(levels)) - levels).abs() * 65535).max() < 0.5

    def test_gradient_is_finite(self) -> None:
        luminance = torch.tensor([0.0, 8.0, 100.0], requires_grad=True)
        luminance_to_grey(luminance).sum().backward()
        assert luminance.grad is not None
        assert luminance.grad.isfinite().all()


class TestFitGamut:
    def vivid(self) -> Tensor:
        torch.manual_seed(1)
        luminance = torch.rand(2, 1, 40, 30) * 100
        return torch.cat((luminance, torch.rand(2, 2, 40, 30) * 220 - 110), dim=1)

    def test_result_is_inside(self) -> None:
        rgb = lab_to_rgb(fit_gamut(self.vivid()))
        assert rgb.min() > -1e-3
        assert rgb.max() < 1 + 1e-3

    def test_luminance_stays_exactly(self) -> None:
        lab = self.vivid()
        assert torch.equal(fit_gamut(lab)[:, 0], lab[:, 0])

    def test_hue_stays(self) -> None:
        lab = self.vivid()
        fitted = fit_gamut(lab)
        before, after = lab[:, 1:].norm(dim=1), fitted[:, 1:].norm(dim=1)
        assert (after <= before + 1e-4).all()
        cross = lab[:, 1] * fitted[:, 2] - lab[:, 2] * fitted[:, 1]
        assert (cross.abs() <= 1e-4 * before * after + 1e-4).all()
        assert ((lab[:, 1:] * fitted[:, 1:]).sum(1) >= 0).all()

    def test_chroma_reaches_the_edge(self) -> None:
        lab = self.vivid()
        lab[:, 0] = 20 + 0.6 * lab[:, 0]
        fitted = fit_gamut(lab)
        cut = (lab != fitted).any(dim=1)
        more = fitted.clone()
        more[:, 1:] *= 1.01
        linear = lab_to_linear_rgb(more)
        escaped = ((linear < -1e-5) | (linear > 1 + 1e-5)).any(dim=1)
        assert cut.float().mean() > 0.3
        # The bisection ends within 2 ** -14 of the colour's first chroma: above 1 % only for colours near the axis.
        assert escaped[cut].float().mean() > 0.98

    def test_colours_inside_are_untouched(self) -> None:
        lab = rgb_to_lab(colour_grid(51))
        torch.testing.assert_close(fit_gamut(lab), lab, atol=1e-4, rtol=0)
        grey = rgb_to_lab(all_greys())
        assert torch.equal(fit_gamut(grey), grey.clamp(max=100))

    def test_luminance_beyond_its_range_is_clamped(self) -> None:
        lab = torch.tensor([[-5.0, 120.0], [30.0, 30.0], [0.0, 0.0]]).view(1, 3, 1, 2)
        fitted = fit_gamut(lab)
        assert fitted[0, 0].tolist() == [[0.0, 100.0]]
        assert fitted[0, 1:].abs().max() < 0.2

    def test_unbatched(self) -> None:
        lab = self.vivid()
        assert torch.equal(fit_gamut(lab[0]), fit_gamut(lab)[0])


class TestAbBins:
    def test_count_and_order(self) -> None:
        bins = ab_bins()
        assert bins.shape == (BIN_COUNT, 2) == (304, 2)
        assert bins.tolist() == sorted(bins.tolist())
        assert bins.abs().max() <= AB_LIMIT

    def test_are_the_corners_of_the_cells_that_hold_colours(self) -> None:
        ab = rgb_to_lab(colour_grid(5))[0, 1:, :, 0].T
        cells = torch.unique((ab / 10).floor().int(), dim=0).tolist()
        corners = {(10 * (a + i), 10 * (b + j)) for a, b in cells for i in (0, 1) for j in (0, 1)}
        # A grey lies in four cells at once; `floor` puts it into one of them, and all of them hold other colours.
        assert {tuple(map(int, bin_)) for bin_ in ab_bins().tolist()} == corners

    def test_a_caller_cannot_change_the_table(self) -> None:
        ab_bins().zero_()
        assert ab_bins().abs().max() > 0


class TestEncodeBins:
    def test_weights_sum_to_one(self) -> None:
        index, weight = encode_bins(torch.rand(2, 2, 9, 7) * 220 - 110)
        assert index.shape == weight.shape == (2, 4, 9, 7)
        assert index.min() >= 0
        assert index.max() < BIN_COUNT
        assert weight.min() >= 0

    def test_weighted_mean_gives_ab_back(self) -> None:
        ab = rgb_to_lab(colour_grid(15))[:, 1:]
        index, weight = encode_bins(ab)
        torch.testing.assert_close(weight.sum(1), torch.ones_like(weight[:, 0]), atol=1e-5, rtol=0)
        mean = (ab_bins()[index] * weight[..., None]).sum(1).movedim(-1, 1)
        torch.testing.assert_close(mean, ab, atol=1e-3, rtol=0)

    def test_a_colour_on_a_bin_has_one_bin(self) -> None:
        index, weight = encode_bins(torch.tensor([20.0, -30.0]).view(1, 2, 1, 1))
        best = int(weight.argmax(1))
        assert weight[0, best].item() == pytest.approx(1)
        assert ab_bins()[index[0, best, 0, 0]].tolist() == [20.0, -30.0]


class TestDecodeBins:
    def one_hot(self, a: float, b: float, height: float = 50.0) -> Tensor:
        number = ab_bins().tolist().index([a, b])
        logits = torch.zeros(1, BIN_COUNT, 1, 1)
        logits[0, number] = height
        return logits

    def test_a_certain_bin_is_its_colour(self) -> None:
        ab = decode_bins(self.one_hot(30.0, 40.0))
        torch.testing.assert_close(ab, torch.tensor([30.0, 40.0]).view(1, 2, 1, 1), atol=1e-3, rtol=0)

    def test_round_trip(self) -> None:
        ab = rgb_to_lab(colour_grid(51))[:, 1:]
        index, weight = encode_bins(ab)
        probability = torch.zeros(1, BIN_COUNT, *ab.shape[-2:]).scatter_add_(1, index, weight)
        torch.testing.assert_close(decode_bins(probability.clamp_min(1e-12).log()), ab, atol=1e-3, rtol=0)

    def test_a_low_temperature_favours_the_likeliest(self) -> None:
        logits = self.one_hot(30.0, 40.0, height=5.0)
        chroma = [decode_bins(logits, temperature=t).norm().item() for t in (2.0, 1.0, 0.5, 0.1)]
        assert chroma == sorted(chroma)
        assert chroma[-1] == pytest.approx(50, abs=0.1)
