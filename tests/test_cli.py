import errno
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from colorgan import __version__, cli
from colorgan.commands.options import QuietOption, VerboseOption
from colorgan.console import Verbosity, settings
from colorgan.errors import ColorganError, DataError, UsageError
from support import draw_photo, run_colorgan

HEAVY = {"torch", "torchvision", "numpy", "PIL", "imageio", "tifffile"}
COMMANDS = ("colorize", "train", "eval", "download-weights", "export")


def heavy_modules(statement: str) -> set[str]:
    """Run a statement in a fresh Python and return which of the heavy packages it loaded."""
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return HEAVY & set(done.stderr.split())


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `main` in this process with its arguments and return the exit code."""
    monkeypatch.setattr("sys.argv", ["colorgan", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Replace the app by one with a command `fail` that raises what is put into this list."""
    app = typer.Typer(pretty_exceptions_enable=False)
    errors: list[BaseException] = []

    @app.callback()
    def options() -> None:
        pass

    @app.command()
    def fail(*, quiet: QuietOption = False, verbose: VerboseOption = False) -> None:
        typer.echo(f"verbosity {settings.verbosity}")
        for error in errors:
            raise error

    monkeypatch.setattr(cli, "app", app)
    return errors


class TestStart:
    @pytest.mark.parametrize("argument", ["--help", "--version", *COMMANDS])
    def test_help_loads_nothing_heavy(self, argument: str) -> None:
        arguments = ["colorgan", argument] + ["--help"] * (argument in COMMANDS)
        loaded = heavy_modules(f"sys.argv = {arguments!r}; from colorgan.cli import main; main()")
        assert loaded == set()

    def test_importing_colorgan_loads_nothing_heavy(self) -> None:
        assert heavy_modules("import colorgan, colorgan.config, colorgan.errors, colorgan.console") == set()

    def test_the_check_can_fail(self) -> None:
        assert "numpy" in heavy_modules("import numpy")


