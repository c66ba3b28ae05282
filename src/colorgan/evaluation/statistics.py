"""From one value a picture to figures with intervals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["STATISTICS", "Bootstrap", "Columns", "Interval", "Statistic", "pooled_psnr"]

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
    """Values of one candidate `(..., N)` by metric, with those of the photographs and of the grey pictures."""

    own: Mapping[str, Values]
    photographs: Mapping[str, Values]
    grey: Mapping[str, Values]

    def take(self, index: NDArray[np.int64], metric: str) -> "Columns":
        """Return one metric's values of the pictures that `index` `(R, N)` names."""
        own, photographs, grey = (
            {metric: columns[metric][index]} if metric in columns else {}
            for columns in (self.own, self.photographs, self.grey)
        )
        return Columns(own, photographs, grey)


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure in the table."""

    key: str
    label: str
    unit: str
    better: str  # "higher", "lower", or what it should be near to
    metric: str  # the metric it is made of
    compute: Callable[[Columns], Values] | None  # from values (..., N) to figures (...); None: it has no such values
    digits: int = 2
    difference: bool = True  # whether differences between candidates make sense


def _mean_of(metric: str) -> Callable[[Columns], Values]:
    return lambda columns: np.asarray(columns.own[metric].mean(-1))


def pooled_psnr(psnr: Values) -> Values:
    """Return the PSNR of the mean squared error of pictures whose own PSNRs are `(..., N)`."""
    return np.asarray(-10 * np.log10((10 ** (-psnr / 10)).mean(-1)))


def _colorfulness_share(columns: Columns) -> Values:
    real = columns.photographs["colorfulness"].mean(-1)
    return np.asarray(columns.own["colorfulness"].mean(-1) / np.maximum(real, 1e-9))


def _colorfulness_distance(columns: Columns) -> Values:
    return np.asarray(np.abs(columns.own["colorfulness"] - columns.photographs["colorfulness"]).mean(-1))


def _top5_recovery(columns: Columns) -> Values:
    own, grey, real = (c["top5"].mean(-1) for c in (columns.own, columns.grey, columns.photographs))
    way = real - grey
    return np.asarray(np.where(way > 0, (own - grey) / np.where(way > 0, way, 1), np.nan))


STATISTICS = (
    Statistic("psnr", "PSNR", "dB", "higher", "psnr", _mean_of("psnr")),
    Statistic(
        "psnr-of-mean-error", "PSNR of the mean error", "dB", "higher", "psnr", lambda c: pooled_psnr(c.own["psnr"])
    ),
    Statistic(
        "psnr-missing",
        "PSNR where luminance was missing",
        "dB",
        "higher",
        "psnr-missing",
        _mean_of("psnr-missing"),
    ),
    Statistic(
        "size-stability",
        "ab distance between render sizes 192 and 384",
        "Lab units",
        "lower",
        "size-stability",
        _mean_of("size-stability"),
    ),
    Statistic(
        "psnr-repair", "the same of the grey level alone", "dB", "higher", "psnr-repair", _mean_of("psnr-repair")
    ),
    Statistic("ssim", "SSIM, mean of R, G, B", "0..1", "higher", "ssim", _mean_of("ssim"), 4),
    Statistic(
        "colorfulness",
        "colourfulness (Hasler-Suesstrunk)",
        "8-bit levels",
        "near the photographs'",
        "colorfulness",
        _mean_of("colorfulness"),
        1,
    ),
    Statistic(
        "colorfulness-share",
        "its share of the photographs'",
        "ratio of means",
        "near 1",
        "colorfulness",
        _colorfulness_share,
    ),
    Statistic(
        "colorfulness-distance",
        "its mean distance from the photograph's",
        "8-bit levels",
        "lower",
        "colorfulness",
        _colorfulness_distance,
        1,
    ),
    Statistic("delta-e", "colour difference CIEDE2000", "delta E", "lower", "delta-e", _mean_of("delta-e")),
    Statistic("ab-rmse", "root mean square ab distance", "Lab units", "lower", "ab-rmse", _mean_of("ab-rmse")),
    Statistic(
        "perceptual", "perceptual distance (VGG19)", "share of activation", "lower", "perceptual",
        _mean_of("perceptual"), 4,
    ),
    Statistic("lpips", "LPIPS (SqueezeNet)", "0..1", "lower", "lpips", _mean_of("lpips"), 4),
    Statistic("top5", "top-5 accuracy of SqueezeNet 1.1", "share", "higher", "top5", _mean_of("top5"), 3),
    Statistic(
        "top5-recovery", "its way from grey to the photographs", "share", "higher", "top5", _top5_recovery, 3
    ),
    Statistic("fid", "FID (Inception 2015), no interval", "squared features", "lower", "fid", None),
)  # fmt: skip
"""All figures, in the table's order; those of the metrics that were measured are shown."""


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
        if figure is None:
            raise ValueError(f"{statistic.key} is not made of single pictures' values")

        def compute(index: NDArray[np.int64] | None = None) -> Values:
            values = [
                figure(c if index is None else c.take(index, statistic.metric))
                for c in (columns, against)
                if c is not None
            ]
            return values[0] if against is None else values[0] - values[1]

        return summarize(compute(), [compute(index) for index in self.indices()])


def summarize(value: Values, resampled: Sequence[Values]) -> Interval:
    """Return a figure with the 2.5 and 97.5 percentiles of its resampled values."""
    low, high = np.nanpercentile(np.concatenate(resampled), [2.5, 97.5]) if np.isfinite(value) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))
