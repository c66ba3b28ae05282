"""Two processes train as one does; a failing one ends all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from colorgan.data import find_sets
from colorgan.training import Budget, RunRequest, StepDone, Trainer, load_recipe
from colorgan.training.checkpoint import load_latest
from colorgan.training.distributed import Processes
from colorgan.training.journal import read_journal
from training_support import TINY

CHANGES = (
    "discriminator.kind=global",  # which has batch norms to share, too
    "loss.luminance=1",
    "run.checkpoint_minutes=100",
    "run.size=64",  # enough values for steady batch norms
    "optimizer.learning_rate=3e-4",
)

LOSS_TOLERANCE = 2e-3
"""Relative: the sums are taken in another order, and Adam makes the most of the smallest gradients."""

WEIGHT_TOLERANCE = 1e-2
"""Of the weights' norm."""


def run_two(*arguments: str | Path, timeout: float = 150) -> subprocess.CompletedProcess[str]:
    """Start two processes by torchrun, with gloo on this machine."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        *map(str, arguments),
    ]
    world = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, env=world)


@pytest.fixture(scope="module")
def twofold(photos, tmp_path_factory):
    """The run folder and the output of a run of two processes with two photographs each."""
    run_dir = tmp_path_factory.mktemp("two") / "run"
    changes = [part for change in (*TINY, *CHANGES) for part in ("--set", change)]
    options = ["--recipe", "debug", "--steps", "4", "--batch-size", "2", "--workers", "0"]
    done = run_two(
        "-m", "colorgan", "train", "--data", photos, "--run-dir", run_dir, "--precision", "float32",
        "--device", "cpu", *options, *changes,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return run_dir, done


@pytest.fixture(scope="module")
def alone(photos, runtime, tmp_path_factory):
    """The same with one process and four photographs."""
    torch.set_num_threads(1)
    recipe = load_recipe("debug", (*TINY, *CHANGES, "run.batch_size=4"))
    run_dir = tmp_path_factory.mktemp("one") / "run"
    trainer = Trainer(
        RunRequest(recipe, find_sets(photos), run_dir, budget=Budget(steps=4), runtime=runtime, workers=0)
    )
    return run_dir, [event for event in trainer.run() if isinstance(event, StepDone)]


class TestTwoProcesses:
    def test_losses_are_those_of_one_process(self, alone, twofold):
        entries = [e for e in read_journal(twofold[0] / "journal.jsonl") if e["kind"] == "step"]
        assert len(entries) == 4
        for event, entry in zip(alone[1], entries, strict=True):
            for name in ("smooth_l1", "bins", "luminance", "adversarial", "discriminator", "d_real", "total"):
                assert entry[name] == pytest.approx(event.terms[name], rel=LOSS_TOLERANCE), (entry["step"], name)
        first = alone[1][0].terms
        assert entries[0]["gradient_norm"] == pytest.approx(first["gradient_norm"], rel=1e-2)

    @pytest.mark.parametrize("part", ["generator", "average", "discriminator"])
    def test_weights_are_those_of_one_process(self, alone, twofold, part):
        one, two = (load_latest(run_dir)[0][part] for run_dir, _ in (alone, twofold))
        assert one.keys() == two.keys()
        vectors = [torch.cat([t.float().flatten() for t in state.values()]) for state in (one, two)]
        assert (vectors[0] - vectors[1]).norm() / vectors[0].norm() < WEIGHT_TOLERANCE

    def test_one_process_talks_and_writes(self, twofold):
        run_dir, done = twofold
        assert done.stdout.splitlines() == [str(run_dir / "best.safetensors")]
        assert done.stderr.count("photographs to train on") == 1
        assert "2 processes" in done.stderr
        assert len(list(run_dir.glob("checkpoint-*.pt"))) == 1

    def test_nothing_of_the_frameworks_talk_reaches_the_user(self, twofold):
        assert "Warning" not in twofold[1].stderr


FAILING = """
import sys
from pathlib import Path
from colorgan.data import PhotoFile, find_sets
from colorgan.errors import ColorganError
from colorgan.runtime import pick_runtime
from colorgan.training import Budget, RunRequest, Trainer, load_recipe
from colorgan.training.distributed import PeerFailedError, joined_processes

runtime = pick_runtime("cpu", "float32")
with joined_processes(runtime) as processes:
    assert processes.largest(float(processes.rank), 5.0) == (1.0, 5.0)
    assert processes.gather((f"of {processes.rank}",)) == ("of 0", "of 1")
    assert processes.from_main(lambda: processes.rank) == 0
    photos = find_sets(Path(sys.argv[1]))
    if processes.rank == 1:
        photos = photos.__class__((PhotoFile("gone.png", Path("gone.png")),) * 9, photos.validation, Path())
    recipe = load_recipe("debug", sys.argv[3:])
    trainer = Trainer(RunRequest(
        recipe, photos, Path(sys.argv[2]), budget=Budget(steps=9), runtime=runtime, workers=0, processes=processes
    ))
    try:
        list(trainer.run())
    except ColorganError as error:
        print(f"rank {processes.rank}: {type(error).__name__}: {error}\\n", end="", flush=True)
"""


def test_one_failing_process_ends_all_with_its_message(photos, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(FAILING)
    done = run_two(script, photos, tmp_path / "run", *TINY)
    lines = sorted(done.stdout.splitlines())
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("rank 0: PeerFailedError: another process has no usable photographs")
    assert lines[1].startswith("rank 1: DataError: 50 photographs in a row cannot be trained on")


APART = """
import sys
from pathlib import Path
import torch
from colorgan.data import find_sets
from colorgan.runtime import pick_runtime
from colorgan.training import Budget, RunRequest, Trainer, load_recipe
from colorgan.training.batch_norm import SharedBatchNorm2d
from colorgan.training.distributed import joined_processes

torch.set_num_threads(1)
runtime = pick_runtime("cpu", "float32")
with joined_processes(runtime) as processes:
    photos, run_dir, *changes = sys.argv[1:]
    trainer = Trainer(RunRequest(
        load_recipe("debug", changes), find_sets(Path(photos)), Path(run_dir), budget=Budget(steps=2),
        runtime=runtime, workers=0, processes=processes,
    ))
    list(trainer.run())
    norms = [m for m in trainer.generator.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    weights = torch.cat([p.detach().flatten() for p in trainer.generator.parameters()])
    means = torch.cat([norm.running_mean for norm in norms])
    everyones = processes.gather(((weights, means),))
    (one, mean), (two, other) = everyones
    if processes.is_main:
        shared = sum(isinstance(norm, SharedBatchNorm2d) for norm in norms)
        print(len(norms) > 0, shared, torch.equal(one, two), bool((mean != other).any()))
"""


def test_processes_may_keep_batch_norms_to_themselves(photos, tmp_path):
    """Plain batch norms, which saw different photographs, and yet the same weights in both processes."""
    script = tmp_path / "script.py"
    script.write_text(APART)
    done = run_two(script, photos, tmp_path / "run", *TINY, "run.sync_batch_norm=false", "run.batch_size=2")
    assert done.stdout.split() == ["True", "0", "True", "True"], done.stderr


class TestProcesses:
    def test_one_process_keeps_everything_to_itself(self):
        alone, network = Processes(), nn.Conv2d(1, 1, 1)
        assert alone.is_main
        assert alone.share(network) is network
        assert alone.largest(1.0, 2.0) == (1.0, 2.0)
        assert alone.gather((1, 2)) == (1, 2)
        assert alone.from_main(lambda: 7) == 7
        assert alone.mean(torch.tensor(3.0)) == 3
