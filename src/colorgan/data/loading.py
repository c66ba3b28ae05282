"""How batches come from the processes that make them: what this system's shared memory allows."""

import multiprocessing
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from colorgan.ranks import TorchrunRanks

__all__ = ["PREFETCHED", "SHARED_MEMORY", "LoadingPlan", "plan_loading"]

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory
PREFETCHED = 4
"""Batches that each process makes in advance."""

_BYTES_A_PIXEL = 9  # of a sample: RGB, grey, known, and hints
_MARGIN = 1.2


@dataclass(frozen=True, slots=True)
class LoadingPlan:
    """How the batches of a run are made."""

    workers: int  # processes that decode; 0: the one that trains
    shares_memory: bool  # whether batches come through shared memory, else through pipes
    note: str | None  # what is worth saying of it


def plan_loading(size: int, batch_size: int, workers: int, reserved: int = 0) -> LoadingPlan:
    """Look whether this system lets processes share batches; a process that finds no room would be waited for in vain.

    torch keeps all batches under way in /dev/shm, by either of its sharing strategies; containers often have 64 MB.

    Args:
        size: Side of the samples, pixels.
        batch_size: Samples a step and process.
        workers: Processes that were asked for.
        reserved: Bytes of the shared memory that something else will take.
    """
    if workers == 0:
        return LoadingPlan(0, shares_memory=True, note=None)
    try:
        multiprocessing.Lock()
    except (OSError, ImportError) as error:
        note = f"this system lets processes share no locks ({error}): the one that trains decodes the photographs"
        return LoadingPlan(0, shares_memory=True, note=note)
    free = _free_bytes()
    needed = (PREFETCHED * workers + 2) * batch_size * _BYTES_A_PIXEL * size**2
    together = TorchrunRanks.from_environment().count_here
    if free is None or free - reserved > _MARGIN * needed * together:
        return LoadingPlan(workers, shares_memory=True, note=None)
    left = max(free - reserved, 0)
    note = (
        f"{SHARED_MEMORY} has {left / 1e6:.0f} MB free and the batches of {workers} processes may need "
        f"{_MARGIN * needed * together / 1e6:.0f} MB, so they come through pipes, which is a little slower; Docker's "
        "--shm-size gives it more"
    )
    return LoadingPlan(workers, shares_memory=False, note=note)


def _free_bytes() -> int | None:
    """Return the room in shared memory; None where the system does not keep it in files."""
    if not SHARED_MEMORY.is_dir():
        return None
    return shutil.disk_usage(SHARED_MEMORY).free if os.access(SHARED_MEMORY, os.W_OK) else 0
