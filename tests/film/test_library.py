"""Films by the library."""

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from colorgan import Hint
from colorgan.colorization import ColorizeOptions, Colorizer, Product, Status
from colorgan.errors import UsageError
from colorgan.film import FilmOptions, FilmOutcome, VideoCodec, colorize_film
from film_support import draw_frames, read_film, write_film
from support import draw_photo


class TestColorizeFilm:
    def test_a_film(self, tmp_path: Path, colorizer: Colorizer) -> None:
        source, target = write_film(tmp_path / "a.mp4", draw_frames(6)), tmp_path / "b.mkv"
        film = FilmOptions(codec=VideoCodec.FFV1)
        hints = [Hint(50, 50, "#2050d0", percent=True, time=0.04)]
        (*_, outcome) = colorize_film(str(source), str(target), colorizer=colorizer, film=film, hints=hints)
        assert isinstance(outcome, FilmOutcome)
        assert (outcome.status, outcome.reason) == (Status.COLORIZED, "")
        assert len(read_film(target)[0]) == 6

    def test_numbered_frames_into_a_folder(self, tmp_path: Path, colorizer: Colorizer) -> None:
        for number, frame in enumerate(draw_frames(3)):
            Image.fromarray(frame).save(tmp_path / f"{number:03}.png")
        (*_, outcome) = colorize_film(tmp_path / "%03d.png", tmp_path / "out", colorizer=colorizer)
        assert isinstance(outcome, FilmOutcome)
        assert outcome.files == tuple(tmp_path / "out" / f"{number:03}.png" for number in range(3))
        assert all(path.exists() for path in outcome.files)

    def test_what_is_refused_before_any_work(self, tmp_path: Path, colorizer: Colorizer) -> None:
        draw_photo(1).save(tmp_path / "a.png")
        with pytest.raises(UsageError, match="no film and no animation; colour it with colorize_paths"):
            colorize_film(tmp_path / "a.png", tmp_path / "b.png", colorizer=colorizer)
        source = write_film(tmp_path / "a.mp4", draw_frames(2))
        with pytest.raises(UsageError, match="would be written over"):
            colorize_film(source, source, colorizer=colorizer)
        options = ColorizeOptions(render=colorizer.render)
        for change, name in (({"product": Product.LAYER}, "product"), ({"variants": 3}, "variants")):
            with pytest.raises(UsageError, match=f"options {name} hold for photographs alone"):
                colorize_film(source, tmp_path / "b.mp4", options=dataclasses.replace(options, **change))
