"""Batch norm over the batches of all processes together."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from colorgan.training.batch_norm import SharedBatchNorm2d, batch_norms_untouched, share_batch_norms


class TestSharedBatchNorm2d:
    @pytest.fixture
    def group(self, tmp_path: Path) -> Iterator[None]:
        torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
        yield
        torch.distributed.destroy_process_group()

    @pytest.mark.parametrize("training", [True, False])
    def test_alone_it_is_ordinary_batch_norm(self, group, training):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(2, 5, 1), nn.BatchNorm2d(5)).train(training)
        for parameter in network[1].parameters():
            nn.init.uniform_(parameter)
        plain = nn.Sequential(nn.Conv2d(2, 5, 1), nn.BatchNorm2d(5)).train(training)
        plain.load_state_dict(network.state_dict())
        before = list(network.parameters())
        share_batch_norms(network, torch.device("cpu"))
        assert isinstance(network[1], SharedBatchNorm2d)
        assert all(a is b for a, b in zip(before, network.parameters(), strict=True))

        x = torch.randn(3, 2, 6, 7)
        for one in (network, plain):
            one(x).square().sum().backward()
        assert torch.allclose(network(x), plain(x), atol=1e-5)
        for a, b in zip(network.parameters(), plain.parameters(), strict=True):
            assert a.grad is not None
            assert b.grad is not None
            assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-4)
        for name, tensor in plain.state_dict().items():
            assert torch.allclose(network.state_dict()[name].float(), tensor.float(), atol=1e-5), name


class TestBatchNormsUntouched:
    def test_normalises_by_the_batch_and_remembers_nothing(self) -> None:
        network = nn.Sequential(nn.Conv2d(2, 5, 1), nn.BatchNorm2d(5), nn.BatchNorm2d(5).eval())
        norms = [layer for layer in network if isinstance(layer, nn.BatchNorm2d)]
        norms[0].momentum = 0.3
        x = 7 + torch.randn(3, 2, 6, 7)
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        expected = copy.deepcopy(network)(x)
        with batch_norms_untouched(network):
            found = network(x)
        torch.testing.assert_close(found, expected)
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, before[name]) or name.endswith("num_batches_tracked"), name
        assert [norm.momentum for norm in norms] == [0.3, 0.1]

    def test_comes_back_after_an_error(self) -> None:
        norm = nn.BatchNorm2d(3, momentum=0.25)
        with pytest.raises(ZeroDivisionError), batch_norms_untouched(norm):
            raise ZeroDivisionError
        assert norm.momentum == 0.25
