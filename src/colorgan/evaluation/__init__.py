"""Measuring how well pictures are coloured, by a protocol that is printed with every result."""

from colorgan.evaluation.evaluator import EvaluationRequest, evaluate
from colorgan.evaluation.measures import CORE_METRICS, METRICS, read_labels
from colorgan.evaluation.page import report_to_html
from colorgan.evaluation.protocol import Protocol
from colorgan.evaluation.report import Report, report_to_csv, report_to_json
from colorgan.evaluation.sources import EvaluationData, find_data

__all__ = [
    "CORE_METRICS",
    "METRICS",
    "EvaluationData",
    "EvaluationRequest",
    "Protocol",
    "Report",
    "evaluate",
    "find_data",
    "read_labels",
    "report_to_csv",
    "report_to_html",
    "report_to_json",
]
