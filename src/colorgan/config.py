"""Configurations and choices shared by all parts: frozen, checked at construction, free of torch."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from colorgan.errors import ConfigError

__all__ = [
    "AugmentConfig",
    "CacheChoice",
    "ColorInput",
    "Degradation",
    "DeviceChoice",
    "DiscriminatorConfig",
    "DiscriminatorKind",
    "EncoderName",
    "Existing",
    "Framing",
    "LossConfig",
    "ModelConfig",
    "Occlusion",
    "OutputSpace",
    "PerceptualBackbone",
    "PrecisionChoice",
    "RenderConfig",
    "config_from_mapping",
    "config_to_mapping",
]

T = TypeVar("T")


class DeviceChoice(StrEnum):
    """Where to compute; `auto` takes CUDA, else MPS, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class PrecisionChoice(StrEnum):
    """Precision of the network's arithmetic; colour and losses are always float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class CacheChoice(StrEnum):
    """Where training keeps decoded photographs."""

    NONE = "none"
    RAM = "ram"
    DEVICE = "device"  # that which trains, and makes the samples too


class ColorInput(StrEnum):
    """What colourising does with photographs that are in colour already."""

    SKIP = "skip"
    RECOLOR = "recolor"
    COPY = "copy"


class Existing(StrEnum):
    """What colourising does where a result is there already."""

    SKIP = "skip"
    OVERWRITE = "overwrite"
    ERROR = "error"


class EncoderName(StrEnum):
    """The pretrained networks that can serve as encoder."""

    VGG16_BN = "vgg16_bn"
    MOBILENET_V2 = "mobilenet_v2"
    EFFICIENTNET_LITE0 = "efficientnet_lite0"

    @property
    def strides(self) -> tuple[int, ...]:
        """The strides of its stages, finest first."""
        return (1, 2, 4, 8, 16) if self is EncoderName.VGG16_BN else (2, 4, 8, 16, 32)


class OutputSpace(StrEnum):
    """What the generator's main head predicts: ab beside the given L, or RGB as in the paper."""

    LAB = "lab"
    RGB = "rgb"


class DiscriminatorKind(StrEnum):
    """The discriminators of `colorgan.model.discriminators`."""

    GLOBAL = "global"
    PATCH = "patch"
    MULTISCALE = "multiscale"


class PerceptualBackbone(StrEnum):
    """The networks whose features a perceptual loss can compare."""

    VGG19 = "vgg19"
    SQUEEZENET1_1 = "squeezenet1_1"


class Framing(StrEnum):
    """How evaluation brings a picture to size."""

    SQUASH256 = "squash256"  # 256 x 256, whatever its aspect
    CROP256 = "crop256"  # short side 256, then the middle
    FULL = "full"


class Occlusion(StrEnum):
    """Which part of the luminance evaluation takes away."""

    NONE = "none"
    PAPER = "paper"  # single pixels, as the paper does
    RECTANGLES = "rectangles"
    SCRATCHES = "scratches"


