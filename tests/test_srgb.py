"""The numbers of sRGB, against each other and against skimage's and Pillow's."""

from typing import Any

import numpy as np
import pytest
from PIL import ImageCms
from skimage.color import colorconv

from colorgan.srgb import D65, LUMINANCE, RGB_TO_XYZ, RGB_TO_XYZ_D50


def test_white_is_the_sum_of_the_colours() -> None:
    assert np.sum(RGB_TO_XYZ, axis=1) == pytest.approx(D65, abs=1e-6)


def test_greys_stay_grey() -> None:
    assert sum(LUMINANCE) == pytest.approx(1, abs=1e-15)
    assert pytest.approx(RGB_TO_XYZ[1], abs=1e-6) == LUMINANCE


def test_the_matrix_is_that_of_the_standard() -> None:
    assert np.asarray(RGB_TO_XYZ) == pytest.approx(colorconv.xyz_from_rgb, abs=1e-4)


def test_colours_under_d50_are_those_of_a_profile() -> None:
    profile = ImageCms.createProfile("sRGB")
    columns: list[Any] = [profile.red_colorant, profile.green_colorant, profile.blue_colorant]  # XYZ and xyY of each
    assert pytest.approx(np.asarray([xyz for xyz, _ in columns]), abs=5e-4) == np.asarray(RGB_TO_XYZ_D50).T
