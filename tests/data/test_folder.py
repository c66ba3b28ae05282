"""Finding photographs, and splitting them."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.data import find_photos, find_sets, open_photo, split_by_name
from colorgan.errors import DataError, ImageReadError, UsageError
from support import draw_photo


def write_tar(path: Path, pictures: dict[str, tuple[int, str]]) -> Path:
    """Write a plain tar of pictures: name -> (seed, format)."""
    with tarfile.open(path, "w") as archive:
        for name, (seed, kind) in pictures.items():
            buffer = io.BytesIO()
            draw_photo(seed).save(buffer, kind)
            info = tarfile.TarInfo(name)
            info.size = buffer.tell()
            buffer.seek(0)
            archive.addfile(info, buffer)
    return path


def names(path: Path) -> list[str]:
    return [photo.name for photo in find_photos(path)]


class TestFindPhotos:
    def test_searches_folders_to_any_depth_and_sorts(self, photo_folder):
        root = photo_folder(1)
        deep = root / "a" / "b" / "c"
        deep.mkdir(parents=True)
        draw_photo(5).save(deep / "x.JPEG", "JPEG")
        (root / "notes.txt").write_text("no photograph")
        assert names(root) == ["a/b/c/x.JPEG", "photo000.png"]

    def test_passes_over_hidden_files_and_folders(self, photo_folder):
        root = photo_folder(1)
        (root / ".cache").mkdir()
        draw_photo(1).save(root / ".cache" / "a.png")
        draw_photo(1).save(root / "._photo.png")
        assert names(root) == ["photo000.png"]

    @pytest.mark.parametrize("name", ["@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "__MACOSX"])
    def test_passes_over_what_systems_keep_for_themselves(self, photo_folder, name):
        """Thumbnails and deleted photographs are not trained on."""
        root = photo_folder(1)
        for folder in (root / name, root / "album" / name.upper()):
            folder.mkdir(parents=True)
            draw_photo(1).save(folder / "a.png")
        write_tar(root / "shard.tar", {f"{name}/a.png": (1, "PNG"), "b.png": (2, "PNG")})
        assert names(root) == ["photo000.png", "shard.tar/b.png"]

    def test_takes_names_that_are_not_utf8(self, photo_folder):
        root = photo_folder(1)
        os.rename(root / "photo000.png", os.fsencode(root) + b"/caf\xe9.png")  # noqa: PTH104 - bytes
        (photo,) = find_photos(root)
        assert os.fsencode(photo.name) == b"caf\xe9.png"
        assert open_photo(photo).size == (80, 64)

    def test_searches_deeper_than_programs_recurse(self, photo_folder):
        root = photo_folder(1)
        folders = [f"{root}/" + "d/" * depth for depth in range(1, 1101)]
        for folder in folders:
            os.mkdir(folder)  # noqa: PTH102 - much quicker than with pathlib at this depth
        try:
            draw_photo(1).save(folders[-1] + "a.png")
            assert len(find_photos(root)) == 2
            os.unlink(folders[-1] + "a.png")  # noqa: PTH108
        finally:
            for folder in reversed(folders):  # pytest could not
                os.rmdir(folder)  # noqa: PTH106

    @pytest.mark.parametrize("name", ["y" * 300, "a/" + "y" * 300 + "/b", "nul\0byte"])
    def test_says_which_path_cannot_be_looked_at(self, photo_folder, name):
        (photo_folder(1) / "a").mkdir()
        with pytest.raises(UsageError, match=r"cannot be looked at|is no name of a file"):
            find_photos(photo_folder(1) / name)

    def test_says_which_folder_is_closed(self, photo_folder):
        root = photo_folder(1)
        root.chmod(0)
        try:
            if os.access(root, os.R_OK):
                pytest.skip("root may enter every folder")
            with pytest.raises(UsageError, match="Permission denied"):
                find_photos(root / "below")
            with pytest.raises(DataError, match="check its permissions"):
                find_photos(root)
        finally:
            root.chmod(0o700)

    def test_does_not_follow_links_into_their_own_parents(self, photo_folder):
        root = photo_folder(1)
        (root / "sub").mkdir()
        (root / "sub" / "loop").symlink_to(root)
        (root / "self").symlink_to(root / "self")
        (root / "gone.png").symlink_to(root / "nowhere.png")
        assert names(root) == ["photo000.png"]

    def test_follows_links_that_lead_elsewhere(self, photo_folder):
        root, other = photo_folder(1), photo_folder(2, name="other")
        (root / "more").symlink_to(other)
        assert len(find_photos(root)) == 3

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
    def test_reads_tar_members_in_place(self, tmp_path, kind):
        name = f"./deep/photo.{kind.lower()}"
        path = write_tar(tmp_path / "photos.tar", {name: (3, kind), ".hidden/x.png": (4, "PNG")})
        (photo,) = find_photos(path)
        assert photo.name == f"deep/photo.{kind.lower()}"
        assert photo.offset > 0
        found = np.asarray(open_photo(photo), dtype=float)
        assert np.abs(found - np.asarray(draw_photo(3), dtype=float)).mean() < 6

    def test_counts_tar_files_in_folders_as_folders(self, photo_folder):
        root = photo_folder(1)
        write_tar(root / "shard.tar", {"a.webp": (1, "WEBP"), "b.png": (2, "PNG")})
        assert names(root) == ["photo000.png", "shard.tar/a.webp", "shard.tar/b.png"]

    def test_says_what_a_damaged_tar_is(self, tmp_path):
        path = tmp_path / "broken.tar"
        path.write_bytes(b"x" * 5000)
        with pytest.raises(DataError, match=r"plain .uncompressed. tar"):
            find_photos(path)

    def test_refuses_what_holds_no_photographs(self, tmp_path):
        with pytest.raises(DataError, match=r"there is no .*nowhere"):
            find_photos(tmp_path / "nowhere")
        with pytest.raises(DataError, match="holds no photographs"):
            find_photos(tmp_path)
        file = tmp_path / "file.png"
        file.write_bytes(b"")
        with pytest.raises(DataError, match="single file"):
            find_photos(file)


class TestFindSets:
    @pytest.mark.parametrize("name", ["val", "validation"])
    def test_recognises_the_layout_of_imagenet(self, tmp_path, name):
        for folder, count in (("train/n01", 3), ("train/n02", 2), (f"{name}/n01", 1)):
            (tmp_path / folder).mkdir(parents=True)
            for number in range(count):
                draw_photo(number).save(tmp_path / folder / f"{number}.JPEG")
        sets = find_sets(tmp_path)
        assert [p.name for p in sets.validation] == ["n01/0.JPEG"]
        assert len(sets.train) == 5
        assert sets.validation_root == tmp_path / name

    def test_trains_on_everything_where_validation_lies_elsewhere(self, photo_folder):
        root, other = photo_folder(4), photo_folder(2, name="other")
        sets = find_sets(root, other)
        assert (len(sets.train), len(sets.validation)) == (4, 2)

    def test_never_trains_on_what_is_validated_on(self, photo_folder, tmp_path):
        """By real path: a folder inside the data, a tar file inside it, or links to either."""
        root = photo_folder(4)
        (root / "judged").mkdir()
        draw_photo(7).save(root / "judged" / "a.png")
        (root / "link to a.png").symlink_to(root / "judged" / "a.png")
        shard = write_tar(root / "shard.tar", {"a.png": (11, "PNG"), "b.png": (12, "PNG")})
        elsewhere = tmp_path / "elsewhere"
        elsewhere.symlink_to(root)
        for validation, out, left in ((root / "judged", 2, 6), (shard, 2, 6), (elsewhere / "shard.tar", 2, 6)):
            sets = find_sets(root, validation)
            assert (sets.kept_out, len(sets.train)) == (out, left)
            read = {photo.read_bytes() for photo in sets.train}
            assert not read & {photo.read_bytes() for photo in sets.validation}

    def test_names_alone_do_not_keep_a_photograph_out(self, photo_folder):
        root, other = photo_folder(4), photo_folder(4, name="other")
        assert find_sets(root, other).kept_out == 0

    def test_refuses_to_validate_on_all_of_it(self, photo_folder):
        root = photo_folder(3)
        with pytest.raises(DataError, match="all 3 photographs to train on are also those to validate on"):
            find_sets(root, root)

    def test_splits_any_other_folder(self, photo_folder):
        sets = find_sets(photo_folder(6), validation_share=0.3)
        both = {p.name for p in sets.train} | {p.name for p in sets.validation}
        assert len(both) == 6
        assert len(sets.validation) >= 1


class TestSplitByName:
    def test_stays_the_same_when_photographs_are_added(self, photo_folder):
        few = find_photos(photo_folder(20))
        many = find_photos(photo_folder(40))
        out_of_few = {p.name for p in split_by_name(few, 0.3)[1]}
        out_of_many = {p.name for p in split_by_name(many, 0.3)[1]}
        assert out_of_few == out_of_many & {p.name for p in few}
        assert 0 < len(out_of_few) < 20

    def test_keeps_one_out_of_very_few(self, photo_folder):
        kept, kept_out = split_by_name(find_photos(photo_folder(2)), 0.0001)
        assert (len(kept), len(kept_out)) == (1, 1)

    def test_refuses_one(self, photo_folder):
        with pytest.raises(DataError, match="too few"):
            split_by_name(find_photos(photo_folder(1)), 0.0001)


class TestOpenPhoto:
    def test_turns_a_photograph_upright(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        draw_photo(1, (60, 40)).save(tmp_path / "a.jpg", exif=exif)
        (photo,) = find_photos(tmp_path)
        assert open_photo(photo).size == (40, 60)

    def test_decodes_a_large_jpeg_smaller_but_not_too_small(self, tmp_path):
        draw_photo(1, (640, 480)).save(tmp_path / "a.jpg")
        (photo,) = find_photos(tmp_path)
        assert open_photo(photo, short_side=100).size == (160, 120)
        assert open_photo(photo).size == (640, 480)

    @pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"0" * 50])
    def test_names_what_cannot_be_read(self, tmp_path, content):
        (tmp_path / "bad.png").write_bytes(content)
        (photo,) = find_photos(tmp_path)
        with pytest.raises(ImageReadError, match=r"bad\.png"):
            open_photo(photo)

    def test_names_what_is_cut_short(self, tmp_path):
        draw_photo(1).save(tmp_path / "cut.jpg")
        os.truncate(tmp_path / "cut.jpg", 900)
        (photo,) = find_photos(tmp_path)
        with pytest.raises(ImageReadError, match=r"cut\.jpg"):
            open_photo(photo)
