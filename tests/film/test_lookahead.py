"""Frames in parts, and those that the network is asked about."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from colorgan.colorization import ColorizeOptions, Colorizer, Hint, Job
from colorgan.colorization.hints import hints_to_points
from colorgan.film import FilmOptions, FilmOutcome, VideoCodec, run_films
from colorgan.film.light import Light
from colorgan.film.lookahead import Part, look_ahead
from colorgan.film.source import FilmReader, Picture, probe_film
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


class TestLookAhead:
    @pytest.fixture
    def light(self, tmp_path: Path, colorizer: Colorizer) -> Light:
        film = write_film(tmp_path / "a.mkv", draw_frames(30, cuts=(11, 18)), codec="ffv1", options={"level": "3"})
        return Light(probe_film(film), colorizer, colorizer.render)

    @pytest.fixture
    def pictures(self, light: Light, tmp_path: Path) -> list[Picture]:
        return list(FilmReader(tmp_path / "a.mkv", light.facts).pictures())

    def look(self, pictures: Iterable[Picture], light: Light, **how: Any) -> list[Part]:
        return list(look_ahead(pictures, light, **{"every": 4, **how}))

    def test_parts_are_scenes(self, light: Light, pictures: list[Picture]) -> None:
        parts = self.look(pictures, light)
        assert [(part.first, part.last, part.begins, part.ends) for part in parts] == [
            (0, 10, True, True), (11, 17, True, True), (18, 29, True, True),
        ]  # fmt: skip
        assert [part.pts for part in parts] == [pictures[part.first].pts for part in parts]

    def test_every_frame_lies_between_two_key_frames(self, light: Light, pictures: list[Picture]) -> None:
        numbers = [[key.number for key in part.keys] for part in self.look(pictures, light)]
        assert numbers == [[0, 4, 8, 10], [11, 15, 17], [18, 22, 26, 29]]

    def test_a_long_scene_comes_in_parts(
        self, light: Light, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("colorgan.film.lookahead._MOST_FRAMES", 7)
        parts = self.look(pictures, light)
        assert [(part.first, part.last) for part in parts][:2] == [(0, 7), (8, 10)]
        assert [(part.begins, part.ends) for part in parts][:2] == [(True, False), (False, True)]
        assert sorted(n for part in parts for n in range(part.first, part.last + 1)) == list(range(30))

    def test_going_on_within_a_scene(self, light: Light, pictures: list[Picture]) -> None:
        first, *_ = self.look(pictures[5:], light, start=5, goes_on=True)
        assert (first.first, first.last, first.begins) == (5, 10, False)

    def test_a_frame_that_is_out_of_line_is_not_asked_about(self, light: Light, pictures: list[Picture]) -> None:
        flash = dataclasses.replace(pictures[4], luma=255 - pictures[4].luma)
        part, *_ = self.look([*pictures[:4], flash, *pictures[5:]], light)
        assert part.strays == {4}
        assert [key.number for key in part.keys] == [0, 5, 9, 10]

    def test_a_frame_with_hints_is(self, light: Light, pictures: list[Picture]) -> None:
        points = hints_to_points([Hint(50, 25, "#2050d0", percent=True)], 96, 64)
        part, *_ = self.look(pictures, light, hints=[(pictures[2].pts, points)])
        assert [key.number for key in part.keys][:2] == [0, 2]
        colors, told = part.advice[2][0, :2], part.advice[2][0, 2]
        assert 0 <= float(told.min()) <= float(told.max()) <= 1
        assert float(colors[1][told > 0.9].mean()) < -10  # blue

    def test_a_guess_is_trusted_less(self, light: Light, pictures: list[Picture]) -> None:
        sure, *_ = self.look(pictures, light)
        unsure, *_ = self.look(pictures, light, confidence=True)
        assert torch.equal(sure.keys[0].said[:, 2], torch.ones_like(sure.keys[0].said[:, 2]))
        assert float(unsure.keys[0].said[:, 2].mean()) < 0.99

    def test_no_frames(self, light: Light) -> None:
        assert self.look([], light) == []
