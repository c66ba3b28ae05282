import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from colorgan.colorization.plan import make_plan, target_suffix
from colorgan.colorization.search import STREAM, Source, Sources, find_sources
from colorgan.errors import ConfigError, UsageError
from colorgan.images import is_image_name


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
