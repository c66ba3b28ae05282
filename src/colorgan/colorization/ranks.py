"""Several processes for one plan: who takes which part, and one report of them all.

Under `torchrun` every process takes the part of its rank, on a GPU of its own where there are any, and rank 0 reports
for all. The processes write to one file system and talk only at the end.
"""

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch.distributed import Store  # type: ignore[attr-defined]  # public, and not declared as such
from torch.distributed.rendezvous import rendezvous

from colorgan.ranks import TorchrunRanks

__all__ = ["Ranks"]

T = TypeVar("T")

_LONGEST_WAIT = timedelta(days=7)
"""A process may finish hours before another one."""

_LOOK = 0.1  # seconds between two looks for the others


@dataclass(frozen=True, slots=True)
class Ranks(TorchrunRanks):
    """This process among those of a run."""

    @property
    def is_main(self) -> bool:
        """Whether this process reports for all."""
        return self.rank == 0

    def own_device(self, device: str) -> str:
        """Return this process's own GPU in place of "auto" and "cuda", if there are several processes and GPUs."""
        if self.count == 1 or device not in ("auto", "cuda") or not torch.cuda.is_available():
            return device
        return f"cuda:{(self.rank if self.local_rank is None else self.local_rank) % torch.cuda.device_count()}"

    def gather(self, items: Sequence[T], *, should_stop: Callable[[], bool] = lambda: False) -> list[T]:
        """Return the items of all processes, in the order of their ranks, to every process.

        Args:
            items: This process's own.
            should_stop: Is asked while others are waited for whether to give up, and return one's own alone.
        """
        if self.count == 1:
            return list(items)
        # Through the store where the processes meet, and not by a process group of gloo: in torch 2.6 and 2.7 one of
        # its processes now and then waits for ever while it takes the group down.
        store, *_ = next(rendezvous("env://", self.rank, self.count, timeout=_LONGEST_WAIT))
        store.set_timeout(_LONGEST_WAIT)
        keys = [f"colorgan: items of {rank}" for rank in range(self.count)]
        store.set(keys[self.rank], pickle.dumps(list(items)).hex())
        if not _wait(store, keys, should_stop):
            return list(items)
        texts = [store.get(key).decode() for key in keys]
        store.set(f"colorgan: {self.rank} is done", "")
        if self.is_main:  # it may be the one that holds the store
            _wait(store, [f"colorgan: {rank} is done" for rank in range(self.count)], should_stop)
        gathered: list[list[T]] = [pickle.loads(bytes.fromhex(text)) for text in texts]  # noqa: S301 - our own
        return [item for part in gathered for item in part]


def _wait(store: Store, keys: list[str], should_stop: Callable[[], bool]) -> bool:
    """Wait until a store has keys; tell whether it has, and it was not given up."""
    while not store.check(keys):
        if should_stop():
            return False
        time.sleep(_LOOK)
    return True
