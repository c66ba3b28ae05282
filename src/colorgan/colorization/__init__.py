"""Colouring photographs: one picture, or a whole tree of files."""

from colorgan.colorization.batch import Event, Notice, run_jobs
from colorgan.colorization.colorizer import Colorizer, Colors, Sketch
from colorgan.colorization.paths import colorize_paths, plan_paths
from colorgan.colorization.plan import STREAM, Job, Plan, find_sources, make_plan
from colorgan.colorization.work import ColorizeOptions, Outcome, Status

__all__ = [
    "STREAM",
    "ColorizeOptions",
    "Colorizer",
    "Colors",
    "Event",
    "Job",
    "Notice",
    "Outcome",
    "Plan",
    "Sketch",
    "Status",
    "colorize_paths",
    "find_sources",
    "make_plan",
    "plan_paths",
    "run_jobs",
]
