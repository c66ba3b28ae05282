import copy

import pytest
import torch
from torch import Tensor, nn

from colorgan.color import grey_to_luminance
from colorgan.config import EncoderName, ModelConfig, OutputSpace
from colorgan.model import Generator, Prediction, build_generator
from colorgan.model.blocks import SelfAttention2d

CONFIGS = {
    "compact": ModelConfig(bottleneck_width=16, decoder_widths=(16, 8, 8), attention_heads=2, repair_widths=(8, 4)),
    "lite": ModelConfig(
        encoder=EncoderName.EFFICIENTNET_LITE0,
        bottleneck_width=16,
        bottleneck_attention=False,
        decoder_widths=(16, 8, 8, 8),
        attention_heads=2,
        repair_widths=(4,),
    ),
    "vgg": ModelConfig(
        encoder=EncoderName.VGG16_BN,
        bottleneck_width=16,
        bottleneck_kernels=(3, 3),
        decoder_widths=(16, 8, 8),
        attention_stages=(1, 2),
        attention_heads=2,
        repair_widths=(4,),
    ),
    "paper": ModelConfig(
        encoder=EncoderName.VGG16_BN,
        bottleneck_width=16,
        bottleneck_kernels=(3, 3),
        decoder_widths=(16, 16, 8, 8),
        attention_stages=(0, 1),
        attention_heads=2,
        output=OutputSpace.RGB,
        bins=False,
    ),
}
SIZES = [(1, 1), (1, 50), (50, 1), (33, 47), (64, 32)]


@pytest.fixture(scope="module")
def built() -> dict[str, Generator]:
    """A generator of each form, its zero-initialised parts awake, as they are after some training."""
    torch.manual_seed(0)
    generators = {name: build_generator(config).eval() for name, config in CONFIGS.items()}
    for generator in generators.values():
        for layer in generator.modules():
            if isinstance(layer, SelfAttention2d):
                nn.init.normal_(layer.out.weight, std=0.2)
        nn.init.normal_(generator.encoder.canvas.weight)
        if generator.repair is not None:
            nn.init.normal_(generator.repair.change.weight, std=0.02)
    return generators


@pytest.fixture(params=CONFIGS)
def generator(request: pytest.FixtureRequest, built: dict[str, Generator]) -> Generator:
    """Each form in turn; tests leave it as it is."""
    return built[request.param]


@pytest.fixture(autouse=True)
def no_gradients(request: pytest.FixtureRequest) -> object:
    """Compute without gradients, but for the tests that are about them."""
    with torch.set_grad_enabled("gradient" in request.node.name):
        yield


def some_luminance(*size: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 1, *size) * 100


