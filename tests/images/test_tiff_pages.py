"""Of the many pictures that a TIFF can hold, the photographs are taken: each once, in full size."""

import io
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import ReadLimits, count_pages, iter_photos, newer_formats, read_photos, read_size

_rng = np.random.default_rng(0)


def draw(height: int, width: int, dtype: type = np.uint8, samples: int = 1) -> NDArray:
    shape = (height, width) if samples == 1 else (height, width, samples)
    return _rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def photos_of(path: Path) -> list[NDArray]:
    photos = read_photos(path)
    assert count_pages(path) == len(photos)
    assert [(p.page, p.pages) for p in photos] == [(n, len(photos)) for n in range(len(photos))]
    assert read_size(path) == (photos[0].width, photos[0].height)
    return [p.grey for p in photos]


def assert_holds(path: Path, *expected: NDArray) -> None:
    found = photos_of(path)
    assert [f.shape for f in found] == [e.shape[:2] for e in expected]
    assert all(np.array_equal(f, e) for f, e in zip(found, expected, strict=True) if e.ndim == 2)


def retag(path: Path, tag: int, kind: int, value: int) -> None:
    """Change the last directory's entry of a number, where tifffile would not write it so."""
    data = bytearray(path.read_bytes())
    place = data.rindex(struct.pack("<HHI", tag, kind, 1))
    data[place + 8 : place + 12] = struct.pack("<I", value)
    path.write_bytes(data)


class TestSmallCopies:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("bigtiff", [False, True])
    @pytest.mark.parametrize("byteorder", ["<", ">"])
    def test_the_photograph_below_a_thumbnail(
        self, tmp_path: Path, dtype: type, bigtiff: bool, byteorder: Literal["<", ">"]
    ) -> None:
        photo = draw(120, 160, dtype)
        with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff, byteorder=byteorder) as writer:
            writer.write(draw(30, 40), subifds=1, subfiletype=1)
            writer.write(photo)
        assert_holds(tmp_path / "a.tif", photo)

    @pytest.mark.parametrize("kinds", [(1, 0), (0, 0)])
    def test_the_photograph_behind_a_thumbnail(self, tmp_path: Path, kinds: tuple[int, int]) -> None:
        photo = draw(1200, 1600)
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(draw(120, 160), subfiletype=kinds[0])
            writer.write(photo, subfiletype=kinds[1])
        assert_holds(tmp_path / "a.tif", photo)

    def test_the_old_way_to_say_so(self, tmp_path: Path) -> None:
        photo = draw(60, 80)
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(draw(30, 40), extratags=[(255, 3, 1, 2, True)])
            writer.write(photo, extratags=[(255, 3, 1, 1, True)])
        assert_holds(tmp_path / "a.tif", photo)

    def test_several_sizes_below_the_first(self, tmp_path: Path) -> None:
        photo = draw(120, 160)
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(draw(15, 20), subifds=3, subfiletype=1)
            for page in (draw(60, 80), photo, draw(30, 40)):
                writer.write(page, subfiletype=int(page is not photo))
        assert_holds(tmp_path / "a.tif", photo)

    @pytest.mark.parametrize("kind", [0, 1])
    @pytest.mark.parametrize("below", [False, True])
    def test_pyramids_count_once(self, tmp_path: Path, kind: int, below: bool) -> None:
        levels = [draw(401, 517), draw(201, 259), draw(100, 130), draw(50, 65)]
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(levels[0], subifds=3 if below else None)
            for level in levels[1:]:
                writer.write(level, subfiletype=kind)
        assert_holds(tmp_path / "a.tif", levels[0])

    def test_two_photographs_with_their_pyramids(self, tmp_path: Path) -> None:
        pages = [draw(400, 516), draw(300, 200)]
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for page in pages:
                writer.write(page, subifds=2)
                for factor in (2, 4):
                    writer.write(page[::factor, ::factor], subfiletype=1)
        assert_holds(tmp_path / "a.tif", *pages)

    @pytest.mark.parametrize(
        "shapes", [[(60, 80), (30, 40)], [(3508, 2480), (1754, 1240)], [(60, 80)] * 5, [(50, 80), (400, 700)]]
    )
    def test_pages_of_other_sizes_are_photographs(self, tmp_path: Path, shapes: Sequence[tuple[int, int]]) -> None:
        pages = [draw(*shape) for shape in shapes]
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for page in pages:
                writer.write(page, compression="zlib")
        assert_holds(tmp_path / "a.tif", *pages)

    def test_a_photograph_that_says_it_is_a_copy_of_none(self, tmp_path: Path) -> None:
        pages = [draw(30, 40), draw(60, 80)]
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for page in pages:
                writer.write(page, subfiletype=1)
        assert_holds(tmp_path / "a.tif", pages[1])

    def test_what_the_first_directory_says_holds_below(self, tmp_path: Path) -> None:
        photo = draw(60, 90)
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            artist = (315, 2, 0, "Anna", True)
            writer.write(draw(20, 30), subifds=1, subfiletype=1, extratags=[(274, 3, 1, 6, True), artist])
            writer.write(photo)
        (read,) = read_photos(tmp_path / "a.tif")
        assert np.array_equal(read.grey, np.rot90(photo, -1))
        assert read_size(tmp_path / "a.tif") == (60, 90)
        assert read.metadata.exif is not None
        assert b"Anna" in read.metadata.exif


