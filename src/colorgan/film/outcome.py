"""What is told of a film while it is coloured, and what became of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from torch import Tensor

from colorgan.colorization import ColorizeOptions, Job, Outcome, Progress, Status
from colorgan.colorization.hints import Hint, hints_to_points
from colorgan.colorization.products import Preview
from colorgan.config import ColorInput, Existing
from colorgan.files import is_there
from colorgan.film.source import FilmFacts
from colorgan.images import PhotoKind

__all__ = ["Clock", "FilmOutcome", "colored_outcome", "hints_of", "pass_over_colored", "pass_over_done"]

PROGRESS = 0.25  # seconds between two looks at how far a film is


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmOutcome(Outcome):
    """What became of one film; `pages` counts its frames."""

    scenes: tuple[Preview, ...] = ()  # a frame of each, if asked for


def colored_outcome(
    job: Job, facts: FilmFacts, *, frames: int, previews: Sequence[Preview], started: float
) -> FilmOutcome:
    """Return what became of a film that was coloured.

    Args:
        job: The film.
        facts: What it is.
        frames: How many were written.
        previews: A frame of each scene, if they were asked for.
        started: When the work began, by `time.monotonic`.
    """
    return FilmOutcome(
        job=job,
        status=Status.COLORIZED,
        seconds=time.monotonic() - started,
        width=facts.width,
        height=facts.height,
        pages=frames,
        preview=previews[0] if previews else None,
        scenes=tuple(previews),
        files=job.results,
    )


def pass_over_done(job: Job, options: ColorizeOptions) -> FilmOutcome | None:
    """Return what becomes of a film that was coloured before and shall stay so; None if there is work to do."""
    if options.existing is not Existing.SKIP or not all(map(is_there, job.results)):
        return None
    return FilmOutcome(job=job, status=Status.SKIPPED, reason="its result is there already", files=job.results)


def pass_over_colored(job: Job, facts: FilmFacts, options: ColorizeOptions) -> FilmOutcome | None:
    """Return what becomes of a film that is in colour already; None of others, or if it shall be coloured anew."""
    if facts.kind is not PhotoKind.COLOR or options.color_input is ColorInput.RECOLOR:
        return None
    return FilmOutcome(
        job=job,
        status=Status.SKIPPED,
        reason="it is in colour already",
        width=facts.width,
        height=facts.height,
        pages=facts.frames,
    )


@dataclass(slots=True)
class Clock:
    """Tells now and then how far a film is."""

    job: Job
    total: int
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    told: float = 0.0
    before: int = 0

    def tick(self) -> Progress | None:
        """Count a frame; say how far the film is if it is time to."""
        self.done += 1
        now = time.monotonic()
        if now - self.told < PROGRESS:
            return None
        self.told = now
        rate = (self.done - self.before) / max(now - self.started, 1e-6)
        return Progress(done=self.done, total=max(self.total, self.done), rate=rate, job=self.job)


def hints_of(job: Job, facts: FilmFacts) -> tuple[tuple[int, Tensor], ...]:
    """Return the hints by their time stamps; one without a time is of the first frame.

    Raises:
        UsageError: One lies outside the picture.
    """
    width, height = (facts.height, facts.width) if facts.turn % 2 else (facts.width, facts.height)
    by_time: dict[int, list[Hint]] = {}
    for hint in sorted(job.hints, key=lambda hint: hint.time or 0):
        by_time.setdefault(int(Fraction(hint.time or 0) / facts.time_base), []).append(hint)
    return tuple((time, hints_to_points(hints, width, height)) for time, hints in by_time.items())
