"""Several films: a bad one never ends the run."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from colorgan.colorization import ColorizeOptions, Colorizer, Job, Status
from colorgan.errors import ImageReadError
from colorgan.film import FilmOptions, FilmOutcome, run_films, work
from colorgan.film import outcome as telling
from film_support import draw_frames, run, write_film


class TestBadInput:
    def test_the_others_go_on(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        good = write_film(tmp_path / "good.mp4", draw_frames(5))
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(good.read_bytes()[:600])
        out = tmp_path / "out"
        jobs = [Job(n, path, out / path.name) for n, path in enumerate((cut, good))]
        outcomes = [e for e in run_films(jobs, colorizer, options, FilmOptions()) if isinstance(e, FilmOutcome)]
        assert [outcome.status for outcome in outcomes] == [Status.FAILED, Status.COLORIZED]
        assert outcomes[0].reason.startswith("it cannot be read as a film: it is damaged")
        assert sorted(path.name for path in out.iterdir()) == ["good.mp4"]

    def test_a_film_that_changes(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(telling, "PROGRESS", 0.0)
        source, target = write_film(tmp_path / "a.mp4", draw_frames(12)), tmp_path / "b.mp4"
        events = run_films([Job(0, source, target)], colorizer, options, FilmOptions())
        next(events)
        source.touch()
        (*_, outcome) = events
        assert isinstance(outcome, FilmOutcome)
        assert outcome.reason == "it changed while it was being coloured; run again"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]

    def test_a_disk_that_is_full(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(work, "write_packet", full)
        outcome, _ = run(write_film(tmp_path / "a.mp4", draw_frames(5)), tmp_path / "b.mp4", colorizer, options)
        assert outcome.reason.endswith("b.mp4 cannot be written: the disk is full; make room and run again")
        assert not (tmp_path / "b.mp4").exists()

    def test_a_muxer_that_gives_up_leaves_nothing(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def give_up(*_: object, **__: object) -> None:
            raise av.ExternalError(542398533, "Generic error in an external library")

        assert not issubclass(av.ExternalError, OSError)
        monkeypatch.setattr(work, "join_film", give_up)
        outcome, _ = run(write_film(tmp_path / "a.mp4", draw_frames(5)), tmp_path / "b.mp4", colorizer, options)
        assert outcome.status is Status.FAILED
        assert "an external library" in outcome.reason
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]

    def test_a_quality_that_cannot_be(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        source = write_film(tmp_path / "a.mp4", draw_frames(2))
        assert "0..51" in run(source, tmp_path / "b.mp4", colorizer, options, crf=60)[0].reason
        assert ".mp4, .m4v" in run(source, tmp_path / "b.gif", colorizer, options)[0].reason


class TestRunFilms:
    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (ImageReadError("a.mp4 cannot be read"), "it cannot be read"),
            (ImageReadError("the disk is full"), "the disk is full"),
            (MemoryError(), "not enough memory"),
            (KeyError("x"), "unexpected KeyError: 'x'; please report this as a bug of colorgan"),
        ],
    )
    def test_what_happens_to_one_is_told_of_it(
        self, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch, error: Exception,
        reason: str,
    ) -> None:  # fmt: skip
        asked: list[int] = []

        def fail(job: Job, *_: object) -> Iterator[FilmOutcome]:
            asked.append(job.number)
            if asked:  # when it is asked for its first event
                raise error
            yield FilmOutcome(job=job, status=Status.COLORIZED)

        monkeypatch.setattr("colorgan.film.run.color_film", fail)
        jobs = [Job(number, Path("a.mp4"), Path("b.mp4")) for number in range(3)]
        outcomes = list(run_films(jobs, colorizer, options, FilmOptions()))
        assert asked == [0, 1, 2]
        for outcome in outcomes:
            assert isinstance(outcome, FilmOutcome)
            assert (outcome.status, outcome.reason) == (Status.FAILED, reason)

    def test_pictures_go_another_way(
        self, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken: list[str] = []

        def take(job: Job, *_: object) -> Iterator[FilmOutcome]:
            taken.append(job.source.name)
            yield from ()

        monkeypatch.setattr("colorgan.film.run.color_pictures", take)
        monkeypatch.setattr("colorgan.film.run.color_film", lambda *_: iter(()))
        pairs = (("a.gif", "b.gif"), ("a.mp4", "b.mkv"), ("a.gif", "b.mp4"), ("%04d.png", "out/%04d.png"))
        jobs = [Job(n, Path(source), Path(target)) for n, (source, target) in enumerate(pairs)]
        assert list(run_films(jobs, colorizer, options, FilmOptions())) == []
        assert taken == ["a.gif", "%04d.png"]
