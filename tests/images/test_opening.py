"""Pillow, opened for files that mean no good: it prints nothing, warns of nothing, runs nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import (
    read_photos,
    sources,
)
from image_support import page, ramp, read_one, refused, tiff
from support import draw_photo


class TestStandardError:
    @pytest.mark.parametrize("compression", ["tiff_lzw", "group4", "jpeg", "tiff_adobe_deflate"])
    def test_damaged_tiffs_print_nothing(
        self, tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        image = draw_photo(1, (200, 300)).convert("1" if compression == "group4" else "L")
        image.save(tmp_path / "a.tif", compression=compression)
        whole = (tmp_path / "a.tif").read_bytes()
        rng = np.random.default_rng(0)
        refused = 0
        for _ in range(20):
            data = bytearray(whole)
            for place in rng.integers(8, len(data), 30):
                data[place] = rng.integers(256)
            (tmp_path / "a.tif").write_bytes(data)
            try:
                read_photos(tmp_path / "a.tif")
            except ImageReadError:
                refused += 1
        assert refused > 0
        assert capfd.readouterr() == ("", "")

    def test_odd_tiffs_print_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").write_bytes(tiff(page(4, 4, size=16, t277=(50_000,)), data=bytes(16)))
        code = "import sys, pathlib, colorgan.images as i; i.read_photos(pathlib.Path(sys.argv[1]))"
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "a.tif")],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        lines = done.stderr.splitlines()
        assert lines[0].startswith("Traceback")  # of the error that this reader raises, and nothing before it
        assert "ImageReadError" in lines[-1]


class TestPillow:
    def test_large_pictures_raise_no_warning_of_pillow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        monkeypatch.setattr(sources, "BAND", 80)  # before version 13 Pillow holds parts of a picture to its limit too
        Image.fromarray(ramp((30, 40))).save(tmp_path / "a.png")
        assert read_one(tmp_path / "a.png").grey.shape == (30, 40)
        assert Image.MAX_IMAGE_PIXELS == 100

    def test_only_known_formats_are_tried(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "a.jpg", "EPS")  # Pillow would start Ghostscript on it
        assert "not a picture" in refused(tmp_path / "a.jpg")
