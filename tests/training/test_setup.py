"""From options to a trainer: what is refused, what a resumed run remembers, what is found before it starts."""

import math
import shutil
from pathlib import Path

import pytest
import torch

from colorgan.config import RenderConfig
from colorgan.data.run_record import read_record
from colorgan.errors import CheckpointError, ConfigError, DeviceError, UsageError
from colorgan.model import build_generator
from colorgan.runs import RunFolder
from colorgan.training import Budget, TrainingOptions, begin_run, load_recipe, prepare_training
from colorgan.weights.file import save_generator
from support import draw_photo
from training_support import TINY, make_options


@pytest.fixture(scope="module")
def stopped_run(photos, tmp_path_factory):
    """A run of three steps that was meant to have five; never written to."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    setup = prepare_training(make_options(photos, folder, "run.checkpoint_minutes=0", steps=5, seed=4))
    begin_run(setup)
    for _ in setup.trainer.run():
        if setup.trainer.step >= 3:
            setup.trainer.request_stop()
    return folder


@pytest.fixture
def finished(stopped_run, tmp_path):
    """A copy of the stopped run."""
    return shutil.copytree(stopped_run, tmp_path / "run")


class TestOptions:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"epochs": 1.0, "steps": 5}, "give one of them"),
            ({"steps": 0}, "steps must be in 1"),
            ({"epochs": math.nan}, "epochs must be above 0 and at most 1,000,000,000, got nan"),
            ({"epochs": math.inf}, "epochs must be above 0"),
            ({"minutes": -1.0}, "minutes must be above 0"),
            ({"workers": -1}, "workers must be in 0"),
            ({"seed": 2**64}, "seed must be in 0"),
            ({"size": -8}, "size must be in"),
            ({"data": Path("y" * 300)}, "cannot be looked at: its name is too long"),
            ({"validation_data": Path("nul\0")}, "is no name of a file"),
            ({"resume": "auto", "init_from": "default"}, "give one of them"),
            ({"data": None}, "pass a folder of photographs with --data"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, options, given, words):
        with pytest.raises(UsageError, match=words):
            options(**given)

    @pytest.mark.parametrize("option", ["data", "validation_data"])
    def test_refuses_paths_that_do_not_exist(self, options, tmp_path, option):
        with pytest.raises(UsageError, match=r"there is no .*nowhere"):
            options(**{option: tmp_path / "nowhere"})


class TestPrepareTraining:
    def test_writes_nothing(self, options, tmp_path):
        prepare_training(options(steps=1))
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("given", "error", "words"),
        [
            ({"device": "cuda:7"}, DeviceError, "cuda:7 was asked for, but this machine has"),
            ({"precision": "float16"}, DeviceError, "needs a GPU"),
            ({"recipe": "papre"}, ConfigError, "there is no recipe"),
            ({"batch_size": 1}, ConfigError, "--batch-size 2 or more, or --size 64 or more"),
            ({"batch_size": 64}, UsageError, "fewer than the 64 of one step.*--batch-size 23 or less"),
            ({"resume": "auto"}, CheckpointError, "no checkpoint that can be resumed from"),
            ({"resume": "gone.pt", "data": None}, CheckpointError, "gone.pt cannot be read"),
            ({"resume": "y" * 300}, UsageError, "cannot be looked at: its name is too long"),
            ({"resume": "auto", "run_dir": Path("y" * 300)}, UsageError, "cannot be looked at: its name is too long"),
            ({"run_dir": Path("y" * 300)}, UsageError, "cannot be looked at: its name is too long"),
            ({"encoder_weights": "gone.pth"}, None, "--encoder-weights none.*gone.pth"),
        ],
    )
    def test_refuses_in_one_sentence(self, options, given, error, words):
        from colorgan.errors import WeightsError

        with pytest.raises(error or WeightsError, match=words) as caught:
            prepare_training(options(**given))
        assert "\n" not in str(caught.value)

    def test_a_batch_of_one_is_enough_where_batch_norm_has_more_values(self, options):
        setup = prepare_training(options(batch_size=1, size=64, steps=1))
        assert setup.trainer.recipe.run.batch_size == 1

    def test_says_how_many_were_kept_out_of_training(self, options, tmp_path):
        data = tmp_path / "data"
        for number in range(6):
            folder = data / ("judged" if number < 2 else "rest")
            folder.mkdir(parents=True, exist_ok=True)
            draw_photo(number).save(folder / f"{number}.png")
        setup = prepare_training(options(data=data, validation_data=data / "judged", steps=1))
        assert "2 photographs were kept out of training, since they are among those to validate on" in setup.notes
        assert setup.notes[0] == "4 photographs to train on, 2 to validate on"

    def test_says_what_a_size_between_two_strides_costs(self, options):
        setup = prepare_training(options(size=40, steps=1))
        assert any("size 40 is not a multiple of 32" in note for note in setup.notes)
        assert not any("multiple" in note for note in prepare_training(options(steps=1)).notes)

    def test_names_a_perceptual_network_that_is_missing(self, options):
        from colorgan.errors import WeightsNotFoundError

        with pytest.raises(WeightsNotFoundError, match=r"needs vgg19.*--perceptual-weights FILE.*loss.perceptual=0"):
            prepare_training(options("loss.perceptual=1"))

    def test_refuses_a_folder_that_holds_a_run(self, options, finished):
        with pytest.raises(UsageError, match="holds a run already; go on with it by --resume auto"):
            prepare_training(options())

    def test_begins_with_the_weights_of_another_generator(self, options, tmp_path):
        torch.manual_seed(9)
        other = build_generator(load_recipe("debug", TINY).model)
        save_generator(tmp_path / "other.pt", other)
        trainer = prepare_training(options(init_from=str(tmp_path / "other.pt"), steps=1)).trainer
        for name, tensor in other.state_dict().items():
            assert torch.allclose(trainer.generator.state_dict()[name], tensor, atol=1e-3), name

    def test_takes_the_shape_of_the_generator_it_begins_with(self, options, tmp_path):
        other = build_generator(load_recipe("debug", (*TINY, "model.bottleneck_width=24")).model)
        save_generator(tmp_path / "other.pt", other, render=RenderConfig(size=77))
        start = str(tmp_path / "other.pt")
        adopted = prepare_training(
            options(init_from=start, recipe=None, overrides=("run.size=32", "run.batch_size=4"), steps=1)
        ).trainer
        assert adopted.recipe.model == other.config
        assert adopted.recipe.render.size == 77
        with pytest.raises(CheckpointError, match="use the recipe that made them"):  # another shape was asked for
            prepare_training(options(init_from=start, steps=1))

    @pytest.mark.parametrize(
        ("given", "budget"),
        [
            ({"steps": 7}, Budget(steps=7)),
            ({"minutes": 2.0}, Budget(minutes=2.0)),
            ({"epochs": 2.0}, Budget(steps=12)),  # 23 photographs in batches of 4
            ({}, Budget(steps=6)),
        ],
    )
    def test_fits_the_budget(self, options, given, budget):
        assert prepare_training(options(**given)).trainer.budget == budget


class TestResume:
    def test_a_run_remembers_itself(self, finished):
        trainer = prepare_training(TrainingOptions(resume=str(finished), workers=0, device="cpu")).trainer
        assert (trainer.step, trainer.seed, trainer.budget) == (3, 4, Budget(steps=5))
        assert trainer.recipe.model.bottleneck_width == 16
        assert trainer.run_dir == finished

    def test_the_record_says_what_it_was_made_of(self, finished, photos):
        record = read_record(finished)
        assert record["data"] == str(photos)
        assert record["seed"] == 4
        assert record["recipe"]["run"]["size"] == 32

    def test_auto_takes_the_latest_run(self, options, finished, tmp_path, monkeypatch):
        (tmp_path / "runs").mkdir()
        shutil.move(finished, tmp_path / "runs" / "mine")
        monkeypatch.chdir(tmp_path)
        trainer = prepare_training(options(resume="auto", run_dir=None, recipe=None, overrides=(), seed=None)).trainer
        assert (trainer.run_dir.name, trainer.step) == ("mine", 3)

    def test_passes_over_a_torn_checkpoint(self, options, finished):
        newest = RunFolder(finished).find_checkpoints()[-1]
        newest.write_bytes(newest.read_bytes()[:-9])
        setup = prepare_training(TrainingOptions(resume=str(finished), workers=0, device="cpu"))
        assert setup.trainer.step == 2
        assert any("torn or damaged" in note for note in setup.notes)

    def test_refuses_to_mix_with_later_checkpoints(self, finished):
        first = RunFolder(finished).find_checkpoints()[0]
        with pytest.raises(UsageError, match=r"holds a later checkpoint.*branch off.*--run-dir"):
            prepare_training(TrainingOptions(resume=str(first), workers=0, device="cpu"))

    def test_branches_off_into_a_new_folder(self, finished, tmp_path):
        first = RunFolder(finished).find_checkpoints()[0]
        branch = TrainingOptions(resume=str(first), run_dir=tmp_path / "branch", workers=0, device="cpu")
        trainer = prepare_training(branch).trainer
        assert (trainer.step, trainer.run_dir.name) == (1, "branch")

    def test_says_when_the_photographs_have_changed(self, finished, photo_folder):
        changed = TrainingOptions(resume=str(finished), data=photo_folder(12), workers=0, device="cpu")
        assert any("have changed" in note for note in prepare_training(changed).notes)

    def test_refuses_another_architecture(self, finished):
        other = TrainingOptions(resume=str(finished), recipe="default", batch_size=4, workers=0, device="cpu")
        with pytest.raises(CheckpointError, match="another recipe: it differs in model"):
            prepare_training(other)
