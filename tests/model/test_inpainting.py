import pytest
import torch
from torch import Tensor, nn

from colorgan.model.inpainting import InpaintingNetwork, downsample_by_two, inpaint_smoothly, upsample_by_two

SIZES = [(1, 1), (1, 50), (50, 1), (5, 7), (33, 47), (64, 32)]


@pytest.fixture
def network() -> InpaintingNetwork:
    """A network that changes what it is given, as a trained one does."""
    torch.manual_seed(0)
    network = InpaintingNetwork((4, 8)).eval()
    nn.init.normal_(network.change.weight, std=0.05)
    return network


def some_picture(*size: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    known = torch.ones(batch, 1, *size)
    known[..., : -(-size[0] // 2), : -(-size[1] // 2)] = 0
    return torch.rand(batch, 1, *size) * 100, known


class TestRepairNetwork:
    @pytest.mark.parametrize("size", SIZES)
    def test_any_size_and_what_is_known_stays(self, network: InpaintingNetwork, size: tuple[int, int]) -> None:
        luminance, known = some_picture(*size)
        filled = network(luminance, known)
        assert filled.shape == luminance.shape
        assert torch.equal(filled[known > 0], luminance[known > 0])
        assert filled.min() >= 0
        assert filled.max() <= 100

    @pytest.mark.parametrize("size", SIZES)
    def test_nothing_known_is_filled_too(self, network: InpaintingNetwork, size: tuple[int, int]) -> None:
        assert network(torch.full((1, 1, *size), torch.nan), torch.zeros(1, 1, *size)).isfinite().all()

    def test_nothing_missing_returns_the_picture_itself(self, network: InpaintingNetwork) -> None:
        luminance = torch.rand(1, 1, 9, 9)
        assert network(luminance, torch.ones_like(luminance)) is luminance

    def test_what_is_missing_is_not_looked_at(self, network: InpaintingNetwork) -> None:
        luminance, known = some_picture(33, 47)
        assert torch.equal(network(luminance, known), network(torch.where(known > 0, luminance, torch.nan), known))

    def test_a_new_network_fills_smoothly(self, network: InpaintingNetwork) -> None:
        luminance, known = some_picture(33, 47)
        smooth = inpaint_smoothly(luminance, known)
        assert torch.equal(InpaintingNetwork((4, 8))(luminance, known), smooth)
        assert not torch.allclose(network(luminance, known), smooth)

    def test_pictures_of_a_batch_do_not_meet(self, network: InpaintingNetwork) -> None:
        luminance, known = some_picture(20, 31, batch=3)
        known[0], known[2] = 1, 0
        torch.testing.assert_close(network(luminance, known)[1:2], network(luminance[1:2], known[1:2]))

    def test_looks_no_farther_than_its_reach(self, network: InpaintingNetwork) -> None:
        side = 2 * network.reach + 40
        luminance, unknown = torch.rand(1, 1, side, side) * 100, torch.ones(1, 1, side, side, dtype=torch.bool)
        moved = luminance.clone()
        moved[..., 0, :] += 30
        one, two = (network.refine(x, unknown, x) for x in (luminance, moved))
        touched = (one != two)[0, 0].any(1).nonzero().max()
        assert network.reach / 4 < touched <= network.reach

    def test_every_parameter_gets_a_finite_gradient(self, network: InpaintingNetwork) -> None:
        network(*some_picture(64, 64)).square().mean().backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
        assert network.stem.weight.grad is not None
        assert network.stem.weight.grad.abs().max() > 0


class TestFillSmoothly:
    def test_a_constant_is_continued_and_a_gradient_followed(self) -> None:
        known = some_picture(32, 32)[1]
        flat = torch.full((1, 1, 32, 32), 40.0)
        torch.testing.assert_close(inpaint_smoothly(flat, known), flat)
        ramp = torch.arange(32.0).expand(1, 1, 32, 32).clone()
        hole = torch.ones_like(ramp)
        hole[..., 10:20, 10:20] = 0
        assert (inpaint_smoothly(ramp, hole) - ramp).abs().max() < 6

    def test_stays_within_what_surrounds_it(self) -> None:
        luminance, known = some_picture(40, 40)
        filled = inpaint_smoothly(luminance, known)
        assert luminance[known > 0].min() <= filled.min() <= filled.max() <= luminance[known > 0].max()


class TestHalve:
    def test_means_of_what_is_known(self) -> None:
        luminance = torch.tensor([[1.0, 3, 9], [50, 5, 8]])[None, None]
        known = torch.tensor([[1.0, 1, 0], [0, 1, 0]])[None, None]
        half, half_known = downsample_by_two(luminance, known)
        assert half.flatten().tolist() == [3.0, 0.0]
        assert half_known.flatten().tolist() == [1.0, 0.0]

    def test_double_is_the_way_back_for_a_constant(self) -> None:
        half, _ = downsample_by_two(torch.full((1, 1, 5, 7), 20.0), torch.ones(1, 1, 5, 7))
        torch.testing.assert_close(upsample_by_two(half, (5, 7)), torch.full((1, 1, 5, 7), 20.0))
