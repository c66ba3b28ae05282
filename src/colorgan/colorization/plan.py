"""From what a person typed to a list of jobs: which photographs, and where each result goes.

`find_sources` looks at the file system; everything behind it works on names alone. Nothing is opened here, and a
plan that cannot be carried out is refused as a whole, before any work.
"""

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from colorgan.colorization.hints import Hint
from colorgan.colorization.look import Adjustment
from colorgan.errors import ConfigError, UsageError
from colorgan.images import SUFFIX_OF, film_suffix, format_of, is_film_name

__all__ = ["STREAM", "Job", "Plan", "Source", "Sources", "find_sources", "make_plan", "page_path", "target_suffix"]

STREAM = Path("-")
"""Stands for standard input as a source, for standard output as a target."""


@dataclass(frozen=True, slots=True)
class Source:
    """One photograph to colour."""

    path: Path
    relative: PurePosixPath  # its place below the input that it was found in


@dataclass(slots=True)
class Sources:
    """What the inputs held."""

    found: list[Source] = field(default_factory=list)
    hidden: int = 0  # files and folders whose names begin with a dot
    not_images: int = 0  # files whose names are not those of images
    excluded: int = 0  # images that the patterns leave out
    unreadable: list[tuple[Path, str]] = field(default_factory=list)  # folders that cannot be listed, and why


@dataclass(frozen=True, slots=True)
class Job:
    """One photograph and where its result goes."""

    number: int  # its place in the whole plan
    source: Path
    target: Path
    hints: tuple[Hint, ...] = ()  # for its first page
    adjustment: Adjustment | None = None  # to its album
    mask: Path | None = None  # of what is missing
    relative: PurePosixPath | None = None  # its place below the input that it was found in; its name alone if None


@dataclass(frozen=True, slots=True)
class Plan:
    """The work, in order, and what was left out of it."""

    jobs: tuple[Job, ...]
    sources: Sources

    def shard(self, index: int, count: int) -> "Plan":
        """Return part `index` (from 0) of `count`; every job is in exactly one part.

        The parts depend on names alone, not on what is done already, so that a part can be run again.
        """
        if not 0 <= index < count:
            raise ConfigError(f"part {index + 1} of {count} cannot be; parts run from 1 to the number of parts")
        return Plan(tuple(job for job in self.jobs if job.number % count == index), self.sources)


def find_sources(
    inputs: Sequence[Path],
    *,
    is_image_name: Callable[[str], bool],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    skip_folder: Path | None = None,
) -> Sources:
    """Find the photographs that the inputs name.

    Files are taken whatever they are called. Folders are searched recursively, in alphabetical order, without hidden
    files and folders; links to folders are followed, but never in circles.

    Args:
        inputs: Files, folders, or `STREAM`.
        is_image_name: Whether a file in a folder is to be taken for an image.
        include: Patterns (`*.tif`, `1923/*`) of which a file found in a folder must match one, if there are any. They
            are compared with the path below the folder, and with the bare name.
        exclude: Patterns of which it must match none.
        skip_folder: A folder that is never searched: the one that results are written to.

    Raises:
        UsageError: An input does not exist.
    """
    sources = Sources()
    hidden_from = None if skip_folder is None else _identity(skip_folder)
    for given in inputs:
        if given == STREAM:
            sources.found.append(Source(STREAM, PurePosixPath("stdin")))
        elif given.is_dir():
            for source in _walk(given, sources, is_image_name, hidden_from):
                if _is_wanted(source.relative, include, exclude):
                    sources.found.append(source)
                else:
                    sources.excluded += 1
        elif given.exists():
            sources.found.append(Source(given, PurePosixPath(given.name)))
        else:
            raise UsageError(f"there is no file or folder {given}; nothing was done")
    return sources


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _walk(
    root: Path, sources: Sources, is_image_name: Callable[[str], bool], skip: tuple[int, int] | None
) -> Iterator[Source]:
    def visit(folder: Path, relative: PurePosixPath, above: frozenset[tuple[int, int] | None]) -> Iterator[Source]:
        identity = _identity(folder)
        if identity in above or (skip is not None and identity == skip and above):
            return
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            sources.unreadable.append((folder, error.strerror or str(error)))
            return
        for entry in entries:
            if entry.name.startswith("."):
                sources.hidden += 1
            elif _is_folder(entry):
                yield from visit(folder / entry.name, relative / entry.name, above | {identity})
            elif is_image_name(entry.name):
                yield Source(folder / entry.name, relative / entry.name)
            else:
                sources.not_images += 1

    yield from visit(root, PurePosixPath(), frozenset())


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle with itself
        return False


