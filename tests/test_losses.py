import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import squeezenet1_1, vgg19

from colorgan.color import AB_LIMIT, BIN_COUNT, ab_bins, encode_bins, lab_to_rgb, rgb_to_lab
from colorgan.config import LossConfig, PerceptualBackbone
from colorgan.errors import ConfigError, WeightsInvalidError
from colorgan.losses import (
    TERMS,
    GeneratorLoss,
    Head,
    Need,
    PerceptualLoss,
    adversarial_loss,
    assemble_rgb,
    bins_loss,
    consistency_loss,
    discriminator_loss,
    heads_looked_at,
    log_mse_loss,
    luminance_loss,
    needs,
    smooth_l1_loss,
    tap_positions,
)
from colorgan.model import Prediction
from colorgan.model.encoders import IMAGENET_MEAN, IMAGENET_STD

NONE = {"smooth_l1": 0.0, "bins": 0.0}
NAMES = tuple(term.name for term in TERMS)


def some_lab(size: int = 32, batch: int = 2) -> Tensor:
    return rgb_to_lab(torch.rand(batch, 3, size, size))


def predict(lab: Tensor, stride: int = 4) -> Prediction:
    """A prediction that is somewhat wrong about `lab`, as a network with every head makes it."""
    coarse = F.avg_pool2d(lab[:, 1:], stride) * 0.7
    return Prediction(
        ab=lab[:, 1:] * 0.7 + 3,
        coarse_ab=coarse,
        bins=torch.randn(lab.shape[0], BIN_COUNT, *coarse.shape[-2:]),
        luminance=lab[:, :1] * 0.9 + 5,
        rgb=None,
    )


def load_backbone_state(backbone: PerceptualBackbone) -> dict[str, Tensor]:
    """The convolutions of a backbone with random weights, by torchvision's names."""
    with torch.device("meta"):
        build = {PerceptualBackbone.VGG19: vgg19, PerceptualBackbone.SQUEEZENET1_1: squeezenet1_1}[backbone]
        features = build(weights=None).features
    features.to_empty(device="cpu")
    torch.manual_seed(0)
    for layer in features.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return {f"features.{name}": tensor for name, tensor in features.state_dict().items()}


@pytest.fixture(scope="module")
def vgg19_state() -> dict[str, Tensor]:
    return load_backbone_state(PerceptualBackbone.VGG19)


@pytest.fixture(scope="module")
def perceptual(vgg19_state: dict[str, Tensor]) -> PerceptualLoss:
    return PerceptualLoss(LossConfig(), vgg19_state)


class TestAssembleRgb:
    def test_lab(self) -> None:
        lab = some_lab()
        whole = Prediction(ab=lab[:, 1:], coarse_ab=lab[:, 1:], bins=None, luminance=lab[:, :1], rgb=None)
        torch.testing.assert_close(assemble_rgb(whole), lab_to_rgb(lab))

    def test_rgb_is_taken_as_it_is(self) -> None:
        rgb = torch.rand(1, 3, 4, 4)
        assert assemble_rgb(predict(some_lab())._replace(rgb=rgb)) is rgb


class TestSmoothL1Loss:
    @pytest.mark.parametrize(
        ("distance", "expected"),
        [(0.0, 0.0), (0.05 * AB_LIMIT, 0.5 * 0.05**2 / 0.1), (0.3 * AB_LIMIT, 0.3 - 0.05)],
    )
    def test_reference_values(self, distance: float, expected: float) -> None:
        # Below beta d^2 / (2 beta), above it d - beta / 2 (Girshick, Fast R-CNN).
        lab = torch.full((1, 3, 8, 8), 20.0)
        prediction = predict(lab)._replace(coarse_ab=torch.full((1, 2, 2, 2), 20 + distance))
        assert smooth_l1_loss(prediction, lab, beta=0.1).item() == pytest.approx(expected, abs=1e-6)

    def test_truth_is_averaged_over_each_cell(self) -> None:
        lab = some_lab()
        exact = predict(lab)._replace(coarse_ab=F.avg_pool2d(lab[:, 1:], 4))
        assert smooth_l1_loss(exact, lab, beta=0.1).item() == pytest.approx(0, abs=1e-9)

    def test_rgb_networks_are_compared_in_rgb(self) -> None:
        lab = some_lab()
        prediction = predict(lab)._replace(rgb=lab_to_rgb(lab) + 0.3)
        assert smooth_l1_loss(prediction, lab, beta=0.1).item() == pytest.approx(0.25, abs=1e-4)


