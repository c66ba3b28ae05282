"""The journal of a run."""

import json

import pytest

from colorgan.errors import CheckpointError
from colorgan.training.journal import Averages, read_journal
from colorgan.training.plots import draw_curves
from colorgan.training.status import summarize_run


class TestJournal:
    def test_comes_back_as_written(self, journal):
        journal.write("step", step=1, total=0.5)
        assert read_journal(journal.path) == [{"kind": "step", "step": 1, "total": 0.5}]

    def test_every_line_is_plain_json(self, journal):
        journal.write("step", step=1, total=float("nan"), norm=float("inf"))
        (line,) = journal.path.read_text().splitlines()
        assert json.loads(line, parse_constant=lambda _: pytest.fail("not JSON")) == {
            "kind": "step", "step": 1, "total": None, "norm": None,
        }  # fmt: skip

    def test_goes_on_behind_a_line_that_was_cut_off(self, journal):
        journal.write("step", step=1)
        with journal.path.open("a") as file:
            file.write('{"kind": "st')
        journal.open()
        journal.write("step", step=2)
        assert [e["step"] for e in read_journal(journal.path)] == [1, 2]

    def test_steps_that_were_taken_again_count_once(self, journal):
        for step in (1, 2, 3):
            journal.write("step", step=step, total=step)
        journal.write("resumed", step=1)
        journal.write("step", step=2, total=20)
        found = [(e["step"], e["total"]) for e in read_journal(journal.path) if e["kind"] == "step"]
        assert found == [(1, 1), (2, 20)]

    def test_says_what_is_no_journal(self, tmp_path):
        with pytest.raises(CheckpointError, match="folder of a run"):
            read_journal(tmp_path / "journal.jsonl")
        (tmp_path / "journal.jsonl").write_text("something else\n")
        with pytest.raises(CheckpointError, match="no journal"):
            read_journal(tmp_path / "journal.jsonl")

    @pytest.mark.parametrize(
        "line",
        [
            "[" * 100_000,
            '{"kind": "step", "step": ' + "1" * 5000 + "}",
            '{"kind": 3, "step": 1}',
            '{"kind": "step"}',
            '{"kind": "step", "step": "many"}',
            '{"kind": "step", "step": 1, "total": "much"}',
            '{"kind": "step", "step": 1, "progress": 1e999}',
            '{"kind": "resumed"}',
            '{"kind": "validation", "step": 1, "score": 1}',
            '{"kind": "validation", "step": 1, "score": null, "psnr": 1, "grey_psnr": 1, "colorfulness": 1, '
            '"real_colorfulness": 1}',
            '{"kind": "left_out", "step": 1}',
            '{"kind": "failed", "step": [1], "reason": "x"}',
            '{"kind": "failed", "reason": 1}',
            '{"kind": "finished", "stopped": "no"}',
        ],
    )
    def test_passes_over_what_no_run_writes(self, journal, line):
        journal.write("step", step=1, total=0.5)
        with journal.path.open("a") as file:
            file.write(line + "\n")
        journal.write("step", step=2, total=0.4)
        assert [e["step"] for e in read_journal(journal.path)] == [1, 2]
        assert summarize_run(journal.path.parent).step == 2
        assert draw_curves(read_journal(journal.path), journal.path.with_name("curves.png")) is not None


class TestAverages:
    def test_averages_each_name_over_the_steps_that_have_it(self):
        averages = Averages()
        averages.add({"a": 1.0, "b": 2.0})
        averages.add({"a": 3.0})
        assert averages.take() == {"a": 2.0, "b": 2.0}
        assert averages.take() == {}
