from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from colorgan.config import DiscriminatorConfig, DiscriminatorKind
from colorgan.errors import ConfigError
from colorgan.model import build_discriminator
from colorgan.model.discriminators import GlobalDiscriminator, MultiscaleDiscriminator, PatchDiscriminator

KINDS = {
    DiscriminatorKind.GLOBAL: GlobalDiscriminator,
    DiscriminatorKind.PATCH: PatchDiscriminator,
    DiscriminatorKind.MULTISCALE: MultiscaleDiscriminator,
}


def small(kind: DiscriminatorKind, **settings: Any) -> DiscriminatorConfig:
    return DiscriminatorConfig(kind=kind, width=4, **settings)


def pictures(*size: int, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, *size)


@pytest.mark.parametrize("kind", DiscriminatorKind)
class TestEveryKind:
    def test_is_the_one_asked_for(self, kind: DiscriminatorKind) -> None:
        assert type(build_discriminator(small(kind))) is KINDS[kind]

    @pytest.mark.parametrize("size", [(1, 1), (1, 50), (33, 47), (64, 64)])
    @pytest.mark.parametrize("layers", [1, 3])
    def test_any_size(self, kind: DiscriminatorKind, size: tuple[int, int], layers: int) -> None:
        for logits in build_discriminator(small(kind, layers=layers))(pictures(*size)):
            assert logits.shape[:2] == (2, 1)
            assert logits.numel() >= 2
            assert logits.isfinite().all()

    def test_unconditional_does_not_see_luminance(self, kind: DiscriminatorKind) -> None:
        judge, rgb = build_discriminator(small(kind)).eval(), pictures(64, 64)
        assert torch.equal(judge(rgb)[0], judge(rgb, torch.rand(2, 1, 64, 64))[0])

    def test_conditional_sees_luminance(self, kind: DiscriminatorKind) -> None:
        judge, rgb = build_discriminator(small(kind, conditional=True)).eval(), pictures(64, 64)
        dark, bright = (judge(rgb, torch.full((2, 1, 64, 64), level)) for level in (10.0, 90.0))
        assert not torch.equal(dark[0], bright[0])

    def test_conditional_needs_luminance(self, kind: DiscriminatorKind) -> None:
        with pytest.raises(ConfigError, match="needs the luminance"):
            build_discriminator(small(kind, conditional=True))(pictures(64, 64))

    @pytest.mark.parametrize("level", [0.0, 1.0])
    def test_gradient_reaches_the_picture(self, kind: DiscriminatorKind, level: float) -> None:
        torch.manual_seed(0)
        rgb = torch.full((2, 3, 64, 64), level, requires_grad=True)
        torch.stack([logits.mean() for logits in build_discriminator(small(kind)).eval()(rgb)]).sum().backward()
        assert rgb.grad is not None
        assert rgb.grad.isfinite().all()
        assert rgb.grad.abs().max() > 0


class TestGlobalDiscriminator:
    def test_one_logit_a_picture(self) -> None:
        (logits,) = build_discriminator(small(DiscriminatorKind.GLOBAL))(pictures(64, 96, batch=3))
        assert logits.shape == (3, 1)

    def test_every_pixel_counts(self) -> None:
        rgb = pictures(96, 96, batch=1).requires_grad_()
        build_discriminator(small(DiscriminatorKind.GLOBAL)).eval()(rgb)[0].sum().backward()
        assert rgb.grad is not None
        assert (rgb.grad.abs().sum(1) > 0).all()


class TestPatchDiscriminator:
    def test_a_logit_a_patch(self) -> None:
        (logits,) = build_discriminator(small(DiscriminatorKind.PATCH))(pictures(256, 256, batch=1))
        assert logits.shape == (1, 1, 30, 30)  # pix2pix: 30 x 30 patches of a 256 x 256 picture

    @pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
    def test_receptive_field(self, layers: int, field: int) -> None:
        """Isola et al. (2017): 70 x 70 pixels with three layers; measured by the gradient of one logit."""
        judge = build_discriminator(small(DiscriminatorKind.PATCH, layers=layers)).double().eval()
        rgb = pictures(160, 160, batch=1).double().requires_grad_()
        (logits,) = judge(rgb)
        logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
        assert rgb.grad is not None
        rows, columns = rgb.grad[0].abs().sum(0).nonzero().T
        assert int(rows.max() - rows.min()) + 1 == field
        assert int(columns.max() - columns.min()) + 1 == field

    def test_spectral_norm(self) -> None:
        torch.manual_seed(0)
        judge = build_discriminator(small(DiscriminatorKind.PATCH)).train()
        convolutions = [layer for layer in judge.modules() if isinstance(layer, nn.Conv2d)]
        assert len(convolutions) == 5
        for _ in range(30):
            judge(pictures(32, 32))
        for layer in convolutions:
            assert is_parametrized(layer, "weight")
            largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2).item()
            assert largest == pytest.approx(1, abs=0.05)

    def test_no_batch_norm(self) -> None:
        judge = build_discriminator(small(DiscriminatorKind.PATCH))
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in judge.modules())


class TestMultiscaleDiscriminator:
    @pytest.mark.parametrize("scales", [2, 3])
    def test_a_list_of_scales(self, scales: int) -> None:
        judge = build_discriminator(small(DiscriminatorKind.MULTISCALE, scales=scales))
        shapes = [tuple(logits.shape[-2:]) for logits in judge(pictures(128, 128, batch=1))]
        assert shapes == [(14, 14), (6, 6), (2, 2)][:scales]

    def test_scales_share_no_weights(self) -> None:
        judge = build_discriminator(small(DiscriminatorKind.MULTISCALE))
        assert isinstance(judge, MultiscaleDiscriminator)
        tensors = [p.data_ptr() for scale in judge.scales for p in scale.parameters()]
        assert len(set(tensors)) == len(tensors)

    def test_a_level_is_half_the_one_before(self) -> None:
        judge = build_discriminator(small(DiscriminatorKind.MULTISCALE))
        assert isinstance(judge, MultiscaleDiscriminator)
        seen: list[tuple[int, ...]] = []
        for scale in judge.scales:
            scale.get_submodule("layers").register_forward_pre_hook(
                lambda _, inputs: seen.append(tuple(inputs[0].shape[-2:]))
            )
        judge(pictures(130, 97, batch=1))
        assert seen == [(130, 97), (65, 49), (33, 32)]
