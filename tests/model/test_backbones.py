"""The layers of the networks that serve as encoders, against torchvision's own."""

from collections.abc import Callable
from itertools import chain

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2, vgg16, vgg16_bn, vgg19

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


class TestInvertedResidual:
    def test_drop_path_keeps_the_mean(self) -> None:
        block = InvertedResidual(8, 8, 6, kernel=3, stride=1, eps=1e-5).eval()
        block.drop_path = 0.25
        x = torch.rand(1, 8, 4, 4)
        whole = block(x) - x
        block.training = True  # of the block alone: its batch norms stay as they are
        parts = block(x.expand(4000, -1, -1, -1)) - x
        assert torch.allclose(parts.mean(0), whole[0], atol=0.1 * whole.abs().max().item())
        kept = parts.flatten(1).abs().amax(1) > 0
        assert kept.float().mean() == pytest.approx(0.75, abs=0.03)

    @pytest.mark.parametrize(("out_channels", "stride"), [(8, 2), (12, 1)])
    def test_of_another_shape_adds_nothing_and_drops_nothing(self, out_channels: int, stride: int) -> None:
        block = InvertedResidual(8, out_channels, 6, kernel=5, stride=stride, eps=1e-3).eval()
        block.drop_path = 0.9
        block.training = True
        x = torch.rand(3, 8, 6, 6)
        assert not block.is_residual
        assert block(x).shape == (3, out_channels, 6 // stride, 6 // stride)
        assert torch.equal(block(x), block.conv(x))


@pytest.mark.parametrize(
    ("ours", "theirs", "first", "left_out"),
    [(vgg16_bn_features, vgg16_bn, "0", set()), (mobilenet_v2_features, mobilenet_v2, "0.0", {"18"})],
)
def test_names_and_shapes_are_torchvisions(
    ours: Callable[[], nn.Sequential], theirs: Callable[..., nn.Module], first: str, left_out: set[str]
) -> None:
    """But for the first convolution, which sees grey, and MobileNet's last, which is left out."""
    with torch.device("meta"):
        found, expected = ours().state_dict(), theirs(weights=None).get_submodule("features").state_dict()
    assert found.pop(f"{first}.weight").shape[1] == 1
    assert expected.pop(f"{first}.weight").shape[1] == 3
    assert len(found.pop(f"{first}.bias")) == len(found[min(found)])
    expected.pop(f"{first}.bias", None)
    assert {name: expected[name].shape for name in found} == {name: tensor.shape for name, tensor in found.items()}
    assert {name.split(".")[0] for name in expected.keys() - found.keys()} == left_out


@pytest.mark.parametrize(
    ("build", "layers", "width"), [(efficientnet_lite0_features, 17, 320), (efficientnet_lite2_features, 22, 352)]
)
def test_efficientnet_lite_is_of_the_published_depth(
    build: Callable[[], nn.Sequential], layers: int, width: int
) -> None:
    features = build().eval()
    assert len(features) == layers
    with torch.no_grad():
        assert features(torch.zeros(1, 1, 64, 64)).shape == (1, width, 2, 2)


@pytest.mark.parametrize(
    ("build", "blocks", "layers_each"),
    [(vgg16, VGG16_BLOCKS, 2), (vgg19, VGG19_BLOCKS, 2), (vgg16_bn, VGG16_BLOCKS, 3)],
)
def test_convolutions_are_where_torchvision_has_them(
    build: Callable[..., nn.Module], blocks: tuple[int, ...], layers_each: int
) -> None:
    with torch.device("meta"):
        features = build(weights=None).get_submodule("features")
    expected = [number for number, layer in enumerate(features.children()) if isinstance(layer, nn.Conv2d)]
    found = list(vgg_convolution_places(blocks, layers_each))
    assert tuple(map(len, found)) == blocks
    assert list(chain(*found)) == expected
