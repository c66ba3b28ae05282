"""Stopping a run whose losses can no longer be trusted."""

import math
from collections.abc import Mapping
from pathlib import Path

from colorgan.errors import TrainingError

__all__ = ["LossGuard", "is_gradient"]

_WATCHED = ("total", "discriminator")
_MOST_PASSED_OVER = 5  # steps in a row whose gradient is not finite, and so was not followed
_SETTLE_STEPS = 20  # before which nothing is called an explosion
_EXPLOSION = 1000.0  # times the average so far
_MEMORY = 0.05  # the share of the newest value in the average


class LossGuard:
    """Raises when a loss is not finite or a thousand times its average, or gradients stay not finite.

    A gradient alone that is not finite, as arithmetic in half precision yields now and then, was not followed: such a
    step is passed over, unless too many come in a row.
    """

    def __init__(self) -> None:
        self._averages: dict[str, float] = {}
        self._steps = self._passed_over = 0

    def check(self, step: int, terms: Mapping[str, float], last_checkpoint: Path | None) -> None:
        """Look at a step's numbers.

        Raises:
            TrainingError: One of them says that the run has broken down; the message names it.
        """
        broken = {name: value for name, value in terms.items() if not math.isfinite(value)}
        self._passed_over = self._passed_over + 1 if broken else 0
        losses = {name: value for name, value in broken.items() if not is_gradient(name)}
        if losses or self._passed_over > _MOST_PASSED_OVER:
            name, value = next(iter((losses or broken).items()))
            raise TrainingError(_explain(f"{name} became {value} at step {step}", last_checkpoint))
        self._steps += 1
        for name in _WATCHED:
            if name not in terms:
                continue
            average = self._averages.get(name, terms[name])
            if self._steps > _SETTLE_STEPS and terms[name] > _EXPLOSION * max(average, 1e-6):
                said = f"{name} exploded to {terms[name]:.3g} at step {step}, from {average:.3g}"
                raise TrainingError(_explain(said, last_checkpoint))
            self._averages[name] = average + _MEMORY * (terms[name] - average)


def is_gradient(name: str) -> bool:
    """Tell whether a number of a step is a gradient's norm."""
    return name.endswith("gradient_norm")


def _explain(what: str, last_checkpoint: Path | None) -> str:
    kept = f"{last_checkpoint} is from before" if last_checkpoint else "there is no checkpoint from before"
    return (
        f"{what}; nothing of this step was kept, {kept}: lower the rate (--set optimizer.learning_rate=...) or use "
        "--precision float32, and begin again or --resume"
    )
