import errno
import os
import subprocess
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from colorgan import files
from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Notice,
    Outcome,
    Palette,
    Status,
    add_masks,
    check_reports,
    plan,
    plan_paths,
    run_jobs,
    write_report,
    write_sheet,
)
from colorgan.colorization.plan import Side, make_plan, target_suffix
from colorgan.colorization.search import Source, Sources, find_sources
from colorgan.config import ColorInput, Existing
from colorgan.errors import ConfigError, UsageError
from colorgan.images import is_image_name
from colorgan.request import STREAM
from colorgan.session import colorize_paths
from support import draw_photo


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def search(*inputs: Path, **options: object) -> Sources:
    return find_sources(inputs, is_image_name=is_image_name, **options)  # type: ignore[arg-type]


def names_of(sources: Sources) -> list[str]:
    return [str(source.relative) for source in sources.found]


class TestFindSources:
    def test_searches_recursively_in_order(self, tmp_path: Path) -> None:
        touch(tmp_path, "b/2.jpg", "b/1.PNG", "a.tif", "c/d/e.webp")
        assert names_of(search(tmp_path)) == ["a.tif", "b/1.PNG", "b/2.jpg", "c/d/e.webp"]

    def test_passes_over_and_counts(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.jpg", ".hidden.jpg", ".cache/b.jpg", "desktop.ini", "a.json", "._a.jpg", "Thumbs.db")
        sources = search(tmp_path)
        assert names_of(sources) == ["a.jpg"]
        assert (sources.hidden, sources.not_images) == (3, 3)

    def test_takes_named_files_whatever_they_are_called(self, tmp_path: Path) -> None:
        touch(tmp_path, ".scan", "noname")
        assert names_of(search(tmp_path / ".scan", tmp_path / "noname")) == [".scan", "noname"]

    def test_names_of_every_kind(self, tmp_path: Path) -> None:
        names = ["[1] a*b?.jpg", "two words.jpg", "Ünïcödé 家族.png", "😀.jpg", "..a.jpg".lstrip("."), "a.b.c.jpg"]
        touch(tmp_path, *names)
        assert sorted(names_of(search(tmp_path))) == sorted(names)

    def test_survives_circles_of_links(self, tmp_path: Path) -> None:
        touch(tmp_path, "a/1.jpg", "other/2.jpg")
        (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
        (tmp_path / "a" / "beside").symlink_to(tmp_path / "other", target_is_directory=True)
        assert names_of(search(tmp_path)) == ["a/1.jpg", "a/beside/2.jpg", "other/2.jpg"]

    def test_never_searches_the_output(self, tmp_path: Path) -> None:
        touch(tmp_path, "1.jpg", "out/1.jpg", "out/sub/2.jpg")
        assert names_of(search(tmp_path, skip_folder=tmp_path / "out")) == ["1.jpg"]

    def test_patterns(self, tmp_path: Path) -> None:
        touch(tmp_path, "1923/a.jpg", "1923/b.tif", "1924/a.jpg")
        assert names_of(search(tmp_path, include=["1923/*"])) == ["1923/a.jpg", "1923/b.tif"]
        sources = search(tmp_path, include=["a.*"], exclude=["1924/*"])
        assert names_of(sources) == ["1923/a.jpg"]
        assert sources.excluded == 2

    def test_patterns_know_no_case_and_reach_into_depth(self, tmp_path: Path) -> None:
        touch(tmp_path, "A.JPG", "box/1923/a.jpg", "box/1923/sub/b.TIF", "box/Private/c.jpg", "Ko\u0308ln.png")
        assert names_of(search(tmp_path, include=["*.jpg"])) == ["A.JPG", "box/1923/a.jpg", "box/Private/c.jpg"]
        assert names_of(search(tmp_path, include=["1923"])) == ["box/1923/a.jpg", "box/1923/sub/b.TIF"]
        assert names_of(search(tmp_path, include=["1923/*"])) == ["box/1923/a.jpg", "box/1923/sub/b.TIF"]
        assert names_of(search(tmp_path, include=["K\u00f6ln*"])) == ["Ko\u0308ln.png"]
        for pattern in ("private", "private/", "private/*", "box/private", "*/private/*"):
            assert "box/Private/c.jpg" not in names_of(search(tmp_path, exclude=[pattern])), pattern
        assert len(names_of(search(tmp_path, exclude=["923", "rivate"]))) == 5  # whole names only

    def test_folders_of_systems_are_passed_over(self, tmp_path: Path) -> None:
        """But a person may name one."""
        touch(tmp_path, "a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/b.jpg", "$RECYCLE.BIN/c.jpg")
        touch(tmp_path, ".Trashes/d.jpg", "sub/lost+found/e.jpg", "System Volume Information/f.jpg", "@eaDir2/g.jpg")
        sources = search(tmp_path)
        assert names_of(sources) == ["@eaDir2/g.jpg", "a.jpg"]
        assert (sources.system, sources.hidden) == (5, 1)
        assert names_of(search(tmp_path / "#recycle")) == ["b.jpg"]

    def test_deeper_than_recursion_goes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for _ in range(1100):
            Path("d").mkdir()
            monkeypatch.chdir("d")
        Path("a.jpg").touch()
        monkeypatch.chdir(tmp_path)
        try:
            (source,) = search(Path("d")).found
            plan = make_plan(Sources([source]), Path("out"))
            assert len(plan.jobs[0].target.parts) == 1101
        finally:
            subprocess.run(["rm", "-r", "d"], check=True)  # which shutil cannot

    @pytest.mark.parametrize("where", ["input", "output", "uncertainty", "report", "contact_sheet", "mask", "palette"])
    @pytest.mark.parametrize("number", [errno.EACCES, errno.ENAMETOOLONG])
    def test_what_cannot_be_looked_at_is_one_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, number: int
    ) -> None:
        draw_photo(0, (20, 16)).convert("L").save(tmp_path / "a.png")
        look = os.stat

        def refuse(path: object, **options: object) -> os.stat_result:
            if "closed" in str(path):
                raise OSError(number, os.strerror(number), str(path))
            return look(path, **options)  # type: ignore[call-overload, no-any-return]

        monkeypatch.setattr(os, "stat", refuse)
        closed = tmp_path / "closed" / "x.png"
        given = {"input": tmp_path / "a.png", "output": tmp_path / "out", "uncertainty": None} | {where: closed}

        def plan_all() -> None:
            sides = {} if given["uncertainty"] is None else {Side.UNCERTAINTY: given["uncertainty"]}
            plan = plan_paths([given["input"]], given["output"], side_folders=sides)
            reports = {what: given[what] for what in ("report", "contact_sheet") if what in given}
            check_reports(plan, **reports)
            add_masks(plan, given.get("mask", tmp_path / "a.png"))
            Palette.parse(str(given.get("palette", "#102030")))

        with pytest.raises(UsageError, match=r"closed.x\.png cannot be looked at: (permission denied|its name is too)"):
            plan_all()

    @pytest.mark.parametrize("where", ["output", "as a file", *Side])
    @pytest.mark.parametrize("below", ["", "x/y"])
    def test_a_file_where_a_folder_is_needed(self, tmp_path: Path, where: str, below: str) -> None:
        draw_photo(0, (20, 16)).convert("L").save(tmp_path / "a.png")
        (tmp_path / "file").touch()
        way = tmp_path / "file" / below
        output = {"output": way, "as a file": way / "b.png"}.get(where, tmp_path / "out")
        sides = {Side(where): way} if where in list(Side) else {}
        with pytest.raises(UsageError, match=r"file is a file, and a folder is needed there; nothing was done"):
            plan_paths([tmp_path / "a.png"], output, side_folders=sides)

    def test_missing_input(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no file or folder"):
            search(tmp_path / "gone")

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
    def test_folder_that_cannot_be_listed(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.jpg", "closed/b.jpg")
        (tmp_path / "closed").chmod(0)
        try:
            sources = search(tmp_path)
        finally:
            (tmp_path / "closed").chmod(0o700)
        assert names_of(sources) == ["a.jpg"]
        assert sources.unreadable[0][0] == tmp_path / "closed"


class TestMakePlan:
    def test_mirrors(self, tmp_path: Path) -> None:
        touch(tmp_path, "in/a.jpg", "in/b/c.tif")
        plan = make_plan(search(tmp_path / "in"), Path("out"))
        assert [job.target for job in plan.jobs] == [Path("out/a.jpg"), Path("out/b/c.tif")]

    @pytest.mark.parametrize(
        ("suffix", "image_format", "expected"),
        [
            (".jpg", None, ".jpg"), (".JPG", None, ".JPG"), (".gif", None, ".png"), (".pgm", None, ".png"),
            (".jp2", None, ".png"), ("", None, ".png"), (".png", "jpg", ".jpg"), (".JPEG", "jpg", ".JPEG"),
            (".tiff", "tif", ".tiff"), (".jpg", ".PNG", ".png"),
        ],
    )  # fmt: skip
    def test_suffixes(self, suffix: str, image_format: str | None, expected: str) -> None:
        assert target_suffix(suffix, image_format) == expected

    def test_unknown_format(self) -> None:
        with pytest.raises(UsageError, match="unknown format 'gif'"):
            target_suffix(".jpg", "gif")

    @pytest.mark.parametrize("names", [("a/x.jpg", "b/x.jpg"), ("a/x.gif", "b/x.png")])
    def test_refuses_two_sources_with_one_target(self, tmp_path: Path, names: tuple[str, str]) -> None:
        touch(tmp_path, *names)
        with pytest.raises(UsageError, match="would both be written to"):
            make_plan(search(tmp_path / "a", tmp_path / "b"), tmp_path / "out")

    def test_two_results_that_differ_in_case(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        paths = [tmp_path / "one" / "Scan.png", tmp_path / "two" / "sCAN.png"]
        for path in paths:
            path.parent.mkdir()
            path.touch()
        sources = Sources([Source(path, PurePosixPath(path.name)) for path in paths])
        assert len(make_plan(sources, tmp_path / "out").jobs) == 2
        monkeypatch.setattr(plan, "ignores_case", lambda folder: True)
        with pytest.raises(UsageError, match=r"Scan\.png and .*sCAN\.png would both be written to"):
            make_plan(sources, tmp_path / "out")

    def test_refuses_to_write_over_a_source(self, tmp_path: Path) -> None:
        touch(tmp_path, "x.jpg")
        with pytest.raises(UsageError, match="written over the photograph"):
            make_plan(search(tmp_path), tmp_path)
        (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
        with pytest.raises(UsageError, match="written over the photograph"):
            make_plan(search(tmp_path / "x.jpg"), tmp_path / "link")

    def test_one_file_for_several(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.jpg", "b.jpg")
        with pytest.raises(UsageError, match="2 photographs"):
            make_plan(search(tmp_path), Path("x.jpg"), as_file=True)
        with pytest.raises(UsageError, match="2 photographs"):
            make_plan(search(tmp_path), STREAM)

    def test_side_files_mirror_the_inputs(self, tmp_path: Path) -> None:
        touch(tmp_path, "1923/anna.gif")
        folders = {Side.UNCERTAINTY: tmp_path / "doubt", Side.MASK: tmp_path / "masks"}
        (job,) = make_plan(search(tmp_path), Path("out"), side_folders=folders).jobs
        assert job.target == Path("out/1923/anna.png")
        assert job.side_files == (tmp_path / "doubt/1923/anna.gif.png", tmp_path / "masks/1923/anna.gif.png")

    @pytest.mark.parametrize(
        ("folders", "message"),
        [
            (
                {Side.UNCERTAINTY: Path("in")},
                r"the map of .*a\.jpg would be written over the photograph .*a\.jpg\.png",
            ),
            (
                {Side.UNCERTAINTY: Path("out")},
                r"the map of .*a\.jpg and the result of .*a\.jpg\.png would both be written",
            ),
            (
                {Side.UNCERTAINTY: Path("x"), Side.MASK: Path("x")},
                r"the map of .* and the mask of .* would both be written",
            ),
        ],
    )
    def test_side_files_go_over_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: dict[Side, Path], message: str
    ) -> None:
        monkeypatch.chdir(touch(tmp_path, "in/a.jpg", "in/a.jpg.png"))
        with pytest.raises(UsageError, match=message):
            make_plan(search(Path("in")), Path("out"), side_folders=folders)

    def test_copies_go_over_nothing(self, tmp_path: Path) -> None:
        """A copy keeps its format, and so has another name than the result."""
        touch(tmp_path, "in/a.jpg")
        (tmp_path / "in" / "link.jpg").symlink_to("a.jpg")
        plan = make_plan(search(tmp_path / "in"), tmp_path / "out", image_format="png", copies=True)
        assert [(job.target.name, job.copy and job.copy.name) for job in plan.jobs] == [
            ("a.png", "a.jpg"),
            ("link.png", "link.jpg"),
        ]
        assert make_plan(search(tmp_path / "in"), tmp_path / "in", image_format="png").jobs
        with pytest.raises(UsageError, match=r"the copy of .* would be written over the photograph"):
            make_plan(search(tmp_path / "in"), tmp_path / "in", image_format="png", copies=True)

    def test_a_link_in_place_of_a_result(self, tmp_path: Path) -> None:
        touch(tmp_path, "in/a.jpg", "out/b.txt")
        (tmp_path / "out" / "a.jpg").symlink_to(tmp_path / "in" / "a.jpg")
        with pytest.raises(UsageError, match="written over the photograph"):
            make_plan(search(tmp_path / "in"), tmp_path / "out")

    def test_stream(self) -> None:
        plan = make_plan(search(STREAM), STREAM)
        assert [(job.source, job.target) for job in plan.jobs] == [(STREAM, STREAM)]

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.lists(st.text("abÄ😀 [].", min_size=1, max_size=4).map(lambda n: f"x{n}"), max_size=3),
                st.text("abcé家 #[].", min_size=1, max_size=6),
                st.sampled_from([".jpg", ".PNG", ".gif", ".tif", ".pgm", ""]),
            ),
            max_size=12,
        ),
        st.sampled_from([None, "png", "jpg"]),
        st.integers(1, 5),
    )
    def test_properties(self, names: list[tuple[list[str], str, str]], image_format: str | None, parts: int) -> None:
        """Either refused, or every source has its own target below the output, and the parts cover the whole."""
        relative = {PurePosixPath(*folders, f"n{stem}{suffix}") for folders, stem, suffix in names}
        sources = Sources([Source(Path("/in", *r.parts), r) for r in sorted(relative)])
        try:
            plan = make_plan(sources, Path("/out"), image_format=image_format)
        except UsageError:
            targets = [r.with_name(r.stem + target_suffix(r.suffix, image_format)) for r in relative]
            assert len({str(t) for t in targets}) < len(targets)
            return
        targets = [job.target for job in plan.jobs]
        assert len(set(targets)) == len(targets) == len(relative)
        for job, source in zip(plan.jobs, sources.found, strict=True):
            assert job.target.parent == Path("/out", *source.relative.parent.parts)
            assert job.target.name.startswith(source.relative.stem)
        shards = [plan.shard(i, parts).jobs for i in range(parts)]
        assert sorted(j.number for shard in shards for j in shard) == list(range(len(plan.jobs)))

    def test_shard_out_of_range(self) -> None:
        with pytest.raises(ConfigError, match="part 4 of 3"):
            make_plan(Sources(), Path("out")).shard(3, 3)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A TIFF with three pages, 16-bit."""
    pages = [np.asarray(draw_photo(n, (40, 30)).convert("L")).astype(np.uint16) * 257 for n in range(3)]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "book.tif"
    tifffile.imwrite(path, np.stack(pages), photometric="minisblack")
    return path


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


@pytest.mark.parametrize(("white", "expected"), [(4095, True), (65535, False)])
def test_what_is_nearly_black_is_said(tmp_path: Path, colorizer: Colorizer, white: int, expected: bool) -> None:
    grey = np.asarray(draw_photo(0, (40, 30)).convert("L")) / 255
    tifffile.imwrite(tmp_path / "a.tif", (grey * white).astype(np.uint16))
    events = colorize_paths([tmp_path / "a.tif"], tmp_path / "out", colorizer=colorizer)
    said = [event.message for event in events if isinstance(event, Notice)]
    assert any("a.tif is nearly black" in text and "MaxSampleValue" in text for text in said) is expected


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


def test_a_photograph_in_colour_is_copied_within_the_plan(tmp_path: Path, colorizer: Colorizer) -> None:
    """It is told what was written, and the next run does not write it again."""
    (tmp_path / "in").mkdir()
    draw_photo(0, (40, 30)).save(tmp_path / "in" / "a.jpg")
    places = ([tmp_path / "in"], tmp_path / "out")
    for status in (Status.COPIED, Status.SKIPPED):
        (outcome,) = colorize_paths(*places, colorizer=colorizer, color_input=ColorInput.COPY, format="png")
        assert isinstance(outcome, Outcome)
        assert (outcome.status, outcome.files) == (status, (tmp_path / "out" / "a.jpg",))
    assert (tmp_path / "out" / "a.jpg").read_bytes() == (tmp_path / "in" / "a.jpg").read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize("name", ["inputs", "include", "exclude"])
@pytest.mark.parametrize("given", ["photos", Path("photos")])
def test_one_name_where_a_list_is_meant(tmp_path: Path, name: str, given: object) -> None:
    arguments: dict[str, object] = {"inputs": [tmp_path], "output": tmp_path / "out", name: given}
    with pytest.raises(TypeError, match=rf"{name} must be a list, got .*photos"):
        colorize_paths(**arguments)


def test_hints_and_masks_that_are_none(tmp_path: Path, colorizer: Colorizer) -> None:
    photo = draw_photo(0, (20, 16)).convert("L")
    photo.save(tmp_path / "a.png")
    with pytest.raises(TypeError, match="hints must be a list of Hint, got 'abc'"):
        colorizer.colorize(photo, hints="abc")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a mask must be a Pillow image or an array, got 'm\.png'"):
        colorizer.colorize(photo, mask="m.png")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"hints must be a list of Hint, or the path of a file, got \[1\]"):
        colorize_paths([tmp_path], tmp_path / "out", colorizer=colorizer, hints=[1])
    for what in ("hints", "repair"):  # as texts, which name files
        with pytest.raises(UsageError, match=r"there is no mask|are read from"):
            colorize_paths([tmp_path], tmp_path / "out", colorizer=colorizer, **{what: str(tmp_path / "nothing")})
