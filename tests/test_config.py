import dataclasses
import re
from dataclasses import dataclass, field

import pytest

from colorgan.config import (
    DiscriminatorConfig,
    DiscriminatorKind,
    EncoderName,
    LossConfig,
    ModelConfig,
    OutputSpace,
    PerceptualBackbone,
    RenderConfig,
    config_from_mapping,
    config_to_mapping,
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
            ({"bottleneck_width": 0}, "must be positive"),
            ({"decoder_widths": (8, -1, 8)}, "must be positive"),
            ({"bottleneck_kernels": (2,)}, "must be odd"),
            ({"bottleneck_kernels": ()}, "at least one"),
            ({"decoder_widths": (8,) * 5}, "1 to 4 widths are possible, got 5"),
            ({"decoder_widths": (), "attention_stages": ()}, "1 to 4 widths are possible, got 0"),
            ({"attention_stages": (0, 3)}, "decoder stages 0 to 2"),
            ({"attention_heads": 3}, "attention_heads must divide"),
            ({"attention_heads": 0}, "attention_heads must divide"),
            ({"output": OutputSpace.RGB, "bins": False}, "decoded to stride 1"),
            ({"repair_widths": (8, 0)}, "must be positive"),
        ],
    )
    def test_refuses_what_no_network_can_be(self, wrong: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            ModelConfig(**wrong)

    def test_an_rgb_output_has_no_bins(self) -> None:
        with pytest.raises(ConfigError, match="no bins"):
            dataclasses.replace(PAPER, bins=True)

    def test_is_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            ModelConfig().bins = False


class TestDiscriminatorConfig:
    @pytest.mark.parametrize("name", ["width", "layers", "scales"])
    def test_refuses_nothing(self, name: str) -> None:
        with pytest.raises(ConfigError, match="must be positive"):
            DiscriminatorConfig(**{name: 0})


class TestLossConfig:
    def test_perceptual_weights_rise_with_depth(self) -> None:
        config = LossConfig()
        assert config.perceptual_taps == ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
        assert list(config.perceptual_weights) == sorted(set(config.perceptual_weights))

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"adversarial": -0.1}, "must not be negative"),
            ({"smooth_l1": 0.0, "bins": 0.0}, "at least one loss weight"),
            ({"smooth_l1_beta": 0.0}, "smooth_l1_beta"),
            ({"bins_rebalance": 1.5}, "bins_rebalance"),
            ({"perceptual_taps": ("relu1_2",)}, "one weight a tap, got 4 for 1"),
            ({"perceptual_taps": (), "perceptual_weights": ()}, "one weight a tap"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, wrong: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            LossConfig(**wrong)


class TestRenderConfig:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"size": 0}, "render sizes"),
            ({"chroma_gamma": 0.0}, "chroma_gamma"),
            ({"chroma_limit": -1.0}, "chroma_limit"),
            ({"sizes": (192, 0)}, "render sizes"),
            ({"bins_share": 1.1}, "bins_share"),
            ({"temperature": 0.0}, "temperature"),
            ({"strength": -1.0}, "strength"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, wrong: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            RenderConfig(**wrong)


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

    def test_whole_numbers_serve_as_floats(self) -> None:
        config = config_from_mapping(LossConfig, {"smooth_l1": 1})
        assert isinstance(config.smooth_l1, float)

    def test_a_value_that_cannot_be_meant_names_its_place(self) -> None:
        with pytest.raises(ConfigError, match=r"^here: at least one loss weight"):
            config_from_mapping(LossConfig, {"smooth_l1": 0, "bins": 0}, where="here")

    def test_nested_places_are_named(self) -> None:
        with pytest.raises(ConfigError, match=r"model: unknown key 'encodr'; did you mean 'encoder'\?"):
            config_from_mapping(Outer, {"model": {"encodr": "vgg16_bn"}})
