"""Encoders and packets."""

from pathlib import Path

import av
import numpy as np
import pytest

from colorgan.colorization import ColorizeOptions, Colorizer, Status
from colorgan.film import VideoCodec
from film_support import draw_frames, packets_of, read_film, run, write_film


class TestCodecs:
    @pytest.mark.parametrize(
        ("codec", "suffix", "name"),
        [(VideoCodec.HEVC, ".mp4", "hevc"), (VideoCodec.VP9, ".webm", "vp9"), (VideoCodec.AUTO, ".mov", "h264")],
    )
    def test_codecs(
        self,
        tmp_path: Path,
        colorizer: Colorizer,
        options: ColorizeOptions,
        codec: VideoCodec,
        suffix: str,
        name: str,
    ) -> None:
        source = write_film(tmp_path / "a.mp4", draw_frames(10))
        outcome, _ = run(source, tmp_path / f"b{suffix}", colorizer, options, codec=codec, crf=30)
        assert outcome.status is Status.COLORIZED, outcome.reason
        with av.open(str(tmp_path / f"b{suffix}")) as film:
            assert film.streams.video[0].codec_context.name.endswith(name) or name in film.streams.video[0].codec.name
        assert len(read_film(tmp_path / f"b{suffix}")[0]) == 10

    @pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "gray"])
    def test_without_loss_the_luma_is_the_source(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, pixel_format: str
    ) -> None:
        frames = draw_frames(12, cuts=(5,))
        deep = pixel_format.endswith("10le")
        frames = [frame.astype(np.uint16) * 4 if deep else frame for frame in frames]
        source = write_film(
            tmp_path / "a.mkv", frames, codec="ffv1", pixel_format=pixel_format, options={"level": "3"}, sound=True
        )
        target = tmp_path / "b.mkv"
        outcome, _ = run(source, target, colorizer, options, codec=VideoCodec.FFV1)
        assert outcome.status is Status.COLORIZED, outcome.reason
        times, planes = read_film(target)
        assert times == read_film(source)[0]
        for frame, (luma, cb, _) in zip(frames, planes, strict=True):
            assert luma.dtype == frame.dtype
            assert np.array_equal(luma, frame)
            assert cb.shape == ((64, 48) if deep else (32, 48))
        assert packets_of(target, "audio") == packets_of(source, "audio")
