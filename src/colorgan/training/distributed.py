"""Several processes training one network: what torchrun set up, and plain stand-ins for one process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from colorgan.runtime import Runtime

__all__ = ["Processes", "joined_processes"]


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def share(self, network: nn.Module, runtime: Runtime) -> nn.Module:
        """Wrap a network so that its gradients are averaged over the processes; one process gets it back as it is."""
        if self.world == 1:
            return network
        devices = [runtime.device] if runtime.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices, find_unused_parameters=True)

    def any(self, flag: bool, runtime: Runtime) -> bool:
        """Tell whether the flag is set in any process."""
        if self.world == 1:
            return flag
        shared = torch.tensor(float(flag), device=runtime.device)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return bool(shared.item() > 0)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined_processes(runtime: Runtime) -> Iterator[Processes]:
    """Join the processes that torchrun started, for the time of a run; alone if it started none."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes()
        return
    dist.init_process_group("nccl" if runtime.device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), world)
    finally:
        dist.destroy_process_group()
