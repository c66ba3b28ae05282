"""One file at a time: files with more pages than memory shall hold, and files that change."""

import dataclasses
import io
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorgan.colorization import ColorizeOptions, Colorizer, Outcome, Status, plan_paths, work
from colorgan.colorization.plan import Side, make_plan
from colorgan.colorization.runner import run_jobs
from colorgan.colorization.search import find_sources
from colorgan.config import ColorInput, Existing
from colorgan.images import is_image_name
from colorgan.session import colorize_paths
from support import draw_photo


def write_book(path: Path, pages: int, size: tuple[int, int] = (60, 48), **options: Any) -> None:
    with tifffile.TiffWriter(path) as writer:
        for number in range(pages):
            writer.write(np.asarray(draw_photo(number, size).convert("L")), metadata=None, **options)


def run(source: Path, target: Path, colorizer: Colorizer, **changes: Any) -> list[Outcome]:
    events = colorize_paths([source], target, colorizer=colorizer, **changes)
    return [event for event in events if isinstance(event, Outcome)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that shall hold three pages of the book."""
    monkeypatch.setattr(work, "_MOST_HELD", 2 * 60 * 48 + 1)


class TestParts:
    def test_give_what_all_pages_at_once_give(
        self, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_book(tmp_path / "book.tif", 8)
        plan = plan_paths([tmp_path / "book.tif"], tmp_path / "whole")
        assert plan.jobs[0].pages == 8
        (whole,) = run(tmp_path / "book.tif", tmp_path / "whole", colorizer, contact_sheet=tmp_path / "sheet.png")
        monkeypatch.setattr(work, "_MOST_HELD", 2 * 60 * 48 + 1)
        (parts,) = run(tmp_path / "book.tif", tmp_path / "parts", colorizer, contact_sheet=tmp_path / "sheet.png")
        assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
        assert len(contents(tmp_path / "parts")) == 8
        facts = [dataclasses.replace(o, job=plan.jobs[0], seconds=0.0, files=()) for o in (whole, parts)]
        assert facts[0] == facts[1]
        assert (parts.pages, parts.width, parts.height) == (8, 60, 48)
        assert parts.seconds > 0
        assert len(parts.files) == 8

    @pytest.mark.usefixtures("narrow")
    def test_masks_and_maps_of_every_page(self, tmp_path: Path, colorizer: Colorizer) -> None:
        write_book(tmp_path / "book.tif", 8)
        folders = {Side.UNCERTAINTY: tmp_path / "doubt", Side.MASK: tmp_path / "filled"}
        plan = make_plan(
            find_sources([tmp_path / "book.tif"], is_image_name=is_image_name), tmp_path / "out", side_folders=folders
        )
        jobs = [dataclasses.replace(job, pages=8) for job in plan.jobs]
        (outcome,) = run_jobs(jobs, colorizer, ColorizeOptions(render=colorizer.render), workers=2)
        assert isinstance(outcome, Outcome)
        assert outcome.status is Status.COLORIZED, outcome.reason
        assert [len(contents(tmp_path / name)) for name in ("out", "doubt", "filled")] == [8, 8, 8]

    @pytest.mark.usefixtures("narrow")
    def test_nothing_is_written_if_the_last_page_is_in_colour(self, tmp_path: Path, colorizer: Colorizer) -> None:
        pages = [draw_photo(number).convert("L") for number in range(6)] + [draw_photo(7)]
        pages[0].save(tmp_path / "book.tif", save_all=True, append_images=pages[1:])
        (outcome,) = run(tmp_path / "book.tif", tmp_path / "out", colorizer)
        assert outcome.status is Status.SKIPPED
        assert not (tmp_path / "out").exists()
        (outcome,) = run(tmp_path / "book.tif", tmp_path / "out", colorizer, color_input=ColorInput.RECOLOR)
        assert outcome.status is Status.COLORIZED, outcome.reason

    @pytest.mark.usefixtures("narrow")
    def test_nothing_is_written_if_the_last_page_is_damaged(self, tmp_path: Path, colorizer: Colorizer) -> None:
        write_book(tmp_path / "book.tif", 7, compression="zlib")
        with tifffile.TiffFile(tmp_path / "book.tif") as tiff:
            place = tiff.pages[6].dataoffsets[0]
        with (tmp_path / "book.tif").open("r+b") as file:
            file.seek(place)
            file.write(b"\xff" * 40)
        (outcome,) = run(tmp_path / "book.tif", tmp_path / "out", colorizer)
        assert outcome.status is Status.FAILED
        assert not (tmp_path / "out").exists()

    @pytest.mark.usefixtures("narrow")
    def test_a_file_that_changes_between_two_parts(
        self, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_book(tmp_path / "book.tif", 8)
        write_book(tmp_path / "other.tif", 8, compression="zlib")
        fill = work.inpaint_missing

        def change(photo: Any, *rest: Any) -> Any:
            if photo.page == 1:
                (tmp_path / "other.tif").replace(tmp_path / "book.tif")
            return fill(photo, *rest)

        monkeypatch.setattr(work, "inpaint_missing", change)
        (outcome,) = run(tmp_path / "book.tif", tmp_path / "out", colorizer)
        assert outcome.status is Status.FAILED
        assert "changed while it was read" in outcome.reason

    def test_memory_does_not_grow_with_the_pages(
        self, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(work, "_MOST_HELD", 1 << 20)
        peaks = []
        for pages in (8, 48):
            write_book(tmp_path / f"{pages}.tif", pages, size=(600, 500), compression="zlib")
            (job,) = plan_paths([tmp_path / f"{pages}.tif"], tmp_path / f"out-{pages}").jobs
            list(run_jobs([job], colorizer, ColorizeOptions(render=colorizer.render), workers=1))
            tracemalloc.start()
            options = ColorizeOptions(render=colorizer.render, existing=Existing.OVERWRITE)
            (outcome,) = run_jobs([job], colorizer, options, workers=1)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert isinstance(outcome, Outcome)
            assert outcome.pages == pages
        assert peaks[1] < peaks[0] + (2 << 20)  # the 40 pages more have 12 MB


class TestStandardInput:
    @pytest.mark.usefixtures("narrow")
    @pytest.mark.parametrize("seekable", [True, False])
    def test_pages_come_in_parts(
        self, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch, seekable: bool
    ) -> None:
        write_book(tmp_path / "book.tif", 8)
        give((tmp_path / "book.tif").read_bytes(), monkeypatch, seekable=seekable)
        (outcome,) = run(Path("-"), tmp_path / "out", colorizer)
        assert outcome.status is Status.COLORIZED, outcome.reason
        assert len(contents(tmp_path / "out")) == 8

    def test_closed(self, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        (outcome,) = run(Path("-"), tmp_path / "out", colorizer)
        assert outcome.reason == "standard input is closed; pipe a picture into it, or pass a file"

    def test_without_an_end_it_is_not_held(
        self, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A copy of what is in colour needs the input twice."""
        monkeypatch.setenv("COLORGAN_MAX_BYTES", "3000000")
        buffer = io.BytesIO()
        Image.new("RGB", (20, 20), "red").save(buffer, "PNG")
        give(buffer.getvalue() + bytes(4_000_000), monkeypatch)
        (outcome,) = run(Path("-"), tmp_path / "out", colorizer, color_input=ColorInput.COPY)
        assert outcome.status is Status.FAILED
        assert "longer than 3,000,000 bytes" in outcome.reason


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def give(data: bytes, monkeypatch: pytest.MonkeyPatch, *, seekable: bool = False) -> None:
    stream = io.BytesIO(data) if seekable else _Pipe(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
