"""Encoders and packets."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from colorgan.colorization import ColorizeOptions, Colorizer, Status
from colorgan.errors import UsageError
from colorgan.film import VideoCodec
from colorgan.film.encode import (
    Stored,
    choose_encoding,
    delay_of,
    make_frame,
    nominal_duration,
    open_encoder,
    read_packets,
    write_packet,
)
from film_support import draw_frames, film_facts, packets_of, read_film, run, write_film


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


class TestChooseEncoding:
    @pytest.mark.parametrize(
        ("suffix", "codec", "encoder"),
        [
            (".mp4", VideoCodec.AUTO, "libx264"), (".webm", VideoCodec.AUTO, "libvpx-vp9"),
            (".WEBM", VideoCodec.AUTO, "libvpx-vp9"), (".mkv", VideoCodec.FFV1, "ffv1"),
        ],
    )  # fmt: skip
    def test_by_name_or_as_asked(self, suffix: str, codec: VideoCodec, encoder: str) -> None:
        assert choose_encoding(film_facts(), codec, None, suffix, double=False).encoder == encoder

    @pytest.mark.parametrize(
        ("layout", "bits", "codec", "pixel_format"),
        [
            ("420", 8, VideoCodec.H264, "yuv420p"), ("422", 10, VideoCodec.H264, "yuv422p10le"),
            ("444", 12, VideoCodec.H264, "yuv444p10le"), ("444", 16, VideoCodec.FFV1, "yuv444p16le"),
            ("422", 10, VideoCodec.VP9, "yuv422p"),
        ],
    )  # fmt: skip
    def test_the_pixel_format_nearest_to_the_source(
        self, layout: str, bits: int, codec: VideoCodec, pixel_format: str
    ) -> None:
        found = choose_encoding(film_facts(layout=layout, bits=bits), codec, None, ".mkv", double=False)
        assert found.pixel_format == pixel_format

    def test_quality_and_two_pictures_beside_each_other(self) -> None:
        found = choose_encoding(film_facts(), VideoCodec.H264, 30, ".mp4", double=True)
        assert dict(found.options)["crf"] == "30"
        assert (found.width, found.height) == (64, 16)

    @pytest.mark.parametrize(
        ("codec", "crf", "said"),
        [(VideoCodec.H264, 52, r"0\.\.51"), (VideoCodec.VP9, -1, r"0\.\.63"), (VideoCodec.FFV1, 0, "left out")],
    )
    def test_a_quality_that_cannot_be(self, codec: VideoCodec, crf: int, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            choose_encoding(film_facts(), codec, crf, ".mkv", double=False)

    def test_an_encoder_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(av, "codecs_available", {"ffv1"})
        with pytest.raises(UsageError, match="no encoder for h264; give another --video-codec"):
            choose_encoding(film_facts(), VideoCodec.AUTO, None, ".mp4", double=False)


class TestPackets:
    def test_there_and_back(self, tmp_path: Path) -> None:
        facts = film_facts()
        encoding = choose_encoding(facts, VideoCodec.FFV1, None, ".mkv", double=False)
        encoder, given = open_encoder(encoding, facts), []
        with (tmp_path / "packets").open("wb") as file:
            for number in range(3):
                luma = np.full((16, 32), 40 * number, np.uint8)
                frame = make_frame(luma, (luma[::2, ::2], luma[::2, ::2]), encoding, facts)
                frame.pts = 24 * number
                for packet in encoder.encode(frame):
                    packet.duration = 24
                    write_packet(file, packet)
                    given.append(Stored(24 * number, 24, bool(packet.is_keyframe), bytes(packet)))
        assert len(given) == 3
        assert list(read_packets(tmp_path / "packets")) == given

    @pytest.mark.parametrize(
        ("times", "delay"), [([], 0), ([5], 0), ([0, 1, 2], 0), ([0, 3, 1, 2], 1), ([0, 8, 4, 2, 6], 2)]
    )
    def test_delay(self, times: list[int], delay: int) -> None:
        """Each may be decoded, in this order, before it is shown, once the first is shown `delay` packets late."""
        assert delay_of(times) == delay
        shown = sorted(times)
        assert all(times.index(pts) <= place + delay for place, pts in enumerate(shown))

    @pytest.mark.parametrize(
        ("rate", "duration"), [(Fraction(25), 24), (Fraction(24000, 1001), 25), (Fraction(9999), 1)]
    )
    def test_nominal_duration(self, rate: Fraction, duration: int) -> None:
        assert nominal_duration(film_facts(rate=rate)) == duration
