"""Measuring how well pictures are coloured, by a protocol that is printed with every result."""

from colorgan.evaluation.evaluator import evaluate
from colorgan.evaluation.measures import CORE_METRICS, METRICS, read_labels
from colorgan.evaluation.protocol import Protocol
from colorgan.evaluation.report import Report, report_to_csv, report_to_json

__all__ = [
    "CORE_METRICS",
    "METRICS",
    "Protocol",
    "Report",
    "evaluate",
    "read_labels",
    "report_to_csv",
    "report_to_json",
]
