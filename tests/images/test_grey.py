"""The grey levels that a picture has."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.images import (
    PhotoKind,
    photo_from_image,
)
from image_support import luminance_of, luminance_of_grey, ramp, read_one
from support import draw_photo


class TestGreyLevels:
    """Greys stay bit for bit; colours keep their L*."""

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".gif", ".pgm"])
    def test_eight_bits_exact(self, tmp_path: Path, suffix: str) -> None:
        grey = ramp()
        path = tmp_path / f"a{suffix}"
        Image.fromarray(grey).save(path)
        photo = read_one(path)
        assert np.array_equal(photo.grey, grey)
        assert photo.grey.dtype == np.uint8
        assert (photo.depth, photo.kind, photo.alpha) == (8, PhotoKind.GREY, None)

    @pytest.mark.parametrize(("suffix", "options"), [(".jpg", {"quality": 95}), (".webp", {}), (".avif", {})])
    def test_lossy_near(self, tmp_path: Path, suffix: str, options: dict) -> None:
        image = draw_photo(3).convert("L")
        path = tmp_path / f"a{suffix}"
        image.save(path, **options)
        photo = read_one(path)
        assert np.abs(photo.grey.astype(float) / np.iinfo(photo.grey.dtype).max - np.asarray(image) / 255).mean() < 0.03
        assert photo.kind is PhotoKind.GREY

    def test_grey_stored_as_rgb_stays_exact(self, tmp_path: Path) -> None:
        grey = ramp()
        Image.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "a.png")
        photo = read_one(tmp_path / "a.png")
        assert np.array_equal(photo.grey, grey)
        assert photo.kind is PhotoKind.GREY

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_colour_keeps_luminance(self, dtype: type) -> None:
        rgb = ramp((30, 50, 3), dtype)
        photo = photo_from_image(rgb)
        assert photo.grey.dtype == np.uint16
        assert np.abs(luminance_of_grey(photo.grey) - luminance_of(rgb)).max() < 0.01
        assert photo.kind is PhotoKind.COLOR

    def test_dark_colours_are_precise(self) -> None:
        rgb = ramp((40, 40, 3), np.uint16) // 256
        assert np.abs(luminance_of_grey(photo_from_image(rgb).grey) - luminance_of(rgb)).max() < 0.01

    def test_a_late_colour_rescales_what_came_before(self) -> None:
        grey = np.full((1100, 1000), 100, np.uint8)  # more than one band
        rgb = np.stack([grey] * 3, axis=-1)
        rgb[-1, -1] = (255, 0, 0)
        photo = photo_from_image(rgb)
        assert photo.grey.dtype == np.uint16
        assert (photo.grey[:-1] == 100 * 257).all()

    def test_keeps_rgb_when_asked(self) -> None:
        rgb = ramp((9, 7, 3))
        assert photo_from_image(rgb).rgb is None
        kept = photo_from_image(rgb, keep_rgb=True).rgb
        assert kept is not None
        assert np.array_equal(kept, rgb)
