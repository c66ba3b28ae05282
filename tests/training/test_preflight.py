"""Looking at data, disk and speed before a run."""

import shutil

import pytest
import torch

from colorgan.errors import DataError, TrainingError
from colorgan.training import prepare_training
from colorgan.training.preflight import check_before_run
from support import draw_photo


class TestCheckBeforeRun:
    def test_measures_without_touching_the_run(self, options, photos):
        trainer = prepare_training(options(steps=40)).trainer
        before = {name: t.clone() for name, t in trainer.generator.state_dict().items()}
        frequency = trainer.networks.loss.bin_frequency.clone()
        found = check_before_run(trainer)
        assert found.data.looked_at == 23
        assert found.data.short_sides == (48, 48, 48)
        assert found.seconds_in_all == pytest.approx(40 * found.seconds_per_step)
        assert 0 < found.disk_needed < found.disk_free
        assert trainer.step == 0
        assert not trainer.run_dir.exists()
        assert torch.equal(trainer.networks.loss.bin_frequency, frequency)
        assert all(torch.equal(t, trainer.generator.state_dict()[name]) for name, t in before.items())

    def test_counts_and_names_bad_photographs(self, options, photo_folder):
        folder = photo_folder(9)
        (folder / "bad.png").write_bytes(b"damaged")
        draw_photo(1).convert("L").save(folder / "grey.png")
        judged = photo_folder(2, name="judged")
        trainer = prepare_training(options(data=folder, validation_data=judged, minutes=1.0)).trainer
        found = check_before_run(trainer)
        assert [name for name, _ in found.data.unreadable] == ["bad.png"]
        assert found.data.grey == ("grey.png",)
        assert found.steps_in_all == int(60 / found.seconds_per_step)

    def test_refuses_a_set_without_colour(self, options, tmp_path, photos):
        folder = tmp_path / "grey"
        folder.mkdir()
        for number in range(6):
            draw_photo(number).convert("L").save(folder / f"{number}.png")
        trainer = prepare_training(options(data=folder, validation_data=photos)).trainer
        with pytest.raises(DataError, match=r"none of 6 photographs.*6 without colour.*photographs in colour"):
            check_before_run(trainer)

    def test_refuses_a_full_disk(self, options, monkeypatch):
        trainer = prepare_training(options()).trainer
        usage = shutil.disk_usage("/")._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(TrainingError, match=r"need 0\.\d+ GB.*0\.00 GB free.*--run-dir"):
            check_before_run(trainer)
