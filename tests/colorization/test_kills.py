"""Runs that are killed, and runs that do not know of each other."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from colorgan.colorization import Colorizer
from colorgan.colorization.worker_pool import can_fork
from colorgan.session import colorize_paths
from support import draw_photo

_PROGRAM = Path(__file__).parents[1] / "benchmarks" / "kills.py"


@pytest.mark.slow
@pytest.mark.skipif(not can_fork(), reason="the program forks")
def test_a_run_that_is_killed_and_run_again(tiny_weights: Path) -> None:
    """Results, pages, maps and masks: whatever is there is whole, what is missing is made, and nothing else is left."""
    sizes = ["--rounds", "3", "--photographs", "12", "--books", "3"]
    command = [sys.executable, str(_PROGRAM), *sizes, "--weights", str(tiny_weights)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout)
    assert facts["wrong or lost"] == []
    assert facts["files of a whole run"] == 3 * (12 + 3 * 3)
    assert facts["files after the second run"] == 3 * facts["files of a whole run"]
    assert facts["temporary files after the second run"] == 0


def _in_own_world(*command: object) -> list[str]:
    return ["unshare", "--pid", "--fork", "--mount-proc", *map(str, command)]


@pytest.mark.privileged
def test_runs_with_equal_process_numbers(tmp_path: Path, tiny_weights: Path, colorizer: Colorizer) -> None:
    """Two containers on one share, each of which begins to count its processes at 1."""
    try:
        subprocess.run(_in_own_world("true"), check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this user may not make worlds of processes")
    for number in range(24):
        (tmp_path / "in").mkdir(exist_ok=True)
        draw_photo(number, (90 + number, 70)).convert("L").save(tmp_path / "in" / f"{number}.png")
    common = ["colorize", tmp_path / "in", "-o", tmp_path / "both", "--weights", tiny_weights, "--workers", "2"]
    common += ["--device", "cpu", "--precision", "float32"]
    runs = [
        subprocess.Popen(
            _in_own_world(sys.executable, "-m", "colorgan", *common, "--shard", shard), stdout=subprocess.DEVNULL
        )
        for shard in ("1/2", "2/2")
    ]
    assert [run.wait(timeout=200) for run in runs] == [0, 0]
    list(colorize_paths([tmp_path / "in"], tmp_path / "one", colorizer=colorizer))
    both, one = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("both", "one"))
    assert both == one
