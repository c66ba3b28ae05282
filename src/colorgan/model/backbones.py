"""The layers of the ImageNet networks that serve as encoders, with torchvision's names.

They are written out here, and tested against torchvision's own, because importing torchvision takes about as long as
colouring a small folder. Only the first convolution differs: it takes one grey channel, and has a bias.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn

__all__ = [
    "VGG16_BLOCKS",
    "VGG19_BLOCKS",
    "InvertedResidual",
    "efficientnet_lite0_features",
    "efficientnet_lite2_features",
    "mobilenet_v2_features",
    "vgg16_bn_features",
    "vgg_convolution_places",
]

VGG16_BLOCKS, VGG19_BLOCKS = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)
"""Convolutions in each block of VGG-16 and VGG-19."""

_VGG_WIDTHS = (64, 128, 256, 512, 512)


def vgg16_bn_features() -> nn.Sequential:
    """VGG-16 with batch norm, without its last pooling: Simonyan and Zisserman (2014)."""
    layers: list[nn.Module] = []
    channels = 1
    for width, count in zip(_VGG_WIDTHS, VGG16_BLOCKS, strict=True):
        for _ in range(count):
            conv = nn.Conv2d(channels, width, 3, padding=1)
            _initialize(conv)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:-1])


def _initialize(conv: nn.Conv2d) -> None:
    # Uniform: drawing normal numbers on the meta device, where files are checked, imports all of torch's compiler.
    nn.init.kaiming_uniform_(conv.weight, mode="fan_out", nonlinearity="relu")


def vgg_convolution_places(blocks: Sequence[int], layers_each: int) -> Iterator[list[int]]:
    """Yield, block by block, where torchvision's VGG has its convolutions.

    Args:
        blocks: Convolutions in each block.
        layers_each: Layers that a convolution comes with, itself included: 2, or 3 with batch norm.
    """
    start = 0
    for count in blocks:
        yield [start + layers_each * number for number in range(count)]
        start += layers_each * count + 1  # and the pooling


class _ConvNormClip(nn.Sequential):
    """Convolution, batch norm, ReLU6."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1, groups: int = 1, eps: float = 1e-5
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=in_channels == 1),
            nn.BatchNorm2d(out_channels, eps=eps),
            nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    """Widen, convolve each channel by itself, narrow; added to the input where the shapes agree.

    In training, `drop_path` is the share of pictures for which only the input goes on: stochastic depth, Huang et al.
    (ECCV 2016).
    """

    drop_path = 0.0

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, kernel: int, stride: int, eps: float
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        block = partial(_ConvNormClip, eps=eps)
        self.conv = nn.Sequential(
            *([block(in_channels, hidden, 1)] if expansion > 1 else []),
            block(hidden, hidden, kernel, stride, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels, eps=eps),
        )
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, H, W)` to `(B, out, H / stride, W / stride)`."""
        y: Tensor = self.conv(x)
        if not self.is_residual:
            return y
        if self.training and self.drop_path > 0:
            kept = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop_path
            y = y * (kept / (1 - self.drop_path)).to(y.dtype)
        return x + y


# Of each group of blocks: repeats, kernel size, stride of the first, expansion, channels.
_MOBILENET_GROUPS = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (3, 3, 2, 6, 32), (4, 3, 2, 6, 64),
    (3, 3, 1, 6, 96), (3, 3, 2, 6, 160), (1, 3, 1, 6, 320),
)  # fmt: skip
_LITE0_GROUPS = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
_LITE2_GROUPS = (
    (1, 3, 1, 1, 16), (3, 3, 2, 6, 24), (3, 5, 2, 6, 48), (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120), (5, 5, 2, 6, 208), (1, 3, 1, 6, 352),
)  # fmt: skip


def _inverted_residuals(groups: Sequence[tuple[int, int, int, int, int]], eps: float) -> nn.Sequential:
    channels = 32
    layers: list[nn.Module] = [_ConvNormClip(1, channels, stride=2, eps=eps)]
    for repeats, kernel, stride, expansion, width in groups:
        for repeat in range(repeats):
            first_stride = stride if repeat == 0 else 1
            layers.append(InvertedResidual(channels, width, expansion, kernel, first_stride, eps))
            channels = width
    features = nn.Sequential(*layers)
    for layer in features.modules():
        if isinstance(layer, nn.Conv2d):
            _initialize(layer)
    return features


def mobilenet_v2_features() -> nn.Sequential:
    """MobileNetV2, without its last 1 x 1 convolution: Sandler et al. (2018)."""
    return _inverted_residuals(_MOBILENET_GROUPS, eps=1e-5)


def efficientnet_lite0_features() -> nn.Sequential:
    """EfficientNet-Lite0 (Google, 2020), without its last 1 x 1 convolution: B0 with ReLU6, without squeezing."""
    return _inverted_residuals(_LITE0_GROUPS, eps=1e-3)


def efficientnet_lite2_features() -> nn.Sequential:
    """EfficientNet-Lite2 (Google, 2020), without its last 1 x 1 convolution: Lite0, wider and deeper."""
    return _inverted_residuals(_LITE2_GROUPS, eps=1e-3)
