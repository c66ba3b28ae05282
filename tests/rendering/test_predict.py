import math
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from colorgan.color import BIN_COUNT, ab_bins
from colorgan.config import ModelConfig, RenderConfig
from colorgan.model import Generator, Prediction
from colorgan.rendering import Query, draw_hints, fit_chroma, keep_hints, predict_rendering, render_shape, resample
from colorgan.rendering.predict import TYPICAL_CHROMA, chroma_factor

MODEL = ModelConfig()


class FakeGenerator(nn.Module):
    """Answers with what is easy to follow: a is the L it sees, b rises to the right, the bins are sure of one."""

    def __init__(self, *, bins: bool = True, paints: float = 7.0) -> None:
        super().__init__()
        self.config = MODEL
        self.with_bins = bins
        self.paints = paints
        self.seen: list[tuple[Tensor, Tensor | None, Tensor | None]] = []

    def forward(self, luminance: Tensor, known: Tensor | None = None, hints: Tensor | None = None) -> Prediction:
        self.seen.append((luminance, known, hints))
        B, _, H, W = luminance.shape
        a = luminance[..., ::4, ::4]
        coarse = torch.cat((a, torch.arange(W // 4).expand_as(a).float()), 1)
        logits = torch.zeros(B, BIN_COUNT, H // 4, W // 4)
        logits[:, 200] = 100
        painted = luminance if known is None else torch.where(known > 0.5, luminance, self.paints)
        return Prediction(
            ab=torch.zeros(B, 2, H, W),
            coarse_ab=coarse,
            bins=logits if self.with_bins else None,
            luminance=painted,
            rgb=None,
        )


def fake(**settings: Any) -> tuple[FakeGenerator, Generator]:
    """A fake generator, once as itself and once as what the code under test expects."""
    network = FakeGenerator(**settings)
    return network, cast("Generator", network)


class TestRenderShape:
    @pytest.mark.parametrize("picture", [(1, 1), (480, 640), (3000, 2000), (33, 47), (500, 500)])
    def test_keeps_area_and_aspect(self, picture: tuple[int, int]) -> None:
        tall, wide = render_shape(*picture, 192, MODEL)
        assert tall % 32 == wide % 32 == 0
        assert tall * wide == pytest.approx(192**2, rel=0.2)
        assert tall / wide == pytest.approx(picture[0] / picture[1], rel=0.2)

    @pytest.mark.parametrize("picture", [(1, 100_000), (100_000, 1), (1, 50)])
    def test_strips_stay_bounded(self, picture: tuple[int, int]) -> None:
        shape = render_shape(*picture, 192, MODEL)
        assert min(shape) == 32
        assert max(shape) <= 16 * 192

    def test_a_size_below_the_stride(self) -> None:
        assert render_shape(40, 40, 1, MODEL) == (32, 32)


class TestShrink:
    def test_the_mean_stays(self) -> None:
        x = torch.rand(1, 1, 64, 96)
        small = resample(x, (16, 24))
        assert small.shape == (1, 1, 16, 24)
        torch.testing.assert_close(small.mean(), x.mean(), atol=5e-3, rtol=0)

    def test_fine_patterns_do_not_alias(self) -> None:
        stripes = (torch.arange(96) % 2).float().expand(1, 1, 64, 96)
        assert resample(stripes, (16, 24)).std() < 0.02

    def test_the_same_size_is_the_same_tensor(self) -> None:
        x = torch.rand(1, 1, 8, 8)
        assert resample(x, (8, 8)) is x


class TestPredictRendering:
    def test_asks_at_the_render_size(self) -> None:
        network, generator = fake()
        rendering = predict_rendering(generator, torch.rand(2, 1, 480, 640) * 100, RenderConfig(size=128))
        (luminance, known, hints), *more = network.seen
        assert luminance.shape == (2, 1, *render_shape(480, 640, 128, MODEL))
        assert more == []
        assert known is hints is None
        assert rendering.ab.shape[-2:] == (luminance.shape[-2] // 4, luminance.shape[-1] // 4)
        assert torch.equal(rendering.luminance, luminance)

    def test_a_smaller_copy_can_speak_for_the_photograph(self) -> None:
        network, generator = fake()
        predict_rendering(generator, torch.rand(1, 1, 100, 101), RenderConfig(size=128), Query(shape=(640, 320)))
        assert network.seen[0][0].shape[-2:] == render_shape(640, 320, 128, MODEL)

    def test_regression_by_default(self) -> None:
        luminance = torch.rand(1, 1, 64, 64) * 100
        rendering = predict_rendering(fake()[1], luminance, RenderConfig(size=64))
        assert torch.equal(rendering.ab[:, :1], luminance[..., ::4, ::4])

    @pytest.mark.parametrize("share", [0.25, 1.0])
    def test_bins_are_mixed_in_by_their_share(self, share: float) -> None:
        luminance = torch.full((1, 1, 64, 64), 50.0)
        ab = predict_rendering(fake()[1], luminance, RenderConfig(size=64, bins_share=share)).ab
        expected = (1 - share) * 50 + share * ab_bins()[200, 0]
        torch.testing.assert_close(ab[:, 0], expected.expand_as(ab[:, 0]), atol=1e-3, rtol=0)

    def test_strength_is_left_to_the_caller(self) -> None:
        luminance = torch.rand(1, 1, 64, 64) * 100
        one, two = (predict_rendering(fake()[1], luminance, RenderConfig(size=64, strength=s)).ab for s in (1.0, 2.0))
        assert torch.equal(one, two)

    def test_confidence(self) -> None:
        luminance = torch.rand(1, 1, 64, 64) * 100
        sure = predict_rendering(fake()[1], luminance, RenderConfig(size=64), Query(confidence=True)).confidence
        assert sure is not None
        assert sure.shape == (1, 1, 16, 16)
        torch.testing.assert_close(sure, torch.ones_like(sure), atol=1e-4, rtol=0)

    def test_not_knowing_is_no_confidence(self) -> None:
        network, generator = fake()
        network.register_forward_hook(lambda _, __, answer: answer._replace(bins=answer.bins * 0))
        unsure = predict_rendering(
            generator, torch.rand(1, 1, 64, 64), RenderConfig(size=64), Query(confidence=True)
        ).confidence
        assert unsure is not None
        assert unsure.abs().max() < 1e-5 * math.log(BIN_COUNT)

    @pytest.mark.parametrize("flip", [False, True])
    def test_confidence_can_be_left_out(self, *, flip: bool) -> None:
        config = RenderConfig(size=64, flip=flip)
        luminance = torch.rand(1, 1, 64, 64)
        assert predict_rendering(fake()[1], luminance, config).confidence is None
        assert predict_rendering(fake(bins=False)[1], luminance, config, Query(confidence=True)).confidence is None

    def test_flip_averages_with_the_mirrored_answer(self) -> None:
        network, generator = fake()
        luminance = torch.rand(1, 1, 64, 64) * 100
        ab = predict_rendering(generator, luminance, RenderConfig(size=64, flip=True)).ab
        assert torch.equal(network.seen[1][0], luminance.flip(-1))
        straight, mirrored = luminance[..., ::4, ::4], luminance.flip(-1)[..., ::4, ::4].flip(-1)
        torch.testing.assert_close(ab[:, :1], (straight + mirrored) / 2)
        # b rises to the right in both passes: turned back and averaged it is flat.
        torch.testing.assert_close(ab[:, 1], torch.full_like(ab[:, 1], 7.5))

    def test_flip_mirrors_mask_and_hints_too(self) -> None:
        network, generator = fake()
        known, hints = torch.ones(1, 1, 64, 64), torch.zeros(1, 3, 64, 64)
        known[..., :32], hints[..., :8] = 0, 1
        predict_rendering(
            generator, torch.rand(1, 1, 64, 64), RenderConfig(size=64, flip=True), Query(known=known, hints=hints)
        )
        assert len(network.seen) == 4  # without hints, then with them
        for straight, mirrored in zip(*network.seen[2:], strict=True):
            assert straight is not None
            assert mirrored is not None
            assert torch.equal(straight.flip(-1), mirrored)

    def test_sizes_are_averaged_at_the_largest(self) -> None:
        network, generator = fake()
        luminance = torch.full((1, 1, 64, 64), 40.0)
        rendering = predict_rendering(generator, luminance, RenderConfig(size=64, sizes=(128, 96)))
        assert [seen[0].shape[-1] for seen in network.seen] == [64, 128, 96]
        assert rendering.ab.shape[-2:] == (32, 32)
        torch.testing.assert_close(rendering.ab[:, 0], torch.full((1, 32, 32), 40.0))
        assert rendering.luminance.shape[-2:] == (64, 64)

    def test_a_shrunken_pixel_is_trusted_only_if_all_of_it_was(self) -> None:
        network, generator = fake()
        known = torch.ones(1, 1, 128, 128)
        known[..., 40, 60] = 0
        rendering = predict_rendering(
            generator, torch.full((1, 1, 128, 128), 50.0), RenderConfig(size=64), Query(known=known)
        )
        trusted = network.seen[0][1]
        assert trusted is not None
        assert set(trusted.unique().tolist()) == {0.0, 1.0}
        assert trusted[0, 0, 20, 30] == 0
        assert (rendering.luminance == torch.where(trusted > 0, 50.0, 7.0)).all()

    def test_hints_stay_hints(self) -> None:
        network, generator = fake()
        hints = torch.zeros(1, 3, 64, 64)
        hints[..., 20:24, 20:24] = torch.tensor([1.0, 60.0, -40.0]).view(3, 1, 1)
        predict_rendering(generator, torch.rand(1, 1, 64, 64), RenderConfig(size=64, sizes=(128,)), Query(hints=hints))
        assert [points is None for _, _, points in network.seen] == [True, True, False, False]
        for _, _, points in network.seen[2:]:
            assert points is not None
            assert {tuple(p) for p in points.flatten(2)[0].T.tolist()} == {(0.0, 0.0, 0.0), (1.0, 60.0, -40.0)}

    def test_with_a_real_generator(self, tiny_generator: Generator) -> None:
        with torch.inference_mode():
            rendering = predict_rendering(
                tiny_generator,
                torch.rand(1, 1, 33, 47) * 100,
                RenderConfig(size=64, flip=True, bins_share=0.5),
                Query(confidence=True),
            )
        assert rendering.ab.isfinite().all()
        assert rendering.confidence is not None
        assert 0 <= rendering.confidence.min() <= rendering.confidence.max() <= 1


class TestChromaFactor:
    def test_draws_chroma_towards_the_typical(self, tiny_generator: Generator) -> None:
        luminance = torch.rand(2, 1, 64, 64) * 100
        plain = predict_rendering(tiny_generator, luminance, RenderConfig(size=64))
        even = predict_rendering(tiny_generator, luminance, RenderConfig(size=64, chroma_equalization=0.5))
        before = plain.ab.square().sum(1).mean((1, 2)).sqrt()
        after = even.ab.square().sum(1).mean((1, 2)).sqrt()
        expected = before * ((TYPICAL_CHROMA / before) ** 0.5).clamp(0.5, 2)
        torch.testing.assert_close(after, expected)

    def test_the_scale_is_a_factor(self, tiny_generator: Generator) -> None:
        luminance = torch.rand(1, 1, 64, 64) * 100
        plain = predict_rendering(tiny_generator, luminance, RenderConfig(size=64))
        vivid = predict_rendering(tiny_generator, luminance, RenderConfig(size=64, chroma_scale=1.5))
        torch.testing.assert_close(vivid.ab, 1.5 * plain.ab)

    def test_gamma_strengthens_what_is_vivid_and_leaves_pale_what_is_not(self) -> None:
        ab = torch.zeros(2, 2, 1, 4)
        ab[0, 0, 0] = torch.tensor([1.0, 10.0, 20.0, 30.0])
        ab[1] = 3 * ab[0]
        factor = chroma_factor(ab, RenderConfig(chroma_gamma=1.5))[:, 0, 0]
        typical = ab[0].square().sum(0).mean().sqrt()
        torch.testing.assert_close(factor[0, 1:], (ab[0, 0, 0, 1:] / typical).sqrt())
        assert factor[0, 0] == 0.5  # no place loses more than that
        torch.testing.assert_close(factor[0], factor[1])  # it is a matter of the picture's own contrast
        assert chroma_factor(ab, RenderConfig()).unique().tolist() == [1]

    def test_the_limit_is_neared_and_never_passed(self) -> None:
        ab = torch.zeros(1, 2, 1, 4)
        ab[0, 0, 0] = torch.tensor([1.0, 10.0, 40.0, 200.0])
        limited = (ab * chroma_factor(ab, RenderConfig(chroma_scale=2.0, chroma_limit=40.0)))[0, 0, 0]
        torch.testing.assert_close(limited, 40 * (2 * ab[0, 0, 0] / 40).tanh())
        assert limited.max() <= 40

    def test_grey_stays_grey(self) -> None:
        grey = torch.zeros(1, 2, 4, 4)
        assert (
            grey * chroma_factor(grey, RenderConfig(chroma_equalization=1.0, chroma_gamma=2.0, chroma_limit=30.0))
        ).abs().max() == 0


class Adviser(FakeGenerator):
    """Colours everything alike, and moves all of it by what the hints say: the worst that a network does with one."""

    def forward(self, luminance: Tensor, known: Tensor | None = None, hints: Tensor | None = None) -> Prediction:
        answer = super().forward(luminance, known, hints)
        B, _, h, w = answer.coarse_ab.shape
        ab = torch.tensor([4.0, 8.0]).view(1, 2, 1, 1).expand(B, -1, h, w)
        if hints is not None and hints[:, 0].any():
            ab = ab + hints[:, 1:].sum((2, 3), keepdim=True) / hints[:, :1].sum() * 0.5
        return answer._replace(coarse_ab=ab, bins=None)


def draw_rooms() -> Tensor:
    """L of a dark room on the left and a light one on the right."""
    return torch.where(torch.arange(64) < 32, 30.0, 75.0).expand(1, 1, 64, 64)


def hint_at(*places: tuple[float, float], ab: tuple[float, float] = (30.0, -40.0)) -> Tensor:
    return draw_hints(torch.tensor([[*place, *ab] for place in places]), (64, 64))[None]


class TestHintsAndChroma:
    """What hints change is neither strengthened, nor believed of places that are unlike theirs."""

    VIVID = RenderConfig(size=64, chroma_scale=1.6, chroma_equalization=0.4)

    def changed(self, hints: Tensor, config: RenderConfig = VIVID) -> Tensor:
        """How far the hints move each place, (h, w)."""
        network = cast("Generator", Adviser())
        plain, hinted = (predict_rendering(network, draw_rooms(), config, Query(hints=h)).ab for h in (None, hints))
        return (hinted - plain).norm(dim=1)[0]

    @pytest.mark.parametrize("config", [VIVID, RenderConfig(size=64)])
    def test_one_hint_keeps_to_its_room(self, config: RenderConfig) -> None:
        change = self.changed(hint_at((0.25, 0.5)), config)
        inside, beyond = change[6:10, 2:6].mean(), change[:, 9:].mean()
        assert inside > 20  # of the 25 that the network moves everything
        assert beyond < 0.6 * inside

    def test_the_other_room_is_not_made_worse_than_by_the_network_itself(self) -> None:
        truth = predict_rendering(cast("Generator", Adviser()), draw_rooms(), self.VIVID).ab  # right without hints
        hinted = predict_rendering(
            cast("Generator", Adviser()), draw_rooms(), self.VIVID, Query(hints=hint_at((0.25, 0.5)))
        )
        error = (hinted.ab - truth)[0, :, :, 9:].norm(dim=0)
        assert error.max() < 25

    def test_several_that_agree_reach_further_than_one(self) -> None:
        places = [(x, y) for x in (0.1, 0.35) for y in (0.1, 0.35, 0.6, 0.85)]
        beyond = [float(self.changed(hint_at(*places[:n]))[:, 9:].mean()) for n in (1, 2, 4, 8)]
        assert beyond == sorted(beyond)
        assert beyond[-1] > 1.4 * beyond[0]

    def test_a_picture_without_hints_beside_one_with_them(self) -> None:
        network, luminance = cast("Generator", Adviser()), draw_rooms().expand(2, -1, -1, -1)
        hints = torch.cat((hint_at((0.25, 0.5)), torch.zeros(1, 3, 64, 64)))
        plain = predict_rendering(network, luminance, self.VIVID).ab
        hinted = predict_rendering(network, luminance, self.VIVID, Query(hints=hints)).ab
        assert torch.equal(hinted[1], plain[1])
        assert not torch.allclose(hinted[0], plain[0])

    def test_each_true_hint_more_brings_the_picture_nearer(self) -> None:
        """With hints on a grid, all true: the network colours the rooms alike, and each has a colour of its own."""
        luminance, network = draw_rooms(), cast("Generator", Adviser())
        truth = torch.where(
            luminance[0] < 50, torch.tensor([20.0, 0.0]).view(2, 1, 1), torch.tensor([-5.0, 25.0]).view(2, 1, 1)
        )
        errors = []
        for n in (0, 1, 2, 4, 8, 16):
            rows = [(x, y) for y in (0.3, 0.7, 0.1, 0.9) for x in (0.2, 0.8, 0.4, 0.6)][:n]
            points = torch.tensor([[x, y, *truth[:, int(64 * y), int(64 * x)]] for x, y in rows]).view(-1, 4)
            drawn = draw_hints(points, (64, 64))[None] if n else None
            ab = predict_rendering(network, luminance, self.VIVID, Query(hints=drawn)).ab[0]
            field = keep_hints(fit_chroma(ab, luminance[0]), luminance[0], points)
            errors.append(float((field.slope * luminance[0] + field.offset - truth).square().mean()))
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < errors[0] / 4
