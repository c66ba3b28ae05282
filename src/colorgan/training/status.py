"""What a run has done so far, from its journal and its record."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorgan.runs import RunFolder
from colorgan.training.journal import read_journal

__all__ = ["RunStatus", "summarize_run"]

_SPEED_ENTRIES = 10  # of the journal that the speed is averaged over
_LEAST_PROGRESS = 1e-6  # from which the time that is left can be told


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run, summed up. None where the run has not come that far."""

    state: str  # "finished", "stopped", "failed: ..." or "last heard of ... ago"
    step: int
    progress: float | None  # 0..1
    seconds: float  # of training, over all sessions
    seconds_left: float | None  # at the speed so far
    images_per_second: float | None
    waiting: float | None  # share of the time that went into waiting for data
    losses: dict[str, float]  # of the last line of the journal
    best: dict[str, Any] | None  # the journal's entry of the best validation
    last: dict[str, Any] | None  # and of the last one
    left_out: int  # different photographs that were passed over
    checkpoint: Path | None  # the latest


def summarize_run(run_dir: Path) -> RunStatus:
    """Sum a run up.

    Raises:
        CheckpointError: `run_dir` is not the folder of a run.
    """
    files = RunFolder(run_dir)
    path = files.journal
    entries = read_journal(path)
    steps = [e for e in entries if e["kind"] == "step"]
    scored = [e for e in entries if e["kind"] == "validation"]
    newest = steps[-1] if steps else {}
    progress, seconds = newest.get("progress"), max((e.get("seconds") or 0 for e in entries), default=0)
    remaining = seconds * (1 - progress) / progress if progress and _LEAST_PROGRESS <= progress <= 1 else None
    state = _state(entries, time.time() - path.stat().st_mtime)
    checkpoints = files.find_checkpoints()
    return RunStatus(
        state=state,
        step=max((e.get("step") or 0 for e in entries), default=0),
        progress=1.0 if state == "finished" else progress,
        seconds=seconds,
        seconds_left=0.0 if state == "finished" else remaining,
        images_per_second=_mean(steps, "images_per_second"),
        waiting=_mean(steps, "waiting"),
        losses={k: v for k, v in newest.items() if k not in _NO_LOSSES and isinstance(v, float | int)},
        best=max(scored, key=lambda e: e["score"], default=None),
        last=scored[-1] if scored else None,
        left_out=len({e["name"] for e in entries if e["kind"] == "left_out"}),
        checkpoint=checkpoints[-1] if checkpoints else None,
    )


_NO_LOSSES = {"kind", "step", "seconds", "progress", "rate", "images_per_second", "waiting"}


def _state(entries: Sequence[Mapping[str, Any]], age: float) -> str:
    newest = entries[-1] if entries else {"kind": "none"}
    if newest["kind"] == "finished":
        return "stopped on request" if newest["stopped"] else "finished"
    if newest["kind"] == "failed":
        return f"failed: {newest['reason']}"
    return f"running or broken off, last heard of {age / 60:.0f} minutes ago" if age > 120 else "running"


def _mean(entries: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [e[name] for e in entries[-_SPEED_ENTRIES:] if e.get(name) is not None]
    return sum(values) / len(values) if values else None
