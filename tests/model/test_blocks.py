import numpy as np
import pytest
import torch
from torch import Tensor, nn

from colorgan.model.blocks import ConvNormAct, DecoderStage, SelfAttention2d, pad_reflect


def wake(attention: SelfAttention2d) -> SelfAttention2d:
    """Give the output projection weights, as training does."""
    nn.init.normal_(attention.out.weight)
    return attention


def influence(layer: nn.Module, x: Tensor, *others: Tensor) -> Tensor:
    """How much each position of x `(H, W)` moves the upper left output: the size of the gradient."""
    x = x.clone().requires_grad_()
    layer(x, *others)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(0)


class TestConvNormAct:
    @pytest.mark.parametrize("kernel_size", [1, 3, 5])
    def test_the_size_stays(self, kernel_size: int) -> None:
        y = ConvNormAct(3, 5, kernel_size)(torch.randn(2, 3, 7, 9))
        assert y.shape == (2, 5, 7, 9)
        assert y.min() == 0


class TestSelfAttention2d:
    def test_a_new_one_passes_its_input_through(self) -> None:
        x = torch.randn(2, 8, 5, 6)
        assert torch.equal(SelfAttention2d(8, 2)(x), x)

    def test_reference_values(self) -> None:
        """The formula of Vaswani et al. (2017), head by head, position by position."""
        torch.manual_seed(0)
        layer, x = wake(SelfAttention2d(8, 2)), torch.randn(1, 8, 3, 4)
        with torch.no_grad():
            y = layer(x)
            q, k, v = layer.qkv(layer.norm(x)).flatten(2)[0].split(8)  # (8, 12) each
            heads = []
            for channels in (slice(0, 4), slice(4, 8)):
                attention = (q[channels].T @ k[channels] / 4**0.5).softmax(-1)  # (12, 12)
                heads.append(v[channels] @ attention.T)
            expected = x + layer.out(torch.cat(heads).view(1, 8, 3, 4))
        torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-5)

    def test_far_positions_count(self) -> None:
        far = influence(wake(SelfAttention2d(8, 2)), torch.randn(1, 8, 16, 16))
        assert (far > 0).all()

    def test_large_logits_in_training_are_computed_in_float32(self) -> None:
        """In bfloat16, whose products of a thousand are off by several, a softmax would be another one."""
        torch.manual_seed(0)
        layer, x = wake(SelfAttention2d(8, 2)), torch.randn(1, 8, 3, 4)
        q, k, v = (torch.randn(1, 2, 12, 4, dtype=torch.bfloat16) * scale for scale in (60, 60, 1))
        exact = nn.functional.scaled_dot_product_attention(q.double(), k.double(), v.double())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = layer.train()._attend(q, k, v)
            assert layer(x).isfinite().all()
        assert found.dtype is torch.bfloat16
        torch.testing.assert_close(found, exact.bfloat16())


class TestDecoderStage:
    def test_doubles_the_resolution(self) -> None:
        stage = DecoderStage(8, 4, 6, attention_heads=2)
        assert stage(torch.randn(2, 8, 3, 5), torch.randn(2, 4, 6, 10)).shape == (2, 6, 6, 10)

    def test_only_attention_sees_far(self) -> None:
        x, skip = torch.randn(1, 8, 16, 16), torch.randn(1, 4, 32, 32)
        near = influence(DecoderStage(8, 4, 8, attention_heads=None).eval(), x, skip)
        stage = DecoderStage(8, 4, 8, attention_heads=2).eval()
        asleep = influence(stage, x, skip)
        assert isinstance(stage.attention, SelfAttention2d)
        wake(stage.attention)
        awake = influence(stage, x, skip)
        assert near[-1, -1] == asleep[-1, -1] == 0
        assert awake[-1, -1] > 0

    def test_sees_the_skip(self) -> None:
        stage, x = DecoderStage(8, 4, 6, attention_heads=None).eval(), torch.randn(1, 8, 4, 4)
        skip = torch.randn(1, 4, 8, 8)
        assert not torch.equal(stage(x, skip), stage(x, torch.zeros_like(skip)))


class TestPadReflect:
    @pytest.mark.parametrize(
        ("size", "to"),
        [
            ((1, 1), (32, 32)),
            ((1, 50), (32, 64)),
            ((2, 3), (32, 33)),
            ((5, 7), (8, 8)),
            ((17, 31), (32, 96)),
            ((8, 8), (8, 8)),
        ],
    )
    def test_is_numpy_s_reflect(self, size: tuple[int, int], to: tuple[int, int]) -> None:
        x = torch.arange(2 * 3 * size[0] * size[1], dtype=torch.float32).view(2, 3, *size)
        widths = ((0, 0), (0, 0), (0, to[0] - size[0]), (0, to[1] - size[1]))
        expected = np.pad(x.numpy(), widths, mode="reflect")
        assert np.array_equal(pad_reflect(x, *to).numpy(), expected)
