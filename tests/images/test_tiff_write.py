"""TIFF of 16 bits, written band by band."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tifffile

from colorgan.images import (
    read_photos,
    write_image,
)
from image_support import noise
from metadata_support import XMP, write


class TestPixels:
    @pytest.mark.parametrize("channels", [3, 4])
    @pytest.mark.parametrize("given", [np.uint8, np.uint16])
    def test_sixteen_bit_tiff(self, tmp_path: Path, channels: int, given: type) -> None:
        pixels = noise((300, 401, channels), given)
        alpha = pixels[..., 3] if channels == 4 else None
        write_image(tmp_path / "a.tif", pixels[..., :3], format="TIFF", depth=16, alpha=alpha)
        read = tifffile.imread(tmp_path / "a.tif")
        assert read.dtype == np.uint16
        assert np.array_equal(read, pixels if given == np.uint16 else pixels.astype(np.uint16) * 257)


class TestTags:
    @pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True), (">", True)])
    def test_deep_tiff(self, tmp_path: Path, order: Literal["<", ">"], big: bool) -> None:
        tifffile.imwrite(
            tmp_path / "a.tif", np.zeros((4, 6), np.uint16), byteorder=order, bigtiff=big, resolution=(200, 200),
            resolutionunit="inch", description="Gr\xfcn".encode(), metadata=None,
            extratags=[(271, "s", 0, "Kodak", True), (700, "B", len(XMP), XMP, True), (274, "H", 1, 6, True)],
        )  # fmt: skip
        (photo,) = read_photos(tmp_path / "a.tif")
        assert photo.grey.shape == (6, 4)
        assert photo.metadata.dpi == pytest.approx((200, 200))
        write(tmp_path / "b.tif", "TIFF", photo.metadata, depth=16)
        with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
            (page,) = tiff.pages
            assert isinstance(page, tifffile.TiffPage)
            tags = page.tags
            assert tags.valueof(271) == "Kodak"
            assert tags.valueof(270) == "Gr\xfcn"
            assert tags.valueof(305) == "colorgan 1.2.3"
