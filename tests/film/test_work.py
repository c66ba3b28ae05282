import dataclasses
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from colorgan.colorization import ColorizeOptions, Colorizer, Product, Status
from colorgan.film import VideoCodec
from film_support import draw_frames, packets_of, read_film, run, write_film


class TestColorFilm:
    def test_warmth(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        source = write_film(tmp_path / "old.mkv", draw_frames(4))
        blueness = []
        for warmth in (0.0, 10.0):
            target = tmp_path / f"{warmth}.mkv"
            run(source, target, colorizer, dataclasses.replace(options, warmth=warmth))
            blueness.append(np.mean([frame[1].mean() for frame in read_film(target)[1]]))
        assert blueness[1] < blueness[0] - 3

    def test_everything_but_chroma_stays(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        target = tmp_path / "new.mp4"
        outcome, notices = run(old_film, target, colorizer, options)
        assert (outcome.status, outcome.pages, notices) == (Status.COLORIZED, 40, [])
        (times, before), (new_times, after) = read_film(old_film), read_film(target)
        assert new_times == times
        for old, new in zip(before, after, strict=True):
            assert np.abs(old[0].astype(int) - new[0]).mean() < 1.5  # the coding's error
            assert np.abs(new[1].astype(int) - 128).max() > 5
        assert packets_of(target, "audio") == packets_of(old_film, "audio")
        assert packets_of(target, "subtitle") == packets_of(old_film, "subtitle")
        with av.open(str(old_film)) as source, av.open(str(target)) as result:
            assert result.metadata["title"] == "Lumière"
            assert result.metadata["comment"].startswith("of 1895\ncolourised by colorgan")
            assert [c["metadata"]["title"] for c in result.chapters()] == ["0", "1", "2"]
            assert [c["start"] for c in result.chapters()] == [c["start"] for c in source.chapters()]
            one, other = source.streams.video[0], result.streams.video[0]
            assert other.sample_aspect_ratio == one.sample_aspect_ratio == Fraction(4, 3)
            assert other.duration == one.duration
            old_frame, new_frame = next(source.decode(video=0)), next(result.decode(video=0))
            for name in ("color_range", "colorspace", "color_primaries", "color_trc", "rotation"):
                assert getattr(new_frame, name) == getattr(old_frame, name)
            assert new_frame.rotation == -90
        assert sorted(path.name for path in tmp_path.iterdir()) == ["new.mp4", "old.mp4"]

    @pytest.mark.parametrize("size", [(97, 64), (96, 63), (33, 17)])
    def test_odd_sizes(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, size: tuple[int, int]
    ) -> None:
        frames = draw_frames(4, size)
        source = write_film(tmp_path / "a.mkv", frames, codec="ffv1", pixel_format="yuv420p", options={"level": "3"})
        outcome, _ = run(source, tmp_path / "b.mkv", colorizer, options)
        assert outcome.status is Status.COLORIZED, outcome.reason
        assert read_film(tmp_path / "b.mkv")[1][0][0].shape == size[::-1]

    def test_side_by_side(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        frames = draw_frames(6)
        source = write_film(tmp_path / "a.mkv", frames, codec="ffv1", options={"level": "3"})
        options = dataclasses.replace(options, product=Product.COMPARISON)
        run(source, tmp_path / "b.mkv", colorizer, options, codec=VideoCodec.FFV1)
        for frame, (luma, cb, cr) in zip(frames, read_film(tmp_path / "b.mkv")[1], strict=True):
            assert np.array_equal(luma, np.hstack((frame, frame)))
            assert (cb[:, :48] == 128).all()
            assert (cr[:, :48] == 128).all()
            assert np.abs(cb[:, 48:].astype(int) - 128).max() > 5

    def test_colours_hold_within_a_scene_and_end_with_it(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        frames = [draw_frames(1)[0]] * 15 + [draw_frames(1, cuts=(0,))[0]] * 15
        rng = np.random.default_rng(0)
        frames = [(frame + rng.normal(0, 3, frame.shape)).clip(16, 235).astype(np.uint8) for frame in frames]
        source = write_film(tmp_path / "a.mkv", frames, codec="ffv1", options={"level": "3"})
        run(source, tmp_path / "b.mkv", colorizer, options, codec=VideoCodec.FFV1)
        cb = np.stack([planes[1].astype(float) for planes in read_film(tmp_path / "b.mkv")[1]])
        step = np.abs(np.diff(cb.reshape(30, 8, 4, 12, 4).mean((2, 4)), axis=0)).mean((1, 2))
        assert step[14] > 5 * np.delete(step, 14).max()


class TestInterlaced:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        """Fields that are a pixel apart, as a camera that pans quickly sees them."""
        moments = draw_frames(24)
        frames = [moments[2 * n].copy() for n in range(12)]
        for n, frame in enumerate(frames):
            frame[1::2] = moments[2 * n + 1][1::2]
        options = {"crf": "5", "preset": "ultrafast", "x264-params": "tff=1"}
        return write_film(tmp_path / "a.mp4", frames, options=options)

    def test_it_is_named_and_stays(
        self, source: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        _, notices = run(source, tmp_path / "b.mp4", colorizer, options)
        assert "is interlaced and stays so; --deinterlace makes it progressive" in notices[0]
        with av.open(str(tmp_path / "b.mp4")) as film:
            assert next(film.decode(video=0)).interlaced_frame

    def test_it_is_made_progressive(
        self, source: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        _, notices = run(source, tmp_path / "b.mp4", colorizer, options, deinterlace=True)
        assert notices == []
        assert read_film(tmp_path / "b.mp4")[0] == read_film(source)[0]
        with av.open(str(tmp_path / "b.mp4")) as film:
            assert not next(film.decode(video=0)).interlaced_frame
