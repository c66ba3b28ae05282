"""Training where little memory can be shared, as in Docker: with a real mount, in a world of mounts of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from support import draw_photo


@pytest.mark.privileged
def test_ends_where_little_can_be_shared(tmp_path: Path) -> None:
    mount = "mount -t tmpfs -o size=64m tmpfs /dev/shm"
    try:
        subprocess.run(["unshare", "-m", "sh", "-c", mount], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this user may not mount anything")
    (tmp_path / "data").mkdir()
    for number in range(40):
        draw_photo(number, (150, 140)).save(tmp_path / "data" / f"{number}.png")
    command = [sys.executable, "-m", "colorgan", "train", "--recipe", "debug", "--data", tmp_path / "data"]
    command += ["--run-dir", tmp_path / "run", "--device", "cpu", "--workers", "4"]
    command += ["--steps", "2", "--size", "128", "--batch-size", "32"]
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            f'{mount} && exec "$@"',
            "sh",
            *map(str, command),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "so they come through pipes" in done.stderr
    assert "unable to allocate" not in done.stderr
    assert (tmp_path / "run" / "best.safetensors").is_file()
