"""One walk for all commands."""

import os
from pathlib import Path

import pytest

from colorgan.colorization.search import find_sources
from colorgan.data import find_photos
from colorgan.images import is_image_name
from colorgan.images.walk import PassedOver, is_passed_over, walk_files


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def walk(root: Path, **options: Path) -> tuple[list[str], PassedOver]:
    passed_over = PassedOver()
    return [file.relative for file in walk_files(root, passed_over, **options)], passed_over


class TestWalkFiles:
    def test_goes_to_any_depth_in_order(self, tmp_path: Path) -> None:
        touch(tmp_path, "b/2", "b/1", "a", "c/d/e", "b.x")
        assert walk(tmp_path)[0] == ["a", "b/1", "b/2", "b.x", "c/d/e"]

    def test_passes_over_and_counts(self, tmp_path: Path) -> None:
        touch(tmp_path, "a", ".b", ".c/d", "@eaDir/e", "f/#RECYCLE/g", "f/h")
        names, passed_over = walk(tmp_path)
        assert names == ["a", "f/h"]
        assert (passed_over.hidden, passed_over.system, passed_over.unreadable) == (2, 2, [])
        assert walk(tmp_path / "@eaDir")[0] == ["e"]

    def test_follows_links_but_not_in_circles(self, tmp_path: Path) -> None:
        touch(tmp_path, "root/a/1", "root/z", "other/2")
        (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
        (tmp_path / "root" / "more").symlink_to(tmp_path / "other")
        (tmp_path / "root" / "self").symlink_to("self")
        assert walk(tmp_path / "root")[0] == ["a/1", "more/2", "self", "z"]

    def test_leaves_one_folder_alone_however_it_is_reached(self, tmp_path: Path) -> None:
        touch(tmp_path, "a", "out/b")
        (tmp_path / "link").symlink_to("out")
        assert walk(tmp_path, skip_folder=tmp_path / "out")[0] == ["a"]
        assert walk(tmp_path / "out", skip_folder=tmp_path / "out")[0] == ["b"]

    def test_says_which_folder_cannot_be_listed(self, tmp_path: Path) -> None:
        """That which is gone by then counts, whoever the user is."""
        _, passed_over = walk(tmp_path / "gone")
        assert passed_over.unreadable == [(tmp_path / "gone", os.strerror(2))]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
    def test_tells_ordinary_files_from_others(self, tmp_path: Path) -> None:
        touch(tmp_path, "file")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "gone").symlink_to("nowhere")
        (tmp_path / "self").symlink_to("self")
        (tmp_path / "link").symlink_to("file")
        regular = {file.name: file.is_regular for file in walk_files(tmp_path, PassedOver())}
        assert regular == {"file": True, "gone": False, "link": True, "pipe": False, "self": False}


@pytest.mark.parametrize("name", [".a", "a/.b/c", "A/@EADIR/c", "$recycle.bin", "a/lost+found"])
def test_names_in_archives_are_passed_over_by_the_same_rules(name: str) -> None:
    assert is_passed_over(name)
    assert not is_passed_over(name.translate(str.maketrans("", "", ".@$+")))


def test_what_is_coloured_can_be_trained_on(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.jpg", "a.TIF", ".hidden.jpg", "@eaDir/3.jpg", "notes.txt", "b/Thumbs.db", "c/d/._4.png")
    touch(tmp_path, "c/d/5.webp", "b.png")
    (tmp_path / "c" / "up").symlink_to(tmp_path)
    coloured = {str(source.relative) for source in find_sources([tmp_path], is_image_name=is_image_name).found}
    assert coloured == {photo.name for photo in find_photos(tmp_path)} == {"b/2.jpg", "a.TIF", "c/d/5.webp", "b.png"}
