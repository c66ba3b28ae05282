"""Missing luminance."""

from typing import Any

import pytest
import torch

from colorgan.config import AugmentConfig
from colorgan.data.occlusion import draw_occlusion
from colorgan.data.random_source import RandomSource

NONE: dict[str, Any] = {
    "occlusion_pixels": 0.0,
    "occlusion_rectangles": 0,
    "occlusion_scratches": 0,
    "occlusion_blots": 0,
}


def draw(count: int, size: int, **kinds: Any) -> torch.Tensor:
    return draw_occlusion(size, AugmentConfig(**{**NONE, "occlusion": 0.0, **kinds}), RandomSource.at(range(count), 0))


class TestDrawOcclusion:
    @pytest.mark.parametrize("kind", ["pixels", "rectangles", "scratches", "blots"])
    def test_each_kind_hides_something_but_not_all(self, kind):
        known = draw(64, 48, **{f"occlusion_{kind}": 0.4 if kind == "pixels" else 4})
        assert known.shape == (64, 1, 48, 48)
        assert known.dtype is torch.bool
        hidden = 1 - known.float().mean((1, 2, 3))
        assert (hidden > 0).float().mean() > 0.9
        assert hidden.max() < 0.95
        assert 0.005 < hidden.mean() < 0.5

    def test_mixes_the_kinds_that_are_asked_for(self):
        known = draw(60, 32, occlusion_pixels=0.4, occlusion_rectangles=1)
        # Single pixels leave many edges, a rectangle few.
        edges = known.float().diff(dim=-1).abs().mean((1, 2, 3))
        assert 15 < (edges > 0.05).sum() < 50

    def test_removes_only_pixels_and_at_most_the_fraction_where_that_is_asked_for(self):
        hidden = 1 - draw(30, 64, occlusion_pixels=0.05).float().mean((1, 2, 3))
        assert hidden.min() > 0.01
        assert hidden.max() < 0.07

    def test_draws_blots_of_all_sizes(self):
        sizes = (~draw(40, 64, occlusion_blots=1)).sum((1, 2, 3))
        assert sizes[sizes > 0].min() < 10
        assert 100 < sizes.max() < 0.15 * 64 * 64

    def test_scratches_are_thin_and_whole(self):
        """A line of one segment from edge to edge crosses each row or column between its ends."""
        missing = ~draw(200, 64, occlusion_scratches=1)[:, 0]
        assert (missing.sum((1, 2)) < 0.12 * 64 * 64).all()
        for picture in missing:
            rows, columns = (picture.any(side).nonzero()[:, 0] for side in (1, 0))
            assert all(n.numel() == int(n.max() - n.min()) + 1 for n in (rows, columns))

    def test_nothing_is_missing_where_no_kind_is_asked_for(self):
        assert draw(3, 8).all()
