"""Rates, freezing, and the averaged generator."""

import pytest
import torch

from colorgan.model import Generator, build_generator
from colorgan.training import load_recipe
from colorgan.training.optimization import AveragedGenerator, build_generator_optimizer, rate_factor
from colorgan.training.recipe import OptimizerConfig, Schedule
from training_support import TINY


@pytest.fixture
def network() -> Generator:
    return build_generator(load_recipe("debug", TINY).model)


class TestRateFactor:
    def test_warms_up_from_nought(self):
        config = OptimizerConfig(warmup_steps=10, schedule=Schedule.CONSTANT)
        assert [rate_factor(config, step, 0.0) for step in (0, 4, 9, 50)] == [0.1, 0.5, 1.0, 1.0]

    def test_a_short_run_warms_up_within_a_tenth(self):
        config = OptimizerConfig(warmup_steps=200, schedule=Schedule.CONSTANT)
        assert [rate_factor(config, step, step / 40) for step in (0, 2, 4, 20)] == [0.005, 0.5, 1.0, 1.0]

    def test_falls_along_a_cosine(self):
        config = OptimizerConfig(warmup_steps=0, min_lr_ratio=0.1)
        found = [rate_factor(config, 0, progress) for progress in (0.0, 0.5, 1.0, 1.3)]
        assert found == pytest.approx([1.0, 0.55, 0.1, 0.1])


class TestBuildGeneratorOptimizer:
    def test_encoder_and_biases_have_groups_of_their_own(self, network):
        config = OptimizerConfig(learning_rate=1e-3, encoder_lr_scale=0.1, weight_decay=0.05)
        groups = build_generator_optimizer(network, config).param_groups
        assert {(g["lr"], g["weight_decay"]) for g in groups} == {(1e-4, 0.05), (1e-4, 0), (1e-3, 0.05), (1e-3, 0)}
        for group in groups:
            assert all((p.dim() > 1) == (group["weight_decay"] > 0) for p in group["params"])
        assert sum(len(g["params"]) for g in groups) == len(list(network.parameters()))


def bias_of(network: Generator) -> torch.Tensor:
    """The bias that tests move."""
    assert network.color.bias is not None
    return network.color.bias


class TestAveragedGenerator:
    def test_follows_slowly(self, network):
        average = AveragedGenerator(network, 0.9)
        before = bias_of(average.network).clone()
        with torch.no_grad():
            bias_of(network).add_(1)
        average.update(network, 10_000)
        assert torch.allclose(bias_of(average.network), before + 0.1)

    def test_is_over_few_steps_at_first(self, network):
        average = AveragedGenerator(network, 0.999)
        with torch.no_grad():
            bias_of(network).add_(1)
        average.update(network, 1)
        assert torch.allclose(bias_of(average.network), bias_of(network), atol=0.11)

    def test_without_decay_is_a_copy(self, network):
        average = AveragedGenerator(network, 0.0)
        with torch.no_grad():
            bias_of(network).add_(1)
            network.encoder.features[0][1].num_batches_tracked += 1
        average.update(network, 5)
        assert all(torch.equal(v, network.state_dict()[k]) for k, v in average.network.state_dict().items())
