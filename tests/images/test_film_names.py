"""Names of films and of numbered frames."""

from pathlib import Path

import pytest

from colorgan.images.film_names import (
    film_suffix,
    find_frames,
    frame_path,
    is_film_name,
    is_frame_pattern,
    number_of,
)


class TestIsFilmName:
    @pytest.mark.parametrize("name", ["a.mp4", "A.MOV", "old film.mkv", "x.y.avi", "a.webm", "tape.DV"])
    def test_films(self, name: str) -> None:
        assert is_film_name(name)
        assert is_film_name(Path("folder") / name)

    @pytest.mark.parametrize("name", ["a.jpg", "mp4", ".mp4", "._a.mp4", "a.gif", "a.mp3", "a.mp4.part"])
    def test_others(self, name: str) -> None:
        assert not is_film_name(name)


class TestFilmSuffix:
    @pytest.mark.parametrize(
        ("suffix", "expected"), [(".mp4", ".mp4"), (".MOV", ".MOV"), (".avi", ".mkv"), (".mpg", ".mkv"), ("", ".mkv")]
    )
    def test_is_one_that_can_be_written(self, suffix: str, expected: str) -> None:
        assert film_suffix(suffix) == expected


class TestIsFramePattern:
    @pytest.mark.parametrize("name", ["%d.png", "%06d.png", "frame%4d.tif", "%0d.png"])
    def test_patterns(self, name: str) -> None:
        assert is_frame_pattern(name)
        assert is_frame_pattern(Path("50%") / name)  # a percent sign in a folder's name is none

    @pytest.mark.parametrize("name", ["a.png", "100%.png", "%s.png", "%d%d.png", "100%%d.png", "%06x.png"])
    def test_others(self, name: str) -> None:
        assert not is_frame_pattern(name)


class TestFindFrames:
    def test_by_their_numbers_gaps_or_not(self, tmp_path: Path) -> None:
        for name in (
            "f0001.png",
            "f0010.png",
            "f0009.png",
            "f2.png",
            "f00011.png",
            "f12345.png",
            "f0003.jpg",
            "g0004.png",
        ):
            (tmp_path / name).touch()
        found = find_frames(tmp_path / "f%04d.png")
        assert [path.name for path in found] == ["f0001.png", "f0009.png", "f0010.png", "f12345.png"]

    def test_without_zeros(self, tmp_path: Path) -> None:
        for name in ("1.png", "02.png", "10.png", "9.png"):
            (tmp_path / name).touch()
        assert [path.name for path in find_frames(tmp_path / "%d.png")] == ["1.png", "9.png", "10.png"]

    def test_signs_of_regular_expressions_mean_themselves(self, tmp_path: Path) -> None:
        for name in ("a+(1).png", "aa1.png"):
            (tmp_path / name).touch()
        assert [path.name for path in find_frames(tmp_path / "a+(%d).png")] == ["a+(1).png"]

    def test_no_folder(self, tmp_path: Path) -> None:
        assert find_frames(tmp_path / "nowhere" / "%d.png") == ()


@pytest.mark.parametrize("pattern", ["%d.png", "f%04d-x.png", "%6d.tif"])
@pytest.mark.parametrize("number", [0, 7, 12345])
def test_a_number_and_back(pattern: str, number: int) -> None:
    path = frame_path(Path("frames", pattern), number)
    assert path.parent == Path("frames")
    assert number_of(Path("frames", pattern), path) == number
