"""Several processes for one plan: who takes which part, and one report of them all.

Under `torchrun` every process takes the part of its rank, on a GPU of its own where there are any, and rank 0 reports
for all. The processes write to one file system and talk only at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from colorgan.ranks import TorchrunRanks

__all__ = ["Ranks"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks(TorchrunRanks):
    """This process among those of a run."""

    @property
    def leads(self) -> bool:
        """Whether this process reports for all."""
        return self.rank == 0

    def own_device(self, device: str) -> str:
        """Return this process's own GPU in place of "auto" and "cuda", if there are several processes and GPUs."""
        if self.count == 1 or device not in ("auto", "cuda") or not torch.cuda.is_available():
            return device
        return f"cuda:{(self.rank if self.local_rank is None else self.local_rank) % torch.cuda.device_count()}"

    def gather(self, items: Sequence[T]) -> list[T]:
        """Return the items of all processes, in the order of their ranks, to every process."""
        if self.count == 1:
            return list(items)
        # A process may finish hours before another one.
        dist.init_process_group("gloo", timeout=timedelta(days=7))
        try:
            gathered: list[list[T]] = [[] for _ in range(self.count)]
            dist.all_gather_object(gathered, list(items))
        finally:
            dist.destroy_process_group()
        return [item for part in gathered for item in part]
