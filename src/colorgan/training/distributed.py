"""Several processes training one network: what torchrun set up, and plain stand-ins for one process."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from colorgan.errors import ColorganError, DeviceError, TrainingError
from colorgan.ranks import TorchrunRanks
from colorgan.runtime import Runtime
from colorgan.training.batch_norm import share_batch_norms

__all__ = ["PeerFailedError", "Processes", "joined_processes", "own_runtime"]

T = TypeVar("T")

_PATIENCE = dt.timedelta(hours=12)  # the others wait while the main process validates; torchrun ends dead runs


class PeerFailedError(TrainingError):
    """Another of the processes that train together failed, and has said why."""


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together."""

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))  # where collective operations run

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def share(self, network: nn.Module, *, sync_batch_norm: bool = True) -> nn.Module:
        """Wrap a network so that its gradients are those of all processes' batches together.

        One process gets it back as it is.

        Args:
            network: What each process trains.
            sync_batch_norm: Whether the statistics of batch norms are those of all batches together too.
        """
        if self.world == 1:
            return network
        if sync_batch_norm:
            share_batch_norms(network, self.device)
        devices = [self.device] if self.device.type == "cuda" else None
        # Some parts run only where a picture has holes or hints.
        return DistributedDataParallel(network, device_ids=devices, find_unused_parameters=True)

    def largest(self, *values: float) -> tuple[float, ...]:
        """Return the largest of each value over the processes, the same in all of them."""
        if self.world == 1:
            return values
        shared = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return tuple(shared.tolist())

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes, without gradient."""
        if self.world == 1:
            return x
        shared = x.detach().clone()
        dist.all_reduce(shared)
        return shared / self.world

    def gather(self, items: tuple[T, ...]) -> tuple[T, ...]:
        """Return the items of all processes, in their order."""
        if self.world == 1:
            return items
        everyones: list[tuple[T, ...]] = [()] * self.world
        dist.all_gather_object(everyones, items)
        return tuple(item for part in everyones for item in part)

    def from_main(self, make: Callable[[], T]) -> T:
        """Let the main process make something, and return it in all of them.

        Raises:
            PeerFailedError: It failed there.
        """
        if self.world == 1:
            return make()
        made: list[Any] = [None, False]
        failure: ColorganError | None = None
        if self.is_main:
            try:
                made = [make(), True]
            except ColorganError as error:
                failure = error
        dist.broadcast_object_list(made, src=0)
        if failure is not None:
            raise failure
        if not made[1]:
            raise PeerFailedError("the main process failed; its message says why")
        result: T = made[0]
        return result


def own_runtime(runtime: Runtime) -> Runtime:
    """Give each process that torchrun started on this machine a GPU of its own.

    Each needs one of its own, since they wait for each other; colourising lets processes share GPUs.

    Raises:
        DeviceError: There are more processes than GPUs.
        ConfigError: torchrun's variables do not go together.
    """
    ranks = TorchrunRanks.from_environment()
    if ranks.count == 1 or runtime.device.type != "cuda":
        return runtime
    local, count = ranks.local_rank or 0, torch.cuda.device_count()
    if local >= count:
        raise DeviceError(
            f"torchrun started more processes on this machine than it has GPUs ({count}); use --nproc-per-node {count}"
        )
    torch.cuda.set_device(local)
    return Runtime(torch.device("cuda", local), runtime.dtype)


@contextmanager
def joined_processes(runtime: Runtime) -> Iterator[Processes]:
    """Join the processes that torchrun started, for the time of a run; alone if it started none.

    Raises:
        PeerFailedError: The connection to another process broke.
        ConfigError: torchrun's variables do not go together.
    """
    if TorchrunRanks.from_environment().count == 1:
        yield Processes(device=runtime.device)
        return
    dist.init_process_group("nccl" if runtime.device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), runtime.device)
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            raise PeerFailedError("the connection to another process broke; its message says why") from error
        raise
    finally:
        dist.destroy_process_group()
