import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from colorgan.config import (
    AugmentConfig,
    Checked,
    DiscriminatorConfig,
    DiscriminatorKind,
    EncoderName,
    Length,
    LossConfig,
    ModelConfig,
    OutputSpace,
    PerceptualBackbone,
    Range,
    RenderConfig,
    config_from_mapping,
    config_to_mapping,
    shorten,
)
from colorgan.errors import ConfigError

PAPER = ModelConfig(
    encoder=EncoderName.VGG16_BN,
    bottleneck_kernels=(3, 3),
    decoder_widths=(256, 128, 64, 32),
    attention_stages=(0, 1),
    output=OutputSpace.RGB,
    bins=False,
)


class TestModelConfig:
    def test_strides(self) -> None:
        assert (ModelConfig().stride, ModelConfig().output_stride) == (32, 4)
        assert (PAPER.stride, PAPER.output_stride) == (16, 1)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"bottleneck_width": 0}, r"bottleneck_width must be in 1\.\.8,192, got 0"),
            ({"decoder_widths": (8, -1, 8)}, r"decoder_widths must be in 1\.\.8,192, got -1"),
            ({"bottleneck_kernels": (2,)}, "must be odd"),
            ({"bottleneck_kernels": ()}, "bottleneck_kernels needs 1 to 8 values, got 0"),
            ({"decoder_widths": (8,) * 5}, "1 to 4 widths are possible, got 5"),
            ({"decoder_widths": (), "attention_stages": ()}, "1 to 4 widths are possible, got 0"),
            ({"attention_stages": (0, 3)}, "decoder stages 0 to 2"),
            ({"attention_heads": 3}, "attention_heads must divide"),
            ({"attention_heads": 0}, "attention_heads must be in"),
            ({"output": OutputSpace.RGB, "bins": False}, "decoded to stride 1"),
            ({"repair_widths": (8, 0)}, "repair_widths must be in"),
        ],
    )
    def test_refuses_what_no_network_can_be(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            ModelConfig(**wrong)

    def test_an_rgb_output_has_no_bins(self) -> None:
        with pytest.raises(ConfigError, match="no bins"):
            dataclasses.replace(PAPER, bins=True)

    def test_is_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            ModelConfig().bins = False  # type: ignore[misc]


class TestDiscriminatorConfig:
    @pytest.mark.parametrize("name", ["width", "layers", "scales"])
    def test_refuses_nothing(self, name: str) -> None:
        with pytest.raises(ConfigError, match=rf"{name} must be in 1\.\."):
            DiscriminatorConfig(**{name: 0})  # type: ignore[arg-type]

    def test_refuses_what_no_memory_holds(self) -> None:
        with pytest.raises(ConfigError, match=r"layers must be in 1\.\.6, got 40"):
            DiscriminatorConfig(layers=40)


class TestLossConfig:
    def test_perceptual_weights_rise_with_depth(self) -> None:
        config = LossConfig()
        assert config.perceptual_taps == ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
        assert list(config.perceptual_weights) == sorted(set(config.perceptual_weights))

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"adversarial": -0.1}, "adversarial must be 0 or more, got -0.1"),
            ({"bins": math.nan}, "bins must be 0 or more, got nan"),
            ({"bins": math.inf}, "bins must be 0 or more, got inf"),
            ({"perceptual_weights": (0.1, 0.2, -0.3, 0.4)}, "perceptual_weights must be 0 or more"),
            ({"smooth_l1": 0.0, "bins": 0.0}, "at least one loss weight"),
            ({"smooth_l1_beta": 0.0}, "smooth_l1_beta"),
            ({"bins_rebalance": 1.5}, "bins_rebalance"),
            ({"perceptual_taps": ("relu1_2",)}, "one weight a tap, got 4 for 1"),
            ({"perceptual_taps": (), "perceptual_weights": ()}, "one weight a tap"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            LossConfig(**wrong)


class TestRenderConfig:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"size": 0}, "size must be in"),
            ({"chroma_gamma": 0.0}, "chroma_gamma"),
            ({"chroma_limit": -1.0}, "chroma_limit"),
            ({"sizes": (192, 0)}, "sizes must be in"),
            ({"bins_share": 1.1}, "bins_share"),
            ({"temperature": 0.0}, "temperature"),
            ({"strength": -1.0}, "strength"),
            ({"strength": 2.5}, r"strength must be in 0\.\.2, got 2.5"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            RenderConfig(**wrong)


class TestAugmentConfig:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"flip": -0.1}, r"flip must be in 0\.\.1"),
            ({"crop_from": 0.0}, "crop_from must be above 0 and at most 1"),
            ({"tone_contrast": 1.0}, "tone_contrast must be 0 or more and below 1"),
            ({"occlusion_scratches": -3}, "occlusion_scratches must be in"),
            ({"hints_most": -1}, "hints_most must be in"),
            (
                {"occlusion_pixels": 0.0, "occlusion_rectangles": 0, "occlusion_scratches": 0},
                "one of its kinds must be, too",
            ),
        ],
    )
    def test_refuses_what_cannot_be_drawn(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            AugmentConfig(**wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged(Checked):
    """A configuration of every kind of annotation."""

    open: Annotated[float, Range(0, 1, above=True, below=True)] = 0.5
    pair: Annotated[tuple[Annotated[float, Range(0)], ...], Length(2, 2)] = (0.0, 1.0)
    maybe: Annotated[int, Range(1)] | None = None
    inside: Annotated[int | None, Range(1)] = None


class TestChecked:
    def test_takes_what_is_within(self) -> None:
        Ranged(open=0.01, pair=(0.0, 7.0), maybe=1, inside=10**400)
        Ranged()

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"open": 0.0}, "open must be above 0 and below 1, got 0.0"),
            ({"open": 1.0}, "got 1.0"),
            ({"open": math.nan}, "got nan"),
            ({"open": -math.inf}, "got -inf"),
            ({"pair": (2.0, -1.0)}, "pair must be 0 or more, got -1.0"),
            ({"pair": (1.0,)}, "pair needs 2 values, got 1"),
            ({"maybe": 0}, "maybe must be 1 or more, got 0"),
            ({"inside": -(10**400)}, "inside must be 1 or more, got -1000"),
        ],
    )
    def test_names_field_range_and_value(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(message)):
            Ranged(**wrong)

    def test_messages_stay_short(self) -> None:
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]
        for value in (deep, "x" * 10**6, int("f" * 9000, 16), {"a": deep}):
            assert len(shorten(value)) < 300
            with pytest.raises(ConfigError) as caught:
                config_from_mapping(ModelConfig, {"encoder": value})
            assert len(str(caught.value)) < 500


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A configuration made of another, as recipes are."""

    model: ModelConfig = field(default_factory=ModelConfig)
    render: RenderConfig | None = None
    steps: int = 1


class TestConfigToMapping:
    @pytest.mark.parametrize(
        "config",
        [
            PAPER,
            DiscriminatorConfig(kind=DiscriminatorKind.MULTISCALE),
            LossConfig(perceptual_backbone=PerceptualBackbone.SQUEEZENET1_1),
            RenderConfig(sizes=(128, 256)),
            Outer(model=PAPER, render=RenderConfig(flip=True)),
        ],
        ids=lambda config: type(config).__name__,
    )
    def test_round_trip(self, config: object) -> None:
        assert config_from_mapping(type(config), config_to_mapping(config)) == config

    def test_values_are_plain(self) -> None:
        plain = config_to_mapping(PAPER)
        assert plain["encoder"] == "vgg16_bn"
        assert {type(value) for value in plain.values()} <= {str, int, float, bool, list}


class TestConfigFromMapping:
    def test_what_is_left_out_keeps_its_default(self) -> None:
        assert config_from_mapping(ModelConfig, {}) == ModelConfig()

    def test_an_unknown_key_names_its_neighbour(self) -> None:
        expected = "recipe x, [model]: unknown key 'decoder_width'; did you mean 'decoder_widths'?"
        with pytest.raises(ConfigError, match=re.escape(expected)):
            config_from_mapping(ModelConfig, {"decoder_width": [8]}, where="recipe x, [model]")

    def test_a_strange_key_names_all(self) -> None:
        with pytest.raises(ConfigError, match="known keys are kind, width, layers, scales, conditional"):
            config_from_mapping(DiscriminatorConfig, {"qqqqqq": 1})

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            (
                "encoder",
                "resnet",
                "encoder must be one of vgg16_bn, mobilenet_v2, efficientnet_lite0, efficientnet_lite2, got 'resnet'",
            ),
            ("bins", 1, "bins must be of type bool, got 1"),
            ("attention_heads", True, "attention_heads must be of type int, got True"),
            ("attention_heads", 2.0, "attention_heads must be of type int, got 2.0"),
            ("decoder_widths", 8, "decoder_widths must be of type tuple"),
            ("decoder_widths", [8, "8"], "decoder_widths must be of type int, got '8'"),
        ],
    )
    def test_a_wrong_type_is_named(self, key: str, value: object, message: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(message)):
            config_from_mapping(ModelConfig, {key: value})

    def test_numbers_too_large_for_a_float_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="smooth_l1 must be a number that a computer can hold"):
            config_from_mapping(LossConfig, {"smooth_l1": 10**400})

    def test_whole_numbers_serve_as_floats(self) -> None:
        config = config_from_mapping(LossConfig, {"smooth_l1": 1})
        assert isinstance(config.smooth_l1, float)

    def test_a_value_that_cannot_be_meant_names_its_place(self) -> None:
        with pytest.raises(ConfigError, match=r"^here: at least one loss weight"):
            config_from_mapping(LossConfig, {"smooth_l1": 0, "bins": 0}, where="here")

    def test_nested_places_are_named(self) -> None:
        with pytest.raises(ConfigError, match=r"model: unknown key 'encodr'; did you mean 'encoder'\?"):
            config_from_mapping(Outer, {"model": {"encodr": "vgg16_bn"}})
