"""The state of a run: to a checkpoint and back."""

import dataclasses
import math

import pytest

from colorgan.config import CacheChoice
from colorgan.data import PhotoFile
from colorgan.errors import CheckpointError
from colorgan.training import Budget, load_recipe
from colorgan.training.resume import RunState, digest_photos, require_same_run

STATE = RunState(
    step=3, seconds=1.5, best_score=-math.inf, seed=0, world=1, recipe=load_recipe("debug"), budget=Budget(steps=9),
    photos="abc", cache=CacheChoice.RAM, networks={"generator": {}, "scaler": {}},
)  # fmt: skip


class TestRunState:
    def test_comes_back_as_it_was(self):
        assert RunState.from_checkpoint(STATE.to_checkpoint()) == STATE

    def test_is_the_same_run_as_itself_at_another_step(self):
        require_same_run(dataclasses.replace(STATE, step=90, budget=Budget(minutes=3), photos="d"), STATE)

    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [
            ("budget", {"steps": -1, "minutes": None}, "nothing usable of its budget"),
            ("budget", {}, "nothing usable of its budget"),
            ("budget", {"steps": "many", "minutes": None}, "nothing usable of its budget"),
            ("cache", "tape", "its cache is tape, expected one of none, ram, device"),
            ("recipe", {"run": {"colour": 1}}, "another version of colorgan: .*unknown key"),
        ],
    )
    def test_refuses_what_no_run_writes(self, key, value, words):
        with pytest.raises(CheckpointError, match=words):
            RunState.from_checkpoint({**STATE.to_checkpoint(), key: value})


def test_the_digest_changes_with_the_names(tmp_path):
    a, b = (PhotoFile(name, tmp_path / name) for name in ("a.png", "b.png"))
    assert digest_photos([a, b]) == digest_photos([a, b])
    assert digest_photos([a, b]) != digest_photos([b, a]) != digest_photos([b])
