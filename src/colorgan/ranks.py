"""What `torchrun` says to each of the processes that it starts."""

import os
from dataclasses import dataclass
from typing import Self

from colorgan.errors import ConfigError

__all__ = ["TorchrunRanks"]


@dataclass(frozen=True, slots=True)
class TorchrunRanks:
    """This process among those that were started together; alone by default."""

    rank: int = 0
    count: int = 1
    local_rank: int | None = None  # among those of this machine; None: nobody says
    count_here: int = 1  # how many of them share this machine

    @classmethod
    def from_environment(cls) -> Self:
        """Read `torchrun`'s variables.

        Raises:
            ConfigError: They are not numbers that go together.
        """
        rank, count = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
        if not (rank.isdecimal() and count.isdecimal() and int(rank) < int(count)):
            raise ConfigError(f"RANK={rank} and WORLD_SIZE={count} do not go together; unset both, or use torchrun")
        if int(count) == 1:
            return cls()
        local, here = os.environ.get("LOCAL_RANK", ""), os.environ.get("LOCAL_WORLD_SIZE", "")
        return cls(
            int(rank),
            int(count),
            int(local) if local.isdecimal() else None,
            max(1, int(here)) if here.isdecimal() else 1,
        )
