"""How long a run is, and what it reports while it goes on."""

from dataclasses import dataclass
from pathlib import Path

from colorgan.training.score import Score

__all__ = ["Budget", "Event", "Finished", "Saved", "StepDone", "Validated"]


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a run is: a number of steps or of minutes; the learning rate's course is fitted to it."""

    steps: int | None = None
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Return the share that is spent after `step` steps and `seconds`; 1 or more ends the run."""
        if self.steps is not None:
            return step / max(self.steps, 1)
        return seconds / 60 / max(self.minutes or 0.0, 1e-9)


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step was taken."""

    step: int
    progress: float  # 0..1
    seconds: float  # of training so far, over all sessions of the run
    images_per_second: float  # of all processes together
    waiting: float  # share of the time that went into waiting for data
    terms: dict[str, float]  # each loss before its weight, gradient norms and other numbers of the step
    left_out: tuple[tuple[str, str], ...]  # photographs passed over, with the reason


@dataclass(frozen=True, slots=True)
class Validated:
    """The averaged generator was scored and a sample sheet written."""

    step: int
    score: Score
    is_best: bool
    sheet: Path


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint was written."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over, or was asked to stop."""

    step: int
    weights: Path | None  # the best generator by score, which `colorize --weights` takes; None if none was scored yet
    stopped: bool  # whether it was asked to stop before its budget was spent
    curves: Path | None  # a picture of the losses and scores
    story: Path | None = None  # the sample sheets as an animation; None if the run was asked to stop, or has only one


Event = StepDone | Validated | Saved | Finished
