"""Mutants of checkpoints: each gives one sentence, or a run that goes on.

`COLORGAN_MUTANTS=500 python -m pytest -s tests/training/test_checkpoint_fuzz.py` makes more of them and
prints the figures of docs/security.md.
"""

import hashlib
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from colorgan.runs import RunFolder
from colorgan.training.checkpoint import load_checkpoint
from colorgan.training.resume import RunState
from fuzz_support import Findings, mutate_bytes, mutate_pickle, mutate_values, seeded

MUTANTS = int(os.environ.get("COLORGAN_MUTANTS", "10"))  # of each kind
MOST_MEMORY = 384 << 20  # bytes, for checkpoints of 30 MB


def pack_values(content: dict[str, Any], rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    torch.save(mutate_values(content, rng), buffer)
    return buffer.getvalue()


KINDS: dict[str, Callable[[bytes, dict[str, Any], random.Random], bytes]] = {
    "bytes": lambda data, _, rng: mutate_bytes(data, rng),
    "pickle": lambda data, _, rng: mutate_pickle(data, rng),
    "values": lambda _, content, rng: pack_values(content, rng),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sentence_or_a_run(kind: str, make_trainer: Callable[..., Any], tmp_path: Path) -> None:
    first = make_trainer(steps=1, name="first")
    list(first.run())
    good = RunFolder(first.run_dir).find_checkpoints()[0].read_bytes()[:-32]
    content = torch.load(io.BytesIO(good), weights_only=True)
    findings, trainer = Findings(kind), make_trainer(steps=2, name="mutant")
    path = tmp_path / "checkpoint-00000001.pt"
    for number in range(MUTANTS):
        data = KINDS[kind](good, content, seeded(kind, number))
        path.write_bytes(data + hashlib.sha256(data).digest())  # as one who means harm would
        with findings.mutant():
            trainer.resume(RunState.from_checkpoint(load_checkpoint(path)), path)
    findings.judge(MOST_MEMORY)
    trainer.resume(RunState.from_checkpoint(load_checkpoint(RunFolder(first.run_dir).find_checkpoints()[0])))
    assert len(list(trainer.run())) > 1
