import pytest
import torch

from colorgan.film.motion import carry, estimate_motion, likeness, reverse_motion, trusted
from film_support import luminance


class TestEstimateMotion:
    @pytest.mark.parametrize("shift", [(0, 0), (1, 0), (3, -2), (8, 5)])
    def test_a_pan_is_found(self, shift: tuple[int, int]) -> None:
        here, there = luminance(1, 60, 50), luminance(1, 60 - shift[0], 50 - shift[1])
        motion = estimate_motion(here, there)
        assert motion.shape == (1, 2, 40, 64)
        error = (motion - torch.tensor(shift)[None, :, None, None]).norm(dim=1)
        assert float(error[..., 10:-10, 14:-14].median()) < 0.6

    def test_flat_pictures_stand_still(self) -> None:
        flat = torch.full((1, 1, 24, 32), 50.0)
        assert estimate_motion(flat, flat + 3).abs().max() < 1e-3

    def test_flickering_light_is_no_motion(self) -> None:
        here = luminance(2, 30, 30)
        assert estimate_motion(here, here + 8).abs().mean() < 0.05

    @pytest.mark.parametrize("size", [(16, 16), (17, 31), (40, 16)])
    def test_odd_sizes(self, size: tuple[int, int]) -> None:
        here = luminance(3, 20, 20, size)
        assert estimate_motion(here, here).shape == (1, 2, size[1], size[0])

    def test_a_guess_is_refined(self) -> None:
        here, there = luminance(1, 60, 50), luminance(1, 54, 50)
        guess = torch.zeros(1, 2, 40, 64)
        guess[:, 0] = 5
        motion = estimate_motion(here, there, guess, steps=3)
        assert float(motion[0, 0, 10:-10, 14:-14].median()) == pytest.approx(6, abs=0.4)


class TestCarry:
    def test_whole_shifts_are_exact(self) -> None:
        what = torch.rand(1, 3, 12, 20)
        motion = torch.zeros(1, 2, 12, 20)
        motion[:, 0], motion[:, 1] = 2, 1
        assert torch.allclose(carry(what, motion)[..., :-1, :-2], what[..., 1:, 2:], atol=1e-5)

    def test_nothing_is_known_beyond_the_edges(self) -> None:
        here = luminance(1, 40, 40)
        motion = torch.zeros(1, 2, 40, 64)
        motion[:, 0] = 70
        assert trusted(here, here, motion).max() == 0

    def test_the_way_back(self) -> None:
        motion = torch.zeros(1, 2, 20, 30)
        motion[:, 0] = torch.linspace(1, 3, 30)  # a zoom
        back = reverse_motion(motion)
        there = carry(motion, back)
        assert (there + back)[..., 4:-4, 6:-6].abs().max() < 0.05


def test_likeness_is_one_for_equals_and_small_for_others() -> None:
    one, other = luminance(1, 0, 0), luminance(8, 60, 90)
    assert likeness(one, one).min() == 1
    assert likeness(one, other).mean() < 0.6