def _is_wanted(relative: PurePosixPath, include: Sequence[str], exclude: Sequence[str]) -> bool:
    def matches(patterns: Iterable[str]) -> bool:
        return any(fnmatchcase(str(relative), p) or fnmatchcase(relative.name, p) for p in patterns)

    return (not include or matches(include)) and not matches(exclude)


def page_path(path: Path, page: int) -> Path:
    """Return where a page goes: the first to the path, `scan.tif`, the second to `scan-page2.tif`, and so on."""
    return path if page == 0 else path.with_name(f"{path.stem}-page{page + 1}{path.suffix}")


def target_suffix(suffix: str, image_format: str | None = None) -> str:
    """Return the suffix of the result for a source's suffix.

    Args:
        suffix: Of the source, ".JPG" for example.
        image_format: The format asked for, such as "png"; None keeps the source's, or takes PNG where that cannot
            hold what the source does.

    Raises:
        UsageError: The format is not one that can be written.
    """
    if is_film_name("x" + suffix):
        return film_suffix(suffix)
    own = format_of(Path("x" + suffix))
    if image_format is None:
        return ".png" if own in (None, "PPM") else suffix
    wanted = format_of(Path("x." + image_format.lower().lstrip(".")))
    if wanted is None:
        known = ", ".join(suffix.lstrip(".") for suffix in SUFFIX_OF.values())
        raise UsageError(f"unknown format {image_format!r}; use one of {known}")
    return suffix if own == wanted else SUFFIX_OF[wanted]


def make_plan(sources: Sources, output: Path, *, image_format: str | None = None, as_file: bool = False) -> Plan:
    """Give every source its target below `output`, mirroring the folders.

    Args:
        sources: What `find_sources` found.
        output: The folder for the results, or the one result's file if `as_file`, or `STREAM`.
        image_format: The format of the results; None keeps each source's if it can hold colour.
        as_file: Whether `output` names the result itself.

    Raises:
        UsageError: Two sources have the same target, a target is a source, or one file cannot hold several results.
    """
    found = sources.found
    if (as_file or output == STREAM) and len(found) != 1:
        raise UsageError(f"{output} is one file, and there are {len(found)} photographs for it; give a folder with -o")
    jobs = tuple(
        Job(
            number,
            source.path,
            output if as_file or output == STREAM else _target(source, output, image_format),
            relative=source.relative,
        )
        for number, source in enumerate(found)
    )
    _refuse_collisions(jobs)
    _refuse_own_sources(jobs)
    return Plan(jobs, sources)


def _target(source: Source, output: Path, image_format: str | None) -> Path:
    suffix = target_suffix(source.relative.suffix, image_format or ("png" if source.path == STREAM else None))
    # Path.with_suffix trips over names such as "..a": the name is put together by hand.
    return output.joinpath(*source.relative.parent.parts, source.relative.stem + suffix)


def _key(path: Path) -> str:
    """Names that some file systems take for one and the same have the same key."""
    return unicodedata.normalize("NFC", os.path.normcase(os.path.abspath(path)))  # noqa: PTH100


def _refuse_collisions(jobs: Iterable[Job]) -> None:
    taken: dict[str, Job] = {}
    for job in jobs:
        other = taken.setdefault(_key(job.target), job)
        if other is not job:
            raise UsageError(
                f"{other.source} and {job.source} would both be written to {job.target}; nothing was done: colour "
                "them in separate runs, or give --exclude"
            )


def _refuse_own_sources(jobs: Iterable[Job]) -> None:
    jobs = [job for job in jobs if job.source != STREAM]
    sources = {os.path.realpath(job.source): job.source for job in jobs}
    for job in jobs:
        if job.target != STREAM and (source := sources.get(os.path.realpath(job.target))) is not None:
            raise UsageError(f"the result of {job.source} would be written over the photograph {source}; nothing "
                             "was done: give another folder with -o")  # fmt: skip
