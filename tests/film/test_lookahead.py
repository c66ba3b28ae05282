"""Frames in parts, and those that the network is asked about."""

from pathlib import Path

import numpy as np

from colorgan.colorization import ColorizeOptions, Colorizer, Hint, Job
from colorgan.film import FilmOptions, FilmOutcome, VideoCodec, run_films
from film_support import draw_frames, read_film, run, write_film


class TestHints:
    def test_a_hint_holds_for_its_scene_and_follows_its_object(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        frames = draw_frames(30, cuts=(18,))
        source = write_film(tmp_path / "a.mkv", frames, codec="ffv1", options={"level": "3"})
        run(source, tmp_path / "plain.mkv", colorizer, options, codec=VideoCodec.FFV1)
        hint = Hint(50, 25, "#2050d0", percent=True, time=0.3)  # the seventh frame
        told = tmp_path / "told.mkv"
        list(run_films([Job(0, source, told, hints=(hint,))], colorizer, options, FilmOptions(codec=VideoCodec.FFV1)))
        plain, hinted = (read_film(path)[1] for path in (tmp_path / "plain.mkv", told))
        change = [np.abs(b[1].astype(int) - a[1]).astype(float) for a, b in zip(plain, hinted, strict=True)]
        assert hinted[7][1][8, 24] > 150  # blue
        assert all(change[n][8, 24 - (n - 7) // 2] > 10 for n in range(2, 17))  # it pans by a pixel a frame
        assert all(one.max() < 3 for one in change[18:])

    def test_outside_of_the_picture(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        source = write_film(tmp_path / "a.mp4", draw_frames(3))
        job = Job(0, source, tmp_path / "b.mp4", hints=(Hint(500, 2, "#2050d0"),))
        (outcome,) = run_films([job], colorizer, options, FilmOptions())
        assert isinstance(outcome, FilmOutcome)
        assert "lies outside the picture of 96 x 64 pixels" in outcome.reason