class TestApp:
    def test_help_lists_the_commands(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        assert run_main(monkeypatch, "--help") == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        assert all(re.search(rf"^\W*{command}\b", captured.out, re.MULTILINE) for command in COMMANDS)
        assert "\x1b" not in captured.out

    def test_no_arguments_help(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        assert run_main(monkeypatch) == 2
        captured = capsys.readouterr()
        assert re.search(r"Usage: .*colorgan \[OPTIONS\]", captured.out + captured.err)  # or python -m pytest.colorgan

    def test_columns_set_the_width_of_help(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        run_main(monkeypatch, "--help")
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 60

    def test_version(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        assert run_main(monkeypatch, "--version") == 0
        line = capsys.readouterr().out
        number = r"\d+\.\d+\S*"
        expected = rf"colorgan {re.escape(__version__)} \(Python {number}, torch {number}, torchvision {number}\)\n"
        assert re.fullmatch(expected, line)

    @pytest.mark.parametrize("arguments", [("nothing-such",), ("colorize", "--nothing-such"), ("--nothing-such",)])
    def test_wrong_use_exits_2(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
    ) -> None:
        assert run_main(monkeypatch, *arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "nothing-such" in captured.err
        assert "Traceback" not in captured.err

    def test_as_a_module(self) -> None:
        done = run_colorgan("--version")
        assert done.returncode == 0
        assert done.stdout.startswith(f"colorgan {__version__} ")
        assert done.stderr == ""

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_shell_completion(self, shell: str) -> None:
        # The way in which the script of `--show-completion` asks.
        asked = {
            "_COLORGAN_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_ARGS": "colorgan down",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "COMP_WORDS": "colorgan down",
            "COMP_CWORD": "1",
        }
        code = "import sys; sys.argv = ['colorgan']; from colorgan.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=False
        )
        assert "download-weights" in done.stdout
        assert "colorize" not in done.stdout
        assert "Traceback" not in done.stderr

    def test_the_completion_script_can_be_shown(self) -> None:
        code = "import sys; sys.argv = ['colorgan']; from colorgan.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"_COLORGAN_COMPLETE": "source_bash"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "_COLORGAN_COMPLETE=complete_bash" in done.stdout


class TestMain:
    def test_success_exits_0(self, failing: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
        assert run_main(monkeypatch, "fail") == 0

    @pytest.mark.parametrize(("error", "code"), [(DataError("no [b]photos[/b] here"), 1), (UsageError("no"), 2)])
    def test_a_known_error_is_one_line(
        self,
        failing: list[BaseException],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        error: ColorganError,
        code: int,
    ) -> None:
        failing.append(error)
        assert run_main(monkeypatch, "fail", "--quiet") == code
        assert capsys.readouterr().err == f"colorgan: {error}\n"

    @pytest.mark.parametrize("how", ["-v", "COLORGAN_DEBUG"])
    def test_debug_shows_the_traceback(
        self,
        failing: list[BaseException],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        how: str,
    ) -> None:
        failing.append(UsageError("no"))
        if how == "COLORGAN_DEBUG":
            monkeypatch.setenv(how, "1")
        code = run_main(monkeypatch, "fail", *(["-v"] if how == "-v" else []))
        heard = capsys.readouterr().err
        assert code == 2
        assert heard.startswith("Traceback")
        assert heard.endswith("colorgan: no\n")

    def test_interrupted_exits_130(
        self,
        failing: list[BaseException],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        heeded: list[object] = []
        monkeypatch.setattr("signal.signal", lambda *both: heeded.append(both))
        failing.append(KeyboardInterrupt())
        assert run_main(monkeypatch, "fail") == 130
        assert "Traceback" not in capsys.readouterr().err
        assert heeded == [(signal.SIGINT, signal.SIG_IGN)]  # a second one, while Python ends, would show one

    @pytest.mark.parametrize(
        ("encoding", "heard"), [("utf-8", b"a\\xff\xe6\x97\xa5\\x1b[2J"), ("ascii", b"a\\xff\\u65e5\\x1b[2J")]
    )
    def test_any_file_name_can_be_printed(
        self, failing: list[BaseException], monkeypatch: pytest.MonkeyPatch, encoding: str, heard: bytes
    ) -> None:
        """What is no Unicode, what the stream has no letters for, and what a terminal would obey."""
        buffer = io.BytesIO()
        monkeypatch.setattr("sys.stderr", io.TextIOWrapper(buffer, encoding=encoding, write_through=True))
        failing.append(DataError("a\udcff\u65e5\x1b[2J"))
        assert run_main(monkeypatch, "fail") == 1
        assert buffer.getvalue().strip() == b"colorgan: " + heard

    def test_what_the_system_refuses_by_name_is_one_line(
        self, failing: list[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        failing.append(PermissionError(errno.EACCES, "Permission denied", "closed/a\x1b[2J.toml"))
        assert run_main(monkeypatch, "fail") == 1
        assert capsys.readouterr().err == "colorgan: closed/a\\x1b[2J.toml cannot be used: Permission denied\n"

    def test_a_bug_keeps_its_traceback(self, failing: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
        failing.append(ZeroDivisionError())
        monkeypatch.setattr("sys.argv", ["colorgan", "fail"])
        with pytest.raises(ZeroDivisionError):
            cli.main()


class TestVerbosityOptions:
    @pytest.mark.parametrize(
        ("option", "verbosity"),
        [
            ((), Verbosity.NORMAL),
            (("-q",), Verbosity.QUIET),
            (("--quiet",), Verbosity.QUIET),
            (("-v",), Verbosity.VERBOSE),
            (("--verbose",), Verbosity.VERBOSE),
        ],
    )
    def test_set_it(
        self,
        failing: list[BaseException],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        option: tuple[str, ...],
        verbosity: Verbosity,
    ) -> None:
        run_main(monkeypatch, "fail", *option)
        assert capsys.readouterr().out == f"verbosity {verbosity}\n"


def test_every_module_of_the_start_is_held_by_the_linter() -> None:
    """The linter's list of torch-free modules covers what the command loads of colorgan at its start."""
    code = "import sys, colorgan.cli; print(*(m for m in sys.modules if m.split('.')[0] == 'colorgan'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    held = {"colorgan", "cli", "commands", "config", "console", "errors", "files", "request", "runs", "version"}
    assert {name.split(".")[min(1, name.count("."))] for name in done.stdout.split()} <= held


def test_the_linter_bans_torch_from_the_start() -> None:
    """A module-level import of torch fails the lint in the modules of the start, and nowhere else."""
    root = Path(__file__).parents[1]
    for name, banned in (
        ("cli.py", True),
        ("commands/new.py", True),
        ("__init__.py", True),
        ("color.py", False),
    ):
        lint = [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--select",
            "TID253",
            "--stdin-filename",
            f"src/colorgan/{name}",
        ]
        done = subprocess.run(
            [*lint, "-"], input="import torch\n", cwd=root, capture_output=True, text=True, check=False
        )
        assert ("TID253" in done.stdout) is banned, name


@pytest.mark.parametrize(
    "arguments",
    [
        ("colorize", "{there}", "-o", "{out}", "--weights", "{long}"),
        ("download-weights", "--from", "{long}"),
        ("colorize", "{long}", "--describe"),
    ],
)
def test_names_longer_than_the_system_takes(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_photo(0).convert("L").save(tmp_path / "a.png")
    names = {"there": tmp_path / "a.png", "out": tmp_path / "out", "long": "x" * 300}
    assert run_main(monkeypatch, *(argument.format(**names) for argument in arguments)) in (1, 2)
    assert "its name is too long" in capsys.readouterr().err
