"""The training loop: events, files, exact resume, stopping."""

import math

import pytest
import torch
from PIL import Image

from colorgan.config import CacheChoice
from colorgan.errors import CheckpointError, DataError, TrainingError
from colorgan.runs import RunFolder
from colorgan.training import Budget, Finished, Saved, StepDone, Validated
from colorgan.training.checkpoint import load_checkpoint, load_latest
from colorgan.training.journal import read_journal
from colorgan.training.resume import RunState
from colorgan.weights.file import load_generator


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def same(one, two) -> bool:
    """Whether two nested states are equal bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


class TestRun:
    def test_leaves_everything_that_a_run_promises(self, make_trainer):
        trainer = make_trainer("run.eval_interval=2", steps=5)
        events = list(trainer.run())
        assert [e.step for e in of_kind(events, StepDone)] == [1, 2, 3, 4, 5]
        assert [e.step for e in of_kind(events, Validated)] == [2, 4, 5]
        assert [e.step for e in of_kind(events, Saved)] == [5]
        (finished,) = of_kind(events, Finished)
        assert not finished.stopped
        assert finished.weights == trainer.run_dir / "best.safetensors"
        for name in ("best.safetensors", "last.safetensors", "curves.png", "journal.jsonl", "sheet-00000002.png"):
            assert (trainer.run_dir / name).exists(), name

    def test_the_journal_holds_every_number(self, make_trainer):
        trainer = make_trainer(steps=3)
        list(trainer.run())
        entries = read_journal(trainer.journal.path)
        steps = [e for e in entries if e["kind"] == "step"]
        assert [e["step"] for e in steps] == [1, 2, 3]
        promised = {"total", "d_real", "d_fake", "gradient_norm", "discriminator_gradient_norm", "colorfulness"}
        assert promised <= steps[0].keys()
        (scored,) = (e for e in entries if e["kind"] == "validation")
        assert {"psnr", "grey_psnr", "colorfulness", "real_colorfulness", "score"} <= scored.keys()
        assert entries[-1]["kind"] == "finished"

    def test_the_journal_lacks_no_step_of_a_short_run(self, make_trainer):
        trainer = make_trainer("run.log_interval=2", steps=3)
        list(trainer.run())
        assert [e["step"] for e in read_journal(trainer.journal.path) if e["kind"] == "step"] == [2, 3]

    def test_the_weights_rebuild_the_averaged_generator(self, make_trainer):
        trainer = make_trainer(steps=2)
        list(trainer.run())
        loaded = load_generator(trainer.run_dir / "last.safetensors")
        averaged = trainer.networks.average.network.state_dict()
        for name, tensor in loaded.network.state_dict().items():
            assert torch.allclose(tensor.float(), averaged[name].float(), atol=2e-3, rtol=2e-3), name
        assert loaded.provenance["steps"] == 2

    def test_the_sheet_has_a_row_a_photograph(self, make_trainer):
        trainer = make_trainer(steps=1)
        (validated,) = of_kind(trainer.run(), Validated)
        rows = min(8, len(trainer.validation))
        with Image.open(validated.sheet) as sheet:
            assert sheet.size == (3 * 32 + 2 * 4, 16 + rows * (32 + 4))

    def test_names_left_out_photographs(self, make_trainer, photos, tmp_path):
        from colorgan.data import PhotoFile

        trainer = make_trainer(steps=6)
        bad = PhotoFile("bad.png", tmp_path / "gone.png")
        trainer.photos = trainer.photos.__class__((*trainer.photos.train[:5], bad), trainer.photos.validation, photos)
        events = of_kind(trainer.run(), StepDone)
        assert {name for e in events for name, _ in e.left_out} == {"bad.png"}
        assert any(e["kind"] == "left_out" and e["name"] == "bad.png" for e in read_journal(trainer.journal.path))

    def test_trains_on_photographs_that_lie_on_the_device(self, make_trainer, photos, tmp_path):
        from colorgan.data import PhotoFile

        trainer = make_trainer(steps=7, cache=CacheChoice.DEVICE)
        bad = PhotoFile("bad.png", tmp_path / "gone.png")
        trainer.photos = trainer.photos.__class__((*trainer.photos.train[:5], bad), trainer.photos.validation, photos)
        events = of_kind(trainer.run(), StepDone)
        assert [name for e in events for name, _ in e.left_out] == ["bad.png"]
        assert events[-1].terms["smooth_l1"] < events[0].terms["smooth_l1"]
        assert load_checkpoint(RunFolder(trainer.run_dir).find_checkpoints()[-1])["cache"] == "device"

    def test_passes_over_a_gradient_that_is_not_finite(self, make_trainer):
        trainer = make_trainer("loss.adversarial=0", steps=4)

        def break_it(gradient):
            return gradient * math.nan if trainer.step == 1 else gradient

        trainer.generator.color.weight.register_hook(break_it)
        events = of_kind(trainer.run(), StepDone)
        assert [math.isfinite(e.terms["gradient_norm"]) for e in events] == [True, False, True, True]
        assert all(bool(x.isfinite().all()) for x in trainer.generator.state_dict().values())
        steps = [e for e in read_journal(trainer.journal.path) if e["kind"] == "step"]
        assert ["gradient_norm" in e for e in steps] == [True, False, True, True]

    def test_refuses_a_folder_that_cannot_be_written(self, make_trainer, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(TrainingError, match=r"cannot be written.*--run-dir"):
            list(make_trainer(name="file/run").run())

    def test_a_time_box_is_kept(self, make_trainer):
        events = list(make_trainer(budget=Budget(minutes=0.02)).run())
        last = of_kind(events, StepDone)[-1]
        assert 0.5 < last.seconds < 6
        assert not of_kind(events, Finished)[0].stopped


class TestStop:
    def test_a_request_ends_the_run_after_the_step_at_hand(self, make_trainer):
        trainer = make_trainer(steps=50)
        events = []
        for event in trainer.run():
            events.append(event)
            if trainer.step >= 2:
                trainer.request_stop()
        assert len(of_kind(events, StepDone)) == 2
        assert of_kind(events, Saved)[0].step == 2
        (finished,) = of_kind(events, Finished)
        assert finished.stopped
        assert finished.weights is None

    @pytest.mark.parametrize(("value", "words"), [(math.nan, "became nan"), (math.inf, "became inf")])
    def test_a_broken_loss_ends_the_run_and_writes_nothing_broken(self, make_trainer, value, words):
        trainer = make_trainer("run.checkpoint_minutes=0", "run.eval_interval=1", steps=9)

        def break_it(module, inputs, found):
            if trainer.step < 3:
                return found
            return found._replace(total=found.total * value, terms={**found.terms, "bins": found.total * value})

        trainer.networks.loss.register_forward_hook(break_it)
        with pytest.raises(TrainingError, match=rf"bins {words} at step 4.*checkpoint-00000003.*is from before"):
            list(trainer.run())
        state, path, damaged = load_latest(trainer.run_dir)
        assert (path.name, damaged) == ("checkpoint-00000003.pt", [])
        tensors = [*state["generator"].values(), *state["average"].values(), *state["discriminator"].values()]
        assert all(bool(t.isfinite().all()) for t in tensors)
        load_generator(trainer.run_dir / "best.safetensors")
        assert read_journal(trainer.journal.path)[-1]["kind"] == "failed"

    def test_says_when_nothing_can_be_trained_on(self, make_trainer, tmp_path):
        from colorgan.data import PhotoFile

        trainer = make_trainer()
        trainer.photos = trainer.photos.__class__(
            (PhotoFile("a.png", tmp_path / "a.png"),), trainer.photos.validation, tmp_path
        )
        with pytest.raises(DataError, match="in a row cannot be trained on"):
            list(trainer.run())


class TestResume:
    CHANGES = ("run.checkpoint_minutes=0", "run.checkpoints_kept=100", "run.eval_interval=3")

    @pytest.mark.parametrize("cache", [CacheChoice.NONE, CacheChoice.DEVICE])
    def test_goes_on_bit_for_bit(self, make_trainer, cache):
        changes = (*self.CHANGES, "optimizer.drop_path=0.5")
        whole = make_trainer(*changes, steps=6, name="whole", cache=cache)
        expected = [e.terms for e in of_kind(whole.run(), StepDone)]

        resumed = make_trainer(*changes, steps=6, name="resumed", cache=cache)
        resumed.resume(RunState.from_checkpoint(load_checkpoint(whole.run_dir / "checkpoint-00000002.pt")))
        found = [e.terms for e in of_kind(resumed.run(), StepDone)]
        assert found == expected[2:]
        one, two = (load_checkpoint(t.run_dir / "checkpoint-00000006.pt") for t in (whole, resumed))
        for part in ("generator", "average", "optimizer", "discriminator", "discriminator_optimizer", "loss"):
            assert same(one[part], two[part]), part
        assert one["best_score"] == two["best_score"]

    def test_the_comparison_can_fail(self, make_trainer):
        trainer = make_trainer(*self.CHANGES, steps=2)
        list(trainer.run())
        one, two = (load_checkpoint(trainer.run_dir / f"checkpoint-0000000{n}.pt") for n in (1, 2))
        for part in ("generator", "average", "optimizer", "discriminator", "discriminator_optimizer", "loss"):
            assert not same(one[part], two[part]), part

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("model.bottleneck_width=8", r"model\.bottleneck_width"),
            ("loss.bins=0.5", r"loss\.bins"),
            ("optimizer.learning_rate=1e-4", r"optimizer\.learning_rate"),
            ("run.size=64", r"run\.size"),
            ("run.batch_size=2", r"4 photographs a step \(1 processes of 4\), this run has 2"),
        ],
    )
    def test_refuses_another_recipe(self, make_trainer, change, words):
        trainer = make_trainer(steps=1)
        list(trainer.run())
        state = RunState.from_checkpoint(load_latest(trainer.run_dir)[0])
        with pytest.raises(CheckpointError, match=words):
            make_trainer(change, name="other").resume(state)

    def test_refuses_another_seed(self, make_trainer):
        trainer = make_trainer(steps=1)
        list(trainer.run())
        state = RunState.from_checkpoint(load_latest(trainer.run_dir)[0])
        with pytest.raises(CheckpointError, match="--seed 0, this run has 3"):
            make_trainer(name="other", seed=3).resume(state)

    def test_lets_the_rhythm_of_a_run_change(self, make_trainer):
        trainer = make_trainer(steps=1)
        list(trainer.run())
        other = make_trainer("run.eval_interval=7", name="other")
        other.resume(RunState.from_checkpoint(load_latest(trainer.run_dir)[0]))
        assert other.step == 1

    def test_spent_minutes_count(self, make_trainer):
        trainer = make_trainer(budget=Budget(minutes=100))
        trainer.seconds = 99 * 60
        assert trainer.progress == pytest.approx(0.99)
        state = RunState.from_checkpoint({**load_state(trainer), "seconds": 50 * 60.0})
        other = make_trainer(budget=Budget(minutes=100), name="other")
        other.resume(state)
        assert other.progress == pytest.approx(0.5)

    def test_keeps_the_last_few_checkpoints(self, make_trainer):
        trainer = make_trainer("run.checkpoint_minutes=0", "run.checkpoints_kept=2", steps=5)
        list(trainer.run())
        assert [p.name for p in RunFolder(trainer.run_dir).find_checkpoints()] == [
            "checkpoint-00000004.pt",
            "checkpoint-00000005.pt",
        ]


def load_state(trainer):
    """Take one step and read the state back."""
    trainer.seconds, trainer.budget = 0.0, Budget(steps=1)
    list(trainer.run())
    return load_latest(trainer.run_dir)[0]
