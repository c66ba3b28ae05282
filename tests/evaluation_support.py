"""What evaluation tests share besides fixtures."""

from typing import Any

import torch

from colorgan.config import ModelConfig, RenderConfig
from colorgan.evaluation import Report
from colorgan.model import build_generator
from colorgan.weights.file import LoadedGenerator

COUNT = 5
"""Photographs in the `folder` that evaluation tests measure on."""


def make_loaded(config: ModelConfig, name: str, seed: int = 0, **render: Any) -> LoadedGenerator:
    """Make a generator with random weights that give colours, as if it came from a file."""
    torch.manual_seed(seed)
    network = build_generator(config).eval()
    torch.nn.init.normal_(network.color.weight, std=0.3)
    return LoadedGenerator(network, RenderConfig(size=32, **render), {"name": name}, name * 8)


def figure(report: Report, key: str, candidate: str) -> float:
    """Return a figure of one candidate."""
    return next(r.figure.value for r in report.rows if r.statistic.key == key and r.candidate == candidate)
