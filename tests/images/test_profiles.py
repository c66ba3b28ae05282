"""ICC profiles of grey pictures, and the curves in profiles."""

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from colorgan.images import PhotoKind, photo_from_image
from colorgan.images.profiles import tone_tables
from profile_support import dot_gain, fixed, gray_gamma, pack_profile, srgb_of, with_profile


class TestGreyProfiles:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("gamma", [1.0, 1.8, 2.19921875])
    def test_gamma(self, dtype: type, gamma: float) -> None:
        white = np.iinfo(dtype).max
        grey: NDArray[Any] = np.linspace(0, white, 256).astype(dtype).reshape(16, 16)
        photo = photo_from_image(with_profile(grey, gray_gamma(gamma)))
        expected = srgb_of((grey / white) ** (round(gamma * 256) / 256))
        assert np.abs(photo.grey / 65535 - expected).max() < 1e-4
        assert photo.kind is PhotoKind.GREY

    def test_dot_gain(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        photo = photo_from_image(with_profile(grey, dot_gain()))
        assert np.abs(photo.grey / 65535 - srgb_of((grey / 255) ** 1.75)).max() < 1e-3

    def test_agrees_with_little_cms(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        icc = gray_gamma(1.8)
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB"), "L", "RGB"
        )
        reference = np.asarray(ImageCms.applyTransform(Image.fromarray(grey), transform))[..., 1]
        difference = np.abs(photo_from_image(with_profile(grey, icc)).grey / 257 - reference)
        assert difference[1:].max() < 1.0  # Little CMS is coarse in the darkest sixteen levels


class TestCurves:
    @pytest.mark.parametrize(
        ("form", "parameters", "expected"),
        [
            (0, [2.0], lambda x: x**2),
            (1, [2.0, 0.9, 0.1], lambda x: (0.9 * x + 0.1) ** 2),
            (2, [2.0, 0.9, 0.0, 0.1], lambda x: (0.9 * x) ** 2 + 0.1),
            (3, [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045], None),
            (4, [2.0, 0.9, 0.0, 0.5, 0.1, 0.1, 0.0], lambda x: np.where(x >= 0.1, (0.9 * x) ** 2 + 0.1, 0.5 * x)),
        ],
    )
    def test_parametric(
        self, form: int, parameters: list[float], expected: Callable[[NDArray[Any]], NDArray[Any]] | None
    ) -> None:
        tag = b"para" + bytes(4) + struct.pack(">HH", form, 0) + fixed(*parameters)
        tables = tone_tables(pack_profile(b"GRAY", {b"kTRC": tag}), 256)
        assert tables is not None
        x = np.arange(256) / 255
        if expected is None:
            assert np.abs(srgb_of(tables[0].astype(float)) - x).max() < 1e-3
        else:
            assert np.abs(tables[0] - expected(x)).max() < 1e-3

    def test_grey_in_lab(self) -> None:
        tables = tone_tables(pack_profile(b"GRAY", {b"kTRC": b"curv" + bytes(8)}, b"Lab "), 256)
        assert tables is not None
        assert tables[0, 128] == pytest.approx(((100 * 128 / 255 + 16) / 116) ** 3, abs=1e-4)

    def test_table_profiles_have_none(self) -> None:
        assert tone_tables(pack_profile(b"RGB ", {b"A2B0": b"mft2" + bytes(40)}), 256) is None
