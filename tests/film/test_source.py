from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from colorgan.errors import ImageReadError
from colorgan.film.source import FilmReader, probe_film
from colorgan.images import PhotoKind
from film_support import draw_frames, write_color_film, write_film

VARIABLE = [0, 24, 48, 96, 120, 150, 151, 200, 260, 300]


class TestProbeFilm:
    def test_what_a_film_says_of_itself(self, tmp_path: Path) -> None:
        tags = {"color_range": 1, "colorspace": 1, "color_primaries": 1, "color_trc": 1}
        path = write_film(
            tmp_path / "a.mp4", draw_frames(10), times=VARIABLE, turned=True, aspect=Fraction(4, 3), tags=tags
        )
        facts = probe_film(path)
        assert (facts.width, facts.height, facts.layout, facts.bits) == (96, 64, "420", 8)
        assert (facts.matrix, facts.full_range, facts.aspect) == (1, False, Fraction(4, 3))
        assert facts.turn == 3  # quarter turns counterclockwise: ffprobe calls it a rotation of -90 degrees
        assert facts.kind is PhotoKind.GREY
        assert facts.frames == 10

    @pytest.mark.parametrize(
        ("pixel_format", "layout", "bits", "full_range"),
        [("yuv422p", "422", 8, False), ("yuv444p", "444", 8, False), ("yuv420p", "420", 8, True),
         ("yuv420p10le", "420", 10, False), ("gray", "420", 8, True)],
    )  # fmt: skip
    def test_pixel_formats(self, tmp_path: Path, pixel_format: str, layout: str, bits: int, full_range: bool) -> None:
        frames = [frame.astype(np.uint16 if bits > 8 else np.uint8) for frame in draw_frames(3)]
        path = write_film(
            tmp_path / "a.mkv",
            frames,
            codec="ffv1",
            pixel_format=pixel_format,
            options={"level": "3"},
            tags={"color_range": 2 if full_range else 1},
        )
        facts = probe_film(path)
        assert (facts.layout, facts.bits, facts.full_range) == (layout, bits, full_range)
        for picture, frame in zip(FilmReader(path, facts).pictures(), frames, strict=True):
            assert np.array_equal(picture.luma, frame)

    def test_a_film_in_colour_is_known(self, tmp_path: Path) -> None:
        assert probe_film(write_color_film(tmp_path / "a.mkv", 4)).kind is PhotoKind.COLOR

    def test_what_is_no_film(self, tmp_path: Path) -> None:
        garbage = tmp_path / "a.mp4"
        garbage.write_bytes(b"not a film at all" * 100)
        with pytest.raises(ImageReadError, match=r"a\.mp4 cannot be read as a film: it is damaged"):
            probe_film(garbage)
        with pytest.raises(ImageReadError, match=r"gone\.mp4 cannot be read as a film: no such file"):
            probe_film(tmp_path / "gone.mp4")

    def test_sound_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mkv"
        with av.open(str(path), "w") as film:
            stream = film.add_stream("flac", rate=8000)
            stream.layout = "mono"
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8000, 0
            film.mux(stream.encode(frame))
            film.mux(stream.encode())
        with pytest.raises(ImageReadError, match="holds no moving pictures, only audio"):
            probe_film(path)


class TestFilmReader:
    def test_time_stamps_stay(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "a.mp4", draw_frames(10), times=VARIABLE)
        facts = probe_film(path)
        seconds = [picture.pts * facts.time_base for picture in FilmReader(path, facts).pictures()]
        assert seconds == [Fraction(time, 600) for time in VARIABLE]

    def test_from_and_to(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "a.mp4", draw_frames(40))
        facts = probe_film(path)
        everything = [picture.pts for picture in FilmReader(path, facts).pictures()]
        some = [picture.pts for picture in FilmReader(path, facts, everything[15], everything[30]).pictures()]
        assert some == everything[15:30]

    def test_a_film_that_is_cut_off(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "a.mkv", draw_frames(200, (64, 48)))
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 3])
        with pytest.raises(ImageReadError, match=r"cut off|cannot be read"):
            list(FilmReader(path, probe_film(path)).pictures())

    def test_damage_in_the_middle_is_passed_over(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "a.mkv", draw_frames(30), options={"crf": "10", "g": "5"})
        content = bytearray(path.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 300] = bytes(300)
        path.write_bytes(content)
        assert len(list(FilmReader(path, probe_film(path)).pictures())) > 15
