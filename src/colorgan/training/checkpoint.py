"""Checkpoints: the whole state of a run, written so that a torn one is never taken for a good one."""

import hashlib
import io
import math
from pathlib import Path
from typing import Any

import torch

from colorgan.errors import CheckpointError, CheckpointFormatError, WeightsError
from colorgan.runs import RunFolder
from colorgan.training.files import refusals_explained, write_file
from colorgan.training.resume import CHECKPOINT_FIELDS, CHECKPOINT_FORMAT
from colorgan.weights.tensors import brief, unpack_pickled

__all__ = ["load_checkpoint", "load_latest", "save_checkpoint"]

_DIGEST_BYTES = 32


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], *, kept: int) -> Path:
    """Write a checkpoint and remove all but the last `kept`.

    The sha256 of the content stands behind it, so that a file cut short or changed is known. The name appears only
    once everything is on the disk.

    Raises:
        CheckpointError: It cannot be written; what was there before is untouched.
    """
    run = RunFolder(folder)
    path = run.checkpoint(step)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    write_file(path, content, hashlib.sha256(content).digest(), kind=CheckpointError)
    others = [old for old in run.find_checkpoints() if old != path]
    for old in others[: len(others) - (kept - 1)]:
        with refusals_explained(old, CheckpointError):
            old.unlink(missing_ok=True)
    return path


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU.

    Raises:
        CheckpointError: It is missing, torn, damaged, or holds something other than a run's state.
        CheckpointFormatError: It was written by another version of colorgan.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"the checkpoint {path} cannot be read: {error.strerror}") from error
    content, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    del data
    if hashlib.sha256(content).digest() != digest:
        raise CheckpointError(f"the checkpoint {path} is torn or damaged; resume from an earlier one")
    try:
        state = unpack_pickled(content, f"the checkpoint {path}")
    except WeightsError as error:
        raise CheckpointError(str(error)) from error
    _require_format(state, path)
    if not _has_fields(state):
        raise CheckpointError(f"{path} is not a checkpoint of a run; resume from another one")
    return dict(state)


def _require_format(state: Any, path: Path) -> None:
    number = state.get("format") if isinstance(state, dict) else None
    if number == CHECKPOINT_FORMAT and type(number) is int:
        return
    written = "an older" if number is None else "another"
    raise CheckpointFormatError(
        f"the checkpoint {path} was written by {written} version of colorgan (its format is {brief(number)}, this one "
        f"reads {CHECKPOINT_FORMAT}): finish the run with that version, or begin a new one with its weights by "
        f"--init-from {RunFolder(path.parent).find_weights() or RunFolder(path.parent).best}"
    )


def _has_fields(state: Any) -> bool:
    """Say whether a state has the values that every checkpoint has; what is in them is for the run to judge."""
    return (
        isinstance(state, dict)
        and all(isinstance(state.get(name), kind) for name, kind in CHECKPOINT_FIELDS.items())
        and state["step"] >= 0
        and state["world"] >= 1
        and 0 <= state["seconds"] < math.inf
        and not math.isnan(state["best_score"])
    )


def load_latest(folder: Path) -> tuple[dict[str, Any], Path, list[Path]]:
    """Read the latest good checkpoint of a run.

    Returns:
        The state, its file, and the later ones that were damaged and passed over.

    Raises:
        CheckpointError: There is none, or none is good.
        CheckpointFormatError: It was written by another version of colorgan.
    """
    damaged: list[Path] = []
    for path in reversed(RunFolder(folder).find_checkpoints()):
        try:
            return load_checkpoint(path), path, damaged
        except CheckpointFormatError:
            raise
        except CheckpointError:
            damaged.append(path)
    raise CheckpointError(
        f"{folder} holds no checkpoint that can be resumed from"
        + (f"; {len(damaged)} are damaged" if damaged else "; start the run without --resume")
    )
