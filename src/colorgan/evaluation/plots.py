"""Plots as inline SVG: no script, no outside resources, colours from the page's style sheet."""

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from colorgan.evaluation.front import Front
from colorgan.evaluation.statistics import Values

__all__ = ["plot_distributions", "plot_fronts"]

_WIDTH, _HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 44
_MOST_BINS = 40


class _Axes:
    """A plot area with linear axes, into which marks are written."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], x_label: str, y_label: str) -> None:
        self.x_range, self.y_range = x, y
        self.marks: list[str] = []
        for value in _ticks(*x):
            place = self.at(value, y[0])[0]
            self.marks.append(
                f'<line class="grid" x1="{place:.1f}" x2="{place:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
            )
            self.marks.append(f'<text class="x" x="{place:.1f}" y="{_HEIGHT - _BOTTOM + 16}">{value:g}</text>')
        for value in _ticks(*y):
            place = self.at(x[0], value)[1]
            self.marks.append(
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{place:.1f}" y2="{place:.1f}"/>'
            )
            self.marks.append(f'<text class="y" x="{_LEFT - 6}" y="{place + 4:.1f}">{value:g}</text>')
        middle_x, middle_y = (_LEFT + _WIDTH - _RIGHT) / 2, (_TOP + _HEIGHT - _BOTTOM) / 2
        self.marks.append(f'<text class="x" x="{middle_x}" y="{_HEIGHT - 8}">{escape(x_label)}</text>')
        self.marks.append(
            f'<text class="x" transform="translate(13 {middle_y}) rotate(-90)" x="0" y="0">{escape(y_label)}</text>'
        )

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a point in the SVG."""
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        across, up = (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)
        return _LEFT + across * (_WIDTH - _RIGHT - _LEFT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _BOTTOM - _TOP)

    def line(self, points: Sequence[tuple[float, float]], series: int, title: str, *, dots: bool = False) -> None:
        """Draw a line through points."""
        placed = [self.at(x, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        self.marks.append(f'<polyline class="s{series}" points="{path}"><title>{escape(title)}</title></polyline>')
        if dots:
            self.marks += [f'<circle class="s{series}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in placed]

    def text(self, x: float, y: float, text: str) -> None:
        """Write beside a point."""
        left, top = self.at(x, y)
        self.marks.append(f'<text class="note" x="{left + 5:.1f}" y="{top - 6:.1f}">{escape(text)}</text>')

    def upright(self, x: float, text: str) -> None:
        """Draw a dashed line at an x."""
        left, _ = self.at(x, 0)
        self.marks.append(f'<line class="mark" x1="{left:.1f}" x2="{left:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        self.marks.append(f'<text class="note" x="{left + 4:.1f}" y="{_HEIGHT - _BOTTOM - 6}">{escape(text)}</text>')

    def render(self, label: str) -> str:
        """Return the SVG element."""
        return (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label, quote=True)}">'
            f"{''.join(self.marks)}</svg>"
        )


def _ticks(low: float, high: float) -> list[float]:
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.04 or 1.0
    return low - room, high + room


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
    axes = _Axes(_span([low, high]), (0, 1.08 * max(c.max() for c in counts.values())), x_label, "pictures")
    for name, count in counts.items():
        heights = np.repeat(count, 2).tolist()
        outline = list(zip(np.repeat(edges, 2)[1:-1].tolist(), heights, strict=True))
        axes.line([(low, 0), *outline, (high, 0)], series[name], name)
    return axes.render(f"Distribution of {x_label}")


def plot_fronts(fronts: Sequence[Front], series: Mapping[str, int]) -> str:
    """Plot PSNR gain against colourfulness, a line a model, a dot a strength."""
    xs = [x for front in fronts for x in front.shares]
    ys = [y for front in fronts for y in front.gains]
    axes = _Axes(_span([*xs, 1.0]), _span(ys), "colourfulness, share of the photographs'", "PSNR gain over grey, dB")
    for share in (s for s in fronts[0].at_shares if s <= max(xs)):
        axes.upright(share, f"{share:g}")
    for front in fronts:
        axes.line(list(zip(front.shares, front.gains, strict=True)), series[front.name], front.name, dots=True)
    first = fronts[0]
    for strength, share, gain in zip(first.strengths, first.shares, first.gains, strict=True):
        if strength in (1.0, 2.0, 3.0):
            axes.text(share, gain, f"strength {strength:g}")
    return axes.render("PSNR gain against colourfulness")
