from fractions import Fraction
from pathlib import Path

import pytest

from colorgan.colorization import ColorizeOptions, Colorizer
from film_support import draw_frames, write_film


@pytest.fixture
def options(colorizer: Colorizer) -> ColorizeOptions:
    return ColorizeOptions(render=colorizer.render)


VARIABLE = [0, 24, 48, 96, 120, 150, 151, 200, *range(224, 224 + 24 * 32, 24)]  # in 600ths of a second


@pytest.fixture
def old_film(tmp_path: Path) -> Path:
    """A film with everything: cuts, sound, subtitles, a quarter turn, a variable rate, chapters, words."""
    chapters = [
        {"id": n, "start": n * 500, "end": n * 500 + 500, "time_base": Fraction(1, 1000), "metadata": {"title": f"{n}"}}
        for n in range(3)
    ]
    return write_film(
        tmp_path / "old.mp4",
        draw_frames(40, cuts=(13, 29)),
        times=VARIABLE,
        sound=True,
        subtitles=True,
        turned=True,
        aspect=Fraction(4, 3),
        tags={"color_range": 1, "colorspace": 6, "color_primaries": 6},
        metadata={"title": "Lumière", "comment": "of 1895"},
        chapters=chapters,
    )
