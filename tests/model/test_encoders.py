from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, vgg16, vgg16_bn, vgg19

from colorgan.config import EncoderName
from colorgan.errors import WeightsInvalidError
from colorgan.model.backbones import InvertedResidual
from colorgan.model.encoders import (
    GREY_MEAN,
    GREY_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Encoder,
    adapt_first_convolution,
    build_encoder,
    load_backbone,
)

State = dict[str, Tensor]


def random_network(build: Callable[..., nn.Module]) -> nn.Module:
    """A torchvision network in eval mode, its batch norms as if they had been trained."""
    torch.manual_seed(3)
    with torch.device("meta"):
        network = build(weights=None)
    del network.classifier
    network.to_empty(device="cpu")
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.1)
    return network.eval()


def features_of(network: nn.Module) -> nn.Sequential:
    features = network.get_submodule("features")
    assert isinstance(features, nn.Sequential)
    return features


@pytest.fixture(scope="module")
def torchvision_networks() -> dict[EncoderName, nn.Module]:
    """What torchvision's ImageNet files would hold, with random weights."""
    return {
        EncoderName.VGG16_BN: random_network(vgg16_bn),
        EncoderName.MOBILENET_V2: random_network(mobilenet_v2),
    }


def imagenet_input(grey: Tensor) -> Tensor:
    """The grey level `(B, 1, H, W)` given three times, normalised per colour as torchvision does."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    return (grey - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)


def inner(x: Tensor, border: int = 1) -> Tensor:
    return x[..., border:-border, border:-border]


class TestDropPath:
    def test_rises_to_the_last_block(self) -> None:
        encoder = build_encoder(EncoderName.MOBILENET_V2)
        encoder.set_drop_path(0.4)
        blocks = [m for m in encoder.modules() if isinstance(m, InvertedResidual)]
        shares = [block.drop_path for block in blocks]
        assert shares == sorted(shares)
        assert shares[0] == 0
        assert shares[-1] == pytest.approx(0.4)


class TestAdaptFirstConvolution:
    @pytest.mark.parametrize("bias", [True, False])
    def test_response_is_that_of_the_rgb_convolution(self, *, bias: bool) -> None:
        rgb = nn.Conv2d(3, 16, 3, padding=1, bias=bias)
        weight, offset = adapt_first_convolution(rgb.weight, rgb.bias)
        grey = torch.rand(2, 1, 24, 20)
        ours = nn.functional.conv2d((grey - GREY_MEAN) / GREY_STD, weight, offset, padding=1)
        theirs = rgb(imagenet_input(grey))
        assert (inner(ours) - inner(theirs)).abs().max() < 1e-4

    def test_shapes(self) -> None:
        weight, bias = adapt_first_convolution(torch.rand(8, 3, 5, 5), None)
        assert weight.shape == (8, 1, 5, 5)
        assert bias.shape == (8,)


@pytest.mark.parametrize("name", EncoderName)
class TestBuildEncoder:
    def test_stages(self, name: EncoderName) -> None:
        encoder = build_encoder(name).eval()
        side = 2 * name.strides[-1]
        with torch.no_grad():
            stages = encoder(torch.zeros(1, 1, side, 2 * side))
        assert len(encoder.channels) == len(encoder.strides) == len(stages)
        assert [tuple(s.shape) for s in stages] == [
            (1, c, side // s, 2 * side // s) for c, s in zip(encoder.channels, name.strides, strict=True)
        ]

    def test_response_of_the_loaded_first_convolution(self, name: EncoderName) -> None:
        """The whole way: an RGB network's file goes in, the stem answers grey pictures as that network does."""
        encoder = build_encoder(name)
        stem = encoder.stem
        rgb = nn.Conv2d(3, stem.out_channels, 3, stem.stride[0], padding=1, bias=name is EncoderName.VGG16_BN)
        key = next(iter(encoder.state_dict())).removesuffix("weight")
        load_backbone(encoder, {key + part: tensor for part, tensor in rgb.state_dict().items()})
        grey = torch.rand(2, 1, 32, 48)
        with torch.no_grad():
            ours, theirs = stem((grey - GREY_MEAN) / GREY_STD), rgb(imagenet_input(grey))
        assert ours.shape == theirs.shape
        assert (inner(ours) - inner(theirs)).abs().max() < 1e-4

    def test_a_new_canvas_changes_nothing(self, name: EncoderName) -> None:
        encoder = build_encoder(name).eval()
        grey = torch.randn(1, 1, 32, 32)
        with torch.no_grad():
            without, beside = encoder(grey), encoder(grey, torch.rand(1, 4, 32, 32))
        assert all(torch.equal(x, y) for x, y in zip(without, beside, strict=True))

    def test_a_trained_canvas_reaches_every_stage(self, name: EncoderName) -> None:
        encoder = build_encoder(name).eval()
        nn.init.normal_(encoder.canvas.weight)
        grey = torch.randn(1, 1, 32, 32)
        with torch.no_grad():
            without, beside = encoder(grey), encoder(grey, torch.rand(1, 4, 32, 32))
        assert not any(torch.equal(x, y) for x, y in zip(without, beside, strict=True))

    def test_what_follows_the_stem_is_channels_last(self, name: EncoderName) -> None:
        # A one-channel input has no definite memory format; everything behind would run in the slow one.
        encoder = build_encoder(name).eval()  # whatever the weights are in
        norm = next(layer for layer in encoder.features.modules() if isinstance(layer, nn.BatchNorm2d))
        fast: list[bool] = []
        norm.register_forward_pre_hook(
            lambda _, inputs: fast.append(inputs[0].is_contiguous(memory_format=torch.channels_last))
        )
        with torch.no_grad():
            encoder(torch.zeros(1, 1, 64, 64))
        assert fast == [True]

    def test_layers_to_stride(self, name: EncoderName) -> None:
        encoder = build_encoder(name).eval()
        layers = nn.Sequential(*encoder.layers_to_stride(8)).eval()
        with torch.no_grad():
            x = layers[1:](layers[0](torch.zeros(1, 1, 64, 64)))
        assert x.shape[-2:] == (8, 8)
        assert encoder.layers_to_stride(0) == []


