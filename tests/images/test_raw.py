"""Camera raw files; those of the tests are written by tifffile."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
import tifffile

from colorgan.errors import ImageReadError
from colorgan.images import (
    PhotoKind,
    ReadLimits,
    count_pages,
    default_format,
    read_colors,
    read_marks,
    read_photos,
    read_size,
)
from image_support import write_dng
from support import draw_photo

GREY = np.asarray(draw_photo(1, (64, 48)).convert("L"))
_RAW = pytest.mark.skipif(importlib.util.find_spec("rawpy") is None, reason="rawpy is not installed")


@_RAW
class TestRaw:
    def test_is_developed(self, tmp_path: Path) -> None:
        write_dng(tmp_path / "a.dng")
        (photo,) = read_photos(tmp_path / "a.dng")
        assert (photo.depth, photo.format, default_format(photo)) == (16, "RAW", "PNG")
        assert photo.kind is not PhotoKind.COLOR
        assert photo.grey.shape == (64, 96)
        row = photo.grey[32, 8:-8] / 65535
        linear = np.where(row <= 0.04045, row / 12.92, ((row + 0.055) / 1.055) ** 2.4)
        ramp = np.linspace(0.02, 0.8, 96)[8:-8]
        assert np.corrcoef(linear, ramp)[0, 1] > 0.9999  # so that the curve is that of sRGB
        assert b"a field" in (photo.metadata.exif or b"")
        assert (count_pages(tmp_path / "a.dng"), read_size(tmp_path / "a.dng")) == (1, (96, 64))
        assert read_colors(tmp_path / "a.dng").size == (96, 64)
        assert read_marks(tmp_path / "a.dng").note is None

    def test_stands_upright(self, tmp_path: Path) -> None:
        write_dng(tmp_path / "a.dng", orientation=6)
        (photo,) = read_photos(io.BytesIO((tmp_path / "a.dng").read_bytes()))
        assert photo.grey.shape == (96, 64)
        assert (np.diff(photo.grey[8:-8, 32].astype(int)) > 0).all()  # its left side is on top
        assert read_size(tmp_path / "a.dng") == (64, 96)

    def test_a_developed_picture_beside_it_is_taken(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.dng") as tiff:
            tiff.write(GREY, photometric="minisblack")
            tiff.write(np.zeros((48, 64), np.uint16), photometric=32803)
        (photo,) = read_photos(tmp_path / "a.dng")
        assert np.array_equal(photo.grey, GREY)

    @pytest.mark.parametrize("name", ["a.nef", "a.NEF"])
    def test_a_preview_is_not_taken_for_the_photograph(self, tmp_path: Path, name: str) -> None:
        tifffile.imwrite(tmp_path / name, GREY, photometric="minisblack")
        with pytest.raises(ImageReadError, match="raw file"):
            read_photos(tmp_path / name)

    def test_limits_and_damage(self, tmp_path: Path) -> None:
        write_dng(tmp_path / "a.dng")
        with pytest.raises(ImageReadError, match="96 x 64 pixels"):
            read_photos(tmp_path / "a.dng", limits=ReadLimits(pixels=6000))
        (tmp_path / "a.dng").write_bytes((tmp_path / "a.dng").read_bytes()[:3000])
        with pytest.raises(ImageReadError, match=r"a\.dng"):
            read_photos(tmp_path / "a.dng")
