"""What a run can teach: to colour, or to fill what is missing."""

import dataclasses

import pytest
import torch

from colorgan.config import RenderConfig
from colorgan.errors import ConfigError
from colorgan.model import build_generator
from colorgan.training import Finished, TrainingOptions, Validated, load_recipe, prepare_training
from colorgan.training.score import InpaintingScore
from colorgan.training.status import summarize_run
from colorgan.training.targets import build_targets
from colorgan.training.tasks import pick_task
from colorgan.weights.file import LoadedGenerator, load_generator, save_generator
from training_support import TINY, draw_batch


class TestRepairRecipe:
    def test_gives_a_generator_a_repair_and_leaves_the_rest_as_it_is(self, photos, tmp_path):
        changes = ("model.repair_widths=[]", "render.size=48")
        trunk = build_generator(load_recipe("debug", (*TINY, *changes)).model)
        save_generator(tmp_path / "trunk.pt", trunk, render=RenderConfig(size=48))
        small = ("run.size=32", "run.validation_count=4", "run.validation_size=32", "model.repair_widths=[4, 4]")
        options = TrainingOptions(
            data=photos, recipe="repair", run_dir=tmp_path / "run", device="cpu", precision="float32", workers=0,
            overrides=small, batch_size=2, steps=3, init_from=str(tmp_path / "trunk.pt"),
        )  # fmt: skip
        setup = prepare_training(options)
        events = list(setup.trainer.run())
        assert any(isinstance(event, Finished) for event in events)
        (score,) = (event.score for event in events if isinstance(event, Validated))
        assert isinstance(score, InpaintingScore)
        assert score.score == pytest.approx(score.hole_psnr - score.smooth_psnr)
        status = summarize_run(tmp_path / "run")
        assert status.last is not None
        assert status.last["hole_psnr"] == score.hole_psnr
        result = load_generator(tmp_path / "run" / "last.safetensors")
        assert result.render == RenderConfig(size=48)
        assert result.network.config.repair_widths == (4, 4)
        before = load_generator(tmp_path / "trunk.pt").network.state_dict()
        after = result.network.state_dict()
        assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
        assert after["repair.change.weight"].abs().max() > 0


ONLY_REPAIR = ("loss.smooth_l1=0", "loss.bins=0", "loss.adversarial=0", "loss.luminance=1")


class TestPickTask:
    @pytest.mark.parametrize(
        ("changes", "keeps_shape"),
        [((), False), (ONLY_REPAIR, True), ((*ONLY_REPAIR, "loss.bins=0.1"), False)],
    )
    def test_what_only_looks_at_missing_luminance_fills(self, tiny_recipe, changes, keeps_shape):
        assert pick_task(tiny_recipe(*changes)).keeps_shape == keeps_shape

    def test_colouring_trains_the_whole_generator(self, tiny_recipe):
        recipe = tiny_recipe()
        task, generator = pick_task(recipe), build_generator(recipe.model).eval()
        assert task.trained_part(generator) is generator
        targets = build_targets(draw_batch())
        found = task.predict(generator, targets)
        expected = generator(targets.lab[:, :1], targets.known, targets.hints)
        assert torch.equal(found.coarse_ab, expected.coarse_ab)
        assert torch.equal(found.luminance, expected.luminance)

    @pytest.mark.parametrize("holes", [True, False])
    def test_filling_trains_the_repair_and_takes_true_colours(self, tiny_recipe, holes):
        recipe = tiny_recipe(*ONLY_REPAIR)
        task, generator = pick_task(recipe), build_generator(recipe.model).eval()
        part = task.trained_part(generator)
        assert part is generator.repair
        targets = build_targets(draw_batch(holes=holes))
        found = task.predict(part, targets)
        assert torch.equal(found.ab, targets.lab[:, 1:])
        if targets.known is None:
            torch.testing.assert_close(found.luminance, targets.lab[:, :1])
        else:
            known = targets.known > 0
            torch.testing.assert_close(found.luminance[known], targets.lab[:, :1][known])

    def test_filling_needs_a_repair(self, tiny_recipe):
        generator = build_generator(tiny_recipe("model.repair_widths=[]").model)
        with pytest.raises(ConfigError, match=r"give it model\.repair_widths"):
            pick_task(tiny_recipe(*ONLY_REPAIR)).trained_part(generator)

    def test_the_shape_is_that_of_the_generator_but_for_the_repair(self, tiny_recipe):
        model = tiny_recipe("model.bottleneck_width=24", "model.repair_widths=[]").model
        given = LoadedGenerator(build_generator(model), RenderConfig(size=77), {}, "")
        colouring, filling = (pick_task(r).adopt_shape(r, given) for r in (tiny_recipe(), tiny_recipe(*ONLY_REPAIR)))
        assert colouring.model == model
        assert filling.model == dataclasses.replace(model, repair_widths=(4, 4))
        assert colouring.render == filling.render == given.render
