"""Where chance comes from in training: numbers for each picture of a batch, by its place in the run."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["RandomSource", "derive_seed"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def derive_seed(*key: int) -> int:
    """Return a seed for torch, 0 to 2**63 - 1, that depends on all of a key's numbers."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]) >> 1


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter numbers over all of 64 bits: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class RandomSource:
    """Random tensors, one row for each picture of a batch.

    A picture's numbers depend on the seed, its position and the draws before alone, not on the pictures beside it. They
    are made on the host, so that a GPU is never asked how much work there is.

    Args:
        device: Where tensors are wanted.
        keys: A number for each picture, `(B,)`; see `at`.
        here: Which pictures they are, of a source for more; all if left out.
    """

    def __init__(self, device: torch.device, keys: NDArray[np.uint64], here: NDArray[np.int64] | None = None) -> None:
        self.device = device
        self.here = self.bring(torch.from_numpy(np.arange(len(keys)) if here is None else here))
        self._keys = keys
        self._draws = 0

    @classmethod
    def at(cls, positions: Sequence[int], seed: int, device: torch.device | None = None) -> "RandomSource":
        """Return the source of the pictures at some positions of a run, 0 or more; tensors on the CPU if left out."""
        keys = _mix(np.array(positions, np.uint64) * _GOLDEN) ^ np.uint64(derive_seed(seed))
        return cls(device or torch.device("cpu"), _mix(keys))

    def __len__(self) -> int:
        return len(self._keys)

    def _bits(self, count: int) -> NDArray[np.uint64]:
        """Return new bits `(B, count)`; the first ones are the same however many there are."""
        self._draws += 1
        places = np.arange(count, dtype=np.uint64) + np.uint64(self._draws << 32)
        return _mix(self._keys[:, None] ^ _mix(places * _GOLDEN))

    def _numbers(self, *shape: int) -> NDArray[np.float64]:
        bits = self._bits(math.prod(shape)) >> np.uint64(11)
        return (bits.astype(np.float64) * 2.0**-53).reshape(len(self), *shape)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Draw evenly from `low` up to `high`: `(B, *shape)`."""
        return self.bring(torch.from_numpy(low + self._numbers(*shape) * (high - low)).float())

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Draw integers from `low` to `high`, both included: `(B, *shape)`."""
        return self.bring(torch.from_numpy(low + (self._numbers(*shape) * (high - low + 1)).astype(np.int64)))

    def counts(self, most: int) -> Tensor:
        """Draw how many things each picture has, from 1 to `most`: `(B, K)`, bool, true for those that are there."""
        return self._first(1 + self._numbers() * most)

    def geometric_counts(self, probability: float, most: int) -> Tensor:
        """Draw the same by a geometric distribution, cut off at `most`."""
        return self._first(np.minimum(1 + np.log1p(-self._numbers()) / math.log1p(-probability), most))

    def _first(self, counts: NDArray[np.float64]) -> Tensor:
        whole = counts.astype(np.int64)[:, None]
        return self.bring(torch.from_numpy(np.arange(whole.max(initial=0)) < whole))

    def uniform_pixels(self, height: int, width: int) -> Tensor:
        """Draw evenly from 0 up to 1 for each pixel: `(B, height, width)`."""
        return self._pixels(torch.rand, height, width)

    def normal_pixels(self, height: int, width: int) -> Tensor:
        """Draw from the normal distribution of mean 0 and standard deviation 1 for each pixel."""
        return self._pixels(torch.randn, height, width)

    def _pixels(self, draw: Callable[..., Tensor], height: int, width: int) -> Tensor:
        # So many numbers are made on the device, by torch's own generators: each kind of device has others.
        seeds = (self._bits(1)[:, 0] >> np.uint64(1)).tolist()
        generators = (torch.Generator(self.device).manual_seed(seed) for seed in seeds)
        return torch.stack([draw(height, width, generator=one, device=self.device) for one in generators])

    def chance(self, probability: float) -> Tensor:
        """Draw booleans that are true with some probability: `(B,)`."""
        return self.bring(torch.from_numpy(self._numbers() < probability))

    def some(self, probability: float) -> "RandomSource":
        """Draw to which pictures something is done."""
        return self._of(self._numbers() < probability)

    def groups(self, groups: int) -> "list[RandomSource]":
        """Put each picture into one of some groups."""
        group = (self._numbers() * groups).astype(np.int64)
        return [self._of(group == number) for number in range(groups)]

    def _of(self, chosen: NDArray[np.bool_]) -> "RandomSource":
        return RandomSource(self.device, self._bits(1)[chosen, 0], np.flatnonzero(chosen))

    def bring(self, host: Tensor) -> Tensor:
        """Bring a small tensor to the device; a GPU is not waited for."""
        if self.device.type == "cuda":
            return host.pin_memory().to(self.device, non_blocking=True)
        return host.to(self.device)
