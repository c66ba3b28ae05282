"""Discriminators: networks that tell photographs from generated pictures.

All see sRGB `(B, 3, H, W)` in 0..1, with L `(B, 1, H, W)` beside it if conditional, and return a list of logits,
positive for "photograph": one tensor a scale.
"""

from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from colorgan.config import DiscriminatorConfig, DiscriminatorKind
from colorgan.errors import ConfigError

__all__ = [
    "Discriminator",
    "GlobalDiscriminator",
    "MultiscaleDiscriminator",
    "PatchDiscriminator",
    "build_discriminator",
]


class Discriminator(nn.Module):
    """What all discriminators share: their input."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.in_channels = 4 if config.conditional else 3

    def forward(self, rgb: Tensor, luminance: Tensor | None = None) -> list[Tensor]:
        """Judge a batch; see the module's docstring."""
        x = rgb * 2 - 1
        if self.config.conditional:
            if luminance is None:
                raise ConfigError("a conditional discriminator needs the luminance beside the colours")
            x = torch.cat((x, luminance / 50 - 1), dim=1)
        return self.judge(x.contiguous(memory_format=torch.channels_last))

    def judge(self, x: Tensor) -> list[Tensor]:
        """Judge the assembled input `(B, 3 or 4, H, W)` in -1..1."""
        raise NotImplementedError


class GlobalDiscriminator(Discriminator):
    """The paper's: strided convolutions, then one logit a picture `(B, 1)`."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__(config)
        self.layers = nn.Sequential(*_strided_layers(self.in_channels, config, spectral=False))
        self.classify = nn.Linear(_width(config, config.layers - 1), 1)

    def judge(self, x: Tensor) -> list[Tensor]:
        """Judge the assembled input."""
        x = _enlarge(x, 2**self.config.layers)
        return [self.classify(self.layers(x).mean((2, 3)))]


class PatchDiscriminator(Discriminator):
    """One logit for each patch (70 x 70 pixels with 3 layers), after Isola et al. (2017), with spectral norm."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__(config)
        last, wide = _width(config, config.layers - 1), _width(config, config.layers)
        self.layers = nn.Sequential(
            *_strided_layers(self.in_channels, config, spectral=True),
            spectral_norm(nn.Conv2d(last, wide, 4, padding=1)),
            nn.LeakyReLU(0.2, inplace=True),
            spectral_norm(nn.Conv2d(wide, 1, 4, padding=1)),
        )

    def judge(self, x: Tensor) -> list[Tensor]:
        """Judge the assembled input."""
        return [self.layers(_enlarge(x, 2 ** (self.config.layers + 2)))]


class MultiscaleDiscriminator(Discriminator):
    """Patch discriminators on an image pyramid, each level half the one before, after Wang et al. (2018)."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__(config)
        self.scales = nn.ModuleList(PatchDiscriminator(config) for _ in range(config.scales))

    def judge(self, x: Tensor) -> list[Tensor]:
        """Judge the assembled input, finest scale first."""
        logits = []
        for level, scale in enumerate(self.scales):
            if level > 0:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            logits += cast("PatchDiscriminator", scale).judge(x)
        return logits


_KINDS: dict[DiscriminatorKind, type[Discriminator]] = {
    DiscriminatorKind.GLOBAL: GlobalDiscriminator,
    DiscriminatorKind.PATCH: PatchDiscriminator,
    DiscriminatorKind.MULTISCALE: MultiscaleDiscriminator,
}


def build_discriminator(config: DiscriminatorConfig) -> Discriminator:
    """Build a discriminator with random weights."""
    return _KINDS[config.kind](config).to(memory_format=torch.channels_last)


def _enlarge(x: Tensor, smallest: int) -> Tensor:
    """Enlarge a picture too small for the strided layers to the least that is enough."""
    H, W = x.shape[-2:]
    if min(H, W) >= smallest:
        return x
    return F.interpolate(x, size=(max(H, smallest), max(W, smallest)), mode="nearest")


def _width(config: DiscriminatorConfig, layer: int) -> int:
    return config.width << min(layer, 3)  # doubled by each layer, up to eightfold


def _strided_layers(in_channels: int, config: DiscriminatorConfig, *, spectral: bool) -> list[nn.Module]:
    widths = [in_channels, *(_width(config, i) for i in range(config.layers))]
    layers: list[nn.Module] = []
    for number, (i, o) in enumerate(pairwise(widths)):
        conv = nn.Conv2d(i, o, 4, stride=2, padding=1)
        layers.append(spectral_norm(conv) if spectral else conv)
        if not spectral and number > 0:
            layers.append(nn.BatchNorm2d(o))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return layers
