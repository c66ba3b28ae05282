"""The report as one HTML page that needs nothing else: no network, no script."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from colorgan.evaluation.plots import plot_distributions, plot_sweeps
from colorgan.evaluation.report import Report, Row
from colorgan.evaluation.statistics import Interval
from colorgan.evaluation.sweep import StrengthSweep
from colorgan.pages import Markup, render_page

__all__ = ["format_difference", "format_figure", "format_range", "report_to_html"]

_COLORS = 7  # of candidates; one more is the photographs'


def format_figure(interval: Interval, digits: int) -> str:
    """Return a figure's value."""
    return "-" if interval.value != interval.value else f"{interval.value:.{digits}f}"


def format_range(interval: Interval, digits: int) -> str:
    """Return a figure's interval."""
    return "-" if interval.low != interval.low else f"{interval.low:.{digits}f} .. {interval.high:.{digits}f}"


def format_difference(interval: Interval | None, digits: int) -> str:
    """Return a paired difference with its interval where there is one, or nothing."""
    if interval is None:
        return ""
    if interval.value != interval.value:
        return "-"
    if interval.low != interval.low:
        return f"{interval.value:+.{digits}f}"
    return f"{interval.value:+.{digits}f} ({interval.low:+.{digits}f} .. {interval.high:+.{digits}f})"


def report_to_html(report: Report) -> str:
    """Return the whole report as a page: protocol, table, strength sweep, distributions, worst and best pictures."""
    series = {c.name: min(number, _COLORS - 1) for number, c in enumerate(report.candidates)}
    with_photographs = series | ({"photographs": _COLORS} if report.photographs else {})
    several = any(row.against_first for row in report.rows)
    heads = ["value", "95 % interval", "against grey", *([f"against {report.first_model}"] if several else [])]
    return "".join(
        render_page(
            "evaluation.html",
            report=report,
            colors=_COLORS + 1,
            protocol=_protocol(report),
            heads=heads,
            figures=[_figures(metric, list(rows), several=several) for metric, rows in _by_metric(report.rows)],
            sweeps=_sweeps(report.sweeps, series) if report.sweeps else None,
            series=with_photographs,
            distributions=_distributions(report, with_photographs),
        )
    )


def _by_metric(rows: Sequence[Row]) -> Any:
    return groupby(rows, key=lambda row: row.statistic)


def _protocol(report: Report) -> dict[str, str]:
    lines = dict(report.protocol.describe())
    for candidate in report.candidates:
        if candidate.facts:
            lines[candidate.name] = ", ".join(f"{key} {value}" for key, value in candidate.facts.items())
    lines["made with"] = ", ".join(f"{key} {value}" for key, value in report.environment.items())
    return lines


def _figures(metric: Any, rows: Sequence[Row], *, several: bool) -> dict[str, Any]:
    cells = [(row.candidate, _cells(row, several=several)) for row in rows]
    return {"label": metric.label, "unit": metric.unit, "better": metric.better, "rows": cells}


def _cells(row: Row, *, several: bool) -> list[str]:
    digits = row.statistic.digits
    cells = [
        format_figure(row.figure, digits),
        format_range(row.figure, digits),
        format_difference(row.against_grey, digits),
    ]
    return [*cells, format_difference(row.against_first, digits)] if several else cells


def _sweeps(sweeps: Sequence[StrengthSweep], series: Mapping[str, int]) -> dict[str, Any]:
    shares = list(sweeps[0].at_shares)
    return {
        "series": {sweep.name: series[sweep.name] for sweep in sweeps},
        "plot": Markup(plot_sweeps(sweeps, series)),
        "shares": shares,
        "rows": [(s.name, [*(_gain(s.at_shares[share]) for share in shares), _gain(s.best)]) for s in sweeps],
    }


def _gain(interval: Interval | None) -> str:
    return "not reached" if interval is None else format_difference(interval, 2) + " dB"


def _distributions(report: Report, series: Mapping[str, int]) -> list[tuple[str, Any]]:
    plots = []
    for metric in report.picture_metrics:
        columns = {c.name: c.values[metric.name] for c in report.candidates}
        if metric.name in report.photographs:
            columns["photographs"] = report.photographs[metric.name]
        plot = plot_distributions(columns, series, f"{metric.label}, {metric.unit}")
        plots.append((metric.label, Markup(plot)))
    return plots
