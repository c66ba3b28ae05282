"""How well and how steadily clips are coloured again."""

from pathlib import Path

import pytest

from colorgan.colorization import Colorizer
from colorgan.film import measure_clip
from film_support import write_color_film


class TestMeasureClip:
    def test_equal_colourfulness_is_reached(self, tmp_path: Path, colorizer: Colorizer) -> None:
        scores = measure_clip(write_color_film(tmp_path / "clip.mkv", 6), colorizer, colorizer.render)
        for score in (scores.alone, scores.steady):
            assert score.colorfulness == pytest.approx(scores.own.colorfulness, rel=0.05) or score.strength == 4
