"""Animations and folders of numbered frames, coloured as films and read back by Pillow."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorgan.colorization import ColorizeOptions, Colorizer, Job, Product, Status, plan_paths
from colorgan.config import Existing
from colorgan.errors import UsageError
from colorgan.film import FilmOptions, FilmOutcome, run_films
from colorgan.images import find_frames, is_frame_pattern
from film_support import draw_frames
from support import draw_photo, run_colorgan

DURATIONS = [40, 100, 250, *[60] * 17]


def animate(path: Path, frames: list[np.ndarray], *, alpha: bool = False) -> Path:
    images = [Image.fromarray(frame) for frame in frames]
    if alpha:
        images = [image.convert("RGBA") for image in images]
        for image in images:
            image.putalpha(Image.fromarray(np.uint8(255 * (np.indices((64, 96)).sum(0) > 40))))
    named: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    images[0].save(path, save_all=True, append_images=images[1:], duration=DURATIONS[: len(images)], loop=2, **named)
    return path


def shown(path: Path) -> tuple[list[Image.Image], list[float], int]:
    with Image.open(path) as image:
        frames, durations = [], []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            frames.append(image.convert("RGBA"))
            durations.append(image.info["duration"])
        return frames, durations, image.info["loop"]


def run(source: Path, target: Path, colorizer: Colorizer, options: ColorizeOptions, **film: Any) -> FilmOutcome:
    frames = find_frames(source) if is_frame_pattern(source) else ()
    job = Job(0, source, target, film=True, frames=frames)
    (outcome,) = (e for e in run_films([job], colorizer, options, FilmOptions(**film)) if isinstance(e, FilmOutcome))
    return outcome


class TestAnimations:
    @pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
    def test_durations_loop_and_luminance_stay(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, suffix: str
    ) -> None:
        frames = draw_frames(20, cuts=(12,))
        source = animate(tmp_path / f"a{suffix}", frames)
        target = tmp_path / "out" / f"a{suffix}"
        outcome = run(source, target, colorizer, options)
        assert (outcome.status, outcome.pages, outcome.reason) == (Status.COLORIZED, 20, "")
        after, durations, loop = shown(target)
        assert (durations, loop) == (DURATIONS, 2)
        for frame, image in zip(frames, after, strict=True):
            grey = np.asarray(image.convert("L")).astype(int)
            assert np.abs(grey - frame).mean() < 8  # the grey of Rec. 601 is not the luminance, but near it
            assert np.abs(np.diff(np.asarray(image)[..., :3].astype(int), axis=-1)).max() > 10
        assert [path.name for path in (tmp_path / "out").iterdir()] == [f"a{suffix}"]

    @pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
    def test_transparency(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, suffix: str) -> None:
        source = animate(tmp_path / f"a{suffix}", draw_frames(4), alpha=True)
        run(source, tmp_path / f"b{suffix}", colorizer, options)
        for one, other in zip(shown(source)[0], shown(tmp_path / f"b{suffix}")[0], strict=True):
            assert np.array_equal(np.asarray(one)[..., 3], np.asarray(other)[..., 3])

    def test_colours_hold_within_a_scene(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        rng = np.random.default_rng(0)
        frames = [draw_frames(1)[0]] * 10 + [draw_frames(1, cuts=(0,))[0]] * 10
        frames = [(frame + rng.normal(0, 3, frame.shape)).clip(16, 235).astype(np.uint8) for frame in frames]
        run(animate(tmp_path / "a.png", frames), tmp_path / "b.png", colorizer, options)
        rgb = np.stack([np.asarray(image)[..., :3].astype(float) for image in shown(tmp_path / "b.png")[0]])
        blue = (rgb[..., 2] - rgb.mean(-1)).reshape(20, 8, 8, 12, 8).mean((2, 4))
        step = np.abs(np.diff(blue, axis=0)).mean((1, 2))
        assert step[9] > 5 * np.delete(step, 9).max()

    def test_side_by_side_and_a_part(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        from fractions import Fraction

        source = animate(tmp_path / "a.png", draw_frames(6))
        options = dataclasses.replace(options, product=Product.COMPARISON)
        assert run(source, tmp_path / "b.png", colorizer, options, begin=Fraction(4, 100)).pages == 5
        after, durations, _ = shown(tmp_path / "b.png")
        assert (after[0].size, durations) == ((192, 64), DURATIONS[1:6])

    def test_what_cannot_be(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        source = animate(tmp_path / "a.gif", draw_frames(4))
        assert ".gif, .webp or .png" in run(source, tmp_path / "b.jpg", colorizer, options).reason
        source.write_bytes(source.read_bytes()[:900])
        outcome = run(source, tmp_path / "b.gif", colorizer, options)
        assert outcome.status is Status.FAILED
        assert not (tmp_path / "b.gif").exists()


class TestNumberedFrames:
    def test_each_stays_what_it_was(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        (tmp_path / "frames").mkdir()
        deep = [frame.astype(np.uint16) * 256 + 7 for frame in draw_frames(12, cuts=(6,))]
        for number, frame in enumerate(deep):
            Image.fromarray(frame).save(tmp_path / "frames" / f"{2 * number + 7:04}.png")
        target = tmp_path / "out" / "%04d.png"
        outcome = run(tmp_path / "frames" / "%04d.png", target, colorizer, options)
        assert (outcome.status, outcome.pages, outcome.reason) == (Status.COLORIZED, 12, "")
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert names == [f"{2 * number + 7:04}.png" for number in range(12)]
        assert (tmp_path / "out" / names[0]).read_bytes()[24] == 16  # bits, in IHDR

    def test_a_second_run_writes_what_is_missing(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        for number, frame in enumerate(draw_frames(8)):
            Image.fromarray(frame).save(tmp_path / f"f{number}.png")
        out = tmp_path / "out"
        source, target = tmp_path / "f%d.png", out / "f%d.png"
        run(source, target, colorizer, options)
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        (out / "f3.png").unlink()
        (out / "f4.png").write_bytes(b"kept")
        run(source, target, colorizer, options)
        assert (out / "f3.png").read_bytes() == before["f3.png"]
        assert (out / "f4.png").read_bytes() == b"kept"
        assert run(source, target, colorizer, options).reason == "its result is there already"
        run(source, target, colorizer, dataclasses.replace(options, existing=Existing.OVERWRITE))
        assert (out / "f4.png").read_bytes() == before["f4.png"]

    def test_two_sizes(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        for number in range(3):
            Image.fromarray(draw_frames(1, (60 + number, 40))[0]).save(tmp_path / f"{number}.png")
        reason = run(tmp_path / "%d.png", tmp_path / "out" / "%d.png", colorizer, options).reason
        assert "bring them to one size first" in reason

    def test_plans(self, tmp_path: Path) -> None:
        for number in range(3):
            draw_photo(1).save(tmp_path / f"{number:06}.png")
        pattern = tmp_path / "%06d.png"
        (job,) = plan_paths([pattern], tmp_path / "out", films=True).jobs
        assert [path.name for path in job.results] == ["000000.png", "000001.png", "000002.png"]
        with pytest.raises(UsageError, match=r"the result of .*000000\.png would be written over the frame"):
            plan_paths([pattern], tmp_path, films=True)
        with pytest.raises(UsageError, match=r"a name such as %06d\.png"):
            plan_paths([pattern], tmp_path / "one.png", films=True)
        with pytest.raises(UsageError, match="there is no file or folder"):
            plan_paths([tmp_path / "%03d.png"], tmp_path / "out", films=True)


def test_the_command(tmp_path: Path, tiny_weights: Path) -> None:
    old, out = tmp_path / "old", tmp_path / "out"
    (old / "frames").mkdir(parents=True)
    animate(old / "moves.gif", draw_frames(6))
    draw_photo(1, (60, 40)).convert("L").save(old / "still.gif")
    for number, frame in enumerate(draw_frames(4)):
        Image.fromarray(frame).save(tmp_path / f"{number:02}.png")
    done = run_colorgan("colorize", old, tmp_path / "%02d.png", "-o", out, "--weights", tiny_weights, "--album",
                        "--crf", "20", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in out.rglob("*") if path.is_file())
    assert names == ["00.png", "01.png", "02.png", "03.png", "moves.gif", "still.png"]
    assert shown(out / "moves.gif")[1] == DURATIONS[:6]
    assert {json.loads(line)["status"] for line in done.stdout.splitlines()} == {"colorized"}
    assert "--album holds for photographs alone; films (2) are coloured as if it was not given" in done.stderr
    assert "--crf holds for films alone; photographs (1) are coloured as if it was not given" in done.stderr
    assert "is no film but pictures" in done.stderr
