"""The report as one HTML page that needs nothing else: no network, no script."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from colorgan.evaluation.plots import plot_distributions, plot_sweeps
from colorgan.evaluation.report import Example, Report, Row
from colorgan.evaluation.statistics import Interval
from colorgan.evaluation.sweep import StrengthSweep

__all__ = ["format_difference", "format_figure", "format_range", "report_to_html"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1d1f23; --soft: #646b76; --line: #d9dce2; --page: #fff; --band: #f4f5f7;
  --c0: #8b8f98; --c1: #b07a3f; --c2: #2463c9; --c3: #c2410c; --c4: #15803d; --c5: #7c3aed; --c6: #be185d;
  --c7: var(--ink); }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --soft: #a0a7b4; --line: #3a3f49; --page: #16181d;
  --band: #1f2229; --c2: #6ea4ff; --c3: #fb8a4c; --c4: #4cc277; --c5: #b190ff; --c6: #f472b6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
p, dd { margin: 0; color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: 1rem 0 0; }
dt { font-weight: 600; } dd { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; vertical-align: baseline; }
th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); }
th.text, td.text { text-align: left; }
tr.first td { border-top: 1px solid var(--line); } td small { color: var(--soft); display: block; }
.grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem; }
svg { width: 100%; height: auto; display: block; font: 11px system-ui, sans-serif; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg text { fill: var(--soft); } svg .x { text-anchor: middle; }
svg .y { text-anchor: end; } svg .mark { stroke: var(--soft); stroke-dasharray: 4 3; }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .75rem; font-size: .9rem; }
.key i { display: inline-block; width: 1.1rem; height: .25rem; border-radius: 2px; margin-right: .4rem;
  vertical-align: middle; }
figure { margin: 0 0 1rem; } figcaption { font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
.trio { display: grid; grid-template-columns: repeat(3, 1fr); gap: 3px; }
.trio img { width: 100%; display: block; }
details { margin-top: 1rem; color: var(--soft); }
"""
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
    """Return the whole report as a page: protocol, table, front, distributions, worst and best pictures."""
    series = {c.name: min(number, _COLORS - 1) for number, c in enumerate(report.candidates)}
    with_photographs = series | ({"photographs": _COLORS} if report.photographs else {})
    parts = [
        f"<h1>How well {escape(report.first_model or 'the baselines')} colours</h1>",
        f"<p>{len(report.names)} photographs</p>",
        _protocol(report),
        "<h2>Figures</h2>",
        _table(report),
        *_sweep_section(report.sweeps, series),
        "<h2>Single pictures</h2>",
        _key(with_photographs),
        _distributions(report, with_photographs),
        *_examples(report),
        _left_out(report),
    ]
    rules = "".join(
        f".s{n} {{ stroke: var(--c{n}); }} circle.s{n} {{ fill: var(--c{n}); }}" for n in range(_COLORS + 1)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>colorgan eval</title><style>{_STYLE}{rules}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _protocol(report: Report) -> str:
    lines = dict(report.protocol.describe())
    for candidate in report.candidates:
        if candidate.facts:
            lines[candidate.name] = ", ".join(f"{key} {value}" for key, value in candidate.facts.items())
    lines["made with"] = ", ".join(f"{key} {value}" for key, value in report.environment.items())
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in lines.items()) + "</dl>"


def _table(report: Report) -> str:
    several = any(row.against_first for row in report.rows)
    heads = ["value", "95 % interval", "against grey", *([f"against {report.first_model}"] if several else [])]
    body = []
    for statistic, group in groupby(report.rows, key=lambda row: row.statistic):
        rows = [[escape(row.candidate), *_cells(row, several=several)] for row in group]
        label = (
            f'<td class="text" rowspan="{len(rows)}">{escape(statistic.label)}'
            f"<small>{escape(statistic.unit)}, {escape(statistic.better)} is better</small></td>"
        )
        body += [_table_row(row, label if number == 0 else "") for number, row in enumerate(rows)]
    return _render_table(["figure", "of"], heads, body)


def _cells(row: Row, *, several: bool) -> list[str]:
    digits = row.statistic.digits
    cells = [
        format_figure(row.figure, digits),
        format_range(row.figure, digits),
        format_difference(row.against_grey, digits),
    ]
    return [*cells, format_difference(row.against_first, digits)] if several else cells


def _table_row(cells: Sequence[str], label: str = "") -> str:
    """Return a table row: a name, then numbers; a `label` cell before them begins a group."""
    numbers = "".join(f"<td>{cell}</td>" for cell in cells[1:])
    return f'<tr{" class=first" if label else ""}>{label}<td class="text">{cells[0]}</td>{numbers}</tr>'


def _render_table(names: Sequence[str], numbers: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th class="text">{escape(h)}</th>' for h in names) + "".join(
        f"<th>{escape(h)}</th>" for h in numbers
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _key(series: dict[str, int]) -> str:
    items = (f'<span><i style="background: var(--c{n})"></i>{escape(name)}</span>' for name, n in series.items())
    return f'<div class="key">{"".join(items)}</div>'


def _sweep_section(sweeps: Sequence[StrengthSweep], series: dict[str, int]) -> Iterable[str]:
    if not sweeps:
        return
    yield "<h2>Front: PSNR at equal colourfulness</h2>"
    yield _key({sweep.name: series[sweep.name] for sweep in sweeps})
    yield f'<div style="max-width: 44rem">{plot_sweeps(sweeps, series)}</div>'
    shares = list(sweeps[0].at_shares)
    heads = [*(f"PSNR gain at colourfulness {share:g}" for share in shares), "best PSNR gain"]
    rows = [
        _table_row([escape(sweep.name), *(_gain(sweep.at_shares[share]) for share in shares), _gain(sweep.best)])
        for sweep in sweeps
    ]
    yield _render_table(["model"], heads, rows)


def _gain(interval: Interval | None) -> str:
    return "not reached" if interval is None else format_difference(interval, 2) + " dB"


def _distributions(report: Report, series: dict[str, int]) -> str:
    plots = []
    for metric in report.picture_metrics:
        columns = {c.name: c.values[metric.name] for c in report.candidates}
        if metric.name in report.photographs:
            columns["photographs"] = report.photographs[metric.name]
        plot = plot_distributions(columns, series, f"{metric.label}, {metric.unit}")
        plots.append(f"<div><h3>{escape(metric.label)}</h3>{plot}</div>")
    return f'<div class="grid2">{"".join(plots)}</div>'


def _examples(report: Report) -> Iterable[str]:
    for end, examples in report.examples.items():
        if examples:
            yield f"<h2>{end.capitalize()} pictures of {escape(report.first_model or '')}</h2>"
            yield "<p>From left to right: in grey, coloured, the photograph.</p>"
            yield f'<div class="grid2">{"".join(map(_figure, examples))}</div>'


def _figure(example: Example) -> str:
    pictures = zip(
        ("grey", "coloured", "photograph"), (example.grey, example.coloured, example.photograph), strict=True
    )
    images = "".join(
        f'<img alt="{alt}" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">' for alt, data in pictures
    )
    caption = f"{escape(example.name)}: {example.gain:+.2f} dB over grey"
    return f'<figure><div class="trio">{images}</div><figcaption>{caption}</figcaption></figure>'


def _left_out(report: Report) -> str:
    if not report.left_out:
        return ""
    items = "".join(f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in report.left_out)
    return f"<details><summary>{len(report.left_out)} pictures left out</summary><ul>{items}</ul></details>"
