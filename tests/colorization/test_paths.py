"""From what a person named to the places of all results."""

import errno
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorgan import files
from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Outcome,
    Side,
    Status,
    add_masks,
    check_reports,
    plan_paths,
    run_jobs,
    write_report,
    write_sheet,
)
from colorgan.config import Existing
from colorgan.errors import UsageError
from colorgan.request import STREAM
from colorgan.session import colorize_paths
from support import draw_photo


class TestPages:
    def test_all_are_planned(self, book: Path, tmp_path: Path) -> None:
        (job,) = plan_paths([book.parent], tmp_path / "out", side_folders={Side.UNCERTAINTY: tmp_path / "doubt"}).jobs
        assert [path.name for path in job.results] == ["book.tif", "book-page2.tif", "book-page3.tif"]
        assert [path.name for path in job.side_files] == [
            "book.tif.png", "book.tif-page2.png", "book.tif-page3.png",
        ]  # fmt: skip

    def test_never_over_a_file_that_was_there(self, book: Path) -> None:
        """It is beside the photograph, and nobody named it."""
        other = book.with_name("book-page2.png")
        draw_photo(5, (20, 20)).save(other)
        before = other.read_bytes()
        for existing in Existing:
            with pytest.raises(UsageError, match=r"book-page2\.png, a file that colorgan did not make"):
                plan_paths([book], book.parent, image_format="png", existing=existing)
        with pytest.raises(UsageError, match=r"page 2 of .*book\.tif would be written over the photograph"):
            plan_paths([book, other], book.parent, image_format="png")
        assert other.read_bytes() == before

    @pytest.mark.parametrize("existing", [Existing.SKIP, Existing.OVERWRITE])
    def test_never_for_or_over_the_result_of_another_photograph(
        self, book: Path, tmp_path: Path, colorizer: Colorizer, existing: Existing
    ) -> None:
        """An earlier run took its name from a photograph that is called so; or the other way round."""
        other = tmp_path / "book-page2.tif"
        draw_photo(5, (20, 20)).convert("L").save(other)
        out, back = tmp_path / "out", tmp_path / "back"
        list(colorize_paths([other], out, colorizer=colorizer))
        before = (out / other.name).read_bytes()
        with pytest.raises(UsageError, match=r"out.book-page2\.tif, the result of book-page2\.tif; nothing was done"):
            plan_paths([book], out, existing=existing)
        assert (out / other.name).read_bytes() == before
        list(colorize_paths([book], back, colorizer=colorizer))
        with pytest.raises(UsageError, match=r"back.book-page2\.tif, the result of page 2 of book\.tif; nothing was"):
            plan_paths([other], back, existing=existing)
        assert plan_paths([book], back, existing=existing).jobs[0].is_done
        assert plan_paths([other], out, existing=existing).jobs[0].is_done

    @pytest.mark.parametrize("name", ["caf\udce9.tif", "Ko\u0308ln.tif", " a  b .tif", "moved.tif"])
    def test_names_that_a_note_does_not_hold_as_they_are(
        self, book: Path, tmp_path: Path, colorizer: Colorizer, name: str
    ) -> None:
        source = book.rename(book.with_name(name)) if name != "moved.tif" else book
        list(colorize_paths([source], tmp_path / "out", colorizer=colorizer))
        if name == "moved.tif":
            source = book.rename(book.with_name(name))
            for page in (tmp_path / "out").iterdir():
                page.rename(page.with_name(page.name.replace("book", "moved")))
        (job,) = plan_paths([source], tmp_path / "out").jobs
        assert job.is_done
        assert len(job.results) == 3

    def test_never_to_the_place_of_another_result(self, book: Path, tmp_path: Path) -> None:
        draw_photo(5, (20, 20)).convert("L").save(book.with_name("book-page3.tif"))
        with pytest.raises(UsageError, match=r"book-page3\.tif and .*page 3 of .* would both|page 3 of .* would both"):
            plan_paths([book.parent], tmp_path / "out")

    @pytest.mark.parametrize("name", ["book-page2.tif", "doubt/book.tif-page3.png", "doubt/book.tif.png"])
    def test_what_one_run_lacks_the_next_one_makes(
        self, book: Path, tmp_path: Path, colorizer: Colorizer, name: str
    ) -> None:
        """And it leaves alone what is there."""
        out = tmp_path / "out"

        def run() -> Outcome:
            (outcome,) = colorize_paths([book], out, colorizer=colorizer, uncertainty=out / "doubt")
            assert isinstance(outcome, Outcome)
            return outcome

        assert run().files == tuple(out / n for n in ("book.tif", "book-page2.tif", "book-page3.tif"))
        whole = {path: path.read_bytes() for path in out.rglob("*.*")}
        assert len(whole) == 6
        assert run().status is Status.SKIPPED
        (out / name).unlink()
        kept = {path: path.stat().st_ino for path in out.rglob("*.*")}
        assert run().status is Status.COLORIZED
        assert {path: path.read_bytes() for path in out.rglob("*.*")} == whole
        assert {path: path.stat().st_ino for path in kept} == kept

    @pytest.mark.parametrize("name", ["book-page2.tif", "doubt/book.tif-page2.png"])
    def test_any_of_them_exists(self, book: Path, tmp_path: Path, colorizer: Colorizer, name: str) -> None:
        out = tmp_path / "out"
        list(colorize_paths([book], out, colorizer=colorizer, uncertainty=out / "doubt"))
        for path in [path for path in out.rglob("*.*") if path != out / name]:
            path.unlink()
        with pytest.raises(UsageError, match="exists already"):
            plan_paths([book], out, side_folders={Side.UNCERTAINTY: out / "doubt"}, existing=Existing.ERROR)

    @pytest.mark.parametrize("full_at", range(6))
    def test_a_disk_that_is_full_for_a_while(
        self, book: Path, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch, full_at: int
    ) -> None:
        """Between any two files it leaves a photograph that is not done, and the next run makes the rest."""
        make, names = files._create, list[str]()

        def note(target: Path) -> object:
            names.append(target.name)
            if len(names) == full_at + 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return make(target)

        monkeypatch.setattr(files, "_create", note)
        statuses = []
        for _ in range(3):
            (outcome,) = colorize_paths([book], tmp_path / "out", colorizer=colorizer, uncertainty=tmp_path / "doubt")
            assert isinstance(outcome, Outcome)
            statuses.append(outcome.status)
        assert statuses == [Status.FAILED, Status.COLORIZED, Status.SKIPPED]
        assert len(names) == 7  # each of the six files once, and the one that was refused
        assert len(list((tmp_path / "out").iterdir())) == len(list((tmp_path / "doubt").iterdir())) == 3

    def test_not_on_standard_output(self, book: Path) -> None:
        with pytest.raises(UsageError, match="has 3 pages, and standard output takes one picture"):
            plan_paths([book], STREAM)

    def test_others_than_planned(self, book: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        plan = plan_paths([book], tmp_path / "out")
        draw_photo(0, (40, 30)).convert("L").save(book)
        (outcome,) = run_jobs(plan.jobs, colorizer, ColorizeOptions(render=colorizer.render))
        assert isinstance(outcome, Outcome)
        assert outcome.reason == "it has 1 pages, and had 3 when the run began; run again"


class TestCheckReports:
    @pytest.fixture
    def photo(self, tmp_path: Path) -> Path:
        (tmp_path / "in").mkdir()
        draw_photo(0, (40, 30)).convert("L").save(tmp_path / "in" / "a.jpg")
        return tmp_path / "in" / "a.jpg"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("in/a.jpg", "would be written over the photograph"),
            ("in/other.jpg", "no page of HTML|which colorgan did not make"),
            ("mask.png", "would be written over the mask"),
            ("hints.json", "would be written over the file of hints"),
            ("out/a.jpg", "would both be written to"),
            ("doubt/a.jpg.png", "would both be written to"),
            ("in", "is a folder"),
        ],
    )
    @pytest.mark.parametrize("what", ["report", "contact_sheet"])
    def test_over_nothing(self, photo: Path, tmp_path: Path, what: str, name: str, message: str) -> None:
        draw_photo(1, (40, 30)).save(tmp_path / "in" / "other.jpg")
        Image.new("L", (40, 30)).save(tmp_path / "mask.png")
        (tmp_path / "hints.json").write_text("{}")
        plan = add_masks(
            plan_paths([photo], tmp_path / "out", side_folders={Side.UNCERTAINTY: tmp_path / "doubt"}),
            tmp_path / "mask.png",
        )
        inputs = {"file of hints": tmp_path / "hints.json"}
        with pytest.raises(UsageError, match=message):
            check_reports(plan, **{what: tmp_path / name}, inputs=inputs)

    def test_of_one_name(self, photo: Path, tmp_path: Path) -> None:
        plan = plan_paths([photo], tmp_path / "out")
        with pytest.raises(UsageError, match="the report and the contact sheet would both be written to"):
            check_reports(plan, report=tmp_path / "x.png", contact_sheet=tmp_path / "x.png")
        with pytest.raises(UsageError, match="no format is known for this name"):
            check_reports(plan, contact_sheet=tmp_path / "sheet")

    def test_their_own_are_written_again(self, photo: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        plan = plan_paths([photo], tmp_path / "out")
        write_report(tmp_path / "r.html", [], {})
        write_sheet(tmp_path / "s.jpg", [], colorizer.provenance({}))
        check_reports(plan, report=tmp_path / "r.html", contact_sheet=tmp_path / "s.jpg")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A TIFF with three pages, 16-bit."""
    pages = [np.asarray(draw_photo(n, (40, 30)).convert("L")).astype(np.uint16) * 257 for n in range(3)]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "book.tif"
    tifffile.imwrite(path, np.stack(pages), photometric="minisblack")
    return path
