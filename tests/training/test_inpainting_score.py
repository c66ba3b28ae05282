"""Scoring the repair during training."""

import math
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.config import AugmentConfig
from colorgan.data import find_photos
from colorgan.model.inpainting import InpaintingNetwork, inpaint_smoothly
from colorgan.runtime import Runtime
from colorgan.training.inpainting_score import validate_inpainting
from colorgan.training.validation import ValidationSet

HOLES = AugmentConfig(occlusion=1.0)


class Filler(nn.Module):
    """Fills smoothly, and then goes on towards a level."""

    def __init__(self, level: float, share: float) -> None:
        super().__init__()
        self.level, self.share = level, share
        self.seen: list[Tensor] = []

    def forward(self, luminance: Tensor, known: Tensor) -> Tensor:
        self.seen.append(known)
        filled = inpaint_smoothly(luminance, known)
        return torch.where(known > 0, luminance, filled + self.share * (self.level - filled))


@pytest.fixture
def pictures(photos: Path) -> ValidationSet:
    return ValidationSet(find_photos(photos), 6, 32)


def fill(level: float, share: float) -> tuple[Filler, InpaintingNetwork]:
    """A filler, once as itself and once as what the code under test expects."""
    filler = Filler(level, share)
    return filler, cast("InpaintingNetwork", filler)


class TestValidateInpainting:
    def test_filling_smoothly_gains_nothing(self, pictures: ValidationSet, runtime: Runtime) -> None:
        score = validate_inpainting(fill(0, 0)[1], pictures, HOLES, runtime)
        assert score.hole_psnr == pytest.approx(score.smooth_psnr)
        assert score.score == pytest.approx(0, abs=1e-5)
        assert 10 < score.smooth_psnr < 60

    def test_filling_worse_costs(self, pictures: ValidationSet, runtime: Runtime) -> None:
        score = validate_inpainting(fill(0, 0.9)[1], pictures, HOLES, runtime)
        assert score.score == pytest.approx(score.hole_psnr - score.smooth_psnr)
        assert score.score < -5

    def test_the_holes_are_the_same_each_time(self, pictures: ValidationSet, runtime: Runtime) -> None:
        (one, network), (two, again) = fill(0, 0), fill(0, 0)
        assert validate_inpainting(network, pictures, HOLES, runtime) == validate_inpainting(
            again, pictures, HOLES, runtime
        )
        known = torch.cat(one.seen)
        assert torch.equal(known, torch.cat(two.seen))
        assert known.shape == (6, 1, 32, 32)
        assert all(0 < share < 1 for share in known.mean((1, 2, 3)).tolist())

    def test_the_psnr_is_of_the_grey_level_in_holes_alone(self, pictures: ValidationSet, runtime: Runtime) -> None:
        filler, network = fill(50, 0.5)
        score = validate_inpainting(network, pictures, HOLES, runtime)
        luminance, known = rgb_to_lab(pictures.rgb.float() / 255)[:, :1], torch.cat(filler.seen)
        with torch.inference_mode():
            error = luminance_to_grey(filler(luminance, known)) - luminance_to_grey(luminance)
        each = [-10 * math.log10(float(e[k == 0].square().mean())) for e, k in zip(error, known, strict=True)]
        assert score.hole_psnr == pytest.approx(sum(each) / len(each), abs=1e-3)
