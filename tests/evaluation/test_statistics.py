import numpy as np
import pytest
import torch

from colorgan.evaluation.measures import METRICS
from colorgan.evaluation.statistics import Bootstrap, Columns, pooled_psnr
from colorgan.metrics import psnr

BY_KEY = {statistic.key: statistic for metric in METRICS.values() for statistic in metric.statistics}


def columns(own, photographs=None, grey=None) -> Columns:
    own, photographs, grey = (None if v is None else np.asarray(v, float) for v in (own, photographs, grey))
    return Columns(own, own if grey is None else grey, photographs)


class TestStatistics:
    def test_pooled_psnr_is_the_psnr_of_all_pixels(self):
        target = torch.rand(5, 3, 8, 8)
        prediction = (
            target + torch.randn_like(target) * torch.tensor([0.01, 0.02, 0.1, 0.2, 0.4]).view(5, 1, 1, 1)
        ).clamp(0, 1)
        each = psnr(prediction, target).double().numpy()
        together = psnr(prediction.view(1, 3, 40, 8), target.view(1, 3, 40, 8)).item()
        assert float(pooled_psnr(each)) == pytest.approx(together, abs=1e-4)
        assert float(pooled_psnr(each)) < each.mean()

    def test_colorfulness_share_is_of_means_and_distance_is_of_pictures(self):
        values = columns([10, 50], [40, 20])
        assert BY_KEY["colorfulness-share"].compute(values) == pytest.approx(1)
        assert BY_KEY["colorfulness-distance"].compute(values) == pytest.approx(30)

    def test_top5_recovery(self):
        values = columns([1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0])
        assert BY_KEY["top5-recovery"].compute(values) == pytest.approx(0.5)

    def test_no_two_figures_have_one_key(self):
        assert len(BY_KEY) == sum(len(metric.statistics) for metric in METRICS.values())

    def test_every_metric_leads_its_figures(self):
        assert all(metric.statistics[0].key == name for name, metric in METRICS.items())


class TestBootstrap:
    def test_agrees_with_the_normal_interval_of_a_mean(self):
        values = np.random.default_rng(1).normal(20, 3, 400)
        found = Bootstrap(400, 4000, 0).interval(BY_KEY["psnr"], columns(values))
        half = 1.96 * values.std() / 20
        assert found.value == pytest.approx(values.mean())
        assert found.low == pytest.approx(values.mean() - half, abs=0.04)
        assert found.high == pytest.approx(values.mean() + half, abs=0.04)

    def test_differences_are_paired(self):
        values = np.random.default_rng(1).normal(20, 5, 100)
        bootstrap = Bootstrap(100, 500, 0)
        found = bootstrap.interval(BY_KEY["psnr"], columns(values + 0.1), columns(values))
        assert [found.value, found.low, found.high] == pytest.approx([0.1, 0.1, 0.1])

    def test_depends_on_the_seed_only(self):
        values = columns(np.arange(50.0))
        first, again, other = (Bootstrap(50, 300, seed).interval(BY_KEY["psnr"], values) for seed in (0, 0, 1))
        assert first == again
        assert first != other

    def test_one_picture(self):
        found = Bootstrap(1, 100, 0).interval(BY_KEY["psnr"], columns([12.0]))
        assert (found.value, found.low, found.high) == (12, 12, 12)
