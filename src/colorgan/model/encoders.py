"""Encoders: ImageNet networks that see one grey channel and hand out features at several strides.

An encoder's layers have torchvision's names, so that torchvision's ImageNet files load as they are. Only the first
convolution differs: it takes the grey channel, and has a bias that carries what the colours' different means left over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from colorgan.config import EncoderName
from colorgan.errors import ConfigError, WeightsInvalidError
from colorgan.model.backbones import (
    VGG16_BLOCKS,
    VGG19_BLOCKS,
    InvertedResidual,
    efficientnet_lite0_features,
    efficientnet_lite2_features,
    mobilenet_v2_features,
    vgg16_bn_features,
    vgg_convolution_places,
)

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

    def set_drop_path(self, share: float) -> None:
        """Leave residual branches out in training: none of the first block, rising to `share` of the last one's.

        Raises:
            ConfigError: There are none, and the share is above 0.
        """
        blocks = [m for m in self.features if isinstance(m, InvertedResidual)]
        if share > 0 and not blocks:
            raise ConfigError("optimizer.drop_path: this encoder has no residual branches to leave out; set it to 0")
        for number, block in enumerate(blocks):
            block.drop_path = share * number / (len(blocks) - 1)

    def layers_to_stride(self, stride: int) -> list[nn.Module]:
        """Return the layers up to the end of the deepest stage whose stride is at most `stride`."""
        ends = [tap for tap, s in zip(self.taps, self.strides, strict=True) if s <= stride]
        return list(self.features)[: max(ends) + 1] if ends else []


def build_encoder(name: EncoderName) -> Encoder:
    """Build an encoder with random weights; `load_backbone` brings pretrained ones."""
    build, taps, channels = _BACKBONES[name]
    return Encoder(build(), taps, channels, name.strides)


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


def _rename_plain_vgg(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the convolutions of a VGG-16 or VGG-19 without batch norm the names that `vgg16_bn` has for them."""
    blocks = VGG16_BLOCKS if "features.17.weight" in state else VGG19_BLOCKS
    renamed = {}
    for theirs, ours in zip(vgg_convolution_places(blocks, 2), vgg_convolution_places(VGG16_BLOCKS, 3), strict=True):
        for old, new in zip(theirs, ours, strict=False):  # VGG-19 has a fourth convolution in some blocks
            for kind in ("weight", "bias"):
                if f"features.{old}.{kind}" in state:
                    renamed[f"features.{new}.{kind}"] = state[f"features.{old}.{kind}"]
    return renamed


# How to build each, where its stages end, and the channels there.
_BACKBONES = {
    EncoderName.VGG16_BN: (vgg16_bn_features, (5, 12, 22, 32, 42), (64, 128, 256, 512, 512)),
    EncoderName.MOBILENET_V2: (mobilenet_v2_features, (1, 3, 6, 13, 17), (16, 24, 32, 96, 320)),
    EncoderName.EFFICIENTNET_LITE0: (efficientnet_lite0_features, (1, 3, 5, 11, 16), (16, 24, 40, 112, 320)),
    EncoderName.EFFICIENTNET_LITE2: (efficientnet_lite2_features, (1, 4, 7, 15, 21), (16, 24, 48, 120, 352)),
}
