"""Which files are photographs of a run."""

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from colorgan.colorization import (
    Palette,
    add_masks,
    check_reports,
    plan_paths,
)
from colorgan.colorization.plan import Side, make_plan
from colorgan.colorization.search import Sources
from colorgan.errors import UsageError
from colorization_support import names_of, search, touch
from support import draw_photo


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

        def refuse(path: Any, **options: Any) -> os.stat_result:
            if "closed" in str(path):
                raise OSError(number, os.strerror(number), str(path))
            return look(path, **options)

        monkeypatch.setattr(os, "stat", refuse)
        closed = tmp_path / "closed" / "x.png"
        given: dict[str, Any] = {"input": tmp_path / "a.png", "output": tmp_path / "out", "uncertainty": None} | {
            where: closed
        }

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
