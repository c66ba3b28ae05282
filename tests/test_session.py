"""From a request to its results, without a terminal."""

import dataclasses
import json
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorgan import session
from colorgan.colorization import Colorizer, Hint, Notice, Outcome, Progress, Status
from colorgan.config import ModelConfig, RenderConfig
from colorgan.errors import UsageError
from colorgan.model import build_generator
from colorgan.request import ColorizeRequest, FilmOptions, Purpose
from colorgan.runtime import pick_runtime
from colorgan.session import ColorizeSession, Event, Finished, Loaded, Phase, colorize_paths
from support import draw_photo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "more").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "more/c.png")):
        draw_photo(number, (60, 48)).convert("L").save(tmp_path / "in" / name)
    return tmp_path / "in"


def events_of(request: ColorizeRequest, colorizer: Colorizer) -> list[Event]:
    return list(ColorizeSession(request, colorizer=colorizer).run())


class TestRun:
    def test_tells_how_it_goes(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        events = events_of(ColorizeRequest([folder], tmp_path / "out"), colorizer)
        loaded, phase, *outcomes, finished = events
        assert loaded == Loaded(colorizer)
        assert phase == Phase("colouring", "photographs", 3)
        assert isinstance(finished, Finished)
        assert set(finished.outcomes) == set(outcomes)
        assert finished.planned == 3
        assert {path.name for path in (tmp_path / "out").rglob("*.png")} == {"a.png", "b.png", "c.png"}

    def test_an_album_is_measured_first(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        events = events_of(ColorizeRequest([folder], tmp_path / "out", album=True), colorizer)
        kinds = [type(event) for event in events]
        assert kinds == [Loaded, Phase, *3 * [Progress], Phase, *3 * [Outcome], Finished]

    def test_reports(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        (folder / "bad.png").write_bytes(b"no picture")
        request = ColorizeRequest(
            [folder],
            tmp_path / "out",
            report=tmp_path / "run.html",
            contact_sheet=tmp_path / "sheet.png",
            manifest=tmp_path / "run.jsonl",
        )
        finished = events_of(request, colorizer)[-1]
        assert isinstance(finished, Finished)
        lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
        assert sorted(line["status"] for line in lines) == ["colorized"] * 3 + ["failed"]
        assert (tmp_path / "run.html").read_text().count("<figure>") == 3
        with Image.open(tmp_path / "sheet.png") as sheet:
            assert sheet.width > 100

    def test_the_first_failure_can_end_it(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        (folder / "0.png").write_bytes(b"no picture")
        finished = events_of(ColorizeRequest([folder], tmp_path / "out", fail_fast=True, workers=1), colorizer)[-1]
        assert isinstance(finished, Finished)
        assert finished.outcomes[-1].status is Status.FAILED
        assert len(finished.outcomes) < finished.planned == 4

    def test_stopped(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        session = ColorizeSession(ColorizeRequest([folder], tmp_path / "out", manifest=tmp_path / "m.csv"),
                                  colorizer=colorizer)  # fmt: skip
        events = list(session.run(should_stop=lambda: True))
        assert events[-1] == Finished((), 3)
        assert not (tmp_path / "out").exists()
        assert (tmp_path / "m.csv").read_text().startswith("colorgan,date")

    def test_parts(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        done: list[str] = []
        for part in (1, 2):
            finished = events_of(ColorizeRequest([folder], tmp_path / "out", shard=(part, 2)), colorizer)[-1]
            assert isinstance(finished, Finished)
            done += [outcome.job.source.name for outcome in finished.outcomes]
        assert sorted(done) == ["a.png", "b.png", "c.png"]


class TestRefused:
    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="hold no photographs"):
            ColorizeSession(ColorizeRequest([tmp_path], tmp_path / "out"))
        assert ColorizeSession(ColorizeRequest([tmp_path], tmp_path / "out", purpose=Purpose.WATCH)).part.jobs == ()

    def test_options_for_what_is_not_there(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--crf holds for films alone, and the inputs are photographs; leave"):
            ColorizeSession(ColorizeRequest([folder], tmp_path / "out", film=FilmOptions(crf=3)))
        for path in folder.rglob("*.png"):
            path.unlink()
        (folder / "a.mp4").write_bytes(b"x")
        with pytest.raises(UsageError, match="--album and --repair hold for photographs alone, and the inputs are"):
            ColorizeSession(ColorizeRequest([folder], tmp_path / "out", album=True, repair="auto"))

    def test_options_for_a_part_are_told(self, folder: Path, tmp_path: Path) -> None:
        pytest.importorskip("av")
        (folder / "a.mp4").write_bytes(b"x")
        request = ColorizeRequest([folder], tmp_path / "out", variants=2, film=FilmOptions(begin=Fraction(1)))
        assert ColorizeSession(request).notes == (
            "--variants holds for photographs alone; films (1) are coloured as if it was not given",
            "--start holds for films alone; photographs (3) are coloured as if it was not given",
        )

    @pytest.mark.parametrize(
        ("given", "names"),
        [
            ({"mute_uncertain": True}, "--mute-uncertain"),
            ({"variants": 3, "uncertainty": "maps"}, "--uncertainty and --variants"),
        ],
    )
    def test_what_a_network_without_bins_cannot_do(
        self, folder: Path, tmp_path: Path, tiny_config: ModelConfig, given: dict[str, Any], names: str
    ) -> None:
        config = dataclasses.replace(tiny_config, bins=False)
        plain = Colorizer(
            build_generator(config).eval(), RenderConfig(size=64), pick_runtime("cpu", "float32"), name="plain"
        )
        with pytest.raises(UsageError, match=f"gives one colour for each place .*; leave {names} out"):
            list(colorize_paths([folder], tmp_path / "out", colorizer=plain, **given))
        assert not (tmp_path / "out").exists()
        assert len(list(colorize_paths([folder], tmp_path / "out", colorizer=plain))) == 3

    def test_a_page_shows_no_films(self, folder: Path, tmp_path: Path) -> None:
        pytest.importorskip("av")
        (folder / "a.mp4").write_bytes(b"x")
        with pytest.raises(UsageError, match="shows photographs only"):
            ColorizeSession(ColorizeRequest([folder], tmp_path / "out", purpose=Purpose.PAGE))


class TestWithoutPyAV:
    @pytest.fixture(autouse=True)
    def without(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(session, "find_spec", lambda _: None)

    def test_films_alone_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(b"x")
        with pytest.raises(UsageError, match=r"pip install 'colorgan\[video\]'; nothing was done"):
            ColorizeSession(ColorizeRequest([tmp_path / "a.mp4"], tmp_path / "b.mp4"))

    def test_photographs_go_on(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(b"x")
        draw_photo(1).save(tmp_path / "b.jpg")
        found = ColorizeSession(ColorizeRequest([tmp_path], tmp_path / "out"))
        assert [job.source.name for job in found.part.jobs] == ["b.jpg"]
        assert "1 films are passed over" in found.notes[0]

    def test_animations_become_photographs(self, tmp_path: Path) -> None:
        still, moving = draw_photo(1), draw_photo(2)
        moving.save(tmp_path / "a.webp", save_all=True, append_images=[still])
        found = ColorizeSession(ColorizeRequest([tmp_path], tmp_path / "out"))
        assert [(job.source.name, job.film) for job in found.part.jobs] == [("a.webp", False)]
        assert "of 1 animations the first frame is coloured" in found.notes[0]


class TestColorizePaths:
    def test_has_what_the_command_has(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        events = colorize_paths(
            [str(folder / "a.png")],
            str(tmp_path / "out"),
            colorizer=colorizer,
            strength=0.0,
            suffix="-grey",
            manifest=str(tmp_path / "m.jsonl"),
        )
        (outcome,) = events
        assert isinstance(outcome, Outcome)
        pixels = np.asarray(Image.open(tmp_path / "out" / "a-grey.png").convert("RGB")).astype(int)
        assert np.ptp(pixels, axis=-1).max() <= 1
        assert json.loads((tmp_path / "m.jsonl").read_text())["settings"]["strength"] == 0

    def test_hints_may_be_written_as_on_the_command_line(
        self, folder: Path, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        (outcome,) = colorize_paths([folder / "a.png"], tmp_path / "out", colorizer=colorizer, hints=["9,8=#ff0000"])
        assert isinstance(outcome, Outcome)
        assert outcome.job.hints == (Hint(9, 8, "#ff0000"),)

    def test_refuses_before_it_returns(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="give one of them"):
            colorize_paths([folder], tmp_path / "out", variants=2, strength_strip=True)
        with pytest.raises(TypeError, match="unexpected keyword"):
            colorize_paths([folder], tmp_path / "out", strenght=2)

    def test_leaving_early_leaves_nothing_half_done(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        events = colorize_paths([folder], tmp_path / "out", colorizer=colorizer, workers=1)
        next(iter(events))
        assert isinstance(events, Generator)
        events.close()
        written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
        assert 1 <= len(written) < 3
        for path in written:
            with Image.open(path) as picture:
                picture.load()

    def test_notices_come_too(self, folder: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        (folder / "dark.png").unlink(missing_ok=True)
        Image.fromarray(np.full((40, 40), 700, np.uint16)).save(folder / "dark.png")
        events = list(colorize_paths([folder / "dark.png"], tmp_path / "out", colorizer=colorizer))
        assert [type(event) for event in events] == [Notice, Outcome]