class TestNoPhotographs:
    @pytest.mark.parametrize("kind", [4, 5, 8, 16, 0x10004])
    def test_masks_and_depths(self, tmp_path: Path, kind: int) -> None:
        photo = draw(60, 80, np.uint16, 3)
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(photo, photometric="rgb")
            writer.write(draw(60, 80, np.uint16), subfiletype=2)
        retag(tmp_path / "a.tif", 254, 4, kind)
        assert_holds(tmp_path / "a.tif", photo)

    @pytest.mark.parametrize("tag", [269, 270, 285])
    def test_an_infrared_page_that_says_so(self, tmp_path: Path, tag: int) -> None:
        photo = draw(60, 80, np.uint16, 3)
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(photo, photometric="rgb", metadata=None)
            writer.write(draw(60, 80, np.uint16), metadata=None, extratags=[(tag, 2, 0, "Infrared channel", True)])
        assert_holds(tmp_path / "a.tif", photo)

    def test_as_silverfast_lays_it_out(self, tmp_path: Path) -> None:
        photo = draw(480, 640, np.uint16, 3)
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for page, kind in ((photo, 0), (photo[::4, ::4], 1), (draw(480, 640, np.uint16), 0)):
                photometric = "rgb" if page.ndim == 3 else "minisblack"
                writer.write(page, photometric=photometric, subfiletype=kind, software="SilverFast 9", metadata=None)
        assert_holds(tmp_path / "a.tif", photo)

    def test_a_grey_page_behind_one_in_colour_is_a_photograph(self, tmp_path: Path) -> None:
        pages = [draw(60, 80, np.uint16, 3), draw(60, 80, np.uint16)]
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(pages[0], photometric="rgb")
            writer.write(pages[1])
        assert_holds(tmp_path / "a.tif", *pages)

    @pytest.mark.parametrize("photometric", [32803, 34892])  # a filter array, linear raw
    def test_raw_data_is_not_taken_for_a_picture(
        self, tmp_path: Path, photometric: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with tifffile.TiffWriter(tmp_path / "a.dng") as writer:
            writer.write(draw(30, 40, samples=3), photometric="rgb", subifds=1, subfiletype=1)
            writer.write(draw(120, 160, np.uint16))
        retag(tmp_path / "a.dng", 262, 3, photometric)
        assert count_pages(tmp_path / "a.dng") == 1
        monkeypatch.setattr(newer_formats, "find_spec", lambda _: None)  # LibRaw would make something of it
        for read in (read_photos, read_size):
            with pytest.raises(ImageReadError, match="raw file"):
                read(tmp_path / "a.dng")

    def test_nothing_but_masks_is_refused(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", draw(30, 40), subfiletype=2)
        retag(tmp_path / "a.tif", 254, 4, 4)
        with pytest.raises(ImageReadError, match="nothing but masks"):
            read_photos(tmp_path / "a.tif")


class TestCountPages:
    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif"])
    def test_other_formats_have_one(self, tmp_path: Path, suffix: str) -> None:
        frames = [Image.fromarray(draw(20, 30)) for _ in range(3)]
        options: dict[str, Any] = {} if suffix == ".jpg" else {"save_all": True, "append_images": frames[1:]}
        frames[0].save(tmp_path / f"a{suffix}", **options)
        assert count_pages(tmp_path / f"a{suffix}") == 1

    def test_what_cannot_be_opened_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "empty.tif").touch()
        for path in (tmp_path / "none.tif", tmp_path, tmp_path / "empty.tif"):
            with pytest.raises(ImageReadError, match=path.name):
                count_pages(path)

    def test_a_chain_that_leads_beyond_the_end_is_refused(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for _ in range(3):
                writer.write(draw(40, 50), contiguous=False)
        data = (tmp_path / "a.tif").read_bytes()
        (tmp_path / "a.tif").write_bytes(data[:-2100])
        with pytest.raises(ImageReadError, match="cut off"):
            count_pages(tmp_path / "a.tif")

    def test_books_in_little_time(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for number in range(600):
                writer.write(np.full((9, 7), number % 256, np.uint8))
        started = time.process_time()
        assert count_pages(tmp_path / "a.tif") == 600
        assert time.process_time() - started < 1
        levels = [photo.grey[0, 0] for photo in iter_photos(tmp_path / "a.tif")]
        assert levels == [number % 256 for number in range(600)]
        assert time.process_time() - started < 10  # a page at its own place, not by way of those before it

    def test_a_book_begins_where_it_is_told_to(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for number in range(4):
                writer.write(np.full((9, 7), number, np.uint8))
        assert [(p.page, p.pages, p.grey[0, 0]) for p in iter_photos(tmp_path / "a.tif", first=2)] == [
            (2, 4, 2), (3, 4, 3),
        ]  # fmt: skip

    def test_as_many_pages_as_the_limits_allow(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for _ in range(5):
                writer.write(draw(9, 7))
        assert len(read_photos(tmp_path / "a.tif", limits=ReadLimits(pages=5))) == 5
        with pytest.raises(ImageReadError, match="more than 4 pages"):
            read_photos(tmp_path / "a.tif", limits=ReadLimits(pages=4))


def directory(*entries: tuple[int, int, int, int], after: int = 0) -> bytes:
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", after)


_PLAIN = ((256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
          (277, 3, 1, 1), (278, 4, 1, 4), (279, 4, 1, 16))  # fmt: skip


class TestCircles:
    """Directories that lead back to themselves, in every way."""

    def test_in_the_chain(self) -> None:
        for back in (24, 142):  # to the first, to itself
            second = 24 + len(directory(*_PLAIN))
            assert second == 138
            data = b"II*\0" + struct.pack("<I", 24) + bytes(16) + directory(*_PLAIN, after=138)
            data += directory(*_PLAIN, after=24 if back == 24 else 138)
            assert len(read_photos(io.BytesIO(data))) == 2

    @pytest.mark.parametrize("place", [24, 154])
    def test_below(self, place: int) -> None:
        first = directory(*_PLAIN, (330, 13, 1, 154))
        assert 24 + len(first) == 150
        data = b"II*\0" + struct.pack("<I", 24) + bytes(16) + first + bytes(4) + directory(*_PLAIN, (330, 13, 1, place))
        assert len(read_photos(io.BytesIO(data))) == 1

    def test_many_that_share_those_below(self) -> None:
        # 500 directories with 200 below each, all the same ones: a hundred thousand, were they read each time.
        below = struct.pack("<200I", *range(30_000, 30_000 + 200 * 130, 130))
        chain = b"".join(
            directory(*_PLAIN, (330, 4, 200, 70_000), after=(number + 1) * 130 + 24) for number in range(200)
        )
        data = bytearray(80_000)
        data[:8] = b"II*\0" + struct.pack("<I", 24)
        size = len(directory(*_PLAIN, (330, 4, 200, 70_000)))
        for number in range(200):
            data[24 + number * 130 : 24 + number * 130 + size] = chain[number * size : (number + 1) * size]
            place = 30_000 + number * 130
            data[place : place + size] = directory(*_PLAIN, (330, 4, 200, 70_000))
        data[24 + 199 * 130 + size - 4 : 24 + 199 * 130 + size] = bytes(4)
        data[70_000:70_800] = below
        started = time.process_time()
        assert len(read_photos(io.BytesIO(bytes(data)))) == 200
        assert time.process_time() - started < 5
