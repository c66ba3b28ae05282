"""Telling a run that has broken down from one that is merely noisy."""

from pathlib import Path

import pytest

from colorgan.errors import TrainingError
from colorgan.training.guard import LossGuard


class TestLossGuard:
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_names_the_term_that_is_not_a_number(self, value):
        with pytest.raises(TrainingError, match=r"perceptual became .* at step 7.*last\.safetensors is from before"):
            LossGuard().check(7, {"bins": 1.0, "perceptual": value, "total": value}, Path("last.safetensors"))

    def test_passes_over_a_few_gradients_that_are_not_finite(self):
        guard = LossGuard()
        for step in range(20):
            guard.check(step, {"total": 1.0, "gradient_norm": 1.0 if step % 6 == 5 else float("nan")}, None)

    def test_names_the_gradient_that_stays_not_finite(self):
        guard = LossGuard()
        for step in range(5):
            guard.check(step, {"total": 1.0, "gradient_norm": float("inf")}, None)
        with pytest.raises(TrainingError, match="gradient_norm became inf at step 5"):
            guard.check(5, {"total": 1.0, "gradient_norm": float("inf")}, None)

    def test_names_an_explosion(self):
        guard = LossGuard()
        for step in range(30):
            guard.check(step, {"total": 1.0 + step % 3}, None)
        with pytest.raises(TrainingError, match=r"total exploded to 1e\+04 at step 30.*no checkpoint"):
            guard.check(30, {"total": 1e4}, None)

    def test_lets_noise_and_the_first_steps_pass(self):
        guard = LossGuard()
        guard.check(0, {"total": 1e-3}, None)
        guard.check(1, {"total": 1e4}, None)
        for step in range(40):
            guard.check(step, {"total": 1.0 if step % 2 else 50.0}, None)
