"""Trackers: whatever follows a run besides its own journal."""

from collections.abc import Generator, Iterable
from typing import Protocol

from colorgan.training.events import Event, StepDone, Validated

__all__ = ["Tracker", "event_numbers", "follow"]


class Tracker(Protocol):
    """Is told every event of a run, in order, and closed when the run is over, however it ended."""

    def take(self, event: Event) -> None:
        """Note what an event holds."""

    def close(self) -> None:
        """Write what is still held back."""


def follow(events: Iterable[Event], *trackers: Tracker) -> Generator[Event]:
    """Pass the events of a run on, and tell trackers of each before.

    Example:
        >>> for event in follow(trainer.run(), MyTracker()):
        ...     print(event)
    """
    try:
        for event in events:
            for tracker in trackers:
                tracker.take(event)
            yield event
    finally:
        for tracker in trackers:
            tracker.close()


def event_numbers(event: Event) -> dict[str, float]:
    """Return the numbers of an event by the names that trackers use: `train/total`, `validation/psnr`.

    Events without numbers give none.
    """
    match event:
        case StepDone():
            speed = {"images_per_second": event.images_per_second, "waiting": event.waiting}
            return {f"train/{name}": value for name, value in {**event.terms, **speed}.items()}
        case Validated(score=score):
            return {f"validation/{name}": value for name, value in score.numbers().items()}
        case _:
            return {}
