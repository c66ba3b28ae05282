"""colorgan colorize --watch."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from support import draw_photo, run_colorgan, wait_until


def draw_grey(path: Path) -> None:
    draw_photo(1).convert("L").save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.mark.skipif(os.name == "nt", reason="Windows knows other signals")
def test_the_command_stays_and_ends_cleanly(folder: Path, tiny_weights: Path) -> None:
    """Within the watched folder itself, on what is there and what arrives, until SIGTERM."""
    out = folder / "coloured"
    draw_grey(folder / "first.png")
    (folder / "bad.png").write_text("I am no picture")
    command = [sys.executable, "-m", "colorgan", "colorize", folder, "-o", out, "--watch", "--watch-poll", "0.5"]
    with subprocess.Popen([*map(str, command), "--weights", str(tiny_weights)], stderr=subprocess.PIPE) as process:
        wait_until((out / "first.png").exists)
        (folder / "1923").mkdir()
        draw_grey(folder / "first.gif")  # whose result would be that of the first one
        draw_grey(folder / "1923" / "second.png")
        wait_until((out / "1923" / "second.png").exists)
        draw_grey(folder / "bad.png")  # now it is one
        wait_until((out / "bad.png").exists)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(timeout=60) == 1
    assert sorted(p.name for p in out.rglob("*") if p.is_file()) == ["bad.png", "first.png", "second.png"]
    assert f"first.gif: {out / 'first.png'} is the result of" in said
    assert "watched; 3 colorized, 1 failed" in said
    assert "Traceback" not in said
    with Image.open(out / "1923" / "second.png") as image:
        assert image.mode == "RGB"


def test_what_cannot_be_watched_is_wrong_use(folder: Path) -> None:
    done = run_colorgan("colorize", folder, "-o", folder, "--watch")
    assert done.returncode == 2
    assert "another folder" in done.stderr
