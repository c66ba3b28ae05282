"""A sweep of the strength, put together."""

import numpy as np
import pytest
import torch

from colorgan.evaluation.statistics import Bootstrap
from colorgan.evaluation.sweep import StrengthSweep, summarize_sweep
from colorgan.rendering.strength_sweep import SweepValues


class TestSummarizeSweep:
    def summarize(self, gains: list[float], colours: list[float]) -> StrengthSweep:
        n = 50
        spread = np.random.default_rng(0).normal(0, 0.1, n)
        values = SweepValues(
            (0.0, 1.0, 2.0),
            gains=torch.from_numpy(np.array(gains, float)[:, None] + spread * np.array([[0], [1], [1]])),
            colorfulness=torch.tensor(colours).double()[:, None].expand(-1, n),
            grey_psnr=torch.zeros(n).double(),
            photographs=torch.full((n,), 40.0).double(),
        )
        return summarize_sweep("m", values, Bootstrap(n, 200, 0))

    def test_reads_between_the_strengths(self):
        sweep = self.summarize([0, 1, -2], [0, 20, 40])
        assert sweep.shares == pytest.approx((0, 0.5, 1))
        gain = sweep.at_shares[0.56]
        assert gain is not None
        assert gain.value == pytest.approx(1 - 3 * 0.12, abs=0.1)
        assert gain.low < gain.value < gain.high
        assert sweep.best.value == pytest.approx(sweep.gains[1])

    def test_says_where_a_share_is_not_reached(self):
        sweep = self.summarize([0, 1, 1.2], [0, 10, 30])
        assert sweep.at_shares[0.56] is not None
        assert sweep.at_shares[0.98] is None
