"""From inputs on disk to results on disk, in one call."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from colorgan.colorization.batch import run_jobs
from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.hints import Hint, read_hints
from colorgan.colorization.masks import add_masks
from colorgan.colorization.plan import STREAM, Job, Plan, find_sources, make_plan
from colorgan.colorization.work import ColorizeOptions, Event
from colorgan.config import Existing
from colorgan.errors import ImageReadError, UsageError
from colorgan.images import is_film_name, is_image_name, read_photos

__all__ = ["add_hints", "colorize_paths", "plan_paths"]


def colorize_paths(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    colorizer: Colorizer | None = None,
    options: ColorizeOptions | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    image_format: str | None = None,
    workers: int | None = None,
    hints: Sequence[Hint] | Path = (),
    masks: Path | None = None,
) -> Iterator[Event]:
    """Colour files and folders; yield an `Outcome` for each photograph, and a `Notice` now and then.

    The plan is made, and refused if it cannot be carried out, before this function returns; the work is done while
    the result is iterated over.

    Args:
        inputs: Files and folders; folders are searched recursively and mirrored below `output`.
        output: The folder for the results; or, for a single file, the result's name.
        colorizer: The network; the default one if left out.
        options: How to colour and write.
        include: Patterns of which files in folders must match one.
        exclude: Patterns of which they must match none.
        image_format: The format of the results; each source's own, if it can hold colour, if left out.
        workers: Threads; one a core if left out.
        hints: Colours that are known: of the only photograph, or a file of them; see `add_hints`.
        masks: What is missing: a mask of the only photograph, or a folder of masks; see `add_masks`.

    Raises:
        UsageError: The plan cannot be carried out; nothing was done.
    """
    plan = plan_paths(
        [Path(given) for given in inputs],
        Path(output),
        include=include,
        exclude=exclude,
        image_format=image_format,
        existing=options.existing if options else Existing.SKIP,
    )
    plan = add_hints(plan, hints)
    plan = plan if masks is None else add_masks(plan, masks)
    colorizer = colorizer or Colorizer.load()
    if masks is not None or (options is not None and options.find_damage):
        colorizer.require_repair()
    return run_jobs(plan.jobs, colorizer, options or ColorizeOptions(render=colorizer.render), workers=workers)


def plan_paths(
    inputs: Sequence[Path],
    output: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    image_format: str | None = None,
    existing: Existing = Existing.SKIP,
    films: bool = False,
) -> Plan:
    """Look for the photographs, and for films if they are wanted, and plan their results; see `colorize_paths`.

    Raises:
        UsageError: The plan cannot be carried out.
    """

    def is_wanted(name: str) -> bool:
        return is_image_name(name) or (films and is_film_name(name))

    sources = find_sources(
        inputs,
        is_image_name=is_wanted,
        include=include,
        exclude=exclude,
        skip_folder=None if output == STREAM else output,
    )
    single = len(inputs) == 1 and not inputs[0].is_dir()
    as_file = single and output != STREAM and not output.is_dir() and is_wanted(output.name)
    plan = make_plan(sources, output, image_format=image_format, as_file=as_file)
    if existing is Existing.ERROR:
        there = [job.target for job in plan.jobs if job.target != STREAM and job.target.exists()]
        if there:
            raise UsageError(f"{there[0]} exists already (and {len(there) - 1} more results); nothing was done: give "
                             "--existing skip or overwrite, or another folder")  # fmt: skip
    return plan


def add_hints(plan: Plan, hints: Sequence[Hint] | Path) -> Plan:
    """Give the photographs of a plan the colours that are known of them.

    Args:
        plan: The whole plan, not a part of it.
        hints: Those of the only photograph, or a .json or .csv file that names photographs by their paths below the
            inputs; see `read_hints`.

    Raises:
        UsageError: The file cannot be understood or names a photograph that is not in the plan, a hint lies outside
            its picture, or hints without a name meet several photographs.
    """
    names = [source.relative.as_posix() for source in plan.sources.found]
    if isinstance(hints, Path):
        if repeated := [name for name in names if names.count(name) > 1]:
            raise UsageError(f"two inputs hold a picture {repeated[0]}; colour them in separate runs to give hints")
        by_name = read_hints(hints, names)
    elif hints and len(names) != 1:
        raise UsageError(f"hints without a name are for one picture, and there are {len(names)}; name them in a file")
    else:
        by_name = {names[0]: tuple(hints)} if hints else {}
    jobs = tuple(dataclasses.replace(job, hints=by_name.get(names[job.number], ())) for job in plan.jobs)
    for job in jobs:
        _check_times(job)
        _check_places(job)
    return Plan(jobs, plan.sources)


def _check_times(job: Job) -> None:
    if not is_film_name(job.source) and any(hint.time is not None for hint in job.hints):
        raise UsageError(f"{job.source}: only hints of films have a time; leave it out; nothing was done")


def _check_places(job: Job) -> None:
    """Refuse hints outside a photograph; standard input, which can be read only once, is checked when it is read."""
    if job.source == STREAM or is_film_name(job.source) or all(hint.percent for hint in job.hints):
        return
    try:
        photo = read_photos(job.source)[0]
    except ImageReadError:
        return  # the run will say why
    for hint in job.hints:
        try:
            hint.shares(photo.width, photo.height)
        except UsageError as error:
            raise UsageError(f"{job.source}: {error}; nothing was done") from None
