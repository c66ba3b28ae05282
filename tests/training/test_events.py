"""How long a run is."""

import pytest

from colorgan.training.events import Budget


class TestBudget:
    @pytest.mark.parametrize(
        ("budget", "step", "seconds", "progress"),
        [
            (Budget(steps=8), 2, 1e6, 0.25),
            (Budget(steps=8), 10, 0.0, 1.25),
            (Budget(minutes=2.0), 1000, 30.0, 0.25),
            (Budget(steps=4, minutes=1.0), 1, 60.0, 0.25),
        ],
    )
    def test_is_spent_by_steps_or_by_minutes(self, budget: Budget, step: int, seconds: float, progress: float) -> None:
        assert budget.progress(step, seconds) == pytest.approx(progress)

    @pytest.mark.parametrize("budget", [Budget(steps=0), Budget(minutes=0.0), Budget()])
    def test_nothing_is_soon_spent(self, budget: Budget) -> None:
        assert budget.progress(1, 1.0) >= 1
