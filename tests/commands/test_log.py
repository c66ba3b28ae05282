"""The log of a run."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from colorgan import cli, console
from colorgan.errors import UsageError
from support import draw_photo

LINE = re.compile(r"(\S+) (\w+) +(.*)")


def read(path: Path) -> list[tuple[str, str]]:
    """Return the kind and the text of each line; their times are checked."""
    lines = [LINE.fullmatch(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(lines)
    found = [line.groups() for line in lines if line is not None]
    for when, _, _ in found:
        assert abs(datetime.fromisoformat(when) - datetime.now(UTC)) < timedelta(minutes=5)
    return [(kind, text) for _, kind, text in found]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["colorgan", "colorize", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


class TestOpenLog:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.jpg", None, "a log is a .log or a .txt file, got a.jpg"),
            ("notes.txt", "my notes\n", "is no log of colorgan"),
            ("folder.log/", None, "cannot be written"),
        ],
    )
    def test_what_is_none_stays_as_it_is(self, tmp_path, name, content, message):
        path = tmp_path / name
        if name.endswith("/"):
            path.mkdir()
        elif content is not None:
            path.write_text(content)
        with pytest.raises(UsageError, match=message):
            console.open_log(path)
        console.log("info", "lost")
        assert not path.is_file() or path.read_text() == content

    def test_makes_its_folder(self, tmp_path):
        console.open_log(tmp_path / "new" / "a.log")
        console.say("one\ntwo \x1b[2J \udcff")
        assert read(tmp_path / "new" / "a.log") == [("info", r"one\x0atwo \x1b[2J \xff")]

    def test_holds_what_a_person_is_not_shown(self, tmp_path, monkeypatch, capsys):
        console.open_log(tmp_path / "a.log")
        monkeypatch.setattr(console.settings, "verbosity", console.Verbosity.QUIET)
        console.say("said")
        console.say("a detail", detail=True)
        console.say("for the eye", logged=False)
        console.warn("warned")
        assert read(tmp_path / "a.log") == [("info", "said"), ("info", "a detail"), ("warning", "warned")]
        assert capsys.readouterr().err == "warned\n"

    def test_a_log_that_is_gone_stops_nothing(self, tmp_path, capsys):
        console.open_log(tmp_path / "sub" / "a.log")
        (tmp_path / "sub" / "a.log").unlink()
        (tmp_path / "sub").rmdir()
        console.say("one")
        console.say("two")
        heard = capsys.readouterr().err
        assert heard.count("nothing is written to") == 1
        assert heard.endswith("one\ntwo\n")


class TestRun:
    def test_each_file_once_and_runs_behind_each_other(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        draw_photo(1).save("colour.png")
        Path("damaged.png").write_bytes(b"x")
        arguments = ("colour.png", "damaged.png", "-o", "out", "--device", "cpu", "--log", "run.log")
        assert run(monkeypatch, *arguments) == 1
        kinds = dict(read(Path("run.log")))
        assert kinds["begin"].endswith("colorize colour.png damaged.png -o out --device cpu --log run.log")
        assert kinds["skipped"] == "colour.png: it is in colour already"
        assert kinds["failed"].startswith("damaged.png: it is not a picture")
        lines = read(Path("run.log"))
        assert sum("damaged.png" in text for kind, text in lines if kind != "begin") == 1
        assert ("info", "1 skipped, 1 failed") in lines
        assert run(monkeypatch, "colour.png", "--log", "run.log") == 2
        assert read(Path("run.log"))[: len(lines)] == lines
        assert read(Path("run.log"))[-1][0] == "error"
