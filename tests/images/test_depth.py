"""Levels of 8 and 16 bits."""

import numpy as np
import pytest
import torch

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.colorization.products import beside_the_original
from colorgan.images.depth import to_8_bits, to_16_bits, to_depth
from colorgan.images.grey import grey_of, srgb_tables

ALL = np.arange(65536, dtype=np.uint16)


class TestDepth:
    def test_rounds_to_the_nearest(self) -> None:
        assert np.array_equal(to_8_bits(ALL), np.rint(ALL / 65535 * 255).astype(np.uint8))

    def test_there_and_back_is_the_same(self) -> None:
        levels = np.arange(256, dtype=np.uint8)
        assert np.array_equal(to_8_bits(to_16_bits(levels)), levels)
        assert to_16_bits(levels)[[0, 255]].tolist() == [0, 65535]

    @pytest.mark.parametrize("depth", [8, 16])
    def test_what_has_the_depth_is_not_copied(self, depth: int) -> None:
        levels = np.zeros(3, f"uint{depth}")
        assert to_depth(levels, depth) is levels

    def test_what_lies_beside_a_result_is_rounded_as_results_are(self) -> None:
        """And not cut off."""
        grey = ALL[None, ::37]
        band = np.zeros((1, grey.shape[1], 3), np.uint8)
        (row,) = beside_the_original([band], grey)
        assert np.array_equal(row[0, : grey.shape[1], 0], to_8_bits(grey)[0])


def test_grey_of_a_colour_is_the_grey_of_its_luminance() -> None:
    """Pictures that are read and colours that are computed go by the same matrix."""
    levels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    lab = rgb_to_lab(torch.from_numpy(levels).permute(2, 0, 1).double() / 255)
    wanted = luminance_to_grey(lab[0]).numpy() * 65535
    assert np.abs(grey_of(levels, srgb_tables(256)) - wanted).max() < 1.5
