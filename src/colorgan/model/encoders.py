"""Encoders: ImageNet networks that see one grey channel and hand out features at several strides.

An encoder keeps torchvision's own modules, so that torchvision's ImageNet files load by their own key names. Only the
first convolution differs: it takes the grey channel, and has a bias that carries what the colours' different means
left over.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual, mobilenet_v2
from torchvision.models.vgg import vgg16_bn
from torchvision.ops import Conv2dNormActivation

from colorgan.config import EncoderName
from colorgan.errors import WeightsInvalidError

__all__ = [
    "GREY_MEAN",
    "GREY_STD",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "BackboneReport",
    "Encoder",
    "adapt_first_convolution",
    "build_encoder",
    "load_backbone",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
GREY_MEAN = 0.449
GREY_STD = 0.226

CANVAS_CHANNELS = 4
"""Unknown, hint here, hint a / 110, hint b / 110; all 0 on an ordinary photograph."""


class Encoder(nn.Module):
    """A backbone cut into stages, with a zero-initialised convolution for the canvas beside its first one.

    Args:
        features: The backbone's layers, named as torchvision names them; the first one is, or begins with, the first
            convolution, already adapted to one channel.
        taps: Which of `features` end a stage, finest first.
        channels: The channels of each stage.
        strides: The stride of each stage.
    """

    def __init__(
        self, features: nn.Sequential, taps: Sequence[int], channels: Sequence[int], strides: Sequence[int]
    ) -> None:
        super().__init__()
        self.features = features
        self.taps = tuple(taps)
        self.channels = tuple(channels)
        self.strides = tuple(strides)
        self.canvas = nn.Conv2d(
            CANVAS_CHANNELS, self.stem.out_channels, 3, stride=self.stem.stride[0], padding=1, bias=False
        )
        nn.init.zeros_(self.canvas.weight)

    @property
    def stem(self) -> nn.Conv2d:
        """The first convolution."""
        first = self.features[0]
        stem = first[0] if isinstance(first, nn.Sequential) else first
        if not isinstance(stem, nn.Conv2d):
            raise TypeError(f"an encoder must begin with a convolution, got {type(stem).__name__}")
        return stem

    def forward(self, grey: Tensor, canvas: Tensor | None = None) -> list[Tensor]:
        """Return the features of each stage, finest first.

        Args:
            grey: `(sRGB grey - 0.449) / 0.226`, `(B, 1, H, W)`, H and W multiples of the deepest stride.
            canvas: `(B, 4, H, W)`, see `CANVAS_CHANNELS`; None is the same as zeros, and cheaper.
        """
        x = self.stem(grey)
        if canvas is not None:
            x = x + self.canvas(canvas)
        # A one-channel input has no definite memory format; without this all that follows runs in the slow one.
        x = x.contiguous(memory_format=torch.channels_last)
        first = self.features[0]
        for layer in list(first)[1:] if isinstance(first, nn.Sequential) else ():
            x = layer(x)
        stages = []
        for index in range(1, len(self.features)):
            x = self.features[index](x)
            if index in self.taps:
                stages.append(x)
        return stages

    def layers_to_stride(self, stride: int) -> list[nn.Module]:
        """Return the layers up to the end of the deepest stage whose stride is at most `stride`."""
        ends = [tap for tap, s in zip(self.taps, self.strides, strict=True) if s <= stride]
        return list(self.features)[: max(ends) + 1] if ends else []


def build_encoder(name: EncoderName) -> Encoder:
    """Build an encoder with random weights; `load_backbone` brings pretrained ones."""
    features, taps, channels = _BUILDERS[name]()
    _make_grey(features)
    return Encoder(features, taps, channels, name.strides)


def adapt_first_convolution(weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Turn an RGB convolution into one for a grey channel, exactly.

    Fed `(grey - GREY_MEAN) / GREY_STD`, the result answers as the original fed the same grey three times, each with
    ImageNet's mean and deviation of its colour; only where zero padding reaches do they differ a little.

    Args:
        weight: `(C, 3, k, k)`.
        bias: `(C,)` or None.

    Returns:
        Weight `(C, 1, k, k)` and bias `(C,)`.
    """
    mean, std = weight.new_tensor(IMAGENET_MEAN), weight.new_tensor(IMAGENET_STD)
    scaled = weight / std.view(1, 3, 1, 1)
    offset = (scaled * (GREY_MEAN - mean).view(1, 3, 1, 1)).sum((1, 2, 3))
    return scaled.sum(1, keepdim=True) * GREY_STD, offset if bias is None else bias + offset


@dataclass(frozen=True, slots=True)
class BackboneReport:
    """What a file of backbone weights held for an encoder."""

    loaded: tuple[str, ...]  # names of the encoder's tensors that were set
    missing: tuple[str, ...]  # names that the file lacks; they keep their initial values


