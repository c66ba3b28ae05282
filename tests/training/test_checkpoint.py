"""Checkpoints: torn ones are known, the last few are kept."""

import os
from typing import Any

import pytest
import torch

from colorgan.errors import CheckpointError, CheckpointFormatError
from colorgan.runs import RunFolder
from colorgan.training.checkpoint import load_checkpoint, load_latest, save_checkpoint
from colorgan.training.resume import CHECKPOINT_FORMAT

STATE: dict[str, Any] = {
    "format": CHECKPOINT_FORMAT, "budget": {"steps": 9, "minutes": None}, "photos": "", "cache": "none",
    "step": 3, "seconds": 1.5, "best_score": -float("inf"), "seed": 0, "world": 1, "recipe": {}, "average": {},
    "generator": {"weights": torch.arange(1000.0)}, "optimizer": {}, "loss": {}, "scaler": {},
}  # fmt: skip


class TestSaveCheckpoint:
    def test_comes_back_as_it_was(self, tmp_path):
        path = save_checkpoint(tmp_path, 3, STATE, kept=1)
        found = load_checkpoint(path)
        assert found["step"] == 3
        assert torch.equal(found["generator"]["weights"], STATE["generator"]["weights"])

    def test_keeps_the_last_few(self, tmp_path):
        for step in range(1, 6):
            save_checkpoint(tmp_path, step, STATE, kept=2)
        assert [p.name for p in RunFolder(tmp_path).find_checkpoints()] == [
            "checkpoint-00000004.pt",
            "checkpoint-00000005.pt",
        ]

    def test_never_removes_the_one_just_written(self, tmp_path):
        save_checkpoint(tmp_path, 9, STATE, kept=1)
        path = save_checkpoint(tmp_path, 2, STATE, kept=1)
        assert RunFolder(tmp_path).find_checkpoints() == [path]

    def test_leaves_no_temporary_file(self, tmp_path):
        save_checkpoint(tmp_path, 1, STATE, kept=1)
        assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-00000001.pt"]

    def test_says_where_it_cannot_write(self, tmp_path):
        with pytest.raises(CheckpointError, match="cannot be written"):
            save_checkpoint(tmp_path / "gone", 1, STATE, kept=1)


class TestLoadLatest:
    @pytest.mark.parametrize("damage", ["cut", "empty", "flipped"])
    def test_passes_over_a_torn_one(self, tmp_path, damage):
        good = save_checkpoint(tmp_path, 1, STATE, kept=5)
        bad = save_checkpoint(tmp_path, 2, STATE, kept=5)
        if damage == "flipped":
            data = bytearray(bad.read_bytes())
            data[len(data) // 2] ^= 1
            bad.write_bytes(data)
        else:
            os.truncate(bad, 0 if damage == "empty" else bad.stat().st_size - 100)
        state, path, damaged = load_latest(tmp_path)
        assert (state["step"], path, damaged) == (3, good, [bad])

    def test_takes_the_latest_good_one(self, tmp_path):
        save_checkpoint(tmp_path, 99, STATE, kept=5)
        latest = save_checkpoint(tmp_path, 100, STATE, kept=5)
        assert load_latest(tmp_path)[1] == latest

    def test_ignores_what_was_never_finished(self, tmp_path):
        good = save_checkpoint(tmp_path, 1, STATE, kept=5)
        (tmp_path / ".checkpoint-00000002.pt.part").write_bytes(b"half")
        assert load_latest(tmp_path)[1:] == (good, [])

    def test_says_that_there_is_none(self, tmp_path):
        with pytest.raises(CheckpointError, match="no checkpoint that can be resumed from"):
            load_latest(tmp_path)


class TestLoadCheckpoint:
    def test_names_a_missing_one(self, tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_checkpoint(tmp_path / "gone.pt")

    def test_refuses_another_kind_of_file(self, tmp_path):
        torch.save(STATE, tmp_path / "other.pt")
        with pytest.raises(CheckpointError, match="torn or damaged"):
            load_checkpoint(tmp_path / "other.pt")

    @pytest.mark.parametrize(
        ("number", "words"), [(None, "an older version"), (99, r"another version.*is 99"), ("x", "another")]
    )
    def test_one_of_another_version_is_named_and_not_passed_over(self, tmp_path, number, words):
        other = {**STATE, "format": number} if number else {k: v for k, v in STATE.items() if k != "format"}
        save_checkpoint(tmp_path, 1, STATE, kept=5)
        save_checkpoint(tmp_path, 2, other, kept=5)
        (tmp_path / "best.pt").touch()
        with pytest.raises(CheckpointFormatError, match=rf"checkpoint-00000002.*{words}.*--init-from .*best\.pt"):
            load_latest(tmp_path)

    @pytest.mark.parametrize("missing", ["budget", "photos", "cache", "generator"])
    def test_one_without_all_fields_is_none(self, tmp_path, missing):
        path = save_checkpoint(tmp_path, 1, {k: v for k, v in STATE.items() if k != missing}, kept=1)
        with pytest.raises(CheckpointError, match="not a checkpoint of a run"):
            load_checkpoint(path)
