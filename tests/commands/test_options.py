"""Options that several commands share."""

import os
from pathlib import Path

import pytest
import typer

from colorgan import console
from colorgan.commands.options import (
    DeviceOption,
    LogOption,
    MaxPixelsOption,
    PrecisionOption,
    QuietOption,
    VerboseOption,
)
from colorgan.config import DeviceChoice, PrecisionChoice
from colorgan.console import Verbosity
from colorgan.errors import UsageError
from colorgan.images import ReadLimits

Heard = list[tuple[str, PrecisionChoice, int | None]]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """What the command that `run` starts was given."""
    monkeypatch.setenv("COLORGAN_MAX_PIXELS", "1")  # so that what the option sets is taken back behind the test
    monkeypatch.delenv("COLORGAN_MAX_PIXELS")
    return []


def run(heard: Heard, *arguments: str) -> None:
    app = typer.Typer()

    @app.command()
    def draw(
        device: DeviceOption = DeviceChoice.AUTO,
        precision: PrecisionOption = PrecisionChoice.AUTO,
        max_pixels: MaxPixelsOption = None,
        log: LogOption = None,
        quiet: QuietOption = False,
        verbose: VerboseOption = False,
    ) -> None:
        heard.append((device, precision, max_pixels))
        console.say("drawn")

    app(list(arguments), standalone_mode=False)


class TestVerbosity:
    @pytest.mark.parametrize(
        ("given", "verbosity"),
        [((), Verbosity.NORMAL), (("-q",), Verbosity.QUIET), (("--quiet",), Verbosity.QUIET),
         (("-v",), Verbosity.VERBOSE), (("--verbose",), Verbosity.VERBOSE)],
    )  # fmt: skip
    def test_is_set(self, heard: Heard, given: tuple[str, ...], verbosity: Verbosity) -> None:
        run(heard, *given)
        assert console.settings.verbosity is verbosity


class TestMaxPixels:
    def test_reading_goes_by_it(self, heard: Heard) -> None:
        run(heard, "--max-pixels", "640")
        assert heard[0][2] == 640
        assert ReadLimits.from_environment().pixels == 640

    def test_the_environment_says_it_too(self, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLORGAN_MAX_PIXELS", "900")
        run(heard)
        assert heard[0][2] == 900

    def test_without_it_nothing_is_set(self, heard: Heard) -> None:
        run(heard)
        assert "COLORGAN_MAX_PIXELS" not in os.environ


class TestLog:
    def test_begins_with_the_command(
        self, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.argv", ["colorgan", "draw", "an old house", "--log", "run.log"])
        for _ in range(2):
            run(heard, "--log", str(tmp_path / "run.log"))
        lines = (tmp_path / "run.log").read_text().splitlines()
        assert [line.rpartition(": ")[2] for line in lines if " begin " in line] == [
            "draw 'an old house' --log run.log"
        ] * 2
        assert sum(line.endswith(" drawn") for line in lines) == 2

    def test_where_none_can_be_written(self, heard: Heard, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"a log is a \.log or a \.txt file"):
            run(heard, "--log", str(tmp_path))
        assert heard == []


class TestDevice:
    def test_defaults_and_choices(self, heard: Heard) -> None:
        run(heard)
        run(heard, "--device", "cuda:1", "--precision", "float32")
        assert [given[:2] for given in heard] == [
            (DeviceChoice.AUTO, PrecisionChoice.AUTO), ("cuda:1", PrecisionChoice.FLOAT32),
        ]  # fmt: skip