class TestLogMseLoss:
    def test_reference_values(self) -> None:
        lab = torch.full((2, 3, 8, 8), 20.0)
        coarse = torch.full((2, 2, 2, 2), 20.0)
        coarse[1] += 0.1 * AB_LIMIT  # an MSE of 0 and one of 0.01
        loss = log_mse_loss(predict(lab)._replace(coarse_ab=coarse), lab, floor=1e-3)
        assert loss.item() == pytest.approx(math.log(11) / 2, rel=1e-5)

    def test_halving_an_error_counts_the_same_whatever_its_size(self) -> None:
        lab = torch.full((1, 3, 8, 8), 20.0)
        gains = []
        for error in (10.0, 80.0):
            found = [predict(lab)._replace(coarse_ab=torch.full((1, 2, 2, 2), 20 + e)) for e in (error, error / 2)]
            large, small = (log_mse_loss(x, lab, floor=1e-9).item() for x in found)
            gains.append(large - small)
        assert gains[0] == pytest.approx(gains[1], rel=1e-4)

    def test_rgb_networks_are_compared_in_rgb(self) -> None:
        lab = some_lab()
        prediction = predict(lab)._replace(rgb=lab_to_rgb(lab) + 0.1)
        assert log_mse_loss(prediction, lab, floor=1e-3).item() == pytest.approx(math.log(11), rel=1e-3)


class TestBinsLoss:
    def test_not_knowing_costs_the_logarithm_of_the_count(self) -> None:
        ab = some_lab(8)[:, 1:]
        loss = bins_loss(torch.zeros(2, BIN_COUNT, 8, 8), ab)
        assert loss.item() == pytest.approx(math.log(304), abs=1e-4)

    def test_reference_value(self) -> None:
        """Cross-entropy with the soft target, written out with torch's own function."""
        ab = some_lab(4)[:, 1:]
        logits = torch.randn(2, BIN_COUNT, 4, 4)
        index, weight = encode_bins(ab)
        target = torch.zeros_like(logits).scatter_add_(1, index, weight)
        torch.testing.assert_close(bins_loss(logits, ab), F.cross_entropy(logits, target))

    def test_knowing_costs_nothing(self) -> None:
        colour = torch.tensor([20.0, -30.0])
        logits = torch.zeros(1, BIN_COUNT, 1, 1)
        logits[0, ab_bins().tolist().index(colour.tolist())] = 50
        assert bins_loss(logits, colour.view(1, 2, 1, 1)).item() == pytest.approx(0, abs=1e-5)

    def test_a_pixel_weighs_as_its_bins(self) -> None:
        ab = torch.tensor([[20.0, 0.0], [-30.0, 0.0]]).view(1, 2, 1, 2)  # colours on bins, side by side
        logits, weights = torch.randn(1, BIN_COUNT, 1, 2), torch.ones(BIN_COUNT)
        weights[ab_bins().tolist().index([20.0, -30.0])] = 3
        left, right = (bins_loss(logits[..., i : i + 1], ab[..., i : i + 1]) for i in (0, 1))
        torch.testing.assert_close(bins_loss(logits, ab, weights), (3 * left + right) / 2)


