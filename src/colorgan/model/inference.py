"""Making a trained generator quick to ask."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from colorgan.model.blocks import DecoderStage
from colorgan.model.encoders import Encoder
from colorgan.model.generator import Generator

__all__ = ["prepare_for_inference"]


def prepare_for_inference(network: Generator, dtype: torch.dtype, *, in_place: bool = False) -> Generator:
    """Return a network that answers the same, up to rounding, in less time, and can no longer be trained.

    Batch norms are folded into the convolutions before them, and the weights are kept in `dtype`, so that autocast
    need not convert them at every call.

    Args:
        network: A generator in eval mode.
        dtype: The precision that it will run in.
        in_place: Whether the given network may be changed and returned, which spares a copy; nobody else may use it.
    """
    if network.training:
        raise ValueError("prepare_for_inference needs a generator in eval mode: call .eval() first")
    folded = (network if in_place else copy.deepcopy(network)).requires_grad_(False)
    _scale_canvas(folded.encoder)
    for module in list(folded.modules()):
        if isinstance(module, nn.Sequential):
            _fold_sequence(module)
        elif isinstance(module, DecoderStage) and isinstance(module.norm, nn.BatchNorm2d):
            module.up = fuse_conv_bn_eval(module.up, module.norm, transpose=True)
            module.norm = nn.Identity()
    return folded.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _scale_canvas(encoder: Encoder) -> None:
    """Do to the canvas's convolution, which is added before the first batch norm, what folding does to the stem."""
    norm = next(layer for layer in encoder.features.modules() if isinstance(layer, nn.BatchNorm2d))
    if norm.running_var is None:
        raise ValueError("the encoder's first batch norm keeps no statistics, so it cannot be folded")
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    encoder.canvas.weight.mul_(scale.view(-1, 1, 1, 1))


def _fold_sequence(layers: nn.Sequential) -> None:
    for place, (conv, norm) in enumerate(zip(list(layers)[:-1], list(layers)[1:], strict=True)):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            layers[place] = fuse_conv_bn_eval(conv, norm)
            layers[place + 1] = nn.Identity()