def load_backbone(encoder: Encoder, state: Mapping[str, Tensor]) -> BackboneReport:
    """Set an encoder's weights from an ImageNet file with torchvision's key names.

    The first convolution is adapted to one channel. Tensors of other parts (the classifier) are passed over. A
    VGG-16 or VGG-19 file without batch norm serves `vgg16_bn` too: the convolutions that both have are taken, and the
    batch norms stay at identity.

    Raises:
        WeightsInvalidError: A tensor has another shape, or nothing in the file fits; the encoder is unchanged then.
    """
    own = {k: v for k, v in encoder.state_dict().items() if not k.endswith("num_batches_tracked")}
    wanted = {k: v for k, v in own.items() if not k.startswith("canvas")}
    plain_vgg = "features.1.running_mean" in wanted and "features.1.running_mean" not in state
    named = _rename_plain_vgg(state) if plain_vgg else state
    given = {k: v.float() for k, v in named.items() if k in wanted}
    first = next(iter(wanted))
    if not given:
        raise WeightsInvalidError(
            f"no tensor of these weights belongs to the encoder (it has {first}, the file has "
            f"{next(iter(state), 'nothing')}); pass the ImageNet file of the encoder that the recipe names"
        )
    colored = first in given and given[first].shape[1:2] == (3,)
    for key, tensor in given.items():
        expected = tuple(wanted[key].shape)
        if colored and key == first:
            expected = (expected[0], 3, *expected[2:])
        if tensor.shape != expected:
            raise WeightsInvalidError(
                f"{key} has shape {tuple(tensor.shape)}, the encoder needs {expected}: "
                "these weights are of another network"
            )
    if colored:
        bias_name = first.replace("weight", "bias")
        given[first], given[bias_name] = adapt_first_convolution(given[first], given.get(bias_name))
    encoder.load_state_dict(given, strict=False)
    return BackboneReport(tuple(given), tuple(k for k in wanted if k not in given))


def _make_grey(features: nn.Sequential) -> None:
    """Replace the first convolution by its one-channel form."""
    first = features[0]
    holder = first if isinstance(first, nn.Sequential) else features
    old = holder[0]
    if not isinstance(old, nn.Conv2d):
        raise TypeError(f"an encoder must begin with a convolution, got {type(old).__name__}")
    new = nn.Conv2d(1, old.out_channels, 3, stride=old.stride[0], padding=1)
    weight, bias = adapt_first_convolution(old.weight.detach(), None if old.bias is None else old.bias.detach())
    new.weight.data.copy_(weight)
    if new.bias is not None:
        new.bias.data.copy_(bias)
    holder[0] = new


_VGG16, _VGG19 = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)  # convolutions in each block


def _convolution_places(blocks: Sequence[int], step: int) -> Iterator[list[int]]:
    """Yield, block by block, where torchvision's VGG has its convolutions; `step` layers each, then a pooling."""
    start = 0
    for count in blocks:
        yield [start + step * number for number in range(count)]
        start += step * count + 1


def _rename_plain_vgg(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the convolutions of a VGG-16 or VGG-19 without batch norm the names that `vgg16_bn` has for them."""
    blocks = _VGG16 if "features.17.weight" in state else _VGG19
    renamed = {}
    for theirs, ours in zip(_convolution_places(blocks, 2), _convolution_places(_VGG16, 3), strict=True):
        for old, new in zip(theirs, ours, strict=False):  # VGG-19 has a fourth convolution in some blocks
            for kind in ("weight", "bias"):
                if f"features.{old}.{kind}" in state:
                    renamed[f"features.{new}.{kind}"] = state[f"features.{old}.{kind}"]
    return renamed


_Parts = tuple[nn.Sequential, tuple[int, ...], tuple[int, ...]]


def _vgg16_bn() -> _Parts:
    """Simonyan and Zisserman (2014) with batch norm, without its last pooling."""
    with torch.device("meta"):  # the classifier, 124 of its 138 million weights, is never allocated
        features = vgg16_bn(weights=None).features[:43]
    features.to_empty(device=torch.get_default_device())
    for layer in features:
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            layer.reset_parameters()
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
    return features, (5, 12, 22, 32, 42), (64, 128, 256, 512, 512)


def _mobilenet_v2() -> _Parts:
    """Sandler et al. (2018), without its last 1 x 1 convolution."""
    return mobilenet_v2(weights=None).features[:18], (1, 3, 6, 13, 17), (16, 24, 32, 96, 320)


# Repeats, kernel size, stride, expansion, channels of each group of blocks.
_LITE0_GROUPS = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip


def _efficientnet_lite0() -> _Parts:
    """EfficientNet-Lite0 (Google, 2020): B0 without squeeze-and-excitation, with ReLU6."""
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    layers: list[nn.Module] = [Conv2dNormActivation(3, 32, stride=2, norm_layer=norm, activation_layer=nn.ReLU6)]
    channels = 32
    for repeats, kernel, stride, expansion, width in _LITE0_GROUPS:
        for repeat in range(repeats):
            block = InvertedResidual(channels, width, stride if repeat == 0 else 1, expansion, norm_layer=norm)
            depthwise = block.conv[-3][0]
            block.conv[-3][0] = nn.Conv2d(
                depthwise.in_channels,
                depthwise.out_channels,
                kernel,
                stride=depthwise.stride,
                padding=kernel // 2,
                groups=depthwise.groups,
                bias=False,
            )
            layers.append(block)
            channels = width
    return nn.Sequential(*layers), (1, 3, 5, 11, 16), (16, 24, 40, 112, 320)


_BUILDERS: dict[EncoderName, Callable[[], _Parts]] = {
    EncoderName.VGG16_BN: _vgg16_bn,
    EncoderName.MOBILENET_V2: _mobilenet_v2,
    EncoderName.EFFICIENTNET_LITE0: _efficientnet_lite0,
}
