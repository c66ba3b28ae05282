import pytest
import torch
from torch import Tensor

from colorgan.colorization import Palette
from colorgan.config import RenderConfig
from colorgan.film.steady import Key, interpolate, steady_keys
from film_support import luminance

PLAIN = RenderConfig()


def keys(said: list[Tensor], thumbs: list[Tensor], every: int = 6) -> list[Key]:
    return [
        Key(n * every, thumb, torch.cat((ab, torch.ones_like(ab[:, :1])), dim=1))
        for n, (ab, thumb) in enumerate(zip(said, thumbs, strict=True))
    ]


def noisy(count: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.tensor([10.0, -20.0])[None, :, None, None] + 5 * torch.randn(1, 2, 1, 1, generator=generator)
            + torch.zeros(1, 2, 40, 64) for _ in range(count)]  # fmt: skip


def spread(maps: list[Tensor]) -> float:
    return float(torch.stack([x.mean((-2, -1)) for x in maps]).std(0).mean())


class TestSteadyKeys:
    def test_what_stands_still_keeps_its_colour(self) -> None:
        said = noisy(12)
        tints, _ = steady_keys(keys(said, [luminance(1, 40, 40)] * 12), None, PLAIN)
        assert [tint.number for tint in tints] == list(range(0, 72, 6))
        assert spread([tint.ab for tint in tints]) < 0.15 * spread(said)

    def test_colours_follow_what_moves(self) -> None:
        thumbs = [luminance(1, 60 - 2 * n, 40) for n in range(6)]
        said = []
        for n in range(6):
            ab = torch.zeros(1, 2, 40, 64)
            ab[..., 20 + 2 * n :] = 30.0  # an edge that moves with the picture
            said.append(ab)
        tints, _ = steady_keys(keys(said, thumbs), None, PLAIN)
        for n, tint in enumerate(tints):
            assert tint.ab[..., 26 + 2 * n : 40].mean() > 25
            assert tint.ab[..., 4 : 14 + 2 * n].mean() < 5

    def test_what_looks_different_is_not_mixed(self) -> None:
        said = [torch.full((1, 2, 40, 64), 30.0), torch.full((1, 2, 40, 64), -30.0)]
        black, white = torch.zeros(1, 1, 40, 64), torch.zeros(1, 1, 40, 64)
        black[..., :32], white[..., 32:] = 100.0, 100.0
        tints, _ = steady_keys(keys(said, [black, white]), None, PLAIN)
        assert tints[0].ab.mean() > 25
        assert tints[1].ab.mean() < -25

    def test_one_saturation_for_the_scene(self) -> None:
        config = RenderConfig(chroma_equalization=1.0)
        said = [torch.full((1, 2, 40, 64), value) for value in (2.0, 8.0)]
        thumbs = [torch.zeros(1, 1, 40, 64), torch.zeros(1, 1, 40, 64)]  # so different that nothing is averaged
        thumbs[0][..., :32], thumbs[1][..., 32:] = 100.0, 100.0
        tints, _ = steady_keys(keys(said, thumbs), None, config)
        assert float(tints[1].ab.mean() / tints[0].ab.mean()) == pytest.approx(4, rel=0.15)

    def test_a_scene_in_two_parts_goes_on(self) -> None:
        said, thumbs = noisy(10), [luminance(1, 40, 40)] * 10
        all_keys = keys(said, thumbs)
        first, carried = steady_keys(all_keys[:5], None, PLAIN)
        second, _ = steady_keys(all_keys[5:], carried, PLAIN)
        assert second[0].ab is first[-1].ab
        assert [tint.number for tint in second] == [24, 30, 36, 42, 48, 54]
        assert float((second[1].ab - second[0].ab).abs().mean()) < 0.5 * float((said[5] - said[4]).abs().mean())

    def test_muted_where_the_network_does_not_know(self) -> None:
        key = Key(0, luminance(1, 40, 40), torch.cat((torch.full((1, 2, 40, 64), 20.0), torch.zeros(1, 1, 40, 64)), 1))
        tints, _ = steady_keys([key], None, PLAIN)
        assert tints[0].ab.abs().max() == 0

    def test_a_palette_is_taken_once_a_scene(self) -> None:
        palette = Palette.from_colors(["#3050c0", "#203080"])
        tints, _ = steady_keys(keys(noisy(3), [luminance(1, 40, 40)] * 3), None, PLAIN, palette=palette)
        plain, _ = steady_keys(keys(noisy(3), [luminance(1, 40, 40)] * 3), None, PLAIN)
        assert tints[0].ab[:, 1].mean() < plain[0].ab[:, 1].mean()  # bluer


class TestInterpolate:
    def test_key_frames_are_themselves_and_the_rest_lies_between(self) -> None:
        said = [torch.full((1, 2, 40, 64), value) for value in (0.0, 12.0)]
        still = luminance(1, 40, 40)
        tints, _ = steady_keys(keys(said, [still, luminance(8, 60, 90)]), None, PLAIN)
        assert interpolate(still, 0, *tints) is tints[0].ab
        assert interpolate(still, 6, *tints) is tints[1].ab
        assert interpolate(still, 9, tints[1], tints[1]) is tints[1].ab
        middle = [float(interpolate(still, n, *tints, stray=True).mean()) for n in range(1, 6)]
        assert middle == sorted(middle)
        assert float(interpolate(still, 3, *tints).mean()) < middle[2]  # it looks like the first
