"""The plots of a report's page: how values are distributed, and what strengths trade."""

from collections.abc import Mapping, Sequence

import numpy as np

from colorgan.charts import Chart, Line, chart_to_svg, span
from colorgan.evaluation.statistics import Values
from colorgan.evaluation.sweep import StrengthSweep

__all__ = ["plot_distributions", "plot_sweeps"]

_MOST_BINS = 40


def plot_distributions(columns: Mapping[str, Values], series: Mapping[str, int], x_label: str) -> str:
    """Plot how the values of single pictures are distributed, one outline a candidate.

    Args:
        columns: Values `(N,)` by candidate.
        series: The number of each candidate's colour.
        x_label: What the values are.
    """
    varied = {name: values for name, values in columns.items() if np.ptp(values) > 0}
    if not varied:
        return "<p>All pictures have the same value.</p>"
    joined = np.concatenate(list(varied.values()))
    low, high = np.percentile(joined, [0.5, 99.5])  # a few outliers would flatten all the rest
    if high <= low:
        low, high = joined.min(), joined.max()
    bins = int(np.clip(2 * np.sqrt(joined.size / len(varied)), 6, _MOST_BINS))
    edges = np.linspace(low, high, bins + 1)
    counts = {name: np.histogram(values.clip(low, high), edges)[0] for name, values in varied.items()}
    lines = []
    for name, count in counts.items():
        heights = np.repeat(count, 2).tolist()
        outline = list(zip(np.repeat(edges, 2)[1:-1].tolist(), heights, strict=True))
        lines.append(Line(name, [(low, 0), *outline, (high, 0)], series[name]))
    return chart_to_svg(
        Chart(
            title=f"Distribution of {x_label}",
            lines=lines,
            x_range=span([low, high]),
            y_range=(0, 1.08 * max(c.max() for c in counts.values())),
            x_label=x_label,
            y_label="pictures",
        )
    )


def plot_sweeps(sweeps: Sequence[StrengthSweep], series: Mapping[str, int]) -> str:
    """Plot PSNR gain against colourfulness, a line a model, a dot a strength."""
    xs = [x for sweep in sweeps for x in sweep.shares]
    ys = [y for sweep in sweeps for y in sweep.gains]
    first = sweeps[0]
    swept = zip(first.strengths, first.shares, first.gains, strict=True)
    return chart_to_svg(
        Chart(
            title="PSNR gain against colourfulness",
            lines=[
                Line(sweep.name, list(zip(sweep.shares, sweep.gains, strict=True)), series[sweep.name], dots=True)
                for sweep in sweeps
            ],
            x_range=span([*xs, 1.0]),
            y_range=span(ys),
            x_label="colourfulness, share of the photographs'",
            y_label="PSNR gain over grey, dB",
            uprights=[(share, f"{share:g}") for share in first.at_shares if share <= max(xs)],
            notes=[(share, gain, f"strength {s:g}") for s, share, gain in swept if s in (1.0, 2.0, 3.0)],
        )
    )
