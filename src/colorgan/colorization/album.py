"""A set that looks like a set: photographs of one folder share white balance and saturation.

A first pass asks the network for the colours of every photograph and keeps three numbers of each. The second pass is
the ordinary run, with an adjustment for each photograph. All photographs of a folder count, those too whose results
are there already or belong to another part, so that a run that goes on gives what a single one would.
"""

import dataclasses
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

from colorgan.colorization.color_stats import ColorStats, equalize, measure_color_stats
from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.plan import Job, Plan
from colorgan.colorization.runner import run_jobs
from colorgan.colorization.work import ColorizeOptions, OpenedJob, Outcome, Progress, Status
from colorgan.config import ColorInput, Existing
from colorgan.errors import ImageReadError, UsageError
from colorgan.request import STREAM

__all__ = ["match_albums"]


def match_albums(
    plan: Plan,
    part: Plan,
    colorizer: Colorizer,
    options: ColorizeOptions,
    *,
    workers: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Progress, None, Plan]:
    """Give the photographs of a plan the adjustments that make each folder look like a set; yield how far that is.

    Args:
        plan: The whole plan.
        part: The part of it that is to be done.
        colorizer: The network.
        options: Those of the run.
        workers: Threads; one a core if left out.
        should_stop: Is asked now and then whether to leave the photographs that are not measured yet as they are.

    Returns:
        `part`, adjusted. Photographs that cannot be measured stay as they are.

    Raises:
        UsageError: The plan reads standard input, which can be read only once.
    """
    if any(job.source == STREAM for job in plan.jobs):
        raise UsageError("an album is read twice, standard input only once; give files")
    folders = {job.source.parent for job in part.jobs if not _is_done(job, options)}
    jobs = [dataclasses.replace(job, sides={}, copy=None) for job in plan.jobs if job.source.parent in folders]
    stats: dict[Path, dict[int, ColorStats]] = {folder: {} for folder in folders}
    # Nothing is written in this pass: a photograph in colour is not copied, a result that is there does not count.
    color_input = ColorInput.RECOLOR if options.color_input is ColorInput.RECOLOR else ColorInput.SKIP
    quietly = dataclasses.replace(
        options,
        existing=Existing.OVERWRITE,
        color_input=color_input,
        variants=1,
        pick=None,
        mute_uncertain=False,
    )
    events = run_jobs(
        jobs, colorizer, quietly, workers=workers, finish=partial(_measure, stats), should_stop=should_stop
    )
    measured = 0
    for event in events:
        measured += isinstance(event, Outcome)
        yield Progress(done=measured, total=len(jobs))
    found = {number: change for album in stats.values() for number, change in equalize(album).items()}
    changed = (dataclasses.replace(job, adjustment=found.get(job.number)) for job in part.jobs)
    return dataclasses.replace(part, jobs=tuple(changed))


def _is_done(job: Job, options: ColorizeOptions) -> bool:
    return options.existing is Existing.SKIP and job.is_done


def _measure(stats: dict[Path, dict[int, ColorStats]], opened: OpenedJob) -> Outcome:
    answers = opened.colors[0]
    if not answers or not bool(answers[0].ab.isfinite().all()):
        raise ImageReadError("the network gave no usable colours")
    stats[opened.job.source.parent][opened.job.number] = measure_color_stats(answers[0].ab)
    return Outcome(job=opened.job, status=Status.COLORIZED)
