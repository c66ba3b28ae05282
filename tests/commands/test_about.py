"""`colorgan --version -v`: what a report of a fault should hold."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from colorgan import __version__, cli
from colorgan.commands.about import describe_installation
from colorgan.runtime import pick_runtime


def report_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """Run the command and return its lines after the first, by name."""
    monkeypatch.setattr("sys.argv", ["colorgan", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(f"colorgan {__version__} (Python ")
    return dict(line.split(": ", 1) for line in lines)


class TestReport:
    @pytest.mark.parametrize("arguments", [("--version", "-v"), ("-v", "--version"), ("--verbose", "--version")])
    def test_the_order_of_options_does_not_matter(self, monkeypatch, capsys, arguments):
        names = report_of(monkeypatch, capsys, *arguments).keys()
        assert {"system", "cores", "memory", "device", "precision", "bfloat16 on the cores", "data"} <= names

    def test_without_verbose_it_is_one_line(self, monkeypatch, capsys):
        assert report_of(monkeypatch, capsys, "--version") == {}

    def test_says_what_is_true(self, monkeypatch, capsys, tmp_path):
        monkeypatch.setenv("COLORGAN_DATA_DIR", str(tmp_path / "mine"))
        report = report_of(monkeypatch, capsys, "--version", "-v")
        runtime = pick_runtime()
        assert report["device"].split()[0] == str(runtime.device)
        assert report["precision"] == runtime.precision
        assert report["bfloat16 on the cores"] == ("yes" if pick_runtime("cpu").precision == "bfloat16" else "no")
        assert report["data"].endswith("mine (not there yet)")
        assert f"COLORGAN_DATA_DIR={tmp_path / 'mine'}" in report["environment"]
        assert f"pillow {version('pillow')}" in report["packages"]
        assert report["threads"] == f"{torch.get_num_threads()} of torch"

    def test_extras_are_those_for_users(self, monkeypatch, capsys):
        report = report_of(monkeypatch, capsys, "--version", "-v")
        extras = {name for name in report if name.startswith("extra ")}
        assert {"extra metrics", "extra tensorboard"} <= extras
        assert not extras & {"extra dev", "extra docs"}
        assert f"torchmetrics {version('torchmetrics')}" in report["extra metrics"]

    def test_a_package_that_is_missing(self, monkeypatch):
        monkeypatch.setattr("colorgan.commands.about.requires", lambda _: ["no-such-thing>=1; extra == 'metrics'"])
        assert dict(describe_installation())["extra metrics"] == "no-such-thing not installed"

    def test_the_home_folder_is_not_named(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        monkeypatch.setenv("COLORGAN_DATA_DIR", str(tmp_path / "data"))
        report = dict(describe_installation())
        assert report["data"].startswith(f"~{os.sep}data")
        assert str(tmp_path) not in "".join(report.values())

    def test_a_torch_that_cannot_be_loaded_is_part_of_the_report(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch", None)
        report = dict(describe_installation())
        assert report["torch"].startswith("cannot be loaded")
        assert "device" not in report
        assert Path(report["program"]).name == "colorgan"

    def test_the_form_for_reports_asks_for_it(self):
        form = Path(__file__).parents[2] / ".github" / "ISSUE_TEMPLATE" / "bug.yml"
        assert "`colorgan --version -v`" in form.read_text(encoding="utf-8")