class TestLuminanceLoss:
    def test_only_missing_pixels_count(self) -> None:
        lab, known = some_lab(8), torch.ones(2, 1, 8, 8)
        known[..., :2] = 0
        wrong = lab[:, :1] + torch.where(known > 0, 50.0, 10.0)
        loss = luminance_loss(predict(lab)._replace(luminance=wrong), lab, known)
        assert loss.item() == pytest.approx(0.1, abs=1e-5)

    @pytest.mark.parametrize("known", [None, torch.ones(2, 1, 8, 8)])
    def test_nothing_missing_costs_nothing(self, known: Tensor | None) -> None:
        assert luminance_loss(predict(some_lab(8)), some_lab(8), known) == 0


class TestConsistencyLoss:
    def halves(self, lab: Tensor) -> tuple[Prediction, Prediction]:
        return predict(lab), predict(F.avg_pool2d(lab, 2))

    def test_is_nothing_where_both_sizes_agree(self) -> None:
        one, two = self.halves(some_lab())
        assert one.bins is not None
        flat = one.bins[:1, :, :1, :1]
        agreeing = [p._replace(bins=flat.expand(2, -1, *p.coarse_ab.shape[-2:])) for p in (one, two)]
        assert consistency_loss(*agreeing) < 1e-6

    def test_is_the_distance_of_both_heads(self) -> None:
        one, two = self.halves(some_lab())
        regression = consistency_loss(one._replace(bins=None), two._replace(coarse_ab=two.coarse_ab + 11, bins=None))
        assert regression == pytest.approx(0.1, abs=1e-5)
        logits = torch.zeros(2, BIN_COUNT, 8, 8)
        sure = logits.clone()
        sure[:, 17] = 100
        same = [p._replace(bins=x) for p, x in ((one, logits), (two, sure[..., :4, :4]))]
        apart = (ab_bins()[17] - ab_bins().mean(0)).abs().mean() / AB_LIMIT
        assert consistency_loss(*same) == pytest.approx(float(apart) / 2, abs=1e-4)


class TestAdversarialLoss:
    def test_is_binary_cross_entropy_against_photograph(self) -> None:
        scales = [torch.randn(2, 1, 6, 6) * 5, torch.randn(2, 1, 2, 2)]
        expected = sum(F.binary_cross_entropy_with_logits(x, torch.ones_like(x)) for x in scales) / 2
        torch.testing.assert_close(adversarial_loss(scales), expected)

    def test_falls_when_the_discriminator_is_fooled(self) -> None:
        doubt, fooled = (adversarial_loss([torch.full((1, 1), x)]) for x in (0.0, 4.0))
        assert doubt.item() == pytest.approx(math.log(2))
        assert fooled < doubt


