from collections.abc import Generator
from pathlib import Path

import pytest

from colorgan.training import Finished, Saved, StepDone, Validated, event_numbers, follow
from colorgan.training.score import ColorScore

STEP = StepDone(3, 0.5, 1.0, 20.0, 0.1, {"total": 3.0, "bins": 2.0}, ())
VALIDATED = Validated(3, ColorScore(22.0, 21.0, 10.0, 40.0, 1.0, 0.5, None, 0.7), True, Path("sheet.png"))


class Notes:
    def __init__(self) -> None:
        self.taken: list[object] = []
        self.closed = 0

    def take(self, event: object) -> None:
        self.taken.append(event)

    def close(self) -> None:
        self.closed += 1


class TestFollow:
    def test_passes_on_and_tells_everyone(self):
        one, two = Notes(), Notes()
        assert list(follow([STEP, VALIDATED], one, two)) == [STEP, VALIDATED]
        assert one.taken == two.taken == [STEP, VALIDATED]
        assert one.closed == two.closed == 1

    def test_tells_before_it_passes_on(self):
        notes = Notes()
        for event in follow([STEP, VALIDATED], notes):
            assert notes.taken[-1] is event
            assert notes.closed == 0

    def test_closes_when_the_run_fails(self):
        def run():
            yield STEP
            raise ValueError("broke down")

        notes = Notes()
        with pytest.raises(ValueError, match="broke down"):
            list(follow(run(), notes))
        assert (notes.taken, notes.closed) == ([STEP], 1)

    def test_closes_when_the_loop_is_left(self):
        notes = Notes()
        events = follow([STEP, VALIDATED], notes)
        next(events)
        assert isinstance(events, Generator)
        events.close()
        assert (notes.taken, notes.closed) == ([STEP], 1)

    def test_a_real_run(self, make_trainer):
        notes = Notes()
        events = list(follow(make_trainer(steps=2).run(), notes))
        assert notes.taken == events
        assert {"train/total", "train/images_per_second"} <= event_numbers(events[0]).keys()


class TestEventNumbers:
    def test_of_a_step(self):
        assert event_numbers(STEP) == {
            "train/total": 3.0,
            "train/bins": 2.0,
            "train/images_per_second": 20.0,
            "train/waiting": 0.1,
        }

    def test_of_a_validation(self):
        assert event_numbers(VALIDATED) == {
            "validation/psnr": 22.0,
            "validation/colorfulness": 10.0,
            "validation/score": 0.7,
        }

    @pytest.mark.parametrize("event", [Saved(3, Path("c.pt")), Finished(3, None, False, None)])
    def test_of_events_without_numbers(self, event):
        assert event_numbers(event) == {}
