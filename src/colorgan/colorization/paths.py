"""From inputs on disk to results on disk, in one call."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from colorgan.colorization.batch import Event, run_jobs
from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.plan import STREAM, Plan, find_sources, make_plan
from colorgan.colorization.work import ColorizeOptions
from colorgan.config import Existing
from colorgan.errors import UsageError
from colorgan.images import is_image_name

__all__ = ["colorize_paths", "plan_paths"]


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
    colorizer = colorizer or Colorizer.load()
    return run_jobs(plan.jobs, colorizer, options or ColorizeOptions(render=colorizer.render), workers=workers)


def plan_paths(
    inputs: Sequence[Path],
    output: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    image_format: str | None = None,
    existing: Existing = Existing.SKIP,
) -> Plan:
    """Look for the photographs and plan their results; see `colorize_paths`.

    Raises:
        UsageError: The plan cannot be carried out.
    """
    sources = find_sources(
        inputs,
        is_image_name=is_image_name,
        include=include,
        exclude=exclude,
        skip_folder=None if output == STREAM else output,
    )
    single = len(inputs) == 1 and not inputs[0].is_dir()
    as_file = single and output != STREAM and not output.is_dir() and is_image_name(output.name)
    plan = make_plan(sources, output, image_format=image_format, as_file=as_file)
    if existing is Existing.ERROR:
        there = [job.target for job in plan.jobs if job.target != STREAM and job.target.exists()]
        if there:
            raise UsageError(f"{there[0]} exists already (and {len(there) - 1} more results); nothing was done: give "
                             "--existing skip or overwrite, or another folder")  # fmt: skip
    return plan
