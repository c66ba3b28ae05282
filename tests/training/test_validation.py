"""Scoring a generator during training."""

from typing import cast

import pytest
import torch

from colorgan.config import RenderConfig
from colorgan.data import find_photos
from colorgan.errors import DataError
from colorgan.evaluation import EvaluationRequest, evaluate
from colorgan.losses import PerceptualLoss
from colorgan.model import build_generator
from colorgan.rendering import BatchCompositor
from colorgan.rendering.strength_sweep import STRENGTHS
from colorgan.training import load_recipe, validation
from colorgan.training.validation import PERCEPTUAL_DB, ValidationSet, validate
from colorgan.weights.file import LoadedGenerator
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

    def test_figures_are_those_of_colorgan_eval(self, network, photos, runtime):
        torch.nn.init.normal_(network.color.weight, std=8.0)
        render = RenderConfig(size=64, strength=1.25)
        chosen = find_photos(photos)[:3]
        score = validate(network, ValidationSet(chosen, 3, 256), render, runtime)
        loaded = LoadedGenerator(network, render, {"name": "m"}, "0" * 64)
        report = evaluate(
            EvaluationRequest(chosen, [loaded], metrics=["psnr", "colorfulness"], front=True, device="cpu")
        )
        figures = {row.statistic.key: row.figure.value for row in report.rows if row.candidate == "m"}
        assert figures["colorfulness"] > 2
        assert score.psnr == pytest.approx(figures["psnr"], abs=0.01)
        assert score.colorfulness == pytest.approx(figures["colorfulness"], abs=0.1)
        sweep = report.sweeps[0]
        swept = [
            gain for strength, gain in zip(sweep.strengths, sweep.gains, strict=True) if strength <= max(STRENGTHS)
        ]
        assert score.best_gain == pytest.approx(max(swept), abs=0.01)  # eval goes on to higher strengths

    @pytest.mark.parametrize("deviation", [0.2, 8.0, 60.0])
    def test_few_strengths_give_the_score_of_all(self, network, photos, runtime, monkeypatch, deviation):
        torch.nn.init.normal_(network.color.weight, std=deviation)
        pictures, render = ValidationSet(find_photos(photos), 6, 256), RenderConfig(size=64)
        counted: list[int] = []
        compose = BatchCompositor.compose

        def count(self: BatchCompositor, strength: float) -> torch.Tensor:
            counted.append(self.ab[0, 0].numel())
            return compose(self, strength)

        monkeypatch.setattr(BatchCompositor, "compose", count)
        quick = validate(network, pictures, render, runtime)
        full = [pixels for pixels in counted if pixels == 256 * 256]
        assert len(full) <= 6  # one batch at each: grey, own, best, and two or three around the share
        monkeypatch.setattr(validation, "_choose_strengths", lambda *_: list(STRENGTHS))
        slow = validate(network, pictures, render, runtime)
        for name in ("psnr", "colorfulness", "gain", "best_gain", "score"):
            assert getattr(quick, name) == pytest.approx(getattr(slow, name), abs=1e-3), name

    def test_strength_0_is_grey(self, network, photos, runtime):
        pictures = ValidationSet(find_photos(photos), 3, 32)
        score = validate(network, pictures, RenderConfig(size=32, strength=0.0), runtime)
        assert score.psnr == score.grey_psnr

    def test_the_perceptual_part_is_the_share_of_greys_distance_that_is_gone(self, network, photos, runtime):
        pictures = ValidationSet(find_photos(photos), 3, 32)
        score = validate(
            network, pictures, RenderConfig(size=32), runtime, perceptual=cast("PerceptualLoss", Distance())
        )
        assert score.perceptual is not None
        assert score.perceptual > 0
        assert score.score == pytest.approx(score.gain + PERCEPTUAL_DB * (1 - score.perceptual))
