from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from colorgan.colorization import (
    Colorizer,
    Notice,
    Outcome,
    Status,
    plan,
)
from colorgan.colorization.plan import Side, make_plan, target_suffix
from colorgan.colorization.search import Source, Sources
from colorgan.config import ColorInput
from colorgan.errors import ConfigError, UsageError
from colorgan.request import STREAM
from colorgan.session import colorize_paths
from colorization_support import search, touch
from support import draw_photo


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
            wanted = [r.with_name(r.stem + target_suffix(r.suffix, image_format)) for r in relative]
            assert len({str(t) for t in wanted}) < len(wanted)
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


@pytest.mark.parametrize(("white", "expected"), [(4095, True), (65535, False)])
def test_what_is_nearly_black_is_said(tmp_path: Path, colorizer: Colorizer, white: int, expected: bool) -> None:
    grey = np.asarray(draw_photo(0, (40, 30)).convert("L")) / 255
    tifffile.imwrite(tmp_path / "a.tif", (grey * white).astype(np.uint16))
    events = colorize_paths([tmp_path / "a.tif"], tmp_path / "out", colorizer=colorizer)
    said = [event.message for event in events if isinstance(event, Notice)]
    assert any("a.tif is nearly black" in text and "MaxSampleValue" in text for text in said) is expected


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
    arguments: dict[str, Any] = {"inputs": [tmp_path], "output": tmp_path / "out", name: given}
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
    texts: list[dict[str, Any]] = [{what: str(tmp_path / "nothing")} for what in ("hints", "repair")]
    for text in texts:  # which name files
        with pytest.raises(UsageError, match=r"there is no mask|are read from"):
            colorize_paths([tmp_path], tmp_path / "out", colorizer=colorizer, **text)
