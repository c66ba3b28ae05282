"""What of the source is in the result beside the pictures."""

import io
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest

from colorgan.colorization import ColorizeOptions, Colorizer, Status
from colorgan.errors import UsageError
from colorgan.film.join import FORMATS, _with_lengths, check_container
from film_support import draw_frames, packets_of, run, time_of, write_film


class TestJoinFilm:
    def test_ffprobe_agrees(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        import shutil

        if shutil.which("ffprobe") is None:
            pytest.skip("there is no ffprobe")
        target = tmp_path / "new.mp4"
        run(old_film, target, colorizer, options)
        command = ["ffprobe", "-v", "error", "-select_streams", "v", "-count_frames", "-show_entries",
                   "frame=pts:stream=nb_read_frames,color_space,sample_aspect_ratio:stream_side_data=rotation", "-of",
                   "default"]  # fmt: skip
        seen = [subprocess.run([*command, path], check=True, capture_output=True).stdout for path in (old_film, target)]
        assert seen[0] == seen[1]
        assert b"rotation=-90" in seen[0]

    def test_what_a_container_cannot_hold_is_named(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        outcome, notices = run(old_film, tmp_path / "new.mkv", colorizer, options)
        assert outcome.status is Status.COLORIZED
        (notice,) = notices
        assert "its subtitle stream 2 (mov_text) cannot be held by matroska" in notice
        with av.open(str(tmp_path / "new.mkv")) as film:
            assert next(film.decode(video=0)).rotation == -90
            assert len(film.chapters()) == 3

    @pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
    def test_sound_that_begins_before_the_pictures(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, suffix: str
    ) -> None:
        source = write_film(tmp_path / "a.mp4", draw_frames(20), sound=True)
        target = tmp_path / f"b{suffix}"
        run(source, target, colorizer, options)
        assert packets_of(source, "audio")[0][0] < 0
        assert packets_of(target, "audio") == packets_of(source, "audio")
        with av.open(str(source)) as old, av.open(str(target)) as new:
            times = [[float(time_of(f)) for f in film.decode(video=0)] for film in (old, new)]
        assert times[1] == pytest.approx(times[0])
        assert times[1][0] == 0

    def test_a_part_begins_at_nought(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        target = tmp_path / "part.mp4"
        run(old_film, target, colorizer, options, begin=Fraction(200, 600), end=Fraction(1))
        with av.open(str(old_film)) as film:
            times = [time_of(frame) for frame in film.decode(video=0)]
        wanted = [time - Fraction(200, 600) for time in times if Fraction(200, 600) <= time < 1]
        with av.open(str(target)) as film:
            assert [time_of(frame) for frame in film.decode(video=0)] == wanted
            sound = film.streams.audio[0]
            assert sound.start_time is not None
            assert sound.time_base is not None
            assert 0 <= sound.start_time * sound.time_base < 0.15
            assert [round(float(c["start"] * (c["time_base"] or 0)), 3) for c in film.chapters()] == [0.0, 0.167]


class TestCheckContainer:
    @pytest.mark.parametrize("suffix", sorted(FORMATS))
    def test_what_can_be_held(self, suffix: str) -> None:
        check_container(Path(f"a{suffix.upper()}"), "libvpx-vp9" if suffix == ".webm" else "libx264")

    @pytest.mark.parametrize(
        ("name", "encoder", "said"),
        [("a.gif", "libx264", "films are written as .mp4"), ("a", "libx264", "got a; give another name"),
         ("a.webm", "libx264", r".webm cannot hold libx264; give a name that ends in .mkv")],
    )  # fmt: skip
    def test_what_cannot_is_refused(self, name: str, encoder: str, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            check_container(Path(name), encoder)


def test_units_behind_their_lengths() -> None:
    """Start codes of three and of four bytes, and zeros behind a unit, as H.264 has them (annex B)."""
    units = [b"\x67\1\2", b"\x68\3", b"\x65" + bytes(range(4, 200))]
    data = b"\0\0\0\1" + units[0] + b"\0\0\1" + units[1] + b"\0\0\0\0\1" + units[2] + b"\0\0"
    stream, found = io.BytesIO(_with_lengths(data)), []
    while length := stream.read(4):
        found.append(stream.read(int.from_bytes(length, "big")))
    assert found == units
