import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Outcome,
    Plan,
    Progress,
    match_albums,
    plan_paths,
    run_jobs,
)
from colorgan.colorization.color_stats import Adjustment
from colorgan.config import ColorInput
from colorgan.errors import UsageError
from support import draw_photo, run_colorgan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(["one/a.png", "one/b.png", "one/c.png", "two/d.png"]):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        draw_photo(number, (80, 60)).convert("L").point(lambda v, n=number: v * (4 - n) // 4).save(
            tmp_path / "in" / name
        )
    draw_photo(7).save(tmp_path / "in" / "one" / "in colour.png")
    (tmp_path / "in" / "one" / "bad.png").write_bytes(b"no")
    return tmp_path / "in"


def measured(plan: Plan, part: Plan, colorizer: Colorizer, options: ColorizeOptions) -> tuple[Plan, list[Progress]]:
    """Match albums, and return what was told on the way, too."""
    events, told = match_albums(plan, part, colorizer, options), []
    while True:
        try:
            told.append(next(events))
        except StopIteration as end:
            return end.value, told


class TestMatchAlbums:
    def test_each_folder_by_itself(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        plan = plan_paths([folder], tmp_path / "out")
        options = ColorizeOptions(render=colorizer.render, color_input=ColorInput.COPY)
        matched, told = measured(plan, plan, colorizer, options)
        by_name = {job.source.name: job.adjustment for job in matched.jobs}
        assert by_name["d.png"] == Adjustment(0, 0, 1)
        assert by_name["in colour.png"] is by_name["bad.png"] is None
        assert len({by_name[f"{name}.png"] for name in "abc"}) == 3
        assert told[-1] == Progress(done=6, total=6)
        assert not (tmp_path / "out").exists()

    def test_the_rest_of_a_run_is_adjusted_as_all_of_it(
        self, folder: Path, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        plan = plan_paths([folder], tmp_path / "out")
        options = ColorizeOptions(render=colorizer.render)
        whole, _ = measured(plan, plan, colorizer, options)
        done = next(job for job in whole.jobs if job.source.name == "a.png")
        done.target.parent.mkdir(parents=True)
        done.target.write_bytes(b"done")
        part = plan.shard(1, 2)
        matched, _ = measured(plan, part, colorizer, options)
        again = {job.number: job.adjustment for job in matched.jobs}
        assert again == {job.number: job.adjustment for job in whole.jobs if job.number in again}

    def test_finished_folders_are_not_measured(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        plan = plan_paths([folder / "two"], tmp_path / "out")
        (tmp_path / "out").mkdir()
        plan.jobs[0].target.write_bytes(b"done")
        options = ColorizeOptions(render=colorizer.render)
        _, told = measured(plan, plan, colorizer, options)
        assert told == []

    def test_no_streams(self, colorizer: Colorizer) -> None:
        plan = plan_paths([Path("-")], Path("-"))
        with pytest.raises(UsageError, match="read twice"):
            measured(plan, plan, colorizer, ColorizeOptions(render=colorizer.render))


def test_the_adjustment_reaches_the_picture(folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    plan = plan_paths([folder / "two"], tmp_path / "out")
    (job,) = plan.jobs
    means = []
    for change in (None, Adjustment(20, 0, 1.0)):
        target = tmp_path / f"{change is None}.png"
        options = ColorizeOptions(render=colorizer.render)
        (outcome,) = run_jobs([dataclasses.replace(job, target=target, adjustment=change)], colorizer, options)
        assert isinstance(outcome, Outcome)
        with Image.open(target) as image:
            means.append(np.asarray(image).astype(int).mean((0, 1)))
    assert means[1][0] > means[0][0] + 5
    assert means[1][1] < means[0][1]


def test_the_command(folder: Path, tmp_path: Path, tiny_weights: Path) -> None:
    places = (folder / "two", "-o", tmp_path / "out")
    done = run_colorgan("colorize", *places, "--album", "--palette", "#3355aa", "--weights", tiny_weights)
    assert done.returncode == 0, done.stderr
    note = run_colorgan("colorize", "--describe", tmp_path / "out" / "d.png").stdout
    assert "album" in note
    assert "#3355aa" in note
