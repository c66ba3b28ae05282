"""What Pillow encodes, and what it is told of quality, colour and metadata."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin

from colorgan.images import (
    Metadata,
    read_photos,
    write_image,
)
from image_support import noise
from metadata_support import HOLD_XMP, write
from support import draw_photo


class TestLossy:
    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
    def test_lossy_near(self, tmp_path: Path, kind: str) -> None:
        pixels = np.asarray(draw_photo(1))
        write_image(tmp_path / "a", pixels, format=kind)
        with Image.open(tmp_path / "a") as image:
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - pixels).mean() < 4

    def test_quality(self, tmp_path: Path) -> None:
        pixels = np.asarray(draw_photo(1))
        for quality in (20, 95):
            write_image(tmp_path / f"{quality}.jpg", pixels, format="JPEG", quality=quality)
        assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 2

    def test_jpeg_keeps_all_chroma(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.jpg", noise(), format="JPEG")
        with Image.open(tmp_path / "a.jpg") as image:
            assert isinstance(image, JpegImagePlugin.JpegImageFile)
            assert {layer[1:3] for layer in image.layer} == {(1, 1)}


class TestTold:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
    @pytest.mark.parametrize("dpi", [(300, 300), (96.5, 72.25)])
    def test_dpi_is_read_again(self, tmp_path: Path, kind: str, dpi: tuple[float, float]) -> None:
        write(tmp_path / "out", kind, Metadata(dpi=dpi))
        (again,) = read_photos(tmp_path / "out")
        assert again.metadata.dpi == pytest.approx(dpi, abs=0.6)  # JPEG has whole numbers

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
    def test_dpi(self, source: Path, tmp_path: Path, kind: str) -> None:
        (photo,) = read_photos(source)
        write(tmp_path / "out", kind, photo.metadata)
        with Image.open(tmp_path / "out") as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)

    @pytest.mark.parametrize(("kind", "depth"), [*((f, 8) for f in HOLD_XMP), ("PNG", 16), ("TIFF", 16)])
    def test_tagged_as_srgb(self, tmp_path: Path, kind: str, depth: int) -> None:
        write(tmp_path / "a", kind, Metadata(), None, depth=depth)
        with Image.open(tmp_path / "a") as image:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