class TestEncoder:
    def test_must_begin_with_a_convolution(self) -> None:
        with pytest.raises(TypeError, match="must begin with a convolution, got ReLU"):
            Encoder(nn.Sequential(nn.ReLU()), (0,), (1,), (1,))


class TestLoadBackbone:
    @pytest.mark.parametrize("name", [EncoderName.VGG16_BN, EncoderName.MOBILENET_V2])
    def test_torchvision_files_load_by_name(
        self, torchvision_networks: dict[EncoderName, nn.Module], name: EncoderName
    ) -> None:
        encoder = build_encoder(name).eval()
        network = torchvision_networks[name]
        report = load_backbone(encoder, {**network.state_dict(), "classifier.0.weight": torch.zeros(1)})
        assert report.missing == ()
        assert len(report.loaded) > 50
        # Behind two stages, away from the border, the features are those of the RGB network fed the grey thrice.
        grey = torch.rand(1, 1, 96, 96)
        with torch.no_grad():
            ours = encoder((grey - GREY_MEAN) / GREY_STD)[1]
            theirs = features_of(network)[: encoder.taps[1] + 1](imagenet_input(grey))
        torch.testing.assert_close(inner(ours, 8), inner(theirs, 8), atol=1e-3, rtol=1e-3)

    @pytest.mark.parametrize("name", [EncoderName.VGG16_BN, EncoderName.MOBILENET_V2])
    def test_every_tensor_is_taken(self, torchvision_networks: dict[EncoderName, nn.Module], name: EncoderName) -> None:
        encoder = build_encoder(name)
        state = torchvision_networks[name].state_dict()
        load_backbone(encoder, state)
        first = next(iter(encoder.state_dict())).removesuffix("weight")
        for key, tensor in encoder.state_dict().items():
            if not key.startswith((first, "canvas")) and not key.endswith("num_batches_tracked"):
                assert torch.equal(tensor, state[key]), key

    def test_a_partial_file_says_what_it_lacks(self, torchvision_networks: dict[EncoderName, nn.Module]) -> None:
        state = torchvision_networks[EncoderName.VGG16_BN].state_dict()
        some = {k: v for k, v in state.items() if int(k.split(".")[1]) < 34}
        encoder = build_encoder(EncoderName.VGG16_BN)
        before = encoder.get_parameter("features.34.weight").detach().clone()
        report = load_backbone(encoder, some)
        assert {name.split(".")[1] for name in report.missing} == {"34", "35", "37", "38", "40", "41"}
        assert "features.34.weight" in report.missing
        assert "features.33.weight" not in report.missing + report.loaded
        assert torch.equal(encoder.get_parameter("features.34.weight"), before)
        assert torch.equal(encoder.get_parameter("features.30.weight"), some["features.30.weight"])

    @pytest.mark.parametrize("build", [vgg16, vgg19])
    def test_a_plain_vgg_file_serves_vgg16_bn(self, build: Callable[..., nn.Module]) -> None:
        network = random_network(build)
        encoder = build_encoder(EncoderName.VGG16_BN).eval()
        report = load_backbone(encoder, network.state_dict())
        taken = {name.split(".")[1] for name in report.loaded}
        assert taken == {"0", "3", "7", "10", "14", "17", "20", "24", "27", "30", "34", "37", "40"}
        assert len(report.loaded) == 26
        assert not any(name.split(".")[1] in taken for name in report.missing)
        last = {vgg16: 28, vgg19: 32}[build]
        assert torch.equal(
            encoder.get_parameter("features.40.weight"), network.get_parameter(f"features.{last}.weight")
        )
        grey = torch.rand(1, 1, 64, 64)
        with torch.no_grad():
            ours = encoder((grey - GREY_MEAN) / GREY_STD)[1]
            theirs = features_of(network)[:9](imagenet_input(grey))
        # The batch norms stay at identity (but for their epsilon).
        torch.testing.assert_close(inner(ours, 8), inner(theirs, 8), atol=1e-3, rtol=1e-3)

    def test_part_of_a_plain_vgg_file_serves_too(self) -> None:
        state = {k: v for k, v in random_network(vgg19).state_dict().items() if int(k.split(".")[1]) <= 23}
        encoder = build_encoder(EncoderName.VGG16_BN)
        report = load_backbone(encoder, state)
        assert len(report.loaded) == 20
        assert "features.34.weight" in report.missing
        assert torch.equal(encoder.get_parameter("features.30.weight"), state["features.23.weight"])

    def test_half_precision_and_grey_files_load(self) -> None:
        torch.manual_seed(5)
        source, target = (build_encoder(EncoderName.MOBILENET_V2) for _ in range(2))
        load_backbone(target, {k: v.half() if v.dim() > 1 else v for k, v in source.state_dict().items()})
        torch.testing.assert_close(target.stem.weight, source.stem.weight, atol=1e-3, rtol=1e-3)
        assert target.stem.weight.dtype == torch.float32

    @pytest.mark.parametrize(
        ("key", "shape", "message"),
        [
            (
                "features.2.conv.0.0.weight",
                (96, 16, 3, 3),
                r"shape \(96, 16, 3, 3\), the encoder needs \(96, 16, 1, 1\)",
            ),
            (
                "features.0.0.weight",
                (32, 3, 7, 7),
                r"shape \(32, 3, 7, 7\), the encoder needs \(32, 3, 3, 3\)",
            ),
            (
                "features.0.0.weight",
                (32, 4, 3, 3),
                r"shape \(32, 4, 3, 3\), the encoder needs \(32, 1, 3, 3\)",
            ),
            ("features.0.0.weight", (32,), r"shape \(32,\), the encoder needs"),
            ("features.0.0.bias", (7,), r"shape \(7,\), the encoder needs \(32,\)"),
        ],
    )
    def test_a_wrong_shape_is_refused(
        self,
        torchvision_networks: dict[EncoderName, nn.Module],
        key: str,
        shape: tuple[int, ...],
        message: str,
    ) -> None:
        state = torchvision_networks[EncoderName.MOBILENET_V2].state_dict() | {key: torch.zeros(shape)}
        encoder = build_encoder(EncoderName.MOBILENET_V2)
        before = {k: v.clone() for k, v in encoder.state_dict().items()}
        with pytest.raises(WeightsInvalidError, match=message):
            load_backbone(encoder, state)
        assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())

    @pytest.mark.parametrize("name", [n for n in EncoderName if n is not EncoderName.MOBILENET_V2])
    def test_a_file_of_another_kind_is_refused(self, name: EncoderName) -> None:
        message = r"it has features\.0\.\S*weight, the file has layer1.weight\); pass the ImageNet file"
        with pytest.raises(WeightsInvalidError, match=message):
            load_backbone(build_encoder(name), {"layer1.weight": torch.zeros(1)})

    def test_an_empty_file_is_refused(self) -> None:
        with pytest.raises(WeightsInvalidError, match="the file has nothing"):
            load_backbone(build_encoder(EncoderName.MOBILENET_V2), {})
