"""What `colorgan colorize` shows of its plan, of a run as it goes, and of its sum."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from colorgan import console
from colorgan.colorization import IN_COLOR, Job, Notice, Outcome, Plan, Progress, Status
from colorgan.colorization.search import Sources
from colorgan.commands.colorize_display import (
    RunDisplay,
    describe_inputs,
    outcome_facts,
    print_plan,
    summarize,
    tell_passed_over,
)
from colorgan.session import Event, Finished, Phase
from support import draw_photo


def outcome(number: int, status: Status = Status.COLORIZED, **facts: Any) -> Outcome:
    job = Job(number, Path("in", f"{number}.png"), Path("out", f"{number}.png"))
    files = (job.target,) if status is Status.COLORIZED else ()
    return Outcome(job=job, status=status, **{"files": files, **facts})


def events(*given: Event) -> Generator[Event]:
    yield Phase("colorizing", "photographs", len(given))
    yield from given


class TestPrintPlan:
    def test_a_line_for_each_page(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        there, book = tmp_path / "there.png", tmp_path / "book.tif"
        there.touch()
        jobs = [Job(0, Path("a.png"), there), Job(1, Path("b.tif"), book, pages=2)]
        print_plan(Plan(tuple(jobs), Sources()))
        heard = capsys.readouterr()
        assert heard.out.splitlines() == [
            f"a.png\t{there}\t(there already)", f"b.tif\t{book}", f"b.tif\t{tmp_path / 'book-page2.tif'}",
        ]  # fmt: skip
        assert heard.err == "2 photographs with 3 pages; nothing was done\n"


class TestOutcomeFacts:
    def test_are_plain_values(self) -> None:
        given = outcome(7, seconds=1.23456, width=40, height=30, pages=1, out_of_gamut_fraction=0.12345678)
        facts = json.loads(json.dumps(outcome_facts(given, "tiny 0a")))
        assert facts["input"] == str(Path("in", "7.png"))
        assert facts["output"] == str(Path("out", "7.png"))
        assert facts["outputs"] == [facts["output"]]
        assert (facts["status"], facts["seconds"], facts["gamut_share"]) == ("colorized", 1.235, 0.123457)
        assert facts["model"] == "tiny 0a"

    def test_of_a_failure_the_output_is_what_was_wanted(self) -> None:
        facts = outcome_facts(outcome(1, Status.FAILED, reason="it is empty"), "m")
        assert (facts["output"], facts["outputs"]) == (str(Path("out", "1.png")), [])
        assert facts["reason"] == "it is empty"


class TestRunDisplay:
    def test_results_on_stdout_and_talk_on_stderr(self, capsys: pytest.CaptureFixture[str]) -> None:
        bad = outcome(1, Status.FAILED, reason="it is empty")
        assert RunDisplay().follow(events(outcome(0), Notice("careful"), bad)) is None
        heard = capsys.readouterr()
        assert heard.out == f"{Path('out', '0.png')}\n"
        assert "1/3 0.png: colorized" in heard.err
        assert "careful\n" in heard.err
        assert f"{Path('in', '1.png')}: it is empty\n" in heard.err

    def test_as_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        RunDisplay(json=True).follow(events(outcome(0), outcome(1, Status.SKIPPED, reason="there")))
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["status"] for line in lines] == ["colorized", "skipped"]

    @pytest.mark.parametrize("how", [{"silent": True}, {"streams": False}])
    def test_nothing_on_stdout(self, capsys: pytest.CaptureFixture[str], how: dict[str, bool]) -> None:
        RunDisplay(**how).follow(events(outcome(0)))
        assert capsys.readouterr().out == ""

    def test_gives_what_ended_it(self) -> None:
        ended = Finished((outcome(0),), 1)
        assert RunDisplay().follow(events(outcome(0), ended)) is ended

    def test_the_run_is_closed_if_showing_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        closed: list[bool] = []

        def run() -> Generator[Event]:
            try:
                yield from events(Notice("a"), Notice("b"))
            finally:
                closed.append(True)

        monkeypatch.setattr(console, "warn", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            RunDisplay().follow(run())
        assert closed

    def test_a_reader_that_has_gone_ends_the_list_alone(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def gone(line: str) -> None:
            raise BrokenPipeError(32, "Broken pipe")

        monkeypatch.setattr(console, "print_line", gone)
        monkeypatch.setattr(console, "close_stdout", lambda: None)
        RunDisplay().follow(events(*(outcome(n) for n in range(3))))
        heard = capsys.readouterr().err
        assert heard.count("results are no longer listed") == 1
        assert "3/3 2.png: colorized" in heard

    def test_what_a_result_lacks_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        RunDisplay().follow(events(outcome(0, left_out=("XMP", "its comment"))))
        assert f"{Path('in', '0.png')}: its result lacks XMP; its comment" in capsys.readouterr().err

    def test_films_are_told_now_and_then(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("colorgan.commands.colorize_display._SAY", 0.0)
        film = Job(0, Path("a.mp4"), Path("b.mp4"))
        given = (Progress(done=50, total=200, rate=25.0, job=film), Progress(done=60, total=0, rate=25.0, job=film))

        def run() -> Generator[Event]:
            yield Phase("colorizing", "frames", None)
            yield from given

        RunDisplay().follow(run())
        heard = capsys.readouterr().err
        assert "a.mp4: 50/200 frames, 25.0/s, 6 s left" in heard
        assert "a.mp4: 60/? frames, 25.0/s\n" in heard


class TestSummarize:
    def test_counts(self, capsys: pytest.CaptureFixture[str]) -> None:
        summarize([outcome(0), outcome(1), outcome(2, Status.FAILED, reason="it is empty")], 5)
        assert capsys.readouterr().err == "2 colorized, 1 failed, 2 not reached\n"

    def test_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        summarize([], 0)
        assert capsys.readouterr().err == "nothing done\n"

    def test_what_to_do_about_colour(self, capsys: pytest.CaptureFixture[str]) -> None:
        summarize([outcome(0, Status.SKIPPED, reason=IN_COLOR), outcome(1, Status.SKIPPED, reason="there")], 2)
        assert "1 skipped as in colour already; to colour them anew, give --color-input recolor" in (
            capsys.readouterr().err
        )

    @pytest.mark.parametrize(("good", "again"), [(20, False), (21, True)])
    def test_failures_are_named_again_behind_a_long_log(
        self, capsys: pytest.CaptureFixture[str], good: int, again: bool
    ) -> None:
        summarize([*map(outcome, range(good)), outcome(99, Status.FAILED, reason="x")], good + 1)
        assert (f"failed: {Path('in', '99.png')}" in capsys.readouterr().err) is again


class TestTellPassedOver:
    def test_names_what_there_was(self, capsys: pytest.CaptureFixture[str]) -> None:
        sources = Sources(hidden=2, not_images=1, unreadable=[(Path("closed"), "permission denied")])
        tell_passed_over(Plan((), sources))
        heard = capsys.readouterr().err
        assert heard == "passed over: 2 hidden, 1 not images\nclosed cannot be searched: permission denied\n"

    def test_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        tell_passed_over(Plan((), Sources()))
        assert capsys.readouterr().err == ""


class TestDescribeInputs:
    def test_tells_whether_all_could_be_read(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        draw_photo(1).save(tmp_path / "a.png")
        assert describe_inputs([tmp_path])
        assert capsys.readouterr().out == f"{tmp_path / 'a.png'}: no marks of where it comes from\n"
        (tmp_path / "b.png").write_text("no picture")
        assert not describe_inputs([tmp_path], json=True)
        heard = capsys.readouterr()
        assert json.loads(heard.out)["note"] is None
        assert "b.png" in heard.err
