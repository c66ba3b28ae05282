import pytest
import torch

from colorgan.rendering import ChromaField, draw_hints, fit_chroma, keep_hints
from colorgan.rendering.hint_guidance import weigh_advice


def field(H: int = 48, W: int = 64) -> tuple[ChromaField, torch.Tensor]:
    """Colours of a picture whose right half is lighter."""
    luminance = 30 + 40 * (torch.arange(W) >= W // 2).float().expand(1, H, W) + torch.rand(1, H, W)
    return fit_chroma(torch.full((2, H, W), 5.0), luminance), luminance


def ab_of(colors: ChromaField, luminance: torch.Tensor) -> torch.Tensor:
    return colors.slope * luminance + colors.offset


class TestDrawHints:
    def test_a_square_around_the_place(self) -> None:
        mask, a, b = draw_hints(torch.tensor([[0.5, 0.25, 20.0, -30.0]]), (256, 256))
        rows, columns = mask.nonzero(as_tuple=True)
        assert len(rows) == 36
        assert (float(rows.float().mean()) + 0.5, float(columns.float().mean()) + 0.5) == (64, 128)
        assert torch.equal(a, 20 * mask)
        assert torch.equal(b, -30 * mask)

    def test_corners_stay_whole(self) -> None:
        for corner in ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0)):
            assert draw_hints(torch.tensor([[*corner, 1.0, 1.0]]), (256, 128))[0].sum() == 16

    def test_a_strip(self) -> None:
        assert draw_hints(torch.tensor([[0.5, 0.5, 1.0, 1.0]]), (1, 32))[0].sum() == 1

    def test_none(self) -> None:
        assert not draw_hints(torch.zeros(0, 4), (8, 8)).any()


class TestWeighAdvice:
    @pytest.mark.parametrize("count", [1, 3, 9])
    def test_all_at_a_hint_and_the_fewer_the_less_elsewhere(self, count: int) -> None:
        luminance = torch.where(torch.arange(64) < 32, 20.0, 90.0).expand(1, 1, 64, 64)
        points = torch.tensor([[0.2, 0.1 + 0.09 * n, 20.0, 20.0] for n in range(count)])
        shares = weigh_advice(luminance, draw_hints(points, (64, 64))[None], (16, 16))
        assert shares.shape == (1, 1, 16, 16)
        assert shares[0, 0, 1, 3] > 0.95
        assert float(shares[..., 12:].mean()) == pytest.approx(count / (count + 1), abs=0.01)

    def test_none(self) -> None:
        assert not weigh_advice(torch.rand(2, 1, 32, 64), torch.zeros(2, 3, 32, 64), (8, 16)).any()

    def test_large_pictures_with_many_hints(self) -> None:
        points = torch.rand(60, 4)
        shares = weigh_advice(torch.rand(1, 1, 256, 320) * 100, draw_hints(points, (256, 320))[None], (64, 80))
        assert 0.9 < shares.min() <= shares.max() <= 1


class TestKeepHints:
    def test_none_changes_nothing(self) -> None:
        colors, luminance = field()
        assert keep_hints(colors, luminance, torch.zeros(0, 4)) is colors

    def test_exact_at_the_spot_whatever_the_detail(self) -> None:
        colors, luminance = field()
        x, y = (10 + 0.5) / 64, (20 + 0.5) / 48
        kept = keep_hints(colors, luminance, torch.tensor([[x, y, 40.0, -20.0]]))
        torch.testing.assert_close(ab_of(kept, luminance + 7)[:, 20, 10], torch.tensor([40.0, -20.0]))

    def test_follows_around_and_stays_beyond_the_edge(self) -> None:
        colors, luminance = field()
        before = ab_of(colors, luminance)
        after = ab_of(keep_hints(colors, luminance, torch.tensor([[0.4, 0.5, 40.0, -20.0]])), luminance)
        change = (after - before).norm(dim=0)
        assert change[24, 22:28].min() > 20  # of the 43 that are missing
        assert change[:, 36:].max() < 2  # nearer to the hint than the left border, but across the edge
        assert change[24, 26] > change[24, 14] > change[24, 2]

    def test_a_hint_that_is_met_already(self) -> None:
        colors, luminance = field()
        kept = keep_hints(colors, luminance, torch.tensor([[0.3, 0.3, 5.0, 5.0]]))
        torch.testing.assert_close(ab_of(kept, luminance), ab_of(colors, luminance), atol=0.05, rtol=0)

    def test_contradictions_stay_bounded(self) -> None:
        colors, luminance = field()
        points = torch.tensor([[0.3, 0.3, 60.0, 0.0], [0.301, 0.3, -60.0, 0.0], [0.3, 0.3, 60.0, 60.0]])
        assert ab_of(keep_hints(colors, luminance, points), luminance).abs().max() < 130
