import errno
import io
import sys
from collections.abc import Callable

import pytest

from colorgan import console
from colorgan.console import Verbosity, make_table, progress_bar, say, warn


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal of 200 columns (in the test: pytest replaces it after the fixtures have run)."""
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    return stream


class TestStdout:
    def test_a_path_survives_a_pipe(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("COLUMNS")
        path = "/a folder/" + "long name " * 60 + "[bold].png"
        console.stdout().print(path, markup=False)
        assert capsys.readouterr().out == path + "\n"

    def test_a_name_is_neither_markup_nor_emoji(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = "album [old]/:camera: [/b].png"
        table = make_table("name")
        table.add_row(name)
        console.stdout().print(name)
        console.stdout().print(table)
        assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [name, "name", name]

    def test_columns_set_the_width(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "57")
        assert console.stdout().width == 57

    def test_no_color_is_respected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = open_terminal(monkeypatch)
        warn("careful")
        plain = terminal.getvalue()
        monkeypatch.delenv("NO_COLOR")
        warn("careful")
        assert plain == "careful\n"
        assert "\x1b[33m" in terminal.getvalue()


class TestSay:
    @pytest.mark.parametrize(
        ("verbosity", "heard"),
        [(Verbosity.QUIET, ""), (Verbosity.NORMAL, "talk\n"), (Verbosity.VERBOSE, "talk\ndetail\n")],
    )
    def test_verbosity(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        verbosity: Verbosity,
        heard: str,
    ) -> None:
        monkeypatch.setattr(console.settings, "verbosity", verbosity)
        say("talk")
        say("detail", detail=True)
        captured = capsys.readouterr()
        assert captured.err == heard
        assert captured.out == ""

    def test_markup_is_not_interpreted(self, capsys: pytest.CaptureFixture[str]) -> None:
        say("photo [red].png :smile:")
        assert "[red].png" in capsys.readouterr().err


class TestWarn:
    def test_quiet_does_not_silence_it(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(console.settings, "verbosity", Verbosity.QUIET)
        warn("one file failed [/not markup]")
        assert capsys.readouterr().err == "one file failed [/not markup]\n"


class TestSettings:
    @pytest.mark.parametrize(("value", "debug"), [("", False), ("0", False), ("1", True)])
    def test_debug_by_environment(self, monkeypatch: pytest.MonkeyPatch, value: str, *, debug: bool) -> None:
        monkeypatch.setenv("COLORGAN_DEBUG", value)
        assert console.settings.debug is debug

    def test_debug_by_verbosity(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert not console.settings.debug
        monkeypatch.setattr(console.settings, "verbosity", Verbosity.VERBOSE)
        assert console.settings.debug


class TestMakeTable:
    def test_whole_output(self, capsys: pytest.CaptureFixture[str]) -> None:
        table = make_table("name", ">PSNR", title="result")
        table.add_row("grey", "22.0")
        table.add_row("default", "3.5")
        console.stdout().print(table)
        lines = capsys.readouterr().out.splitlines()
        assert [line.strip() for line in lines] == [
            "result",
            "name     PSNR",
            "grey     22.0",
            "default   3.5",
        ]


class TestProgressBar:
    def draw(self) -> None:
        with progress_bar(unit="photos") as progress:
            task = progress.add_task("Colouring", total=2, note="first.png")
            progress.advance(task)
            progress.refresh()

    def test_is_drawn_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = open_terminal(monkeypatch)
        self.draw()
        assert "Colouring" in terminal.getvalue()
        assert "1/2" in terminal.getvalue()
        assert "photos" in terminal.getvalue()
        assert "first.png" in terminal.getvalue()

    def test_nothing_without_a_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.draw()
        captured = capsys.readouterr()
        assert captured.out == captured.err == ""

    def test_nothing_when_quiet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = open_terminal(monkeypatch)
        monkeypatch.setattr(console.settings, "verbosity", Verbosity.QUIET)
        self.draw()
        assert terminal.getvalue() == ""


def test_a_bar_takes_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    with progress_bar() as bar:
        bar.add_task("[old]", total=2, note="album [/b].png")
    assert "[old]" in terminal.getvalue()
    assert "album [/b].png" in terminal.getvalue()


class TestNames:
    NAME = "\x1b[2Jcaf\udce9\n.jpg"

    def test_what_is_said_is_printable(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A terminal obeys nothing of it, and no stream refuses it; lines stay lines."""
        for speak in (console.say, console.warn, console.fail):
            speak(self.NAME)
            assert capsys.readouterr().err.removeprefix("colorgan: ") == "\\x1b[2Jcaf\\xe9\n.jpg\n"

    def test_results_are_exact_but_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for terminal, expected in ((False, b"\x1b[2Jcaf\xe9\n.jpg\n"), (True, b"\\x1b[2Jcaf\\xe9\\x0a.jpg\n")):
            buffer = io.BytesIO()
            stream = io.TextIOWrapper(buffer, encoding="utf-8", errors="surrogateescape")
            monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
            monkeypatch.setattr("sys.stdout", stream)
            console.print_line(self.NAME)
            assert buffer.getvalue() == expected


@pytest.mark.parametrize("talk", [console.say, console.warn, console.fail])
def test_work_goes_on_where_talk_goes_nowhere(
    talk: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    talk("hello")
    monkeypatch.undo()
    talk("hello")
    assert "hello" in capsys.readouterr().err
