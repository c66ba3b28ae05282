"""What is told of a film while it is coloured."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from colorgan.colorization import ColorizeOptions, Colorizer, Hint, Job, Status
from colorgan.colorization.hints import hints_to_points
from colorgan.config import ColorInput, Existing
from colorgan.errors import UsageError
from colorgan.film import outcome as telling
from colorgan.film.outcome import Clock, hints_of, pass_over_colored, pass_over_done
from colorgan.images import PhotoKind
from film_support import film_facts, run, write_color_film


class TestPassedOver:
    def test_what_is_there_and_what_is_in_colour_is_passed_over(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        target = tmp_path / "new.mp4"
        run(old_film, target, colorizer, options)
        assert run(old_film, target, colorizer, options)[0].reason == "its result is there already"
        source = write_color_film(tmp_path / "colour.mkv", 4)
        again, _ = run(source, tmp_path / "again.mkv", colorizer, options)
        assert (again.status, again.reason) == (Status.SKIPPED, "it is in colour already")

    def test_scenes_for_reports(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        options = dataclasses.replace(options, previews=True)
        outcome, _ = run(old_film, tmp_path / "new.mp4", colorizer, options)
        assert len(outcome.scenes) == 3


class TestPassOver:
    def test_what_is_there(self, tmp_path: Path, options: ColorizeOptions) -> None:
        job = Job(0, tmp_path / "a.mp4", tmp_path / "b.mp4")
        assert pass_over_done(job, options) is None
        job.target.touch()
        found = pass_over_done(job, options)
        assert found is not None
        assert (found.status, found.files) == (Status.SKIPPED, (job.target,))
        assert pass_over_done(job, dataclasses.replace(options, existing=Existing.OVERWRITE)) is None

    def test_what_is_in_colour(self, tmp_path: Path, options: ColorizeOptions) -> None:
        job = Job(0, tmp_path / "a.mp4", tmp_path / "b.mp4")
        colored = film_facts(kind=PhotoKind.COLOR, frames=7)
        found = pass_over_colored(job, colored, options)
        assert found is not None
        assert (found.reason, found.width, found.pages) == ("it is in colour already", 32, 7)
        for facts, how in ((film_facts(), ColorInput.SKIP), (colored, ColorInput.RECOLOR)):
            assert pass_over_colored(job, facts, dataclasses.replace(options, color_input=how)) is None


class TestClock:
    def test_tells_now_and_then(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        clock = Clock(Job(0, tmp_path / "a", tmp_path / "b"), 40, started=now[0])
        told = []
        for _ in range(50):
            now[0] += telling.PROGRESS / 4
            if (progress := clock.tick()) is not None:
                told.append((progress.done, progress.total))
                assert progress.rate == pytest.approx(4 / telling.PROGRESS)
        assert [done for done, _ in told] == list(range(1, 50, 4))
        assert told[0] == (1, 40)
        assert told[-1] == (49, 49)  # there were more than promised

    def test_the_rate_is_that_of_this_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        clock = Clock(Job(0, tmp_path / "a", tmp_path / "b"), 40, done=30, before=30, started=now[0])
        now[0] += 2
        progress = clock.tick()
        assert progress is not None
        assert progress.done == 31
        assert progress.rate == pytest.approx(0.5)


class TestHintsOf:
    def hints(self, *hints: Hint, **changes: Any) -> tuple[tuple[int, torch.Tensor], ...]:
        return hints_of(Job(0, Path("a"), Path("b"), hints=hints), film_facts(**changes))

    def test_by_their_times(self) -> None:
        late, early, none = (Hint(1, 2, "#2050d0", time=time) for time in (2.5, 0.5, None))
        found = self.hints(late, early, none, late)
        assert [time for time, _ in found] == [0, 300, 1500]  # in 600ths of a second
        assert [len(points) for _, points in found] == [1, 1, 2]
        assert torch.equal(found[0][1], hints_to_points([none], 32, 16))

    def test_of_a_film_that_stands_upright(self) -> None:
        with pytest.raises(UsageError, match="outside the picture of 32 x 16"):
            self.hints(Hint(3, 30, "#2050d0"))
        assert len(self.hints(Hint(3, 30, "#2050d0"), turn=1)) == 1

    def test_none(self) -> None:
        assert self.hints() == ()
