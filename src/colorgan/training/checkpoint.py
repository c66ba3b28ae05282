"""Checkpoints: the whole state of a run, written so that a torn one is never taken for a good one."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from colorgan.errors import CheckpointError
from colorgan.training.files import refusals_explained, write_file

__all__ = ["checkpoint_path", "find_checkpoints", "load_checkpoint", "load_latest", "save_checkpoint"]

_PATTERN = "checkpoint-*.pt"
_DIGEST_BYTES = 32


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], *, kept: int) -> Path:
    """Write a checkpoint and remove all but the last `kept`.

    The sha256 of the content stands behind it, so that a file cut short or changed is known. The name appears only
    once everything is on the disk.

    Raises:
        CheckpointError: It cannot be written; what was there before is untouched.
    """
    path = checkpoint_path(folder, step)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    write_file(path, content, hashlib.sha256(content).digest(), kind=CheckpointError)
    others = [old for old in find_checkpoints(folder) if old != path]
    for old in others[: len(others) - (kept - 1)]:
        with refusals_explained(old, CheckpointError):
            old.unlink(missing_ok=True)
    return path


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the file of a step's checkpoint."""
    return folder / f"checkpoint-{step:08}.pt"


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    return sorted(folder.glob(_PATTERN))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU.

    Raises:
        CheckpointError: It is missing, torn or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"the checkpoint {path} cannot be read: {error.strerror}") from error
    content, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise CheckpointError(f"the checkpoint {path} is torn or damaged; resume from an earlier one")
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state


def load_latest(folder: Path) -> tuple[dict[str, Any], Path, list[Path]]:
    """Read the latest good checkpoint of a run.

    Returns:
        The state, its file, and the later ones that were damaged and passed over.

    Raises:
        CheckpointError: There is none, or none is good.
    """
    damaged: list[Path] = []
    for path in reversed(find_checkpoints(folder)):
        try:
            return load_checkpoint(path), path, damaged
        except CheckpointError:
            damaged.append(path)
    raise CheckpointError(
        f"{folder} holds no checkpoint that can be resumed from"
        + (f"; {len(damaged)} are damaged" if damaged else "; start the run without --resume")
    )
