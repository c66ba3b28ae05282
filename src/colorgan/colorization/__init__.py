"""Colouring photographs: one picture, or a whole tree of files."""

from colorgan.colorization.album import match_albums
from colorgan.colorization.arrivals import Arrivals, wait_for_changes
from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.hints import Hint, parse_hint, parse_time, read_hints
from colorgan.colorization.manifest import Manifest, open_manifest
from colorgan.colorization.masks import add_masks
from colorgan.colorization.palette import Palette
from colorgan.colorization.paths import add_hints, check_reports, find_pictures, plan_paths
from colorgan.colorization.plan import Job, Plan, Side, make_plan
from colorgan.colorization.previews import PreviewStore
from colorgan.colorization.ranks import Ranks
from colorgan.colorization.reference import Reference
from colorgan.colorization.run_report import write_report
from colorgan.colorization.runner import count_cores, run_jobs, start_worker_pool
from colorgan.colorization.search import Sources, find_sources
from colorgan.colorization.sheet import write_sheet
from colorgan.colorization.work import (
    IN_COLOR,
    ColorizeOptions,
    Event,
    Notice,
    Outcome,
    Progress,
    Status,
    settings_of,
)
from colorgan.colorization.worker_pool import WorkerPool
from colorgan.request import STREAM, Product

__all__ = [
    "IN_COLOR",
    "STREAM",
    "Arrivals",
    "ColorizeOptions",
    "Colorizer",
    "Event",
    "Hint",
    "Job",
    "Manifest",
    "Notice",
    "Outcome",
    "Palette",
    "Plan",
    "PreviewStore",
    "Product",
    "Progress",
    "Ranks",
    "Reference",
    "Side",
    "Sources",
    "Status",
    "WorkerPool",
    "add_hints",
    "add_masks",
    "check_reports",
    "count_cores",
    "find_pictures",
    "find_sources",
    "make_plan",
    "match_albums",
    "open_manifest",
    "parse_hint",
    "parse_time",
    "plan_paths",
    "read_hints",
    "run_jobs",
    "settings_of",
    "start_worker_pool",
    "wait_for_changes",
    "write_report",
    "write_sheet",
]
