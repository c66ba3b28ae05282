import dataclasses
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from colorgan.colorization import ColorizeOptions, Colorizer, Hint, Job, Notice, Product, Progress, Status
from colorgan.film import FilmOptions, FilmOutcome, VideoCodec, run_films, work
from colorgan.film import outcome as telling
from film_support import draw_frames, packets_of, read_film, write_color_film, write_film

VARIABLE = [0, 24, 48, 96, 120, 150, 151, 200, *range(224, 224 + 24 * 32, 24)]  # in 600ths of a second


def run(
    source: Path, target: Path, colorizer: Colorizer, options: ColorizeOptions, **film: object
) -> tuple[FilmOutcome, list[str]]:
    events = list(run_films([Job(0, source, target)], colorizer, options, FilmOptions(**film)))
    (outcome,) = (event for event in events if isinstance(event, FilmOutcome))
    return outcome, [event.message for event in events if isinstance(event, Notice)]


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
        with av.open(str(old_film)) as old, av.open(str(target)) as new:
            assert new.metadata["title"] == "Lumière"
            assert new.metadata["comment"].startswith("of 1895\ncolourised by colorgan")
            assert [c["metadata"]["title"] for c in new.chapters()] == ["0", "1", "2"]
            assert [c["start"] for c in new.chapters()] == [c["start"] for c in old.chapters()]
            one, other = old.streams.video[0], new.streams.video[0]
            assert other.sample_aspect_ratio == one.sample_aspect_ratio == Fraction(4, 3)
            assert other.duration == one.duration
            old_frame, new_frame = next(old.decode(video=0)), next(new.decode(video=0))
            for name in ("color_range", "colorspace", "color_primaries", "color_trc", "rotation"):
                assert getattr(new_frame, name) == getattr(old_frame, name)
            assert new_frame.rotation == -90
        assert sorted(path.name for path in tmp_path.iterdir()) == ["new.mp4", "old.mp4"]

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

    @pytest.mark.parametrize("size", [(97, 64), (96, 63), (33, 17)])
    def test_odd_sizes(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, size: tuple[int, int]
    ) -> None:
        frames = draw_frames(4, size)
        source = write_film(tmp_path / "a.mkv", frames, codec="ffv1", pixel_format="yuv420p", options={"level": "3"})
        outcome, _ = run(source, tmp_path / "b.mkv", colorizer, options)
        assert outcome.status is Status.COLORIZED, outcome.reason
        assert read_film(tmp_path / "b.mkv")[1][0][0].shape == size[::-1]

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
            times = [[float(f.pts * f.time_base) for f in film.decode(video=0)] for film in (old, new)]
        assert times[1] == pytest.approx(times[0])
        assert times[1][0] == 0

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

    def test_a_part_begins_at_nought(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        target = tmp_path / "part.mp4"
        run(old_film, target, colorizer, options, begin=Fraction(200, 600), end=Fraction(1))
        with av.open(str(old_film)) as film:
            times = [frame.pts * frame.time_base for frame in film.decode(video=0)]
        wanted = [time - Fraction(200, 600) for time in times if Fraction(200, 600) <= time < 1]
        with av.open(str(target)) as film:
            assert [frame.pts * frame.time_base for frame in film.decode(video=0)] == wanted
            assert 0 <= film.streams.audio[0].start_time * film.streams.audio[0].time_base < 0.15
            assert [round(float(c["start"] * c["time_base"]), 3) for c in film.chapters()] == [0.0, 0.167]

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

    def test_what_is_there_and_what_is_in_colour_is_passed_over(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        target = tmp_path / "new.mp4"
        run(old_film, target, colorizer, options)
        assert run(old_film, target, colorizer, options)[0].reason == "its result is there already"
        source = write_color_film(tmp_path / "colour.mkv", 4)
        again, _ = run(source, tmp_path / "again.mkv", colorizer, options)
        assert (again.status, again.reason) == (Status.SKIPPED, "it is in colour already")

    def test_scenes_for_reports(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        options = dataclasses.replace(options, previews=True)
        outcome, _ = run(old_film, tmp_path / "new.mp4", colorizer, options)
        assert len(outcome.scenes) == 3


class TestGoingOn:
    @pytest.mark.parametrize("cuts", [(13, 29), ()])
    def test_a_broken_run_goes_on_from_its_last_segment(
        self,
        tmp_path: Path,
        colorizer: Colorizer,
        options: ColorizeOptions,
        monkeypatch: pytest.MonkeyPatch,
        cuts: tuple[int, ...],
    ) -> None:
        monkeypatch.setattr(work, "_SEGMENT", 8)
        monkeypatch.setattr("colorgan.film.lookahead._MOST_FRAMES", 12)
        monkeypatch.setattr(telling, "PROGRESS", 0.0)
        source = write_film(tmp_path / "a.mkv", draw_frames(45, cuts=cuts), sound=True)
        with_previews = dataclasses.replace(options, previews=True)
        whole, _ = run(source, tmp_path / "whole.mkv", colorizer, with_previews, codec=VideoCodec.FFV1)
        target = tmp_path / "new.mkv"
        events = run_films([Job(0, source, target)], colorizer, with_previews, FilmOptions(codec=VideoCodec.FFV1))
        for event in events:
            if isinstance(event, Progress) and event.done == 31:
                break
        events.close()
        assert not target.exists()
        assert (tmp_path / ".new.mkv.colorgan" / "state.json").exists()
        outcome, notices = run(source, target, colorizer, with_previews, codec=VideoCodec.FFV1)
        assert outcome.pages == 45
        assert outcome.scenes == whole.scenes
        assert len(outcome.scenes) == len(cuts) + 1
        assert "going on after" in notices[0]
        assert read_film(target)[0] == read_film(tmp_path / "whole.mkv")[0]
        for one, other in zip(read_film(target)[1], read_film(tmp_path / "whole.mkv")[1], strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        assert packets_of(target, "audio") == packets_of(source, "audio")
        assert not (tmp_path / ".new.mkv.colorgan").exists()

    def test_other_settings_begin_anew(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(work, "_SEGMENT", 8)
        monkeypatch.setattr(telling, "PROGRESS", 0.0)
        source, target = write_film(tmp_path / "a.mp4", draw_frames(30, cuts=(10, 20))), tmp_path / "new.mp4"
        events = run_films([Job(0, source, target)], colorizer, options, FilmOptions())
        next(event for event in events if isinstance(event, Progress) and event.done == 25)
        events.close()
        _, notices = run(source, target, colorizer, options, crf=30)
        assert notices == []

    def test_after_kill_9(self, tmp_path: Path, tiny_weights: Path) -> None:
        source, target = (
            write_film(tmp_path / "a.mp4", draw_frames(40, cuts=(10, 20, 30)), sound=True),
            tmp_path / "b.mp4",
        )
        program = (
            "import os, sys\n"
            "from pathlib import Path\n"
            "from colorgan.colorization import ColorizeOptions, Colorizer, Job\n"
            "from colorgan.film import FilmOptions, FilmOutcome, outcome, run_films, work\n"
            "work._SEGMENT, outcome.PROGRESS = 8, 0.0\n"
            "source, target, weights, die = sys.argv[1:]\n"
            "colorizer = Colorizer.load(weights, device='cpu', precision='float32')\n"
            "job = Job(0, Path(source), Path(target))\n"
            "for event in run_films([job], colorizer, ColorizeOptions(render=colorizer.render), FilmOptions()):\n"
            "    if die == 'yes' and getattr(event, 'done', 0) == 27: os.kill(os.getpid(), 9)\n"
            "    print(getattr(event, 'message', getattr(event, 'status', '')))\n"
        )
        command = [sys.executable, "-c", program, str(source), str(target), str(tiny_weights)]
        assert subprocess.run([*command, "yes"], check=False, capture_output=True).returncode == -9
        assert not target.exists()
        second = subprocess.run([*command, "no"], check=True, capture_output=True, text=True)
        assert "going on after 20 frames" in second.stdout
        assert read_film(target)[0] == read_film(source)[0]
        assert packets_of(target, "audio") == packets_of(source, "audio")


class TestBadInput:
    def test_the_others_go_on(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        good = write_film(tmp_path / "good.mp4", draw_frames(5))
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(good.read_bytes()[:600])
        out = tmp_path / "out"
        jobs = [Job(n, path, out / path.name) for n, path in enumerate((cut, good))]
        outcomes = [e for e in run_films(jobs, colorizer, options, FilmOptions()) if isinstance(e, FilmOutcome)]
        assert [outcome.status for outcome in outcomes] == [Status.FAILED, Status.COLORIZED]
        assert outcomes[0].reason.startswith("it cannot be read as a film: it is damaged")
        assert sorted(path.name for path in out.iterdir()) == ["good.mp4"]

    def test_a_film_that_changes(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(telling, "PROGRESS", 0.0)
        source, target = write_film(tmp_path / "a.mp4", draw_frames(12)), tmp_path / "b.mp4"
        events = run_films([Job(0, source, target)], colorizer, options, FilmOptions())
        next(events)
        source.touch()
        (*_, outcome) = events
        assert outcome.reason == "it changed while it was being coloured; run again"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]

    def test_a_disk_that_is_full(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(work, "write_packet", full)
        outcome, _ = run(write_film(tmp_path / "a.mp4", draw_frames(5)), tmp_path / "b.mp4", colorizer, options)
        assert outcome.reason.endswith("b.mp4 cannot be written: the disk is full; make room and run again")
        assert not (tmp_path / "b.mp4").exists()

    def test_a_muxer_that_gives_up_leaves_nothing(
        self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def give_up(*_: object, **__: object) -> None:
            raise av.ExternalError(542398533, "Generic error in an external library")

        assert not issubclass(av.ExternalError, OSError)
        monkeypatch.setattr(work, "join_film", give_up)
        outcome, _ = run(write_film(tmp_path / "a.mp4", draw_frames(5)), tmp_path / "b.mp4", colorizer, options)
        assert outcome.status is Status.FAILED
        assert "an external library" in outcome.reason
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]

    def test_a_quality_that_cannot_be(self, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions) -> None:
        source = write_film(tmp_path / "a.mp4", draw_frames(2))
        assert "0..51" in run(source, tmp_path / "b.mp4", colorizer, options, crf=60)[0].reason
        assert ".mp4, .m4v" in run(source, tmp_path / "b.gif", colorizer, options)[0].reason


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
        assert "lies outside the picture of 96 x 64 pixels" in outcome.reason
