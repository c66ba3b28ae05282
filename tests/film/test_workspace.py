"""A film that was broken off goes on."""

import dataclasses
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch

from colorgan.colorization import ColorizeOptions, Colorizer, Job, Progress
from colorgan.colorization.products import Preview
from colorgan.film import FilmOptions, VideoCodec, run_films, work
from colorgan.film import outcome as telling
from colorgan.film.steady import Carried, Tint
from colorgan.film.workspace import Segment, Workspace, fingerprint_of
from film_support import draw_frames, packets_of, read_film, run, write_film


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
        assert isinstance(events, Generator)
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
        assert isinstance(events, Generator)
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


def segment(number: int, *, ends: bool = True) -> Segment:
    return Segment(f"{number}.packets", 8 * number, 8, 0, 7, 1, 0, ends, 1)


class TestWorkspace:
    def test_the_next_run_finds_what_this_one_kept(self, tmp_path: Path) -> None:
        one = Workspace(tmp_path / "a.mp4", "as now")
        one.open()
        one.header = "00ff"
        for number in range(3):
            one.add(segment(number), None)
        other = Workspace(tmp_path / "a.mp4", "as now")
        other.open()
        assert (other.segments, other.header) == ([segment(n) for n in range(3)], "00ff")
        assert other.carried() is None
        other.remove()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("damage", ["other settings", "no state", "half a state"])
    def test_what_does_not_fit_is_done_anew(self, tmp_path: Path, damage: str) -> None:
        one = Workspace(tmp_path / "a.mp4", "as now")
        one.open()
        one.path_of("0.packets").write_bytes(b"1")
        one.add(segment(0), None)
        state = one.folder / "state.json"
        if damage == "no state":
            state.unlink()
        if damage == "half a state":
            state.write_bytes(state.read_bytes()[:20])
        other = Workspace(tmp_path / "a.mp4", "later" if damage == "other settings" else "as now")
        other.open()
        assert other.segments == []
        assert list(other.folder.iterdir()) == []

    @pytest.mark.parametrize("advice", [None, torch.rand(1, 3, 4, 6)])
    def test_what_a_scene_carries_on(self, tmp_path: Path, advice: torch.Tensor | None) -> None:
        one = Workspace(tmp_path / "a.mp4", "as now")
        one.open()
        for number in range(3):
            tint = Tint(number, torch.rand(1, 1, 4, 6), torch.rand(1, 2, 4, 6))
            given = Carried(tint, torch.rand(1, 3, 4, 6), torch.rand(1, 1, 4, 6), 12.5, advice)
            one.add(segment(number, ends=False), given)
        other = Workspace(tmp_path / "a.mp4", "as now")
        other.open()
        found = other.carried()
        assert found is not None
        assert (found.tint.number, found.typical) == (2, 12.5)
        assert torch.equal(found.tint.thumb, given.tint.thumb)
        assert torch.equal(found.tint.ab, given.tint.ab)
        assert torch.equal(found.total, given.total)
        assert torch.equal(found.weight, given.weight)
        assert (found.advice is None) == (advice is None)
        if found.advice is not None and advice is not None:
            assert torch.equal(found.advice, advice)
        assert [path.name for path in other.folder.glob("carried*")] == ["carried-2.npz"]  # older ones are gone

    def test_previews_of_frames_before_one(self, tmp_path: Path) -> None:
        one = Workspace(tmp_path / "a.mp4", "as now")
        one.open()
        for number in (200, 0, 30):
            one.keep_preview(number, Preview(b"before %d" % number, b"after %d" % number))
        assert [preview.after for preview in one.previews(before=200)] == [b"after 0", b"after 30"]
        assert one.previews(before=201)[-1] == Preview(b"before 200", b"after 200")

    def test_fingerprints_depend_on_values_and_not_on_their_order(self) -> None:
        assert fingerprint_of({"a": 1, "b": Path("x")}) == fingerprint_of({"b": Path("x"), "a": 1})
        assert fingerprint_of({"a": 1}) != fingerprint_of({"a": 2})
