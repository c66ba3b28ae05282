"""From one value a picture to figures with intervals."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bootstrap", "Columns", "Interval", "Statistic", "Values", "mean", "pooled_psnr", "summarize"]

Values = NDArray[np.float64]
_CHUNK = 4_000_000  # values gathered at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Columns:
    """One metric's values `(..., N)` of a candidate, with those of the grey pictures and of the photographs."""

    own: Values
    grey: Values
    photographs: Values | None = None  # only a metric that judges a picture alone has them

    def take(self, index: NDArray[np.int64]) -> "Columns":
        """Return the values of the pictures that `index` `(R, N)` names."""
        photographs = None if self.photographs is None else self.photographs[index]
        return Columns(self.own[index], self.grey[index], photographs)


def mean(columns: Columns) -> Values:
    """Return the mean over the pictures."""
    return np.asarray(columns.own.mean(-1))


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure in the table."""

    key: str
    label: str
    unit: str
    better: str  # "higher", "lower", or what it should be near to
    compute: Callable[[Columns], Values] = mean  # from values (..., N) to figures (...)
    digits: int = 2


def pooled_psnr(psnr: Values) -> Values:
    """Return the PSNR of the mean squared error of pictures whose own PSNRs are `(..., N)`."""
    return np.asarray(-10 * np.log10((10 ** (-psnr / 10)).mean(-1)))


class Bootstrap:
    """Percentile bootstrap over pictures; every figure sees the same resamples, so differences are paired.

    Args:
        count: Number of pictures.
        resamples: Number of resamples.
        seed: Of the resampling.
    """

    def __init__(self, count: int, resamples: int, seed: int) -> None:
        self.count = count
        self.resamples = resamples
        self.seed = seed

    def indices(self) -> Iterator[NDArray[np.int64]]:
        """Yield the resamples `(R, N)` in chunks, the same each time."""
        rng = np.random.default_rng(self.seed)
        at_once = max(1, _CHUNK // self.count)
        for done in range(0, self.resamples, at_once):
            yield rng.integers(self.count, size=(min(at_once, self.resamples - done), self.count))

    def interval(self, statistic: Statistic, columns: Columns, against: Columns | None = None) -> Interval:
        """Return a figure with its interval, or its paired difference from that of `against`."""
        figure = statistic.compute

        def compute(index: NDArray[np.int64] | None = None) -> Values:
            values = [figure(c if index is None else c.take(index)) for c in (columns, against) if c is not None]
            return values[0] if against is None else values[0] - values[1]

        return summarize(compute(), [compute(index) for index in self.indices()])


def summarize(value: Values, resampled: Sequence[Values]) -> Interval:
    """Return a figure with the 2.5 and 97.5 percentiles of its resampled values."""
    low, high = np.nanpercentile(np.concatenate(resampled), [2.5, 97.5]) if np.isfinite(value) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))
