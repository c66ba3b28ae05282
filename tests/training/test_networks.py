"""One step of training: who changes, and who does not."""

import copy

import pytest
import torch

from colorgan.errors import CheckpointError, ConfigError
from colorgan.losses import GeneratorLoss
from colorgan.model import build_generator
from colorgan.runtime import Runtime
from colorgan.training.networks import GanNetworks
from colorgan.training.targets import build_targets
from training_support import draw_batch


@pytest.fixture
def make_networks(tiny_recipe, runtime):
    def make(*changes: str) -> GanNetworks:
        torch.manual_seed(0)
        recipe = tiny_recipe(*changes)
        networks = GanNetworks(recipe, GeneratorLoss(recipe.loss), runtime)
        networks.begin()
        return networks

    return make


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def changed(before: dict[str, torch.Tensor], network: torch.nn.Module) -> set[str]:
    return {name for name, p in network.named_parameters() if not torch.equal(before[name], p)}


class TestAlternation:
    def test_the_discriminators_step_leaves_the_generator_as_it_is(self, make_networks):
        networks = make_networks()
        targets = build_targets(draw_batch())
        prediction = networks.generator(targets.lab[:, :1], targets.known, targets.hints)
        generator, discriminator = weights(networks.generator), weights(networks.discriminator)
        networks._step_discriminator(prediction, targets, 1.0)
        assert changed(generator, networks.generator) == set()
        assert changed(discriminator, networks.discriminator) == set(discriminator)
        assert all(p.grad is None for p in networks.generator.parameters())

    @pytest.mark.parametrize("kind", ["global", "patch"])
    def test_both_steps_see_generated_pictures_alike(self, make_networks, kind):
        networks = make_networks(f"discriminator.kind={kind}")
        targets = build_targets(draw_batch())
        fake = targets.lab.new_full((4, 3, 32, 32), 0.5) + 0.1 * torch.rand(4, 3, 32, 32)
        networks._comparison.train()
        with torch.no_grad():
            _, (in_its_own_step,) = networks._comparison(torch.rand(4, 3, 32, 32), fake, targets.lab[:, :1])
            (in_the_generators_step,) = networks.discriminator(fake, targets.lab[:, :1])
        # Spectral norms move a little with each look.
        torch.testing.assert_close(in_its_own_step, in_the_generators_step, atol=0.02, rtol=0)

    def test_the_generators_step_leaves_the_discriminator_as_it_is(self, make_networks):
        networks = make_networks()
        targets = build_targets(draw_batch())
        prediction = networks.generator(targets.lab[:, :1], targets.known, targets.hints)
        generator, discriminator = weights(networks.generator), weights(networks.discriminator)
        found = networks._step_generator(prediction, targets, 1.0, plays=True)
        assert changed(discriminator, networks.discriminator) == set()
        assert len(changed(generator, networks.generator)) > 0.9 * len(generator)
        assert found["adversarial"] > 0

    def test_a_whole_step_changes_both(self, make_networks):
        networks = make_networks()
        generator, discriminator = weights(networks.generator), weights(networks.discriminator)
        networks.train_step(draw_batch(), 3, 0.5)
        assert changed(generator, networks.generator)
        assert changed(discriminator, networks.discriminator)

    def test_the_generator_warms_up_alone(self, make_networks):
        networks = make_networks("optimizer.adversarial_from=0.5")
        discriminator = weights(networks.discriminator)
        assert "adversarial" not in networks.train_step(draw_batch(), 0, 0.4)
        assert changed(discriminator, networks.discriminator) == set()
        assert {"adversarial", "d_real", "d_fake"} <= set(networks.train_step(draw_batch(), 1, 0.5))


