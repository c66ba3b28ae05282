"""Optimisers, the learning rate's course, and the averaged generator."""

import copy
import math

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from colorgan.config import LossConfig
from colorgan.losses import Head, heads_looked_at
from colorgan.model import Discriminator, Generator
from colorgan.training.recipe import OptimizerConfig, OptimizerName, Schedule

__all__ = [
    "AveragedGenerator",
    "build_discriminator_optimizer",
    "build_generator_optimizer",
    "freeze_early_stages",
    "freeze_idle_parts",
    "rate_factor",
    "set_rate",
]

_CLASSES: dict[OptimizerName, type[Adam]] = {OptimizerName.ADAM: Adam, OptimizerName.ADAMW: AdamW}


def build_generator_optimizer(network: Generator, config: OptimizerConfig) -> Optimizer:
    """Make the generator's optimiser: the encoder at its own rate, biases and norms without weight decay."""
    groups = []
    for in_encoder in (True, False):
        rate = config.learning_rate * (config.encoder_lr_scale if in_encoder else 1)
        parameters = [p for name, p in network.named_parameters() if name.startswith("encoder.features") == in_encoder]
        for decays in (True, False):
            chosen = [p for p in parameters if p.requires_grad and (p.dim() > 1) == decays]
            decay = config.weight_decay if decays else 0.0
            groups.append({"params": chosen, "lr": rate, "base_lr": rate, "weight_decay": decay})
    first, second = config.betas
    return _CLASSES[config.name]([g for g in groups if g["params"]], betas=(first, second), fused=True)


def build_discriminator_optimizer(network: Discriminator, config: OptimizerConfig) -> Optimizer:
    """Make the discriminator's optimiser."""
    rate = config.discriminator_learning_rate
    first, second = config.discriminator_betas
    group = {"params": list(network.parameters()), "lr": rate, "base_lr": rate}
    return _CLASSES[config.name]([group], betas=(first, second), weight_decay=0.0, fused=True)


_LONGEST_WARMUP = 0.1  # of a run, so that a short one is not over before its rate has risen


def rate_factor(config: OptimizerConfig, step: int, progress: float) -> float:
    """Return the factor on the learning rates at a step.

    Args:
        config: Warm-up and schedule.
        step: Steps done so far.
        progress: The share of the run that is done, 0..1.
    """
    warm = min(1.0, max((step + 1) / config.warmup_steps, progress / _LONGEST_WARMUP)) if config.warmup_steps else 1.0
    if config.schedule is Schedule.CONSTANT:
        return warm
    cosine = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    return warm * (config.min_lr_ratio + (1 - config.min_lr_ratio) * cosine)


def set_rate(optimizer: Optimizer, factor: float) -> None:
    """Set each group's learning rate to `factor` of its own base rate."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group["base_lr"]


def freeze_early_stages(network: Generator, stride: int) -> None:
    """Keep the encoder's stages up to a stride as they are: no gradient, batch norms as in use. 0 freezes none."""
    for layer in network.encoder.layers_to_stride(stride) if stride else []:
        layer.requires_grad_(False).eval()


def freeze_idle_parts(network: Generator, loss: LossConfig) -> None:
    """Keep the parts that no term of the loss looks at as they are."""
    looked_at = heads_looked_at(loss)
    if looked_at == {Head.REPAIR}:
        network.requires_grad_(False)
        if network.repair is not None:
            network.repair.requires_grad_(True)
    heads = {Head.COLOR: network.color, Head.BINS: network.bins, Head.REPAIR: network.repair}
    for head, part in heads.items():
        if part is not None and head not in looked_at:
            part.requires_grad_(False)


class AveragedGenerator:
    """The exponential moving average of a generator's weights, batch statistics included.

    Early on the average is over few steps, so that a run from random weights is not held back by them.

    Args:
        network: The generator that is trained.
        decay: The weight of the past, per step; 0 keeps a plain copy.
    """

    def __init__(self, network: Generator, decay: float) -> None:
        self.network: Generator = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    def restart(self, network: Generator) -> None:
        """Begin anew with these weights."""
        self.network.load_state_dict(network.state_dict())

    @torch.no_grad()
    def update(self, network: Generator, step: int) -> None:
        """Take in the weights after a step (counted from 1)."""
        keep = min(self.decay, step / (step + 9))
        (mine, my_counts), (theirs, their_counts) = _tensors(self.network), _tensors(network)
        get_ema_multi_avg_fn(keep)(mine, theirs, step)  # type: ignore[no-untyped-call]
        for count, newer in zip(my_counts, their_counts, strict=True):
            count.copy_(newer)


def _tensors(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return a network's weights and statistics, and its counts of batches."""
    tensors = [*network.parameters(), *network.buffers()]
    return [x for x in tensors if x.is_floating_point()], [x for x in tensors if not x.is_floating_point()]
