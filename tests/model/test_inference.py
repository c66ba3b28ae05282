import pytest
import torch
from torch import nn

from colorgan.config import EncoderName, ModelConfig, OutputSpace
from colorgan.model import Generator, build_generator, prepare_for_inference

CONFIGS = {
    "compact": ModelConfig(bottleneck_width=16, decoder_widths=(16, 8, 8), attention_heads=2, repair_widths=(8, 4)),
    "lite0": ModelConfig(
        encoder=EncoderName.EFFICIENTNET_LITE0, bottleneck_width=16, decoder_widths=(16, 8), attention_heads=2
    ),
    "paper": ModelConfig(
        encoder=EncoderName.VGG16_BN,
        bottleneck_width=16,
        bottleneck_kernels=(3, 3),
        decoder_widths=(16, 8, 8, 8),
        attention_heads=2,
        output=OutputSpace.RGB,
        bins=False,
    ),
}


@pytest.fixture(params=list(CONFIGS))
def network(request: pytest.FixtureRequest) -> Generator:
    """A generator whose batch norms and canvas are as if they had been trained."""
    network = build_generator(CONFIGS[request.param])
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 2)
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_(0, 0.1)
        network.encoder.canvas.weight.normal_(0, 0.1)
    return network.eval()


class TestPrepareForInference:
    def test_answers_the_same(self, network: Generator) -> None:
        luminance, known = torch.rand(2, 1, 64, 48) * 100, (torch.rand(2, 1, 64, 48) > 0.1).float()
        hints = torch.cat(((torch.rand(2, 1, 64, 48) > 0.9).float(), torch.randn(2, 2, 64, 48) * 30), dim=1)
        with torch.inference_mode():
            before = network(luminance, known, hints)
            after = prepare_for_inference(network, torch.float32)(luminance, known, hints)
        for mine, theirs in zip(after, before, strict=True):
            if theirs is not None:
                torch.testing.assert_close(mine, theirs, atol=2e-3 * float(theirs.abs().max()), rtol=0)

    def test_half_precision_is_near(self, network: Generator) -> None:
        luminance = torch.rand(1, 1, 64, 64) * 100
        with torch.inference_mode():
            before = network(luminance).ab
            after = prepare_for_inference(network, torch.bfloat16)(luminance).ab
        assert after.dtype == torch.float32
        assert (after - before).abs().mean() < 0.1 * before.abs().mean() + 0.1

    def test_the_original_can_still_be_trained(self, network: Generator) -> None:
        prepare_for_inference(network, torch.float32)
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
        assert all(p.requires_grad for p in network.parameters())

    def test_in_place_answers_as_the_copy(self, network: Generator) -> None:
        luminance, known = torch.rand(2, 1, 64, 48) * 100, (torch.rand(2, 1, 64, 48) > 0.1).float()
        copied = prepare_for_inference(network, torch.float32)
        changed = prepare_for_inference(network, torch.float32, in_place=True)
        assert changed is network
        with torch.inference_mode():
            assert torch.equal(changed(luminance, known).ab, copied(luminance, known).ab)

    def test_no_batch_norm_is_left(self, network: Generator) -> None:
        modules = prepare_for_inference(network, torch.float32).modules()
        assert not any(isinstance(module, nn.BatchNorm2d) for module in modules)

    def test_training_mode_is_refused(self, network: Generator) -> None:
        with pytest.raises(ValueError, match="eval mode"):
            prepare_for_inference(network.train(), torch.float32)