class TestTrainStep:
    def test_reports_every_term_apart(self, make_networks):
        networks = make_networks()
        (terms,) = networks.read([networks.train_step(draw_batch(), 0, 0.0, measure=True)])
        assert set(terms) == {
            "smooth_l1", "bins", "luminance", "adversarial", "total", "gradient_norm",
            "discriminator", "d_real", "d_fake", "discriminator_gradient_norm", "colorfulness",
        }  # fmt: skip
        total = 10 * terms["smooth_l1"] + 0.3 * terms["bins"] + terms["luminance"] + 0.01 * terms["adversarial"]
        assert terms["total"] == pytest.approx(total, rel=1e-5)

    def test_learns_a_batch_by_heart(self, make_networks):
        networks = make_networks("loss.adversarial=0", "optimizer.warmup_steps=0", "optimizer.learning_rate=3e-3")
        losses = [networks.train_step(draw_batch(), step, 0.0)["smooth_l1"] for step in range(30)]
        assert losses[-1] < 0.9 * losses[0]

    def test_works_without_holes_and_hints(self, make_networks):
        terms = make_networks().train_step(draw_batch(holes=False, hints=False), 0, 0.0)
        assert terms["luminance"] == 0

    def test_frozen_stages_stay_as_they_are(self, make_networks):
        networks = make_networks("optimizer.freeze_to_stride=8")
        before = copy.deepcopy(networks.generator.state_dict())
        networks.train_step(draw_batch(), 5, 0.0)
        after = networks.generator.state_dict()
        same = {n for n in before if n.startswith("encoder.features") and torch.equal(before[n], after[n])}
        for layer in range(7):  # features 0 to 6 end at stride 8; batch statistics are weights too
            assert {n for n in before if n.startswith(f"encoder.features.{layer}.")} <= same
        assert not torch.equal(
            before["encoder.features.7.conv.0.0.weight"], after["encoder.features.7.conv.0.0.weight"]
        )

    def test_drop_path_leaves_branches_out_in_training_alone(self, make_networks):
        networks = make_networks("optimizer.drop_path=0.9")
        encoder = networks.generator.encoder
        grey = torch.rand(8, 1, 32, 32)
        one, two = (encoder.train()(grey)[-1] for _ in range(2))
        assert not torch.equal(one, two)
        assert torch.equal(encoder.eval()(grey)[-1], encoder(grey)[-1])

    def test_drop_path_needs_branches(self, make_networks):
        changes = ('model.encoder="vgg16_bn"', "model.bins=false")
        with pytest.raises(ConfigError, match=r"no residual branches to leave out; set it to 0"):
            make_networks(*changes, "optimizer.drop_path=0.1")

    def test_consistency_asks_at_half_the_size_and_leaves_batch_statistics_alone(self, make_networks):
        changes = ("loss.adversarial=0", "optimizer.learning_rate=1e-12", "run.size=64")
        plain, consistent = make_networks(*changes), make_networks(*changes, "loss.consistency=1")
        consistent.start_from(plain.generator)
        batch = draw_batch(size=64)
        terms = [networks.read([networks.train_step(batch, 5, 0.0)])[0] for networks in (plain, consistent)]
        assert terms[1]["total"] == pytest.approx(terms[0]["total"] + terms[1]["consistency"], rel=1e-5)
        assert terms[1]["consistency"] > 0
        for name, value in plain.generator.named_buffers():
            assert torch.equal(value, consistent.generator.get_buffer(name)) or name.endswith("num_batches_tracked")
        assert all(m.momentum > 0 for m in consistent.generator.modules() if hasattr(m, "momentum"))

    def test_consistency_looks_at_both_heads(self, make_networks):
        changes = ("loss.smooth_l1=0", "loss.bins=0", "loss.adversarial=0", "loss.luminance=1", "loss.consistency=1")
        networks = make_networks(*changes, "run.size=64")
        before = weights(networks.generator)
        terms = networks.train_step(draw_batch(size=64), 5, 0.0)
        assert terms["consistency"] > 0
        assert {"color.weight", "bins.weight"} <= changed(before, networks.generator)

    def test_heads_that_no_term_looks_at_stay_as_they_are(self, make_networks):
        networks = make_networks("loss.bins=0", "loss.adversarial=0", "loss.luminance=0")
        before = weights(networks.generator)
        networks.train_step(draw_batch(), 5, 0.0)
        idle = {name for name in before if name.startswith(("bins", "repair"))}
        assert idle
        assert not idle & changed(before, networks.generator)

    def test_where_only_missing_luminance_is_looked_at_only_the_repair_is_run_and_trained(self, make_networks):
        only = ("loss.smooth_l1=0", "loss.bins=0", "loss.adversarial=0", "loss.luminance=1")
        networks = make_networks(*only)
        state = copy.deepcopy(networks.generator.state_dict())  # batch statistics too
        networks.generator.encoder.forward = None
        for step in range(2):  # the last layer begins at zero, so the others move from the second step on
            terms = networks.train_step(draw_batch(), step, 0.0, measure=True)
        assert terms["total"] == terms["luminance"] > 0
        after = networks.generator.state_dict()
        moved = {name for name in state if not torch.equal(state[name], after[name])}
        assert {name.partition(".")[0] for name in moved} == {"repair"}
        assert {"repair.stem.weight", "repair.change.weight"} <= moved

    def test_a_repair_that_the_model_lacks_is_named(self, make_networks):
        with pytest.raises(ConfigError, match=r"give it model\.repair_widths"):
            make_networks("loss.smooth_l1=0", "loss.bins=0", "loss.adversarial=0", "model.repair_widths=[]")

    def test_does_not_follow_a_gradient_that_is_not_finite(self, make_networks):
        networks = make_networks("loss.adversarial=0")
        before = weights(networks.generator)
        networks.loss.register_forward_hook(lambda *args: args[2]._replace(total=args[2].total * float("nan")))
        terms = networks.train_step(draw_batch(), 5, 0.0)
        assert terms["total"] != terms["total"]
        assert changed(before, networks.generator) == set()


class TestRead:
    def test_each_step_keeps_its_own_terms(self, make_networks):
        networks = make_networks("optimizer.adversarial_from=0.5")
        steps = [networks.train_step(draw_batch(), step, progress) for step, progress in ((0, 0.0), (1, 0.6))]
        first, second = networks.read(steps)
        assert first == {name: pytest.approx(value.item()) for name, value in steps[0].items()}
        assert "d_real" in set(second) - set(first)

    def test_float16_overflows_are_not_told_of(self, make_networks):
        networks = make_networks()
        found = [{"total": torch.tensor(1.0), "gradient_norm": torch.tensor(float("inf"))}]
        assert networks.read(found)[0]["gradient_norm"] == float("inf")
        networks.runtime = Runtime(torch.device("cpu"), torch.float16)
        assert networks.read(found) == [{"total": 1.0}]


class TestStartFrom:
    def test_takes_over_weights_and_average(self, make_networks, tiny_recipe):
        networks = make_networks()
        torch.manual_seed(5)
        other = build_generator(tiny_recipe().model)
        networks.start_from(other)
        for network in (networks.generator, networks.average.network):
            assert all(torch.equal(v, network.state_dict()[k]) for k, v in other.state_dict().items())

    def test_keeps_parts_that_the_other_lacks(self, make_networks, tiny_recipe):
        networks = make_networks()
        before = weights(networks.generator)
        networks.start_from(build_generator(tiny_recipe("model.repair_widths=[]").model))
        assert not any(name.startswith("repair") for name in changed(before, networks.generator))

    def test_refuses_another_shape(self, make_networks, tiny_recipe):
        other = build_generator(tiny_recipe("model.bottleneck_width=8").model)
        with pytest.raises(CheckpointError, match=r"bottleneck.*shape.*change its \[model\]"):
            make_networks().start_from(other)
