"""The colours of a photograph in a few numbers, and how photographs are brought near each other."""

import math

import numpy as np
import pytest
import torch

from colorgan.colorization.color_stats import Adjustment, ColorStats, adjust, equalize, measure_color_stats


class TestMeasureLook:
    def test_near_neutral_places_tell_the_cast(self) -> None:
        ab = torch.full((2, 20, 20), 3.0)
        ab[:, :10] = torch.tensor([60.0, 40.0])[:, None, None]  # a red dress over half of the picture
        look = measure_color_stats(ab)
        assert (look.a, look.b) == pytest.approx((3, 3), abs=0.1)
        assert look.chroma == pytest.approx(math.hypot(57, 37) * math.sqrt(0.5), rel=0.01)

    def test_grey(self) -> None:
        assert measure_color_stats(torch.zeros(2, 3, 3)) == ColorStats(0, 0, 0)


class TestEvenOut:
    def test_half_of_the_way_to_the_median(self) -> None:
        stats = {3: ColorStats(0, 0, 10), 5: ColorStats(2, -4, 12), 9: ColorStats(4, 8, 16)}
        changes = equalize(stats)
        assert (changes[3].a, changes[3].b) == (1, 0)
        assert changes[3].factor == pytest.approx(math.sqrt(1.2))
        assert (changes[9].a, changes[9].b) == (-1, -4)
        assert changes[5].factor == 1

    def test_one_alone_and_none_change_nothing(self) -> None:
        assert equalize({1: ColorStats(5, 5, 5)}) == {1: Adjustment(0, 0, 1)}
        assert equalize({}) == {}

    def test_limits(self) -> None:
        changes = equalize({0: ColorStats(90, 0, 100), 1: ColorStats(0, 0, 10), 2: ColorStats(0, 0, 0)})
        assert changes[0] == Adjustment(-8, 0, 1 / 1.5)
        assert changes[2].factor == 1.5

    def test_looks_come_nearer(self) -> None:
        pictures = [torch.randn(2, 30, 30) * spread + cast for spread, cast in ((3, 1), (6, 3), (5, -2), (4, 0))]
        changes = equalize(dict(enumerate(map(measure_color_stats, pictures))))
        after = [measure_color_stats(adjust(ab, changes[number])) for number, ab in enumerate(pictures)]
        before = [measure_color_stats(ab) for ab in pictures]
        for name in ("a", "b", "chroma"):
            spreads = [np.ptp([getattr(look, name) for look in stats]) for stats in (before, after)]
            assert spreads[1] < 0.75 * spreads[0]