def some_holes(*size: int) -> Tensor:
    """Known everywhere but in the upper left quarter (at least one pixel)."""
    known = torch.ones(1, 1, *size)
    known[..., : -(-size[0] // 2), : -(-size[1] // 2)] = 0
    return known


def some_hints(*size: int) -> Tensor:
    hints = torch.zeros(1, 3, *size)
    hints[..., size[0] // 2, size[1] // 2] = torch.tensor([1.0, 60.0, -40.0])
    return hints


def answers(prediction: Prediction) -> list[Tensor]:
    return [tensor for tensor in prediction if tensor is not None]


def same(one: Prediction, two: Prediction) -> bool:
    return all(torch.equal(x, y) for x, y in zip(answers(one), answers(two), strict=True))


class TestShapes:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("painting", [False, True])
    def test_any_size(self, generator: Generator, size: tuple[int, int], *, painting: bool) -> None:
        extra = (some_holes(*size), some_hints(*size)) if painting else ()
        prediction = generator(some_luminance(*size), *extra)
        s = generator.config.output_stride
        coarse = (-(-size[0] // s), -(-size[1] // s))
        assert prediction.ab.shape == (1, 2, *size)
        assert prediction.coarse_ab.shape == (1, 2, *coarse)
        assert prediction.luminance.shape == (1, 1, *size)
        if generator.config.output is OutputSpace.RGB:
            assert prediction.bins is None
            assert prediction.rgb is not None
            assert prediction.rgb.shape == (1, 3, *size)
            assert 0 <= prediction.rgb.min() <= prediction.rgb.max() <= 1
        else:
            assert prediction.rgb is None
            assert prediction.bins is not None
            assert prediction.bins.shape == (1, 304, *coarse)
        assert all(answer.isfinite().all() and answer.dtype == torch.float32 for answer in answers(prediction))

    def test_half_precision_answers_in_float32(self, built: dict[str, Generator]) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            prediction = built["compact"](some_luminance(32, 32), some_holes(32, 32))
        assert all(answer.dtype == torch.float32 for answer in answers(prediction))

    def test_a_padded_picture_is_the_reflected_one(self, built: dict[str, Generator]) -> None:
        luminance = some_luminance(32, 32)
        luminance[..., 24:, :] = luminance[..., 15:23, :].flip(-2)
        whole, cut = built["compact"](luminance), built["compact"](luminance[..., :24, :])
        torch.testing.assert_close(cut.ab, whole.ab[..., :24, :])


class TestInput:
    @pytest.mark.parametrize("known", [None, torch.zeros(1, 1, 32, 32)])
    def test_the_encoder_sees_the_normalised_srgb_grey(self, built: dict[str, Generator], known: Tensor | None) -> None:
        seen: list[Tensor] = []
        hook = built["compact"].encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        grey = torch.rand(1, 1, 32, 32)
        built["compact"](grey_to_luminance(grey), known)
        hook.remove()
        expected = ((grey if known is None else torch.full_like(grey, 0.5)) - 0.449) / 0.226
        torch.testing.assert_close(seen[0], expected, atol=1e-4, rtol=0)

    def test_pictures_of_a_batch_do_not_meet(self, generator: Generator) -> None:
        luminance = some_luminance(32, 48, batch=3)
        together, alone = generator(luminance), generator(luminance[1:2])
        for many, one in zip(answers(together), answers(alone), strict=True):
            torch.testing.assert_close(many[1:2], one, atol=1e-3, rtol=1e-3)

    def test_the_same_seed_builds_the_same_network(self, tiny_config: ModelConfig) -> None:
        torch.manual_seed(7)
        one = build_generator(tiny_config).state_dict()
        torch.manual_seed(7)
        two = build_generator(tiny_config).state_dict()
        assert all(torch.equal(one[name], two[name]) for name in one)


class TestCanvas:
    @pytest.mark.parametrize("size", [(32, 32), (33, 47)])
    def test_nothing_missing_and_no_hints_is_the_same_as_no_canvas(
        self, generator: Generator, size: tuple[int, int]
    ) -> None:
        luminance, ones = some_luminance(*size), torch.ones(1, 1, *size)
        plain = generator(luminance)
        assert same(generator(luminance, ones), plain)
        assert same(generator(luminance, ones, torch.zeros(1, 3, *size)), plain)
        assert same(generator(luminance, None, torch.zeros(1, 3, *size)), plain)

    def test_a_new_network_behaves_as_if_hints_were_not_there(self, tiny_generator: Generator) -> None:
        luminance = some_luminance(32, 32)
        assert same(tiny_generator(luminance, None, some_hints(32, 32)), tiny_generator(luminance))

    @pytest.mark.parametrize("component", [1, 2])
    def test_hints_count(self, generator: Generator, component: int) -> None:
        luminance, hints = some_luminance(32, 32), some_hints(32, 32)
        other = hints.clone()
        other[:, component] *= -1
        plain, one, two = (generator(luminance, None, h).ab for h in (None, hints, other))
        assert not torch.equal(one, plain)
        assert not torch.equal(one, two)

    def test_colours_beside_the_mask_are_ignored(self, built: dict[str, Generator]) -> None:
        luminance, hints = some_luminance(32, 32), some_hints(32, 32)
        noisy = hints + (1 - hints[:, :1]) * torch.tensor([0.0, 50.0, 50.0]).view(1, 3, 1, 1)
        assert same(built["compact"](luminance, None, noisy), built["compact"](luminance, None, hints))


class TestLuminance:
    @pytest.mark.parametrize("size", SIZES)
    def test_known_luminance_is_kept_exactly(self, generator: Generator, size: tuple[int, int]) -> None:
        luminance, known = some_luminance(*size), some_holes(*size)
        painted = generator(luminance, known).luminance
        assert torch.equal(painted[known > 0], luminance[known > 0])
        assert not torch.isclose(painted[known == 0], luminance[known == 0]).any()

    def test_all_known_is_kept_whole(self, generator: Generator) -> None:
        luminance = some_luminance(33, 47)
        assert torch.equal(generator(luminance).luminance, luminance)
        assert torch.equal(generator(luminance, torch.ones_like(luminance)).luminance, luminance)

    def test_what_is_missing_is_not_looked_at(self, generator: Generator) -> None:
        luminance, known = some_luminance(33, 47), some_holes(33, 47)
        other = torch.where(known > 0, luminance, 100 - luminance)
        assert same(generator(luminance, known), generator(other, known))

    def test_painting_depends_on_the_surroundings(self, generator: Generator) -> None:
        luminance, known = some_luminance(32, 32), some_holes(32, 32)
        one, two = (generator(x, known).luminance[known == 0] for x in (luminance, 100 - luminance))
        assert (one != two).float().mean() > 0.2  # with random weights, many pixels are dark to every ReLU

    def test_without_a_repair_head_it_passes_through(self) -> None:
        config = ModelConfig(bottleneck_width=8, decoder_widths=(8,), attention_stages=(), attention_heads=1)
        luminance = some_luminance(32, 32)
        assert torch.equal(build_generator(config).eval()(luminance, some_holes(32, 32)).luminance, luminance)


class TestWiring:
    def test_attention_stands_where_the_config_says(self, generator: Generator) -> None:
        config = generator.config
        levels = {i for i, s in enumerate(generator.decoder) if isinstance(s.attention, SelfAttention2d)}
        assert levels == set(config.attention_stages)
        assert len(levels) >= 2
        total = sum(isinstance(layer, SelfAttention2d) for layer in generator.modules())
        assert total == len(levels) + config.bottleneck_attention

    @pytest.mark.parametrize("config", [ModelConfig(), CONFIGS["paper"]], ids=["default", "paper"])
    def test_the_forms_we_train_attend_at_several_levels(self, config: ModelConfig) -> None:
        assert len(config.attention_stages) >= 2
        assert config.bottleneck_attention

    def test_each_attention_changes_the_colours(self, generator: Generator) -> None:
        luminance = some_luminance(64, 64)
        ab = generator(luminance).ab
        for name, layer in generator.named_modules():
            if isinstance(layer, SelfAttention2d):
                hook = layer.register_forward_hook(lambda _, inputs, __: inputs[0])
                assert not torch.equal(generator(luminance).ab, ab), name
                hook.remove()

    def test_each_skip_is_wired(self, generator: Generator) -> None:
        luminance = some_luminance(64, 64)
        ab = generator(luminance).ab
        assert torch.equal(generator(luminance).ab, ab)
        for number, stage in enumerate(generator.decoder):
            hook = stage.register_forward_pre_hook(lambda _, inputs: (inputs[0], inputs[1] * 0))
            assert not torch.equal(generator(luminance).ab, ab), f"decoder stage {number}"
            hook.remove()

    def test_each_stage_gets_the_skip_of_its_stride(self, generator: Generator) -> None:
        seen: list[tuple[int, ...]] = []
        hooks = [
            stage.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1].shape))
            for stage in generator.decoder
        ]
        generator(some_luminance(64, 64))
        for hook in hooks:
            hook.remove()
        skips = list(zip(generator.encoder.channels, generator.encoder.strides, strict=True))[-2::-1]
        expected = [(1, c, 64 // s, 64 // s) for c, s in skips[: len(generator.decoder)]]
        assert [tuple(shape) for shape in seen] == expected

    def test_every_parameter_gets_a_finite_gradient(self, generator: Generator) -> None:
        network = copy.deepcopy(generator).train()
        luminance = torch.cat((torch.zeros(1, 1, 64, 64), torch.full((1, 1, 64, 64), 100.0)))
        known, hints = (x.expand(2, -1, -1, -1) for x in (some_holes(64, 64), some_hints(64, 64)))
        prediction = network(luminance, known, hints)
        torch.stack([answer.square().mean() for answer in answers(prediction)]).sum().backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_every_part_is_channels_last(self, generator: Generator) -> None:
        for name, parameter in generator.named_parameters():
            if parameter.dim() == 4:
                assert parameter.is_contiguous(memory_format=torch.channels_last), name
