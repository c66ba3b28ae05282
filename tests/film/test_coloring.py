"""Frames in, frames with their colours out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from colorgan.colorization import Colorizer, Palette
from colorgan.errors import ImageReadError
from colorgan.film.coloring import Colored, Coloring
from colorgan.film.light import Light
from colorgan.film.source import FilmFacts, FilmReader, Picture, probe_film
from film_support import draw_frames, write_film


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "a.mkv", draw_frames(14, cuts=(6,)), codec="ffv1", options={"level": "3"})


@pytest.fixture
def facts(film: Path) -> FilmFacts:
    return probe_film(film)


def color(film: Path, coloring: Coloring) -> list[Colored]:
    facts = coloring.light.facts
    return list(coloring.frames(FilmReader(film, facts), FilmReader(film, facts)))


class TestFrames:
    def test_each_comes_once_and_in_order(self, film: Path, facts: FilmFacts, colorizer: Colorizer) -> None:
        light = Light(facts, colorizer, colorizer.render)
        frames = color(film, Coloring(light=light, every=3))
        assert [frame.number for frame in frames] == list(range(14))
        assert [frame.part.first for frame in frames] == [0] * 6 + [6] * 8
        pictures = list(FilmReader(film, facts).pictures())
        assert all(np.array_equal(a.picture.luma, b.luma) for a, b in zip(frames, pictures, strict=True))
        assert all(np.array_equal(a.grey, light.grey(b.luma)) for a, b in zip(frames, pictures, strict=True))

    def test_frame_by_frame_nothing_is_carried(self, film: Path, facts: FilmFacts, colorizer: Colorizer) -> None:
        """The colours of a frame are then those that the network gives it alone."""
        light = Light(facts, colorizer, colorizer.render)
        alone = color(film, Coloring(light=light, steady=False))
        assert all(frame.after is None for frame in alone)
        assert all(len(frame.part.keys) == frame.part.last - frame.part.first + 1 for frame in alone)
        steady = color(film, Coloring(light=light, every=3))
        assert any(not np.allclose(a.ab, b.ab, atol=1e-3) for a, b in zip(alone, steady, strict=True))

    def test_a_palette_leans(self, film: Path, facts: FilmFacts, colorizer: Colorizer) -> None:
        light = Light(facts, colorizer, colorizer.render)
        plain = color(film, Coloring(light=light, every=3))
        leaning = color(film, Coloring(light=light, every=3, palette=Palette.from_colors(["#3050c0", "#203080"])))
        assert float(leaning[3].ab[1].mean()) < float(plain[3].ab[1].mean())

    def test_a_film_that_is_shorter_the_second_time(self, film: Path, facts: FilmFacts, colorizer: Colorizer) -> None:
        class Short:
            def pictures(self) -> Iterator[Picture]:
                yield from list(FilmReader(film, facts).pictures())[:10]

        frames = Coloring(light=Light(facts, colorizer, colorizer.render), every=3).frames(
            FilmReader(film, facts), Short()
        )
        with pytest.raises(ImageReadError, match="fewer frames when it was read once more"):
            list(frames)


class TestPaint:
    def test_strength_and_warmth(self, film: Path, facts: FilmFacts, colorizer: Colorizer) -> None:
        coloring = Coloring(light=Light(facts, colorizer, colorizer.render), every=3)
        frame = color(film, coloring)[2]
        for plane in coloring.paint(frame, 0.0):
            assert plane.shape == frame.grey.shape
            assert (plane == 128).all()
        cb, cr = coloring.paint(frame, 1.0)
        assert max(np.abs(plane.astype(int) - 128).max() for plane in (cb, cr)) > 3
        warm, _ = coloring.paint(frame, 1.0, 20.0)
        assert warm.mean() < cb.mean() - 2  # yellower
