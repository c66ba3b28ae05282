import numpy as np
import pytest
import torch
from torch import nn

from colorgan.model.inpainting import InpaintingNetwork
from colorgan.rendering import inpaint, inpaint_grey
from support import draw_photo


@pytest.fixture
def network() -> InpaintingNetwork:
    torch.manual_seed(0)
    network = InpaintingNetwork((4, 8)).eval()
    nn.init.normal_(network.change.weight, std=0.03)
    return network


def some_grey(dtype: type, size: tuple[int, int] = (260, 180)) -> np.ndarray:
    grey = np.asarray(draw_photo(1, size).convert("L"))
    return grey if dtype is np.uint8 else grey.astype(np.uint16) * 257


def some_holes(shape: tuple[int, ...]) -> np.ndarray:
    missing = np.zeros(shape, np.bool_)
    missing[30:110, 40:150] = True
    missing[:, 200] = True
    missing[5, 5] = True
    return missing


class TestRepairGrey:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_only_what_is_missing_changes(self, network: InpaintingNetwork, dtype: type) -> None:
        grey = some_grey(dtype)
        given, missing = grey.copy(), some_holes(grey.shape)
        damaged: np.ndarray = np.where(missing, 0, grey).astype(dtype)
        result = inpaint_grey(network, damaged, missing)
        assert result.dtype == dtype
        assert np.array_equal(result[~missing], grey[~missing])
        assert (result[missing] != 0).mean() > 0.9
        assert np.array_equal(grey, given)

    def test_nothing_missing_costs_nothing(self, network: InpaintingNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(InpaintingNetwork, "forward", None)
        grey = some_grey(np.uint8)
        assert inpaint_grey(network, grey, np.zeros(grey.shape, np.bool_)) is grey

    def test_large_regions_are_filled_as_in_one_piece(
        self, network: InpaintingNetwork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grey = some_grey(np.uint16, (421, 300))
        missing = np.zeros(grey.shape, np.bool_)
        missing[20:280, 30:300] = True
        missing[:, 350] = True
        monkeypatch.setattr(inpaint, "_LEAST_CONTEXT", 1000)
        whole = inpaint_grey(network, grey, missing).astype(int)
        monkeypatch.setattr(inpaint, "_WHOLE", 3000)
        monkeypatch.setattr(inpaint, "_TILE", 64)
        pieces = inpaint_grey(network, grey, missing).astype(int)
        assert np.abs(whole - pieces).max() <= 4  # of 65535

    @pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (3, 200)])
    def test_all_missing(self, network: InpaintingNetwork, shape: tuple[int, int]) -> None:
        result = inpaint_grey(network, np.zeros(shape, np.uint8), np.ones(shape, np.bool_))
        assert result.shape == shape
        assert result.min() > 0


class TestFindRegions:
    def test_boxes_hold_all_holes_and_do_not_overlap(self) -> None:
        missing = np.random.default_rng(0).random((700, 900)) > 0.99999
        missing[300:310, 100:600] = True
        seen = np.zeros(missing.shape, int)
        for box in inpaint.find_regions(missing):
            seen[box] += 1
        assert seen.max() == 1
        assert seen[missing].min() == 1
        assert seen.mean() < 0.7

    def test_none_for_none(self) -> None:
        assert inpaint.find_regions(np.zeros((5, 5), np.bool_)) == []
