import pytest
import torch

from colorgan.metrics import colorfulness, psnr
from colorgan.rendering.strength_sweep import SweepCurve, SweepValues, gain_at_fraction, sweep_strengths


@pytest.fixture
def target() -> torch.Tensor:
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def compose_from(target: torch.Tensor):
    grey = target.mean(1, keepdim=True)
    return lambda strength: (grey + 0.5 * strength * (target - grey)).clamp(0, 1)


class TestMeasureFront:
    def test_gains_are_over_the_grey_pictures(self, target):
        compose = compose_from(target)
        values = sweep_strengths(compose, target, (0.5, 1.0))
        assert values.strengths == (0.0, 0.5, 1.0)
        assert values.gains.shape == values.colorfulness.shape == (3, 4)
        assert torch.equal(values.gains[0], torch.zeros(4))
        torch.testing.assert_close(values.gains[2], psnr(compose(1.0), target) - psnr(compose(0.0), target))
        torch.testing.assert_close(values.grey_psnr, psnr(compose(0.0), target))
        torch.testing.assert_close(values.colorfulness[1], colorfulness(compose(0.5)))
        torch.testing.assert_close(values.photographs, colorfulness(target))

    def test_batches_join(self, target):
        whole = sweep_strengths(compose_from(target), target, (1.0,))
        parts = [sweep_strengths(compose_from(half), half, (1.0,)) for half in target.split(2)]
        joined = SweepValues.join(parts)
        assert joined.gains.dtype == torch.float64
        torch.testing.assert_close(joined.gains.float(), whole.gains)
        torch.testing.assert_close(joined.photographs.float(), whole.photographs)


class TestCurve:
    def values(self) -> SweepValues:
        return SweepValues(
            (0.0, 1.0),
            gains=torch.tensor([[0.0, 0.0], [1.0, 3.0]]),
            colorfulness=torch.tensor([[0.0, 0.0], [10.0, 40.0]]),
            grey_psnr=torch.tensor([20.0, 22.0]),
            photographs=torch.tensor([50.0, 50.0]),
        )

    def test_is_of_means(self):
        assert self.values().curve() == SweepCurve((0.0, 0.5), (0.0, 2.0))

    def test_weights_count_pictures_more_often(self):
        curve = self.values().curve(torch.tensor([0.0, 2.0]))
        assert curve.gains == pytest.approx((0, 3))
        assert curve.fractions == pytest.approx((0, 0.8))

    def test_best_and_between(self):
        curve = SweepCurve((0.0, 0.4, 0.8), (0.0, 2.0, 1.0))
        assert curve.best == 2
        assert curve.gain_at(0.6) == pytest.approx(1.5)
        assert curve.gain_at(0.9) is None


def test_gain_where_colour_falls_on_the_way() -> None:
    assert gain_at_fraction([0, 0.5, 0.4, 0.9], [0, 1, 1, 2], 0.65) == pytest.approx(1.5)
