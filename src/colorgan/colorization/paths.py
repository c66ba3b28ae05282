"""From what a person named to a plan: which files there are, what comes of each, and what is known of it."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from colorgan.colorization.hints import Hint, read_hints
from colorgan.colorization.manifest import MANIFESTS, is_manifest
from colorgan.colorization.plan import Claims, Job, Plan, Side, make_plan
from colorgan.colorization.search import Source, Sources, find_sources
from colorgan.colorization.work import FOREIGN, find_owner, is_own
from colorgan.config import ColorInput, Existing
from colorgan.errors import ImageReadError, UsageError
from colorgan.files import is_folder, status_of
from colorgan.images import (
    count_pages,
    find_frames,
    format_of,
    is_animated,
    is_film_name,
    is_frame_pattern,
    is_image_name,
    read_size,
)
from colorgan.request import STREAM

__all__ = ["add_hints", "check_reports", "find_pictures", "plan_paths"]

_PAGE_NAME = re.compile(r"-page\d+$")
_COUNTING = 8  # threads that look how many pages files have: network drives answer several at once


def _is_wanted(name: str, films: bool) -> bool:
    return is_image_name(name) or (films and is_film_name(name))


def find_pictures(
    inputs: Sequence[Path],
    output: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    films: bool = False,
) -> Sources:
    """Look for the photographs, and for films if they are wanted, as `plan_paths` does.

    Raises:
        UsageError: An input does not exist, or the system does not let it be looked at.
    """
    return find_sources(
        inputs,
        is_image_name=partial(_is_wanted, films=films),
        include=include,
        exclude=exclude,
        skip_folder=None if output == STREAM else output,
        find_frames=lambda path: find_frames(path) if films and is_frame_pattern(path) else (),
    )


def plan_paths(
    inputs: Sequence[Path],
    output: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    image_format: str | None = None,
    existing: Existing = Existing.SKIP,
    color_input: ColorInput = ColorInput.SKIP,
    side_folders: Mapping[Side, Path] | None = None,
    films: bool = False,
    suffix: str = "",
    only: Callable[[Path], bool] | None = None,
) -> Plan:
    """Look for the photographs, and for films if they are wanted, count their pages, and plan their results.

    Args:
        inputs: Files and folders; folders are searched recursively and mirrored below `output`.
        output: The folder for the results; or, for a single file, the result's name; or `STREAM`.
        include: Patterns of which files in folders must match one.
        exclude: Patterns of which they must match none.
        image_format: The format of the results; each source's own, if it can hold colour, if left out.
        existing: What becomes of results that are there.
        color_input: What becomes of photographs that are in colour already.
        side_folders: Where else something is written to; the folders mirror the inputs.
        films: Whether films and animations are wanted, too.
        suffix: What is added to the names of results, before the dot.
        only: The files for which it says no are left out.

    Raises:
        UsageError: The plan cannot be carried out.
    """
    sources = find_pictures(inputs, output, include=include, exclude=exclude, films=films)
    sources.found = _look_into([s for s in sources.found if only is None or only(s.path)], films=films)
    single = len(inputs) == 1 and not is_folder(inputs[0])
    if (
        any(source.frames for source in sources.found)
        and _is_wanted(output.name, films)
        and not is_frame_pattern(output)
    ):
        raise UsageError(f"numbered frames become numbered frames, and {output} is one file; give a folder with -o, or "
                         "a name such as %06d.png; nothing was done")  # fmt: skip
    as_file = single and output != STREAM and _is_wanted(output.name, films) and not is_folder(output)
    for folder in (None if output == STREAM else output.parent if as_file else output, *(side_folders or {}).values()):
        above = () if folder is None else (folder, *folder.parents)
        in_the_way = next((path for path in above if status_of(path) is not None), None)
        if in_the_way is not None and not is_folder(in_the_way):
            raise UsageError(
                f"{in_the_way} is a file, and a folder is needed there; nothing was done: give another name"
            )
    plan = make_plan(
        sources,
        output,
        image_format=image_format,
        as_file=as_file,
        side_folders=side_folders or {},
        copies=color_input is ColorInput.COPY,
        suffix=suffix,
    )
    _refuse_foreign(plan, existing)
    if existing is Existing.ERROR:
        there = [path for job in plan.jobs for path in (*job.results, *job.side_files) if status_of(path) is not None]
        if there:
            raise UsageError(f"{there[0]} exists already (and {len(there) - 1} more results); nothing was done: give "
                             "--existing skip or overwrite, or another folder")  # fmt: skip
    return plan


def _look_into(found: Sequence[Source], *, films: bool) -> list[Source]:
    """Count pages, and tell films, animations too, from photographs."""
    with ThreadPoolExecutor(_COUNTING, "colorgan-pages") as pool:
        return list(pool.map(lambda source: _looked_into(source, films=films), found))


def _looked_into(source: Source, *, films: bool) -> Source:
    if source.path == STREAM or source.film:
        return source
    if films and (is_film_name(source.path) or is_animated(source.path)):
        return dataclasses.replace(source, film=True)
    try:
        pages = count_pages(source.path)
    except (ImageReadError, OSError):
        return source  # the run will say why
    return source if pages == 1 else dataclasses.replace(source, pages=pages)


def _refuse_foreign(plan: Plan, existing: Existing) -> None:
    """Refuse to take a file of others for, or replace it by, what gets its name from another one.

    Of others is what colorgan did not make, and the results of other photographs. Of first pages a person knows the
    names, and says with --existing what is to become of files that have them, unless these are further pages.
    """
    for job in plan.jobs:
        results = job.results if _PAGE_NAME.search(job.target.stem) else (None, *job.results[1:])
        placed = [(path, page) for page, path in enumerate(results) if path is not None]
        replaced = job.side_files if existing is Existing.OVERWRITE else ()
        for path, page in (*placed, *((side, None) for side in replaced)):
            there = None if status_of(path) is None else find_owner(path, job.source, page)
            if there is not None and not (page == 0 and there == FOREIGN):
                raise UsageError(
                    f"what comes of {job.source} would be written to {path}, {there}; nothing was done: give another "
                    "folder with -o, or remove it"
                )


def check_reports(
    plan: Plan,
    *,
    report: Path | None = None,
    contact_sheet: Path | None = None,
    manifest: Path | None = None,
    inputs: Mapping[str, Path] | None = None,
) -> None:
    """Refuse reports that would be written over a photograph, a result, or another file that is not theirs.

    Args:
        plan: The whole plan.
        report: Where the page of the run goes.
        contact_sheet: Where the contact sheet goes.
        manifest: Where the manifest goes.
        inputs: Other files that the run reads, by what they are, "palette" for example.

    Raises:
        UsageError: One would; nothing was done.
    """
    claims = Claims(plan)
    for job in plan.jobs:
        if job.mask is not None:
            claims.protect("mask", job.mask)
    for what, given in (inputs or {}).items():
        claims.protect(what, given)
    for who, path in (("the report", report), ("the contact sheet", contact_sheet), ("the manifest", manifest)):
        if path is None:
            continue
        claims.add(who, path)
        if is_folder(path):
            raise UsageError(
                f"{who} is a file, and {path} is a folder; pass the name of a file in it; nothing was done"
            )
    if manifest is not None:
        _check_manifest(manifest)
    if report is not None and status_of(report) is not None and not _is_page(report):
        raise UsageError(f"the report would be written over {report}, which is no page of HTML; nothing was done: give "
                         "another name, or remove it")  # fmt: skip
    if contact_sheet is None:
        return
    if format_of(contact_sheet) is None:
        raise UsageError(f"{contact_sheet}: no format is known for this name; use .jpg or .png; nothing was done")
    if status_of(contact_sheet) is not None and not is_own(contact_sheet):
        raise UsageError(f"the contact sheet would be written over {contact_sheet}, which colorgan did not make; "
                         "nothing was done: give another name, or remove it")  # fmt: skip


def _check_manifest(path: Path) -> None:
    if path.suffix.lower() not in MANIFESTS:
        raise UsageError(f"a manifest is a {' or a '.join(MANIFESTS)} file, got {path.name}; nothing was done")
    try:
        is_own = status_of(path) is None or is_manifest(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be looked at: {error.strerror}; nothing was done") from error
    if not is_own:
        raise UsageError(f"the manifest would be written over {path}, which is none of colorgan; nothing was done: "
                         "give another name, or remove it")  # fmt: skip


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise UsageError(f"{path} cannot be looked at: {error.strerror}; nothing was done") from error
    return not start or start.lstrip().lower().startswith((b"<!doctype html", b"<html"))


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
        if len(set(names)) < len(names):
            repeated = next(name for name, count in Counter(names).items() if count > 1)
            raise UsageError(f"two inputs hold a picture {repeated}; colour them in separate runs to give hints")
        by_name = read_hints(hints, names)
    elif not all(isinstance(hint, Hint) for hint in hints):
        raise TypeError(f"hints must be a list of Hint, or the path of a file, got {hints!r}")
    elif hints and len(names) != 1:
        raise UsageError(f"hints without a name are for one picture, and there are {len(names)}; name them in a file")
    else:
        by_name = {names[0]: tuple(hints)} if hints else {}
    jobs = tuple(dataclasses.replace(job, hints=by_name.get(names[job.number], ())) for job in plan.jobs)
    for job in jobs:
        _check_times(job)
        _check_places(job)
    return dataclasses.replace(plan, jobs=jobs)


def _check_times(job: Job) -> None:
    if not job.film and any(hint.time is not None for hint in job.hints):
        raise UsageError(f"{job.source}: only hints of films have a time; leave it out; nothing was done")


def _check_places(job: Job) -> None:
    """Refuse hints outside a photograph; standard input, which can be read only once, is checked when it is read."""
    if job.source == STREAM or job.film or all(hint.percent for hint in job.hints):
        return
    try:
        width, height = read_size(job.source)
    except ImageReadError:
        return  # the run will say why
    for hint in job.hints:
        try:
            hint.shares(width, height)
        except UsageError as error:
            raise UsageError(f"{job.source}: {error}; nothing was done") from None
