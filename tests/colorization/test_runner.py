import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Status,
    plan_paths,
    run_jobs,
)
from colorgan.config import ColorInput, Existing
from colorgan.errors import UsageError
from colorgan.rendering import PredictedColor
from colorgan.runtime import Runtime
from colorgan.session import colorize_paths
from colorization_support import hashes, run
from support import draw_photo


class TestRunJobs:
    @pytest.mark.parametrize(("dtype", "pictures"), [(torch.float32, 2), (torch.bfloat16, 4)])
    def test_every_batch_is_as_full_as_the_next(
        self,
        grey_folder: Path,
        tmp_path: Path,
        colorizer: Colorizer,
        monkeypatch: pytest.MonkeyPatch,
        dtype: torch.dtype,
        pictures: int,
    ) -> None:
        seen: list[int] = []
        monkeypatch.setattr(colorizer, "runtime", Runtime(torch.device("cpu"), dtype))
        colorizer.network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
        outcomes = run(grey_folder, tmp_path / "out", colorizer)
        assert {o.status for o in outcomes} == {Status.COLORIZED}
        assert set(seen) == {pictures}

    def test_a_photograph_alone_gets_the_colors_that_it_gets_in_company(
        self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        run(grey_folder, tmp_path / "out", colorizer)
        run(grey_folder / "box0" / "0.png", tmp_path / "alone", colorizer)
        assert hashes(tmp_path / "alone")["0.png"] == hashes(tmp_path / "out")["box0/0.png"]

    def test_colors_a_tree(self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        before = hashes(grey_folder)
        outcomes = run(grey_folder, tmp_path / "out", colorizer)
        assert {o.status for o in outcomes} == {Status.COLORIZED}
        assert hashes(tmp_path / "out").keys() == before.keys()
        assert hashes(grey_folder) == before
        pixels = np.asarray(Image.open(tmp_path / "out/box0/0.png").convert("RGB")).astype(int)
        assert np.ptp(pixels, axis=-1).mean() > 5

    def test_one_bad_file_ends_nothing(self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        (grey_folder / "bad.jpg").write_text("no picture")
        (grey_folder / "empty.png").touch()
        outcomes = run(grey_folder, tmp_path / "out", colorizer)
        failed = {o.job.source.name: o.reason for o in outcomes if o.status is Status.FAILED}
        assert failed.keys() == {"bad.jpg", "empty.png"}
        assert all("\n" not in reason and reason for reason in failed.values())
        assert len(outcomes) == 9
        assert not (tmp_path / "out/bad.jpg").exists()

    def test_goes_on_where_it_ended(self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        run(grey_folder, tmp_path / "out", colorizer)
        first = hashes(tmp_path / "out")
        (tmp_path / "out/box0/2.png").unlink()
        statuses = {o.job.source.name: o.status for o in run(grey_folder, tmp_path / "out", colorizer)}
        assert statuses.pop("2.png") is Status.COLORIZED
        assert set(statuses.values()) == {Status.SKIPPED}
        assert hashes(tmp_path / "out") == first

    def test_existing_overwrite_and_error(self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        run(grey_folder, tmp_path / "out", colorizer)
        outcomes = run(grey_folder, tmp_path / "out", colorizer, existing=Existing.OVERWRITE)
        assert {o.status for o in outcomes} == {Status.COLORIZED}
        with pytest.raises(UsageError, match="exists already"):
            run(grey_folder, tmp_path / "out", colorizer, existing=Existing.ERROR)

    @pytest.mark.parametrize(
        ("choice", "status"),
        [
            (ColorInput.SKIP, Status.SKIPPED),
            (ColorInput.COPY, Status.COPIED),
            (ColorInput.RECOLOR, Status.COLORIZED),
        ],
    )
    def test_color_input(
        self,
        photo_folder: Callable[..., Path],
        tmp_path: Path,
        colorizer: Colorizer,
        choice: ColorInput,
        status: Status,
    ) -> None:
        folder = photo_folder(2)
        assert {o.status for o in run(folder, tmp_path / "out", colorizer, color_input=choice)} == {status}
        if choice is ColorInput.SKIP:
            assert not (tmp_path / "out").exists()
        elif choice is ColorInput.COPY:
            assert hashes(tmp_path / "out") == hashes(folder)

    def test_does_not_depend_on_workers_or_parts(self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        run(grey_folder, tmp_path / "out", colorizer)
        options = ColorizeOptions(render=colorizer.render)
        plan = plan_paths([grey_folder], tmp_path / "parts")
        for part in range(3):
            list(run_jobs(plan.shard(part, 3).jobs, colorizer, options, workers=1 + part))
        assert hashes(tmp_path / "parts") == hashes(tmp_path / "out")

    def test_gives_torch_its_threads_back(self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        before = torch.get_num_threads()
        next(iter(colorize_paths([grey_folder], tmp_path / "out", colorizer=colorizer)))
        assert torch.get_num_threads() == before

    def test_full_disk(
        self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        outcomes = run(grey_folder, tmp_path / "out", colorizer)
        assert {o.status for o in outcomes} == {Status.FAILED}
        assert all("space" in o.reason or "full" in o.reason for o in outcomes)
        assert hashes(tmp_path / "out") == {}  # nothing half written, no temporary files

    def test_colors_that_are_not_numbers_are_never_written(
        self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            Colorizer,
            "predict",
            lambda self, inputs, *_, **__: [PredictedColor(torch.full((2, 4, 4), torch.nan))] * len(inputs),
        )
        outcomes = run(grey_folder, tmp_path / "out", colorizer)
        assert {o.status for o in outcomes} == {Status.FAILED}
        assert hashes(tmp_path / "out") == {}


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
def test_killed_and_run_again(grey_folder: Path, tmp_path: Path, tiny_weights: Path, colorizer: Colorizer) -> None:
    """After kill -9 there are only whole results, and a second run completes them to what one run gives."""
    for number in range(7, 60):
        draw_photo(number, (300, 200)).convert("L").save(grey_folder / f"{number}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "colorgan", "colorize", str(grey_folder), "-o", str(out)]
    command += ["--weights", str(tiny_weights), "--device", "cpu", "--precision", "float32", "-q"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while len(list(out.rglob("*.png"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    finished = [path for path in out.rglob("*.png") if not path.name.startswith(".")]
    assert 3 <= len(finished) < 60
    for path in finished:
        Image.open(path).load()
    run(grey_folder, out, colorizer)
    run(grey_folder, tmp_path / "single", colorizer)
    kept = {name: digest for name, digest in hashes(out).items() if not Path(name).name.startswith(".")}
    assert kept == hashes(tmp_path / "single")
