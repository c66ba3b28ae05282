"""How well and how steadily clips are coloured again."""

from pathlib import Path

import numpy as np
import pytest

from colorgan.colorization import Colorizer
from colorgan.errors import EvaluationError
from colorgan.film import measure_clip
from colorgan.film.light import Light
from colorgan.film.measure import lay_over, recolor
from colorgan.film.source import FilmReader, probe_film
from film_support import draw_frames, write_color_film, write_film


class TestMeasureClip:
    def test_equal_colourfulness_is_reached(self, tmp_path: Path, colorizer: Colorizer) -> None:
        scores = measure_clip(write_color_film(tmp_path / "clip.mkv", 6), colorizer, colorizer.render)
        for score in (scores.alone, scores.steady):
            assert score.colorfulness == pytest.approx(scores.own.colorfulness, rel=0.05) or score.strength == 4


class TestRecolor:
    def test_a_player_shows_the_clip_in_other_colours(self, tmp_path: Path, colorizer: Colorizer) -> None:
        path = write_color_film(tmp_path / "clip.mkv", 4)
        facts = probe_film(path)
        light = Light(facts, colorizer, colorizer.render)
        colors = recolor(path, facts, colorizer, colorizer.render, steady=True)
        assert len(colors) == 4
        picture = next(iter(FilmReader(path, facts).pictures()))
        grey, none, full = (lay_over(picture, light, *how) for how in ((None, 1.0), (colors[0], 0.0), (colors[0], 1.0)))
        assert grey.shape == (64, 96, 3)
        assert np.ptp(grey.astype(int), axis=-1).max() <= 1
        assert np.abs(none.astype(int) - grey).max() <= 1
        assert np.ptp(full.astype(int), axis=-1).mean() > 5
        assert np.abs(full.astype(float).mean(-1) - grey.mean(-1)).mean() < 25  # the luma is the same


def test_a_clip_without_colours(tmp_path: Path, colorizer: Colorizer) -> None:
    path = write_film(tmp_path / "grey.mkv", draw_frames(3), codec="ffv1", options={"level": "3"})
    with pytest.raises(EvaluationError, match="is not in colour"):
        measure_clip(path, colorizer, colorizer.render)
