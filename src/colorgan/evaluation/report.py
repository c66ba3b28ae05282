"""A finished evaluation: values of single pictures, and the figures, tables and files made of them."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from colorgan.evaluation.measures import METRICS, Metric
from colorgan.evaluation.protocol import Protocol
from colorgan.evaluation.statistics import Bootstrap, Columns, Interval, Statistic, Values
from colorgan.evaluation.sweep import StrengthSweep

__all__ = ["CandidateScores", "Example", "Report", "Row", "report_to_csv", "report_to_json"]


@dataclass(frozen=True, slots=True)
class CandidateScores:
    """What one candidate reached on each picture."""

    name: str
    kind: str  # "baseline", "model" or "pictures"
    facts: Mapping[str, str]  # sha256 and settings of a model, for example
    values: Mapping[str, Values]  # (N,) by metric
    overall: Mapping[str, float] = field(default_factory=dict)  # figures of all pictures together, by metric


@dataclass(frozen=True, slots=True)
class Example:
    """A picture to look at: JPEG files of what went in, what came out, and the photograph."""

    name: str
    gain: float  # PSNR over the grey picture's, dB
    grey: bytes
    coloured: bytes
    photograph: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: one figure of one candidate."""

    statistic: Statistic
    candidate: str
    figure: Interval
    against_grey: Interval | None  # paired difference
    against_first: Interval | None  # paired difference from the first model


@dataclass(frozen=True)
class Report:
    """All that an evaluation found."""

    protocol: Protocol
    metrics: tuple[Metric, ...]  # in the order in which they were asked for
    names: tuple[str, ...]  # of the pictures that were measured, printable
    left_out: tuple[tuple[str, str], ...]  # pictures that were not, with the reason, printable
    photographs: Mapping[str, Values]  # the photographs' own values (N,) of metrics that judge a picture alone
    candidates: tuple[CandidateScores, ...]  # baselines first
    environment: Mapping[str, str]  # device, precision, versions
    sweeps: tuple[StrengthSweep, ...] = ()
    examples: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)  # "worst" and "best" of the first model

    @property
    def picture_metrics(self) -> tuple[Metric, ...]:
        """The metrics that have a value for each picture."""
        return tuple(metric for metric in self.metrics if metric.compare_sets is None)

    @property
    def bootstrap(self) -> Bootstrap:
        """The resamples of this report's intervals."""
        return Bootstrap(len(self.names), self.protocol.resamples, self.protocol.seed)

    @property
    def first_model(self) -> str | None:
        """The name of the first candidate that is no baseline."""
        return next((c.name for c in self.candidates if c.kind != "baseline"), None)

    @property
    def left_out_counts(self) -> dict[str, int]:
        """How many pictures were left out, by reason; damaged ones together."""
        counts: dict[str, int] = {}
        for _, reason in self.left_out:
            kind = reason.partition(":")[0]
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The table, metric by metric, with bootstrap intervals."""
        places = {name: place for place, name in enumerate(METRICS)}
        in_order = sorted(self.metrics, key=lambda metric: places.get(metric.name, len(places)))
        return tuple(row for metric in in_order for row in self._rows_of(metric))

    def _rows_of(self, metric: Metric) -> Iterator[Row]:
        if metric.compare_sets is not None:
            yield from self._rows_of_sets(metric)
            return
        columns = {c.name: self._columns(metric, c.values) for c in self.candidates}
        for number, statistic in enumerate(metric.statistics):
            if number == 0 and metric.name in self.photographs:
                real = self._columns(metric, self.photographs)
                yield Row(statistic, "photographs", self.bootstrap.interval(statistic, real), None, None)
            for candidate in self.candidates:
                own = columns[candidate.name]
                differences = [
                    None if other is None else self.bootstrap.interval(statistic, own, columns[other])
                    for other in self._compared_to(candidate)
                ]
                yield Row(statistic, candidate.name, self.bootstrap.interval(statistic, own), *differences)

    def _rows_of_sets(self, metric: Metric) -> Iterator[Row]:
        figures = {c.name: c.overall[metric.name] for c in self.candidates}
        for candidate in self.candidates:
            own = figures[candidate.name]
            differences = [
                None if other is None else Interval(own - figures[other], math.nan, math.nan)
                for other in self._compared_to(candidate)
            ]
            yield Row(metric.statistics[0], candidate.name, Interval(own, math.nan, math.nan), *differences)

    def _columns(self, metric: Metric, values: Mapping[str, Values]) -> Columns:
        return Columns(values[metric.name], self.candidates[0].values[metric.name], self.photographs.get(metric.name))

    def _compared_to(self, candidate: CandidateScores) -> tuple[str | None, str | None]:
        """Return the names of the grey pictures and of the first model, each where it is another than the candidate."""
        if candidate.kind == "baseline":
            return None, None
        return "grey", None if self.first_model == candidate.name else self.first_model


def report_to_json(report: Report) -> str:
    """Return the whole report but its pictures as JSON; numbers that do not exist are null."""
    content = {
        "protocol": asdict(report.protocol) | {"description": report.protocol.describe()},
        "environment": dict(report.environment),
        "pictures": len(report.names),
        "left_out": [{"name": name, "reason": reason} for name, reason in report.left_out],
        "candidates": [{"name": c.name, "kind": c.kind, **c.facts} for c in report.candidates],
        "figures": [_row_to_mapping(row) for row in report.rows],
        "fronts": [_sweep_to_mapping(sweep) for sweep in report.sweeps],
    }
    return json.dumps(_without_nan(content), indent=1, ensure_ascii=False, allow_nan=False)


def _row_to_mapping(row: Row) -> dict[str, Any]:
    mapping = {
        "figure": row.statistic.key,
        "unit": row.statistic.unit,
        "better": row.statistic.better,
        "candidate": row.candidate,
        **asdict(row.figure),
    }
    for key, difference in (("against_grey", row.against_grey), ("against_first", row.against_first)):
        if difference is not None:
            mapping[key] = asdict(difference)
    return mapping


def _sweep_to_mapping(sweep: StrengthSweep) -> dict[str, Any]:
    return {
        "model": sweep.name,
        "strengths": list(sweep.strengths),
        "gains_db": list(sweep.gains),
        "colorfulness_shares": list(sweep.shares),
        "gain_at_share": [
            {"share": share, "gain": None if gain is None else asdict(gain)} for share, gain in sweep.at_shares.items()
        ],
        "best_gain": asdict(sweep.best),
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def report_to_csv(report: Report) -> str:
    """Return one line for each picture and candidate, the photographs' own values included."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    metrics = [metric.name for metric in report.picture_metrics]
    writer.writerow(["picture", "candidate", *metrics])
    columns = [("photographs", report.photographs), *((c.name, c.values) for c in report.candidates)]
    for number, name in enumerate(report.names):
        for candidate, values in columns:
            figures = [f"{values[m][number]:.6g}" if m in values else "" for m in metrics]
            writer.writerow([name, candidate, *figures])
    return text.getvalue()