class Degradation(StrEnum):
    """How evaluation damages what a network is shown."""

    NONE = "none"
    OLD_PHOTO = "old-photo"


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of a generator; `build_generator` makes the network.

    Decoder stage 0 is the coarsest. Each stage doubles the resolution, so their number decides where the decoder
    ends: five encoder strides 2..32 with three stages end at stride 4.
    """

    encoder: EncoderName = EncoderName.MOBILENET_V2
    bottleneck_width: int = 256  # channels at the deepest stage
    bottleneck_kernels: tuple[int, ...] = (1, 3)  # one convolution each
    bottleneck_attention: bool = True  # self-attention behind them
    decoder_widths: tuple[int, ...] = (160, 96, 64)  # channels of each stage, coarsest first
    attention_stages: tuple[int, ...] = (0, 1)  # decoder stages followed by self-attention
    attention_heads: int = 4
    output: OutputSpace = OutputSpace.LAB
    bins: bool = True  # logits over the 304 ab bins at the decoder's finest stage (`lab` only)
    repair_widths: tuple[int, ...] = ()  # of the network that fills missing luminance, finest first; () leaves it out

    def __post_init__(self) -> None:
        """Refuse shapes that no network can have."""
        stages = len(self.encoder.strides) - 1
        widths = (self.bottleneck_width, *self.decoder_widths, *self.repair_widths)
        _require(min(widths) > 0, f"the widths of a model must be positive, got {widths}")
        _require(
            all(k > 0 and k % 2 == 1 for k in self.bottleneck_kernels) and len(self.bottleneck_kernels) > 0,
            f"bottleneck_kernels must be odd and at least one, got {self.bottleneck_kernels}",
        )
        _require(
            1 <= len(self.decoder_widths) <= stages,
            f"decoder_widths: {self.encoder} has {stages} skips, so 1 to {stages} widths are possible, "
            f"got {len(self.decoder_widths)}",
        )
        _require(
            set(self.attention_stages) <= set(range(len(self.decoder_widths))),
            f"attention_stages must name decoder stages 0 to {len(self.decoder_widths) - 1}, "
            f"got {self.attention_stages}",
        )
        attended = [self.decoder_widths[i] for i in self.attention_stages]
        attended += [self.bottleneck_width] if self.bottleneck_attention else []
        _require(
            self.attention_heads > 0 and all(w % self.attention_heads == 0 for w in attended),
            f"attention_heads must divide the widths {attended}, got {self.attention_heads}",
        )
        if self.output is OutputSpace.RGB:
            _require(self.output_stride == 1, "an rgb output must be decoded to stride 1: give more decoder_widths")
            _require(not self.bins, "an rgb output has no bins")

    @property
    def stride(self) -> int:
        """The stride of the deepest stage; inputs are padded to a multiple of it."""
        return self.encoder.strides[-1]

    @property
    def output_stride(self) -> int:
        """The stride of the decoder's finest stage, where colour is predicted."""
        return self.encoder.strides[-1 - len(self.decoder_widths)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscriminatorConfig:
    """The shape of a discriminator; `build_discriminator` makes the network."""

    kind: DiscriminatorKind = DiscriminatorKind.PATCH
    width: int = 64  # channels of the first convolution, doubled by each further one up to eightfold
    layers: int = 3  # strided convolutions; 3 give `patch` its 70 x 70 receptive field
    scales: int = 3  # levels of the image pyramid (`multiscale` only)
    conditional: bool = False  # whether L is shown beside the colours

    def __post_init__(self) -> None:
        """Refuse shapes that no network can have."""
        _require(
            min(self.width, self.layers, self.scales) > 0,
            "width, layers and scales of a discriminator must be positive",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """The generator's loss: each term's weight in the sum (0 leaves it out) and its settings."""

    smooth_l1: float = 10.0  # on ab / 110 at the decoder's stride, or on RGB
    smooth_l1_beta: float = 0.1  # where the square turns linear
    bins: float = 0.3  # cross-entropy of the softly encoded ab bins
    bins_rebalance: float = 0.0  # exponent of the inverse class frequency, 0 = none
    luminance: float = 0.0  # L1 of L / 100 where it was missing
    consistency: float = 0.0  # L1 between the ab / 110 of a picture and that of its copy of half the size
    perceptual: float = 0.0  # distance of backbone features
    perceptual_backbone: PerceptualBackbone = PerceptualBackbone.VGG19
    perceptual_taps: tuple[str, ...] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    perceptual_weights: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)  # rising: deeper taps weigh more
    adversarial: float = 0.0  # binary cross-entropy of the discriminator's verdict on the generated picture

    def __post_init__(self) -> None:
        """Refuse weights that cannot be meant."""
        weights = (
            self.smooth_l1,
            self.bins,
            self.luminance,
            self.consistency,
            self.perceptual,
            self.adversarial,
        )
        _require(min(weights) >= 0, f"loss weights must not be negative, got {weights}")
        _require(max(weights) > 0, "at least one loss weight must be above 0")
        _require(self.smooth_l1_beta > 0, f"smooth_l1_beta must be above 0, got {self.smooth_l1_beta}")
        _require(0 <= self.bins_rebalance <= 1, f"bins_rebalance must be in 0..1, got {self.bins_rebalance}")
        _require(
            len(self.perceptual_taps) == len(self.perceptual_weights) > 0,
            f"perceptual_weights needs one weight a tap, got {len(self.perceptual_weights)} "
            f"for {len(self.perceptual_taps)} taps",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """How photographs are varied in training. Shares are of pictures, 0..1."""

    crop_from: float = 0.7  # the crop's side is drawn from this share of the short side up to all of it
    flip: float = 0.5  # share mirrored
    affine: float = 0.0  # share turned, moved, scaled and sheared
    affine_degrees: float = 10.0  # largest turn
    affine_translate: float = 0.1  # largest move, share of the side
    affine_scale: float = 0.1  # largest change of scale
    affine_shear: float = 5.0  # largest shear, degrees
    tone: float = 0.3  # share whose grey input, and only that, is changed in tone
    tone_gamma: float = 0.35  # largest exponent, as a power of e
    tone_contrast: float = 0.35  # largest loss of contrast
    tone_noise: float = 0.06  # largest deviation of the added noise, grey levels 0..1
    tone_blur: float = 1.2  # largest deviation of the blur, pixels
    tone_jpeg: float = 0.3  # share of these that also went through a poor JPEG
    occlusion: float = 0.12  # share with missing luminance
    occlusion_pixels: float = 0.4  # largest share of single pixels removed
    occlusion_rectangles: int = 4  # most rectangles
    occlusion_scratches: int = 4  # most scratches
    occlusion_blots: int = 0  # most blots: round or oval, from specks of dust to stains
    hints: float = 0.3  # share with colour hints
    hints_most: int = 50  # most hints; few are likelier

    def __post_init__(self) -> None:
        """Refuse shares and ranges that cannot be meant."""
        shares = (
            self.flip,
            self.affine,
            self.tone,
            self.tone_jpeg,
            self.occlusion,
            self.occlusion_pixels,
            self.hints,
        )
        _require(all(0 <= share <= 1 for share in shares), f"shares must be in 0..1, got {shares}")
        _require(0 < self.crop_from <= 1, f"crop_from must be above 0 and at most 1, got {self.crop_from}")
        _require(0 <= self.tone_contrast < 1, f"tone_contrast must be in 0..1, got {self.tone_contrast}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderConfig:
    """How a trained generator is asked for colour; stored in its file as the settings that suit it."""

    size: int = 192  # the network sees the picture with sides of about this many pixels (area kept)
    sizes: tuple[int, ...] = ()  # further sizes whose colours are averaged with those of `size`
    flip: bool = False  # average with the mirrored picture's colours
    bins_share: float = 0.0  # 0: regression only; 1: mean of the bins only
    temperature: float = 1.0  # of the bins before their mean is taken; below 1 sharpens
    vividness: float = 1.0  # factor on the predicted chroma that makes a strength of 1 look right
    evenness: float = 0.0  # 0: each picture as vivid as predicted; 1: all of one root-mean-square chroma
    chroma_gamma: float = 1.0  # exponent within a picture: above 1 strengthens vivid places, where it is sure, only
    chroma_limit: float = 0.0  # chroma that a strength of 1 nears but never passes, in Lab units; 0: none
    strength: float = 1.0  # factor on chroma, the user's dial

    def __post_init__(self) -> None:
        """Refuse settings that cannot be meant."""
        _require(
            min((self.size, *self.sizes)) >= 1,
            f"render sizes must be 1 or more, got {(self.size, *self.sizes)}",
        )
        _require(0 <= self.bins_share <= 1, f"bins_share must be in 0..1, got {self.bins_share}")
        _require(self.temperature > 0, f"temperature must be above 0, got {self.temperature}")
        _require(self.vividness > 0, f"vividness must be above 0, got {self.vividness}")
        _require(self.chroma_gamma > 0, f"chroma_gamma must be above 0, got {self.chroma_gamma}")
        _require(self.chroma_limit >= 0, f"chroma_limit must not be negative, got {self.chroma_limit}")
        _require(0 <= self.evenness <= 1, f"evenness must be in 0..1, got {self.evenness}")
        _require(self.strength >= 0, f"strength must not be negative, got {self.strength}")


def config_to_mapping(config: Any) -> dict[str, Any]:
    """Turn a configuration into plain values (str, int, float, bool, list, dict) that TOML and JSON can hold."""
    return {field.name: _to_plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _to_plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return config_to_mapping(value)
    if isinstance(value, StrEnum):
        return str(value)
    return [_to_plain(v) for v in value] if isinstance(value, tuple) else value


def config_from_mapping(cls: type[T], mapping: Mapping[str, Any], *, where: str = "") -> T:
    """Build the configuration `cls` from plain values, the reverse of `config_to_mapping`.

    Args:
        cls: A frozen dataclass of this module, or one made of them.
        mapping: Plain values by field name; fields left out keep their defaults.
        where: The name of the mapping's place, for messages: "recipe default, [model]".

    Raises:
        ConfigError: A key is unknown (the nearest known one is named) or a value has the wrong type.
    """
    place = f"{where}: " if where else ""
    types = get_type_hints(cls)
    known = {field.name: types[field.name] for field in dataclasses.fields(cast("Any", cls)) if field.init}
    for key in mapping:
        if key not in known:
            near = get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
            raise ConfigError(f"{place}unknown key {key!r}; {hint}")
    values = {key: _from_plain(known[key], value, f"{place}{key}") for key, value in mapping.items()}
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{place}{error}") from None


def _from_plain(kind: Any, value: Any, place: str) -> Any:
    if type(None) in get_args(kind):
        return None if value is None else _from_plain(get_args(kind)[0], value, place)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return config_from_mapping(cast("type[Any]", kind), value, where=place)
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        return tuple(_from_plain(get_args(kind)[0], item, place) for item in value)
    if isinstance(kind, type) and issubclass(kind, StrEnum) and isinstance(value, str):
        if value not in list(kind):
            raise ConfigError(f"{place} must be one of {', '.join(kind)}, got {value!r}")
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise ConfigError(f"{place} must be of type {getattr(kind, '__name__', kind)}, got {value!r}")
