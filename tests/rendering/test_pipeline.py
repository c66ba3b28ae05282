import pytest
import torch

from colorgan.config import EncoderName, ModelConfig, OutputSpace, RenderConfig
from colorgan.model import Generator, build_generator
from colorgan.rendering import (
    ChromaField,
    FittedColor,
    NetworkInput,
    PredictedColor,
    Query,
    draw_hints,
    fit_chroma,
    fit_color,
    keep_hints,
    make_inputs,
    predict_colors,
    predict_rendering,
    render_shapes,
    resample,
)
from colorgan.runtime import pick_runtime

CONFIG = RenderConfig(size=64)
CPU = pick_runtime("cpu", "float32")
POINTS = torch.tensor([[0.2, 0.3, 40.0, -20.0], [0.8, 0.6, -10.0, 30.0]])


def luminance(count: int = 2, height: int = 90, width: int = 130) -> torch.Tensor:
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(1)) * 100


class TestMakeInputs:
    def test_one_a_picture_with_what_is_known_of_it(self) -> None:
        L, known, points = luminance(), torch.ones(2, 1, 90, 130), POINTS.expand(2, -1, -1)
        inputs = make_inputs(L, CONFIG, ModelConfig(), known=known, points=points)
        assert len(inputs) == 2
        for number, seen in enumerate(inputs):
            assert torch.equal(seen.luminance, L[number])
            assert seen.shape == (90, 130)
            assert seen.render_shapes == render_shapes((90, 130), CONFIG, ModelConfig())
            assert seen.points is not None
            assert torch.equal(seen.points, POINTS)

    def test_the_guide_is_l_at_the_largest_size(self) -> None:
        config = RenderConfig(size=64, sizes=(128, 96))
        (seen,) = make_inputs(luminance(1), config, ModelConfig())
        largest = max(render_shapes((90, 130), config, ModelConfig()))
        assert seen.guide.shape == (1, *largest)
        assert torch.equal(seen.guide, resample(luminance(1), largest)[0])


class TestPredictColors:
    @pytest.mark.parametrize("count", [1, 3])
    def test_says_what_the_network_says_of_the_batch(self, tiny_generator: Generator, count: int) -> None:
        L = luminance(count)
        colors = predict_colors(tiny_generator, make_inputs(L, CONFIG, tiny_generator.config), CONFIG, runtime=CPU)
        with torch.inference_mode():
            wanted = predict_rendering(tiny_generator, L, CONFIG)
        assert torch.equal(torch.stack([color.ab for color in colors]), wanted.ab)
        assert all(color.confidence is None and color.painted is None for color in colors)

    def test_confidence_if_it_is_asked_for(self, tiny_generator: Generator) -> None:
        inputs = make_inputs(luminance(), CONFIG, tiny_generator.config)
        for color in predict_colors(tiny_generator, inputs, CONFIG, Query(confidence=True), runtime=CPU):
            assert color.confidence is not None
            assert color.confidence.shape == (1, *color.ab.shape[-2:])

    def test_hints_of_one_picture_change_that_one_alone(self, tiny_generator: Generator) -> None:
        L, model = luminance(), tiny_generator.config
        (first, second), plain = make_inputs(L, CONFIG, model), make_inputs(L, CONFIG, model)
        (hinted,) = make_inputs(L[:1], CONFIG, model, points=POINTS[None])
        shape = render_shapes(first.shape, CONFIG, model)[0]
        drawn = torch.stack([draw_hints(POINTS, shape), torch.zeros(3, *shape)])
        with torch.inference_mode():
            wanted = predict_rendering(tiny_generator, L, CONFIG, Query(hints=drawn))
        colors = predict_colors(tiny_generator, [hinted, second], CONFIG, runtime=CPU)
        assert torch.equal(torch.stack([color.ab for color in colors]), wanted.ab)
        assert torch.equal(colors[1].ab, predict_colors(tiny_generator, plain, CONFIG, runtime=CPU)[1].ab)

    def test_copies_fill_the_batch_and_do_not_come_back(self, tiny_generator: Generator) -> None:
        seen: list[int] = []
        inputs = make_inputs(luminance(3), CONFIG, tiny_generator.config, points=POINTS.expand(3, -1, -1))
        hook = tiny_generator.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
        colors = predict_colors(tiny_generator, inputs, CONFIG, Query(pad_to=4), runtime=CPU)
        hook.remove()
        assert seen == [4, 4]  # without hints, then with them
        assert len(colors) == 3

    @pytest.mark.parametrize("repair_widths", [(), (4, 4)])
    def test_what_a_network_of_rgb_paints_is_told(self, repair_widths: tuple[int, ...]) -> None:
        config = ModelConfig(
            output=OutputSpace.RGB, bins=False, decoder_widths=(8, 8, 8, 8), encoder=EncoderName.VGG16_BN,
            bottleneck_width=8, bottleneck_kernels=(1,), attention_stages=(), attention_heads=1,
            repair_widths=repair_widths,
        )  # fmt: skip
        network = build_generator(config).eval()
        known = torch.ones(1, 1, 64, 64)
        known[..., 10:30, 10:30] = 0
        (seen,) = make_inputs(luminance(1, 64, 64), CONFIG, config, known=known)
        (color,) = predict_colors(network, [seen], CONFIG, runtime=CPU)
        assert (color.painted is None) == bool(repair_widths)
        guide = fit_color(seen, color).guide
        assert torch.equal(guide, seen.guide if color.painted is None else color.painted)
        if color.painted is not None:
            assert torch.equal(guide[known[0] > 0], seen.guide[known[0] > 0])
            assert not torch.equal(guide, seen.guide)


class TestFitColor:
    def fitted(self, points: torch.Tensor | None = None) -> tuple[FittedColor, ChromaField, torch.Tensor]:
        ab = torch.rand(2, 16, 24, generator=torch.Generator().manual_seed(2)) * 40 - 20
        (seen,) = make_inputs(luminance(1), CONFIG, ModelConfig(), points=None if points is None else points[None])
        return fit_color(seen, PredictedColor(ab)), fit_chroma(ab, seen.guide), seen.guide

    def test_strength_and_warmth(self) -> None:
        fitted, field, _ = self.fitted()
        at = fitted.at(1.4, warmth=3.0)
        assert torch.equal(at.slope, 1.4 * field.slope)
        assert torch.equal(at.offset[0], 1.4 * field.offset[0])
        torch.testing.assert_close(at.offset[1], 1.4 * field.offset[1] + 3)

    def test_hints_are_kept_at_any_strength(self) -> None:
        fitted, field, guide = self.fitted(POINTS)
        for strength in (0.0, 0.5, 2.0):
            wanted = keep_hints(field.scaled(strength), guide, POINTS)
            assert torch.equal(fitted.at(strength).offset, wanted.offset)
            assert torch.equal(fitted.at(strength).slope, wanted.slope)


def test_a_smaller_copy_speaks_for_its_photograph(tiny_generator: Generator) -> None:
    """A copy that lost a little of its aspect is shown at the shape of the photograph."""
    shapes: list[torch.Size] = []
    hook = tiny_generator.register_forward_hook(lambda _, given, __: shapes.append(given[0].shape[-2:]))
    wanted = render_shapes((640, 320), CONFIG, tiny_generator.config)
    predict_colors(tiny_generator, [NetworkInput(luminance(1)[0], (640, 320), wanted)], CONFIG, runtime=CPU)
    hook.remove()
    assert [tuple(shape) for shape in shapes] == list(wanted)
