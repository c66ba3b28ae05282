"""The way of a picture's colours to sRGB."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from skimage import color as skcolor

from colorgan.images import PhotoKind, photo_from_image, read_photos
from colorgan.images.profiles import srgb_profile
from colorgan.images.toning import Toning
from profile_support import ADOBE, adobe_rgb, gray_gamma, srgb_of, to_d65, with_profile


class TestRgbProfiles:
    def test_srgb_changes_nothing(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        for mode in ("L", "RGB"):
            image = Image.fromarray(grey).convert(mode)
            image.info["icc_profile"] = srgb_profile()
            photo = photo_from_image(image)
            assert photo.grey.dtype == np.uint8
            assert np.array_equal(photo.grey, grey)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_wide_gamut(self, tmp_path: Path, dtype: type) -> None:
        white = np.iinfo(dtype).max
        rgb = np.random.default_rng(0).uniform(0.4, 0.6, (20, 30, 3))  # inside sRGB
        stored: NDArray[Any] = (rgb * white).round().astype(dtype)
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", iccprofile=adobe_rgb())
        (photo,) = read_photos(tmp_path / "a.tif")
        xyz = ((stored / white) ** (563 / 256)) @ ADOBE.T
        expected = skcolor.rgb2lab(skcolor.xyz2rgb(to_d65(xyz)))[..., 0]
        measured = skcolor.rgb2lab(np.stack([photo.grey / 65535] * 3, axis=-1))[..., 0]
        assert np.abs(measured - expected).max() < 0.02
        assert photo.kind is PhotoKind.COLOR

    def test_kept_colours_are_converted(self) -> None:
        rgb = np.random.default_rng(0).integers(80, 180, (20, 30, 3), np.uint8)
        photo = photo_from_image(with_profile(rgb, adobe_rgb()), keep_rgb=True)
        assert photo.rgb is not None
        spread = [np.ptp(x.astype(int), axis=-1).mean() for x in (rgb, photo.rgb)]
        assert spread[1] > spread[0] * 1.1  # Adobe's colours are wider

    def test_neutrals_stay_neutral(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        photo = photo_from_image(with_profile(np.stack([grey] * 3, -1), adobe_rgb()))
        assert photo.kind is PhotoKind.GREY
        assert np.abs(photo.grey / 65535 - srgb_of((grey / 255) ** (563 / 256))).max() < 1e-3

    def test_grey_pictures_with_an_rgb_profile(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        photo = photo_from_image(with_profile(grey, adobe_rgb()))
        assert np.abs(photo.grey / 65535 - srgb_of((grey / 255) ** (563 / 256))).max() < 1e-3


class TestUselessProfiles:
    @pytest.mark.parametrize("icc", [b"", b"junk" * 50, adobe_rgb()[:150], gray_gamma(2.2)])
    def test_passed_over(self, icc: bytes) -> None:
        rgb = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
        plain, tagged = photo_from_image(rgb), photo_from_image(with_profile(rgb, icc))
        assert np.array_equal(plain.grey, tagged.grey)


class TestThroughLittleCms:
    """The way of profiles without curves; taken here by a matrix profile, whose result is known."""

    def test_sixteen_bits_keep_their_steps(self) -> None:
        grey = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
        levels = Toning(None, adobe_rgb()).convert(np.stack([grey] * 3, axis=-1))[..., 1]
        assert levels.dtype == np.uint16
        assert len(np.unique(levels)) > 2000
        assert (np.diff(levels.ravel().astype(int)) >= 0).all()
        expected = srgb_of((grey / 65535) ** (563 / 256))
        assert np.abs(levels / 65535 - expected)[grey > 4096].max() < 1 / 255

    def test_eight_bits(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        levels = Toning(None, adobe_rgb()).convert(grey)
        assert levels.shape == (16, 16, 3)
        assert np.abs(levels[..., 1] / 255 - srgb_of((grey / 255) ** (563 / 256)))[grey > 16].max() < 1.5 / 255
