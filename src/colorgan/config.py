"""Configurations and choices shared by all parts: frozen, checked at construction, free of torch."""

import dataclasses
import math
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from colorgan.errors import ConfigError

__all__ = [
    "LOOKS",
    "RENAMED_RENDER_KEYS",
    "AugmentConfig",
    "BelowOne",
    "CacheChoice",
    "Channels",
    "Checked",
    "ColorInput",
    "Count",
    "Degradation",
    "DeviceChoice",
    "DiscriminatorConfig",
    "DiscriminatorKind",
    "EncoderName",
    "Existing",
    "Fraction",
    "Framing",
    "Length",
    "LookConfig",
    "LossConfig",
    "ModelConfig",
    "NotNegative",
    "Occlusion",
    "OutputSpace",
    "PerceptualBackbone",
    "Pixels",
    "Positive",
    "PrecisionChoice",
    "Range",
    "RenderConfig",
    "SourceType",
    "config_from_mapping",
    "config_to_mapping",
    "shorten",
    "suggest",
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


class SourceType(StrEnum):
    """What a result is called where files say how they came about: terms of IPTC's vocabulary of that name."""

    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
    ENHANCED = "algorithmicallyEnhanced"


class EncoderName(StrEnum):
    """The pretrained networks that can serve as encoder."""

    VGG16_BN = "vgg16_bn"
    MOBILENET_V2 = "mobilenet_v2"
    EFFICIENTNET_LITE0 = "efficientnet_lite0"
    EFFICIENTNET_LITE2 = "efficientnet_lite2"

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


# --- what values may be -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Range:
    """What a number may be, in a field's annotation: `Annotated[float, Range(0, 1)]`; of a tuple, each of its numbers.

    Both ends are included, unless `above` or `below` says otherwise. Numbers that are not finite are in no range.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False  # whether `low` itself is excluded
    below: bool = False  # whether `high` itself is excluded

    def holds(self, value: float) -> bool:
        """Tell whether a number is within."""
        inside = self.low <= value <= self.high and -math.inf < value < math.inf
        return inside and not (self.above and value == self.low) and not (self.below and value == self.high)

    def __str__(self) -> str:
        least = f"above {_plain(self.low)}" if self.above else f"{_plain(self.low)} or more"
        if self.high == math.inf:
            return least
        if not self.above and not self.below:
            return f"in {_plain(self.low)}..{_plain(self.high)}"
        return f"{least} and {'below' if self.below else 'at most'} {_plain(self.high)}"


def _plain(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) else f"{number:g}"


@dataclass(frozen=True, slots=True)
class Length:
    """How many values a tuple may have, in a field's annotation: `Annotated[tuple[float, ...], Length(2, 2)]`."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"


class Checked:
    """A configuration whose annotations are checked when it is made, and then what concerns several fields."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Refuse values out of their ranges."""
        for name, hint in _hints(cast("Any", type(self))).items():
            _check(name, hint, getattr(self, name))
        self._check_together()

    def _check_together(self) -> None:
        """Refuse values that do not go together."""


@cache
def _hints(cls: type) -> dict[str, Any]:
    fields = {field.name for field in dataclasses.fields(cls)}
    return {name: hint for name, hint in get_type_hints(cls, include_extras=True).items() if name in fields}


def _check(name: str, hint: Any, value: Any) -> None:
    if value is None:
        return
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        for note in notes:
            if isinstance(note, Range) and not note.holds(value):
                raise ConfigError(f"{name} must be {note}, got {shorten(value)}")
            if isinstance(note, Length) and not note.least <= len(value) <= note.most:
                raise ConfigError(f"{name} needs {note} values, got {len(value)}")
        _check(name, inner, value)
    elif get_origin(hint) is tuple:
        for item in value:
            _check(name, get_args(hint)[0], item)
    elif type(None) in get_args(hint):
        _check(name, get_args(hint)[0], value)


def shorten(value: object) -> str:
    """Return a value as a message can hold it, however long or deep it is."""
    try:
        return _brief.repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits
        return f"a {type(value).__name__} too long to print"


_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = 100

Fraction = Annotated[float, Range(0, 1)]
BelowOne = Annotated[float, Range(0, 1, below=True)]
Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Count = Annotated[int, Range(1)]
Channels = Annotated[int, Range(1, 8192)]
Pixels = Annotated[int, Range(1, 16384)]
_Weight = Annotated[float, Range(0), "weight"]  # of a term of the loss; 0 leaves it out
_Kernel = Annotated[int, Range(1, 31)]
_Several = Annotated[int, Range(0, 1000)]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig(Checked):
    """The shape of a generator; `build_generator` makes the network.

    Decoder stage 0 is the coarsest. Each stage doubles the resolution, so their number decides where the decoder
    ends: five encoder strides 2..32 with three stages end at stride 4.
    """

    encoder: EncoderName = EncoderName.MOBILENET_V2
    bottleneck_width: Channels = 256  # channels at the deepest stage
    bottleneck_kernels: Annotated[tuple[_Kernel, ...], Length(1, 8)] = (1, 3)  # one convolution each
    bottleneck_attention: bool = True  # self-attention behind them
    decoder_widths: tuple[Channels, ...] = (160, 96, 64)  # channels of each stage, coarsest first
    attention_stages: tuple[int, ...] = (0, 1)  # decoder stages followed by self-attention
    attention_heads: Annotated[int, Range(1, 256)] = 4
    output: OutputSpace = OutputSpace.LAB
    bins: bool = True  # logits over the 304 ab bins at the decoder's finest stage (`lab` only)
    repair_widths: Annotated[tuple[Channels, ...], Length(0, 16)] = ()
    """Of the network that fills missing luminance, finest first; () leaves it out."""

    def _check_together(self) -> None:
        """Refuse shapes that no network can have."""
        stages = len(self.encoder.strides) - 1
        _require(
            all(kernel % 2 == 1 for kernel in self.bottleneck_kernels),
            f"bottleneck_kernels must be odd, got {self.bottleneck_kernels}",
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
            all(width % self.attention_heads == 0 for width in attended),
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
class DiscriminatorConfig(Checked):
    """The shape of a discriminator; `build_discriminator` makes the network."""

    kind: DiscriminatorKind = DiscriminatorKind.PATCH
    width: Annotated[int, Range(1, 1024)] = 64
    """Channels of the first convolution, doubled by each further one up to eightfold."""
    layers: Annotated[int, Range(1, 6)] = 3  # strided convolutions; 3 give `patch` its 70 x 70 receptive field
    scales: Annotated[int, Range(1, 6)] = 3  # levels of the image pyramid (`multiscale` only)
    conditional: bool = False  # whether L is shown beside the colours


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig(Checked):
    """The generator's loss: each term's weight in the sum (0 leaves it out) and its settings."""

    smooth_l1: _Weight = 10.0  # on ab / 110 at the decoder's stride, or on RGB
    smooth_l1_beta: Positive = 0.1  # where the square turns linear
    log_mse: _Weight = 0.0  # mean over pictures of log(1 + MSE of ab / 110 over a floor): the PSNR but for factors
    log_mse_floor: Positive = 1e-3  # MSE below which a picture hardly counts
    bins: _Weight = 0.3  # cross-entropy of the softly encoded ab bins
    bins_rebalance: Fraction = 0.0  # exponent of the inverse class frequency, 0 = none
    luminance: _Weight = 0.0  # L1 of L / 100 where it was missing
    consistency: _Weight = 0.0  # L1 between the ab / 110 of a picture and that of its copy of half the size
    perceptual: _Weight = 0.0  # distance of backbone features
    perceptual_backbone: PerceptualBackbone = PerceptualBackbone.VGG19
    perceptual_taps: tuple[str, ...] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    perceptual_weights: tuple[NotNegative, ...] = (0.1, 0.2, 0.3, 0.4)  # rising: deeper taps weigh more
    adversarial: _Weight = 0.0  # binary cross-entropy of the discriminator's logits on generated pictures

    def _check_together(self) -> None:
        """Refuse weights that do not go together."""
        _require(max(self.weights.values()) > 0, "at least one loss weight must be above 0")
        _require(
            len(self.perceptual_taps) == len(self.perceptual_weights) > 0,
            f"perceptual_weights needs one weight a tap, got {len(self.perceptual_weights)} "
            f"for {len(self.perceptual_taps)} taps",
        )

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term by its name; `losses.TERMS` says what the terms are."""
        return {name: getattr(self, name) for name, hint in _hints(LossConfig).items() if hint == _Weight}


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig(Checked):
    """How photographs are varied in training. Fractions are of pictures, 0..1."""

    crop_from: Annotated[float, Range(0, 1, above=True)] = 0.7
    """The crop's side is drawn from this fraction of the short side up to all of it."""
    flip: Fraction = 0.5  # fraction mirrored
    affine: Fraction = 0.0  # fraction turned, moved, scaled and sheared
    affine_degrees: Annotated[float, Range(0, 180)] = 10.0  # largest turn
    affine_translate: Fraction = 0.1  # largest move, fraction of the side
    affine_scale: BelowOne = 0.1  # largest change of scale
    affine_shear: Annotated[float, Range(0, 90, below=True)] = 5.0  # largest shear, degrees
    tone: Fraction = 0.3  # fraction whose grey input, and only that, is changed in tone
    tone_gamma: Annotated[float, Range(0, 5)] = 0.35  # largest exponent, as a power of e
    tone_contrast: BelowOne = 0.35  # largest loss of contrast
    tone_noise: Fraction = 0.06  # largest standard deviation of the added noise, 0..1
    tone_blur: Annotated[float, Range(0, 20)] = 1.2  # largest standard deviation of the blur, pixels
    tone_jpeg: Fraction = 0.3  # fraction of these that also went through a poor JPEG
    occlusion: Fraction = 0.12  # fraction with missing luminance
    occlusion_pixels: Fraction = 0.4  # largest fraction of single pixels removed
    occlusion_rectangles: _Several = 4  # most rectangles
    occlusion_scratches: _Several = 4  # most scratches
    occlusion_blots: _Several = 0  # most blots: round or oval, from specks of dust to stains
    hints: Fraction = 0.3  # fraction with colour hints
    hints_most: Annotated[int, Range(1, 10_000)] = 50  # most hints; few are likelier

    def _check_together(self) -> None:
        """Refuse to draw from nothing."""
        kinds = (self.occlusion_pixels, self.occlusion_rectangles, self.occlusion_scratches, self.occlusion_blots)
        _require(self.occlusion == 0 or max(kinds) > 0, "occlusion is above 0, so one of its kinds must be, too")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderConfig(Checked):
    """How a trained generator is asked for colour; stored in its file as the settings that suit it."""

    size: Pixels = 192  # the network sees the picture with sides of about this many pixels (area kept)
    sizes: Annotated[tuple[Pixels, ...], Length(0, 16)] = ()
    """Further sizes whose colours are averaged with those of `size`."""
    flip: bool = False  # average with the mirrored picture's colours
    bins_share: Fraction = 0.0  # 0: regression only; 1: mean of the bins only
    temperature: Positive = 1.0  # of the bins before their mean is taken; below 1 sharpens
    chroma_scale: Positive = 1.0  # factor on the predicted chroma that makes a strength of 1 look right
    chroma_equalization: Fraction = 0.0  # 0: each picture as vivid as predicted; 1: all of one root-mean-square chroma
    chroma_gamma: Positive = 1.0
    """Exponent within a picture: above 1 strengthens vivid places, where it is sure, only."""
    chroma_limit: NotNegative = 0.0  # chroma that a strength of 1 nears but never passes, in Lab units; 0: none
    strength: Annotated[float, Range(0, 2)] = 1.0  # factor on chroma, the user's dial


@dataclass(frozen=True, slots=True, kw_only=True)
class LookConfig(Checked):
    """A named way of colouring; what it leaves out is what suits the network."""

    strength: Annotated[float, Range(0, 2)] | None = None
    warmth: Annotated[float, Range(-20, 20)] = 0.0  # added to b of every pixel: above 0 yellower, below 0 bluer
    limit: NotNegative | None = None  # `RenderConfig.chroma_limit`
    palette: str | None = None  # a file or colours, as `Palette.parse` reads them


RENAMED_RENDER_KEYS = {"vividness": "chroma_scale", "evenness": "chroma_equalization"}
"""What fields of `RenderConfig` were called in recipes and generator files of version 0.1, and what they are called."""

LOOKS = {
    "natural": LookConfig(),
    "vivid": LookConfig(strength=1.3, limit=42),
    "muted": LookConfig(strength=0.6, limit=24),
    "postcard": LookConfig(strength=1.1, warmth=6, limit=30, palette="#7fb3c9,#d98f7a,#8fae74,#e6c98f"),
}
"""The looks that come with colorgan."""


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
            raise ConfigError(f"{place}unknown key {shorten(key)}; {suggest(str(key), known)}")
    values = {key: _from_plain(known[key], value, f"{place}{key}") for key, value in mapping.items()}
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{place}{error}") from None


def suggest(name: str, known: Iterable[str], what: str = "keys") -> str:
    """Say which known name is meant by one that is not known, or which there are."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known {what} are {', '.join(known)}"


def _from_plain(kind: Any, value: Any, place: str) -> Any:
    if type(None) in get_args(kind):
        return None if value is None else _from_plain(get_args(kind)[0], value, place)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return config_from_mapping(cast("type[Any]", kind), value, where=place)
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        return tuple(_from_plain(get_args(kind)[0], item, place) for item in value)
    if isinstance(kind, type) and issubclass(kind, StrEnum) and isinstance(value, str):
        if value not in list(kind):
            raise ConfigError(f"{place} must be one of {', '.join(kind)}, got {shorten(value)}")
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ConfigError(f"{place} must be a number that a computer can hold, got {shorten(value)}") from None
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise ConfigError(f"{place} must be of type {getattr(kind, '__name__', kind)}, got {shorten(value)}")
