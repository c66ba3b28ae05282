"""The animation of a run's sample sheets."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from colorgan.errors import TrainingError
from colorgan.training.story import write_story

COLORS = ("red", "lime", "blue")


def draw_sheet(folder: Path, step: int, color: str, size: tuple[int, int] = (60, 40)) -> None:
    Image.new("RGB", size, color).save(folder / f"sheet-{step:08}.png")


def tell(folder: Path) -> Path:
    """Write the story of a folder that has one."""
    path = write_story(folder)
    assert path is not None
    return path


def read_frames(path: Path) -> np.ndarray:
    return iio.imread(path, index=...)  # type: ignore[arg-type]  # its annotation knows numbers only


def count_frames(path: Path) -> int:
    with Image.open(path) as story:
        assert isinstance(story, WebPImageFile)
        return story.n_frames


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    for number, color in enumerate(COLORS, start=1):
        draw_sheet(tmp_path, number * 5, color)
    return tmp_path


class TestStory:
    def test_shows_every_sheet_in_order(self, run_dir):
        path = tell(run_dir)
        assert path == run_dir / "story.webp"
        frames = read_frames(path)[..., :3]
        assert frames.shape == (3, 40 + 16, 60, 3)
        assert [int(np.argmax(frame[40, 30])) for frame in frames] == [0, 1, 2]

    def test_stays_on_the_last_one_and_begins_again(self, run_dir):
        with Image.open(tell(run_dir)) as story:
            assert isinstance(story, WebPImageFile)
            assert story.info["loop"] == 0
            durations = []
            for number in range(story.n_frames):
                story.seek(number)
                story.load()
                durations.append(story.info["duration"])
        assert durations[0] == durations[1] < durations[2]

    def test_names_the_step(self, run_dir):
        first, second = read_frames(tell(run_dir))[:2, :16, :, :3].astype(int)
        assert first.min() < 100  # there is ink
        assert np.abs(first - second).max() > 100  # "step 5" and "step 10"

    def test_takes_some_of_very_many(self, tmp_path):
        for step in range(1, 101):
            draw_sheet(tmp_path, step, "red" if step == 1 else "lime" if step < 100 else "blue", (16, 8))
        frames = read_frames(tell(tmp_path))[:, 20, 8, :3]
        assert 2 < len(frames) < 100
        assert int(np.argmax(frames[0])) == 0
        assert int(np.argmax(frames[-1])) == 2

    def test_large_sheets_are_made_smaller(self, tmp_path):
        for step, color in enumerate(COLORS):
            draw_sheet(tmp_path, step, color, (900, 3000))
        with Image.open(tell(tmp_path)) as story:
            assert story.height <= 1200
            assert story.width / story.height == pytest.approx(900 / 3016, rel=0.01)

    @pytest.mark.parametrize("count", [0, 1])
    def test_needs_two(self, tmp_path, count):
        for step in range(count):
            draw_sheet(tmp_path, step, "red")
        assert write_story(tmp_path) is None
        assert not (tmp_path / "story.webp").exists()

    def test_passes_over_what_is_damaged_or_of_another_size(self, run_dir):
        draw_sheet(run_dir, 1, "white", (20, 20))
        (run_dir / "sheet-00000007.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
        assert count_frames(tell(run_dir)) == 3

    def test_a_folder_that_cannot_be_written(self, run_dir):
        (run_dir / "story.webp").mkdir()
        with pytest.raises(TrainingError, match="cannot be written"):
            write_story(run_dir)


class TestInARun:
    def test_a_whole_run_ends_with_it(self, make_trainer):
        trainer = make_trainer("run.eval_interval=2", steps=4)
        *_, finished = trainer.run()
        assert finished.story == trainer.run_dir / "story.webp"
        assert count_frames(finished.story) == len(list(trainer.run_dir.glob("sheet-*.png"))) == 2

    def test_a_run_that_was_asked_to_stop_has_none(self, make_trainer):
        trainer = make_trainer("run.eval_interval=1", steps=9)
        for event in trainer.run():
            trainer.stop_requested = event.step >= 2
        assert event.stopped
        assert event.story is None