class TestDiscriminatorLoss:
    def test_is_binary_cross_entropy(self) -> None:
        real, fake = ([torch.randn(2, 1, n, n) for n in (6, 2)] for _ in range(2))
        bce = F.binary_cross_entropy_with_logits
        expected = sum(
            (bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))) / 2 for r, f in zip(real, fake, strict=True)
        )
        torch.testing.assert_close(discriminator_loss(real, fake), expected / 2)

    def test_scales_must_agree(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            discriminator_loss([torch.zeros(1)], [])


class TestTapPositions:
    def test_vgg19(self) -> None:
        # Places of torchvision's vgg19().features: see its printed layers.
        taps = tap_positions(PerceptualBackbone.VGG19)
        assert [taps[name] for name in LossConfig().perceptual_taps] == [3, 8, 15, 24]
        assert len(taps) == 16

    def test_squeezenet(self) -> None:
        expected = {"relu1": 1, "fire2": 3, "fire3": 4, "fire4": 6, "fire5": 7}
        expected |= {"fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12}
        assert tap_positions(PerceptualBackbone.SQUEEZENET1_1) == expected


class TestPerceptualLoss:
    def test_equal_pictures_cost_nothing(self, perceptual: PerceptualLoss) -> None:
        rgb = torch.rand(1, 3, 32, 32)
        assert perceptual(rgb, rgb) == 0
        assert perceptual(rgb.flip(-1), rgb) > 0

    def test_reference_value(self, perceptual: PerceptualLoss, vgg19_state: dict[str, Tensor]) -> None:
        """Each tap by torchvision's own network: the L1 distance over the truth's mean activation, rising weights."""
        ours, truth = torch.rand(2, 1, 3, 32, 32)
        with torch.device("meta"):
            features = vgg19(weights=None).features
        features.load_state_dict({k.removeprefix("features."): v for k, v in vgg19_state.items()}, assign=True)
        mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
        expected = 0.0
        for tap, weight in zip((3, 8, 15, 24), (0.1, 0.2, 0.3, 0.4), strict=True):
            found, wanted = (features[: tap + 1]((x - mean) / std) for x in (ours, truth))
            expected += weight * ((found - wanted).abs().mean() / wanted.abs().mean()).item()
        assert perceptual(ours, truth).item() == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize("tap", LossConfig().perceptual_taps)
    def test_each_tap_counts_by_its_weight(self, vgg19_state: dict[str, Tensor], tap: str) -> None:
        single, double = (
            PerceptualLoss(LossConfig(perceptual_taps=(tap,), perceptual_weights=(weight,)), vgg19_state)
            for weight in (1.0, 2.0)
        )
        ours, truth = torch.rand(2, 1, 3, 32, 32)
        assert single(ours, truth) > 0
        torch.testing.assert_close(double(ours, truth), 2 * single(ours, truth))

    def test_the_order_of_taps_does_not_matter(
        self, perceptual: PerceptualLoss, vgg19_state: dict[str, Tensor]
    ) -> None:
        default = LossConfig()
        config = LossConfig(
            perceptual_taps=default.perceptual_taps[::-1], perceptual_weights=default.perceptual_weights[::-1]
        )
        ours, truth = torch.rand(2, 1, 3, 32, 32)
        turned = PerceptualLoss(config, vgg19_state)
        torch.testing.assert_close(turned(ours, truth), perceptual(ours, truth))

    def test_squeezenet(self) -> None:
        config = LossConfig(
            perceptual_backbone=PerceptualBackbone.SQUEEZENET1_1,
            perceptual_taps=("relu1", "fire5"),
            perceptual_weights=(0.5, 0.5),
        )
        loss = PerceptualLoss(config, load_backbone_state(PerceptualBackbone.SQUEEZENET1_1))
        assert loss(*torch.rand(2, 1, 3, 32, 32)) > 0

    def test_is_frozen(self, perceptual: PerceptualLoss) -> None:
        assert not any(parameter.requires_grad for parameter in perceptual.parameters())
        assert not perceptual.features.training

    def test_only_the_prediction_is_differentiated(self, perceptual: PerceptualLoss) -> None:
        ours, truth = (torch.rand(1, 3, 32, 32).requires_grad_() for _ in range(2))
        perceptual(ours, truth).backward()
        assert ours.grad is not None
        assert ours.grad.abs().max() > 0
        assert truth.grad is None

    def test_a_file_that_ends_behind_the_last_tap_is_enough(self, vgg19_state: dict[str, Tensor]) -> None:
        PerceptualLoss(LossConfig(), {k: v for k, v in vgg19_state.items() if int(k.split(".")[1]) <= 23})

    def test_a_file_that_lacks_a_layer_is_refused(self, vgg19_state: dict[str, Tensor]) -> None:
        state = {k: v for k, v in vgg19_state.items() if k != "features.23.weight"}
        with pytest.raises(WeightsInvalidError, match=r"lack features\.23\.weight .* the tap relu4_3 needs"):
            PerceptualLoss(LossConfig(), state)

    def test_an_unknown_tap_is_refused(self, vgg19_state: dict[str, Tensor]) -> None:
        with pytest.raises(ConfigError, match="vgg19 has no tap 'relu9_9'; its taps are relu1_1, relu1_2"):
            PerceptualLoss(LossConfig(perceptual_taps=("relu9_9",), perceptual_weights=(1.0,)), vgg19_state)


class TestTerms:
    def test_each_weight_has_its_term_and_each_term_its_weight(self) -> None:
        assert sorted(NAMES) == sorted(LossConfig().weights)

    def test_each_looks_at_something(self) -> None:
        assert all(term.looks_at for term in TERMS)

    @pytest.mark.parametrize(
        ("weights", "heads"),
        [
            ({"smooth_l1": 1.0}, {Head.COLOR}),
            ({"log_mse": 1.0}, {Head.COLOR}),
            ({"bins": 1.0}, {Head.BINS}),
            ({"luminance": 1.0}, {Head.REPAIR}),
            ({"consistency": 1.0}, {Head.COLOR, Head.BINS}),
            ({"perceptual": 1.0}, {Head.COLOR, Head.REPAIR}),
            ({"adversarial": 1.0, "bins": 1.0}, {Head.COLOR, Head.BINS, Head.REPAIR}),
        ],
    )
    def test_heads_learn_from_what_looks_at_them(self, weights: dict[str, Any], heads: set[Head]) -> None:
        assert heads_looked_at(LossConfig(**{**NONE, **weights})) == heads

    def test_only_terms_that_count_need_anything(self) -> None:
        assert not any(needs(LossConfig(), need) for need in Need)
        config = LossConfig(consistency=0.1, adversarial=0.1)
        assert [need for need in Need if needs(config, need)] == [Need.DISCRIMINATOR, Need.SMALLER]


class TestGeneratorLoss:
    def compute(self, perceptual: PerceptualLoss, weights: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        torch.manual_seed(0)
        lab, known = some_lab(), torch.ones(2, 1, 32, 32)
        known[..., :9] = 0
        logits = [torch.randn(2, 1, 6, 6), torch.randn(2, 1, 2, 2)]
        loss = GeneratorLoss(LossConfig(**{**NONE, **weights}), perceptual)
        return loss(predict(lab), lab, known, logits, predict(F.avg_pool2d(lab, 2)))

    @pytest.mark.parametrize("term", NAMES)
    def test_each_term_alone(self, perceptual: PerceptualLoss, term: str) -> None:
        total, terms = self.compute(perceptual, {term: 2.5})
        assert set(terms) == {term}
        assert terms[term] > 0
        torch.testing.assert_close(total, 2.5 * terms[term])

    def test_the_sum_is_weighted(self, perceptual: PerceptualLoss) -> None:
        weights = {name: 0.3 + 0.7 * number for number, name in enumerate(NAMES)}
        total, terms = self.compute(perceptual, weights)
        assert set(terms) == set(NAMES)
        for name, value in terms.items():
            torch.testing.assert_close(value, self.compute(perceptual, {name: 1.0})[0])
        torch.testing.assert_close(total, torch.stack([weights[n] * v for n, v in terms.items()]).sum())

    def test_terms_are_detached_and_the_total_is_not(self) -> None:
        lab = some_lab()
        prediction = predict(lab)._replace(coarse_ab=F.avg_pool2d(lab[:, 1:], 4).requires_grad_())
        total, terms = GeneratorLoss(LossConfig())(prediction, lab)
        assert total.requires_grad
        assert not any(value.requires_grad for value in terms.values())

    def test_without_logits_the_adversarial_term_is_left_out(self) -> None:
        lab = some_lab()
        loss = GeneratorLoss(LossConfig(adversarial=1.0))
        assert set(loss(predict(lab), lab).terms) == {"smooth_l1", "bins"}

    def test_a_network_without_bins_has_no_bins_term(self) -> None:
        lab = some_lab()
        assert set(GeneratorLoss(LossConfig())(predict(lab)._replace(bins=None), lab).terms) == {"smooth_l1"}

    def test_no_term_at_all_is_refused(self) -> None:
        lab = some_lab()
        with pytest.raises(ConfigError, match="no term of the loss applies"):
            GeneratorLoss(LossConfig(smooth_l1=0.0))(predict(lab)._replace(bins=None), lab)

    def test_perceptual_needs_its_network(self) -> None:
        with pytest.raises(ConfigError, match="pass the PerceptualLoss"):
            GeneratorLoss(LossConfig(perceptual=1.0))

    @pytest.mark.parametrize("luminance", [0.0, 100.0])
    def test_gradient_is_finite_at_black_and_white(self, perceptual: PerceptualLoss, luminance: float) -> None:
        lab = torch.zeros(1, 3, 32, 32)
        lab[:, 0] = luminance
        leaves = {
            "ab": torch.zeros(1, 2, 32, 32, requires_grad=True),
            "coarse_ab": torch.zeros(1, 2, 8, 8, requires_grad=True),
            "bins": torch.zeros(1, BIN_COUNT, 8, 8, requires_grad=True),
            "luminance": lab[:, :1].clone().requires_grad_(),
        }
        prediction = Prediction(**leaves, rgb=None)
        logits = [assemble_rgb(prediction).mean((1, 2, 3))]
        config = LossConfig(luminance=1.0, perceptual=1.0, adversarial=1.0)
        total, _ = GeneratorLoss(config, perceptual)(prediction, lab, torch.zeros(1, 1, 32, 32), logits)
        total.backward()
        assert total.isfinite()
        for name, leaf in leaves.items():
            assert leaf.grad is not None, name
            assert leaf.grad.isfinite().all(), name

    def test_a_step_downhill_lowers_it(self, perceptual: PerceptualLoss) -> None:
        lab = some_lab()
        prediction = predict(lab)
        loss = GeneratorLoss(LossConfig(perceptual=1.0), perceptual)
        assert prediction.bins is not None
        leaves = [
            prediction.ab.requires_grad_(),
            prediction.coarse_ab.requires_grad_(),
            prediction.bins.requires_grad_(),
        ]
        before = loss(prediction, lab).total
        gradients = torch.autograd.grad(before, leaves)
        ab, coarse, bins = (x - 5 * g for x, g in zip(leaves, gradients, strict=True))
        after = loss(prediction._replace(ab=ab, coarse_ab=coarse, bins=bins), lab).total
        assert after < before


class TestRebalancing:
    def see(self, loss: GeneratorLoss, ab: Tensor, times: int = 1) -> Tensor:
        """Show the loss a truth of this ab, a network that knows nothing beside it; return the bins term."""
        lab = torch.cat((torch.full_like(ab[:, :1], 50.0), ab), dim=1)
        prediction = predict(lab, stride=1)._replace(bins=torch.zeros(ab.shape[0], BIN_COUNT, *ab.shape[-2:]))
        for _ in range(times):
            term = loss(prediction, lab).terms["bins"]
        return term

    def mixture(self) -> Tensor:
        """Fifteen grey pixels and a red one `(1, 2, 4, 4)`."""
        ab = torch.zeros(1, 2, 4, 4)
        ab[..., 0, 0] = torch.tensor([50.0, 40.0])
        return ab

    def test_off_by_default(self) -> None:
        loss = GeneratorLoss(LossConfig())
        before = loss.bin_frequency.clone()
        self.see(loss, self.mixture())
        assert torch.equal(loss.bin_frequency, before)

    def test_the_frequency_follows_the_truth(self) -> None:
        loss = GeneratorLoss(LossConfig(bins_rebalance=0.5))
        self.see(loss, self.mixture(), times=500)
        grey, red = (ab_bins().tolist().index(ab) for ab in ([0.0, 0.0], [50.0, 40.0]))
        assert loss.bin_frequency.sum().item() == pytest.approx(1, abs=1e-4)
        assert loss.bin_frequency[grey].item() == pytest.approx(15 / 16, abs=0.01)
        assert loss.bin_frequency[red].item() == pytest.approx(1 / 16, abs=0.01)

    @pytest.mark.parametrize("exponent", [0.25, 0.5, 1.0])
    def test_rare_colours_weigh_more_and_the_mean_weight_is_one(self, exponent: float) -> None:
        loss = GeneratorLoss(LossConfig(bins_rebalance=exponent)).eval()
        loss.bin_frequency.zero_()
        for colour, share in (([0.0, 0.0], 15 / 16), ([50.0, 40.0], 1 / 16)):
            loss.bin_frequency[ab_bins().tolist().index(colour)] = share
        mixed = self.see(loss, self.mixture())
        grey = self.see(loss, torch.zeros(1, 2, 4, 4))
        red = self.see(loss, torch.tensor([50.0, 40.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4))
        # A network that knows nothing pays ln 304 a pixel, times the pixel's weight.
        assert mixed.item() == pytest.approx(math.log(304), rel=1e-4)
        expected = ((15 / 16 + 1 / 304) / (1 / 16 + 1 / 304)) ** exponent
        assert (red / grey).item() == pytest.approx(expected, rel=1e-4)

    def test_validation_does_not_move_the_frequency(self) -> None:
        loss = GeneratorLoss(LossConfig(bins_rebalance=0.5)).eval()
        before = loss.bin_frequency.clone()
        self.see(loss, self.mixture())
        assert torch.equal(loss.bin_frequency, before)

    def test_the_frequency_is_part_of_the_training_state(self) -> None:
        assert "bin_frequency" in GeneratorLoss(LossConfig()).state_dict()


def one_of(prediction: Prediction, number: int) -> Prediction:
    """Return the prediction of one picture of a batch."""
    parts: list[Any] = [None if x is None else x[number : number + 1] for x in prediction]
    return Prediction(*parts)


class TestManyProcesses:
    """Terms that divide by a number of the batch must divide by the same one in every process."""

    def test_the_mean_over_processes_is_that_of_the_whole_batch(self, perceptual: PerceptualLoss) -> None:
        lab, known = some_lab(), torch.ones(2, 1, 32, 32)
        known[0, :, :9], known[1, :, :20] = 0, 0
        prediction = predict(lab)
        config = LossConfig(smooth_l1=0.0, bins=0.0, luminance=1.0, perceptual=1.0)

        def totals(*, shared: dict[float, Tensor] | None) -> Tensor:
            """The mean of two processes with a picture each; `shared` gives what they divide by together."""
            loss = GeneratorLoss(config, perceptual)
            if shared is not None:
                loss.mean_over_processes = lambda x: shared[x.item()]
            parts = [one_of(prediction, i) for i in (0, 1)]
            return torch.stack(
                [loss(part, lab[i : i + 1], known[i : i + 1]).total for i, part in enumerate(parts)]
            ).mean()

        seen: list[list[Tensor]] = []
        for i in (0, 1):
            loss = GeneratorLoss(config, perceptual)
            own: list[Tensor] = []

            def note(value: Tensor, own: list[Tensor] = own) -> Tensor:
                own.append(value)
                return value

            loss.mean_over_processes = note
            part = one_of(prediction, i)
            loss(part, lab[i : i + 1], known[i : i + 1])
            seen.append(own)
        shared = {x.item(): torch.stack(pair).mean() for pair in zip(*seen, strict=True) for x in pair}
        whole = GeneratorLoss(config, perceptual)(prediction, lab, known).total
        torch.testing.assert_close(totals(shared=shared), whole, atol=1e-4, rtol=1e-4)
        assert not torch.isclose(totals(shared=None), whole, atol=1e-4, rtol=1e-4)
