"""Numbers for each picture of a batch."""

import numpy as np
import pytest
import torch

from colorgan.data.random_source import RandomSource, derive_seed


def source(count: int = 10_000, seed: int = 0) -> RandomSource:
    return RandomSource.at(range(count), seed)


class TestDeriveSeed:
    def test_depends_on_all_numbers(self):
        assert len({derive_seed(*key) for key in ((0, 1), (1, 0), (0, 0, 1), (0,), (1, 1))}) == 5
        assert all(0 <= derive_seed(n) < 2**63 for n in range(20))


class TestRandomSource:
    def test_a_picture_has_the_same_numbers_whatever_lies_beside_it(self):
        def draw(positions: list[int]) -> list[torch.Tensor]:
            found = RandomSource.at(positions, seed=5)
            drawn = [found.uniform(0, 1, 2), found.integers(0, 9, 3), found.chance(0.5)]
            toned, _ = found.some(1), found.groups(2)
            drawn += [found.normal_pixels(3, 4), found.uniform_pixels(2, 2)]
            if 40 in positions:
                place = toned.here.tolist().index(positions.index(40))
                drawn.append(toned.uniform(0, 1, 4)[place].expand(len(positions), -1))
            return drawn

        alone = draw([40])
        for positions in ([40, 41], [7, 40], list(range(60))):
            place = positions.index(40)
            assert all(torch.equal(a[0], b[place]) for a, b in zip(alone, draw(positions), strict=True))

    def test_the_first_of_more_numbers_are_those_of_fewer(self):
        assert torch.equal(source(5).integers(0, 99, 3, 2), source(5).integers(0, 99, 7, 2)[:, :3])

    def test_seeds_positions_and_draws_differ(self):
        found = source(1000)
        drawn = [found.uniform(0, 1), found.uniform(0, 1), source(1000, seed=1).uniform(0, 1)]
        drawn.append(found.some(2).uniform(0, 1))
        assert torch.cat(drawn).unique().numel() > 3990
        assert np.abs(np.corrcoef(torch.stack(drawn).numpy()) - np.eye(4)).max() < 0.12

    def test_draws_from_the_ranges_asked_for(self):
        uniform, integers = source().uniform(-2, 3), source().integers(2, 4)
        assert -2 <= uniform.min() < -1.9
        assert 2.9 < uniform.max() < 3
        assert uniform.mean() == pytest.approx(0.5, abs=0.05)
        assert uniform.std() == pytest.approx(5 / 12**0.5, rel=0.02)
        assert torch.bincount(integers).tolist() == pytest.approx([0, 0, 3333, 3333, 3333], abs=200)

    def test_chooses_as_often_as_asked(self):
        assert source().chance(0.3).float().mean() == pytest.approx(0.3, abs=0.02)
        some = source().some(0.3)
        assert len(some) == len(some.here) == pytest.approx(3000, abs=200)
        assert (len(source().some(0)), len(source().some(1))) == (0, 10_000)

    def test_groups_hold_each_picture_once(self):
        groups = source().groups(3)
        assert sorted(torch.cat([group.here for group in groups]).tolist()) == list(range(10_000))
        assert all(len(group) == pytest.approx(3333, abs=200) for group in groups)
        assert source().groups(0) == []

    def test_counts_are_drawn_evenly_and_their_things_come_first(self):
        there = source().counts(4)
        assert there.shape == (10_000, 4)
        assert torch.bincount(there.sum(1)).tolist() == pytest.approx([0, 2500, 2500, 2500, 2500], abs=200)
        assert (there.int().diff(dim=1) <= 0).all()

    def test_geometric_counts(self):
        number = source().geometric_counts(1 / 8, most=1000).sum(1)
        assert number.min() == 1
        assert number.float().mean() == pytest.approx(8, rel=0.05)
        assert (number == 1).float().mean() == pytest.approx(1 / 8, abs=0.02)
        assert source().geometric_counts(1 / 8, most=5).shape == (10_000, 5)

    def test_pixels(self):
        found = source(20)
        uniform, normal = found.uniform_pixels(64, 48), found.normal_pixels(64, 48)
        assert uniform.shape == normal.shape == (20, 64, 48)
        assert 0 <= uniform.min() < uniform.max() < 1
        assert (normal.mean().item(), normal.std().item()) == pytest.approx((0, 1), abs=0.02)
        assert normal[:, 0, 0].unique().numel() == 20
