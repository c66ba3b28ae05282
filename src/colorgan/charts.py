"""Line charts, as inline SVG for pages and as PNG for folders: no script, no plotting library.

A `Chart` says what is drawn. In SVG, colours come from the page's style sheet, which has a class for each (`s0`,
`s1`, ...); in PNG they are those of this module, used again from the first where there are more lines than colours.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image, ImageDraw

__all__ = ["Chart", "Line", "chart_to_svg", "charts_to_png", "span"]

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, in the order given."""

    name: str
    points: Sequence[Point]
    color: int = 0  # its number
    dots: bool = False  # whether each point is marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over one pair of axes."""

    title: str
    lines: Sequence[Line]
    x_range: Point
    y_range: Point  # of the logarithms to base 10, and the points too, where `logarithmic`
    x_label: str = ""
    y_label: str = ""
    logarithmic: bool = False
    uprights: Sequence[tuple[float, str]] = ()  # dashed lines at an x, with a text
    notes: Sequence[tuple[float, float, str]] = ()  # texts beside points


def span(values: Sequence[float]) -> Point:
    """Return the range of an axis that shows values with a little room; a flat line runs through its middle."""
    low, high = min(values), max(values)
    is_flat = high - low <= 1e-6 * max(abs(high), 1e-6)
    room = (0.1 * abs(high) or 1.0) if is_flat else 0.04 * (high - low)
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    exponent = math.floor(math.log10((high - low) / 4))
    step = 10.0**exponent
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 2 - exponent) for n in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a chart's axes lie in a picture."""

    chart: Chart
    left: float
    right: float
    top: float
    bottom: float

    def at(self, x: float, y: float) -> Point:
        """Return the place of a point."""
        (x0, x1), (y0, y1) = self.chart.x_range, self.chart.y_range
        across, up = (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def columns(self) -> list[tuple[float, str]]:
        """Return where the grid's upright lines stand, with their labels."""
        return [(self.at(value, self.chart.y_range[0])[0], f"{value:g}") for value in _ticks(*self.chart.x_range)]

    def rows(self) -> list[tuple[float, str]]:
        """Return where the grid's level lines lie, with their labels."""
        values = _ticks(*self.chart.y_range)
        labels = [f"{10**value:.3g}" if self.chart.logarithmic else f"{value:g}" for value in values]
        return [(self.at(self.chart.x_range[0], y)[1], label) for y, label in zip(values, labels, strict=True)]


# --- SVG --------------------------------------------------------------------------------------------------------------

_SVG_WIDTH, _SVG_HEIGHT = 560, 260


def chart_to_svg(chart: Chart) -> str:
    """Return a chart as an SVG element; its title is for those who do not see it."""
    frame = _Frame(chart, 52, _SVG_WIDTH - 14, 14, _SVG_HEIGHT - 44)
    marks = _svg_axes(frame)
    for x, text in chart.uprights:
        left, _ = frame.at(x, 0)
        marks.append(f'<line class="mark" x1="{left:.1f}" x2="{left:.1f}" y1="{frame.top}" y2="{frame.bottom}"/>')
        marks.append(f'<text class="note" x="{left + 4:.1f}" y="{frame.bottom - 6}">{escape(text)}</text>')
    for line in chart.lines:
        marks += _svg_line(frame, line)
    for x, y, text in chart.notes:
        left, top = frame.at(x, y)
        marks.append(f'<text class="note" x="{left + 5:.1f}" y="{top - 6:.1f}">{escape(text)}</text>')
    return (
        f'<svg viewBox="0 0 {_SVG_WIDTH} {_SVG_HEIGHT}" role="img" aria-label="{escape(chart.title, quote=True)}">'
        f"{''.join(marks)}</svg>"
    )


def _svg_axes(frame: _Frame) -> list[str]:
    marks = []
    for x, label in frame.columns():
        marks.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{frame.bottom}"/>')
        marks.append(f'<text class="x" x="{x:.1f}" y="{frame.bottom + 16}">{label}</text>')
    for y, label in frame.rows():
        marks.append(f'<line class="grid" x1="{frame.left}" x2="{frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        marks.append(f'<text class="y" x="{frame.left - 6}" y="{y + 4:.1f}">{label}</text>')
    middle_x, middle_y = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2
    x_label, y_label = escape(frame.chart.x_label), escape(frame.chart.y_label)
    marks.append(f'<text class="x" x="{middle_x}" y="{_SVG_HEIGHT - 8}">{x_label}</text>')
    marks.append(f'<text class="x" transform="translate(13 {middle_y}) rotate(-90)" x="0" y="0">{y_label}</text>')
    return marks


def _svg_line(frame: _Frame, line: Line) -> list[str]:
    placed = [frame.at(x, y) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    marks = [f'<polyline class="s{line.color}" points="{path}"><title>{escape(line.name)}</title></polyline>']
    if line.dots:
        marks += [f'<circle class="s{line.color}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in placed]
    return marks


# --- PNG --------------------------------------------------------------------------------------------------------------

_PNG_WIDTH, _PNG_HEIGHT = 460, 260  # of a chart, pixels
_COLORS = (
    "#1f5fa8", "#c4501b", "#2d8a4e", "#8a4fa3", "#7a6a1f", "#c2306e", "#1b8f98", "#5b5f66", "#a3762a", "#4657c9",
)  # fmt: skip
_INK, _FAINT = "#333333", "#dddddd"
_LEGEND_LINE = 14  # pixels


def charts_to_png(charts: Sequence[Chart], columns: int = 2) -> bytes:
    """Return charts as one PNG, row by row, each with its title and a legend above it."""
    rows = math.ceil(len(charts) / columns)
    picture = Image.new("RGB", (columns * _PNG_WIDTH, rows * _PNG_HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    for number, chart in enumerate(charts):
        row, column = divmod(number, columns)
        _draw_chart(draw, column * _PNG_WIDTH, row * _PNG_HEIGHT, chart)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def _draw_chart(draw: ImageDraw.ImageDraw, left: int, top: int, chart: Chart) -> None:
    legend = _place_legend(draw, chart, _PNG_WIDTH - 64 - 12)
    head = 26 + _LEGEND_LINE * (1 + max((row for _, row, _ in legend), default=0))
    frame = _Frame(chart, left + 64, left + _PNG_WIDTH - 12, top + head, top + _PNG_HEIGHT - 24)
    title = chart.title + (" (logarithmic)" if chart.logarithmic else "")
    draw.text((frame.left, top + 6), title, fill=_INK)
    _draw_axes(draw, frame)
    for across, row, line in legend:
        color = _COLORS[line.color % len(_COLORS)]
        draw.text((frame.left + across, top + 22 + _LEGEND_LINE * row), line.name, fill=color)
        _draw_line(draw, frame, line, color)


def _place_legend(draw: ImageDraw.ImageDraw, chart: Chart, width: float) -> list[tuple[float, int, Line]]:
    """Return how far right and in which row each line's name stands."""
    placed: list[tuple[float, int, Line]] = []
    across, row = 0.0, 0
    for line in chart.lines:
        length = draw.textlength(line.name)
        if across > 0 and across + length > width:
            across, row = 0.0, row + 1
        placed.append((across, row, line))
        across += length + 14
    return placed


def _draw_axes(draw: ImageDraw.ImageDraw, frame: _Frame) -> None:
    for y, label in frame.rows():
        draw.line((frame.left, y, frame.right, y), fill=_FAINT)
        draw.text((frame.left - 6 - draw.textlength(label), y - 6), label, fill=_INK)
    for x, label in frame.columns():
        draw.line((x, frame.top, x, frame.bottom), fill=_FAINT)
        length = draw.textlength(label)
        draw.text((min(x - length / 2, frame.right - length), frame.bottom + 6), label, fill=_INK)
    name = frame.chart.x_label
    draw.text((frame.left - 12 - draw.textlength(name), frame.bottom + 6), name, fill=_INK)


def _draw_line(draw: ImageDraw.ImageDraw, frame: _Frame, line: Line, color: str) -> None:
    places = [frame.at(x, y) for x, y in line.points]
    if len(places) > 1:
        draw.line(places, fill=color, width=2)
    for x, y in places if line.dots else places[-1:]:
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=color)
