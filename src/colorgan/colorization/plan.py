"""From photographs to a list of jobs: which file each result goes to, and that nothing is lost by writing it.

Everything here works on names, and looks at what lies under them, but opens nothing. A plan that cannot be carried
out is refused as a whole, before any work.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from colorgan.colorization.color_stats import Adjustment
from colorgan.colorization.hints import Hint
from colorgan.colorization.search import Source, Sources
from colorgan.errors import ConfigError, UsageError
from colorgan.files import ignores_case, is_there
from colorgan.images import SUFFIX_OF, film_suffix, format_of, frame_path, is_film_name, number_of
from colorgan.request import STREAM

if TYPE_CHECKING:
    from colorgan.colorization.masks import DrawnMask

__all__ = ["Claims", "Job", "Plan", "Side", "make_plan", "page_path", "side_path", "target_suffix"]


class Side(StrEnum):
    """What can be written beside results, each into a folder of its own that mirrors the inputs.

    They are called as the fields of a request that name these folders.
    """

    UNCERTAINTY = "uncertainty"  # a map that is bright where colour is a guess
    MASK = "save_mask"  # of what was filled

    @property
    def word(self) -> str:
        """What such a file is called in messages."""
        return "mask" if self is Side.MASK else "map"


@dataclass(frozen=True, slots=True)
class Job:
    """One file and where its results go."""

    number: int  # its place in the whole plan
    source: Path
    target: Path  # of its first page
    pages: int = 1
    hints: tuple[Hint, ...] = ()  # for its first page
    adjustment: Adjustment | None = None  # to its album
    mask: Path | None = None  # of what is missing
    drawn: "DrawnMask | None" = None  # of what is missing of its first page, in place of what `mask` says of it
    relative: PurePosixPath | None = None  # its place below the input that it was found in; its name alone if None
    sides: "Mapping[Side, Path]" = field(
        default_factory=dict, hash=False
    )  # where else something goes, of the first page
    copy: Path | None = None  # where it is copied to if it is in colour already
    film: bool = False  # whether its pictures move
    frames: tuple[Path, ...] = ()  # its files, where source and target are patterns such as `%06d.png`

    @property
    def results(self) -> tuple[Path, ...]:
        """The coloured files, one a page, or a frame of a folder of frames; none on standard output."""
        if self.frames:
            return tuple(frame_path(self.target, number_of(self.source, frame)) for frame in self.frames)
        return () if self.target == STREAM else pages_of(self.target, self.pages)

    @property
    def side_files(self) -> tuple[Path, ...]:
        """What is written beside the results."""
        return tuple(path for first in self.sides.values() for path in pages_of(first, self.pages))

    @property
    def folders(self) -> set[Path]:
        """The folders that it writes to."""
        files = (self.target, self.copy, *self.sides.values())
        return {path.parent for path in files if path is not None and path != STREAM}

    @property
    def is_done(self) -> bool:
        """Whether all that it writes is there: each page, each map and mask."""
        return bool(self.results) and all(map(is_there, (*self.results, *self.side_files)))


@dataclass(frozen=True, slots=True)
class Plan:
    """The work, in order, and what was left out of it."""

    jobs: tuple[Job, ...]
    sources: Sources
    notes: tuple[str, ...] = ()  # what a person should know before the work begins

    def shard(self, index: int, count: int) -> "Plan":
        """Return part `index` (from 0) of `count`; every job is in exactly one part.

        The parts depend on names alone, not on what is done already, so that a part can be run again.
        """
        if not 0 <= index < count:
            raise ConfigError(f"part {index + 1} of {count} cannot be; parts run from 1 to the number of parts")
        return replace(self, jobs=tuple(job for job in self.jobs if job.number % count == index))

    @property
    def folders(self) -> set[Path]:
        """The folders that are written to."""
        return {folder for job in self.jobs for folder in job.folders}


def page_path(path: Path, page: int) -> Path:
    """Return where a page goes: the first to the path, `scan.tif`, the second to `scan-page2.tif`, and so on."""
    return path if page == 0 else path.with_name(f"{path.stem}-page{page + 1}{path.suffix}")


def pages_of(path: Path, pages: int) -> tuple[Path, ...]:
    """Return where all pages go; see `page_path`."""
    return tuple(page_path(path, page) for page in range(pages))


def side_path(folder: Path, relative: PurePosixPath) -> Path:
    """Return where something beside a result goes, by the photograph's place below its input.

    The suffix is kept, since a.tif and a.png may lie side by side: `1923/anna.jpg` has `1923/anna.jpg.png`.
    """
    return folder.joinpath(*relative.parts[:-1], f"{relative.name}.png")


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


def make_plan(
    sources: Sources,
    output: Path,
    *,
    image_format: str | None = None,
    as_file: bool = False,
    side_folders: Mapping[Side, Path] = MappingProxyType({}),
    copies: bool = False,
    suffix: str = "",
) -> Plan:
    """Give every source its target below `output`, mirroring the folders.

    Args:
        sources: What `find_sources` found.
        output: The folder for the results, or the one result's file if `as_file`, or `STREAM`.
        image_format: The format of the results; None keeps each source's if it can hold colour.
        as_file: Whether `output` names the result itself.
        side_folders: Where else something is written to.
        copies: Whether photographs that are in colour already are copied.
        suffix: What is added to the names of results, before the dot; not to copies, and not to a named file.

    Raises:
        UsageError: Two files would be written to one place or one over a source, or one file cannot hold several
            results.
    """
    if "/" in suffix or "\\" in suffix or "\0" in suffix:
        raise UsageError(f"the suffix of names can hold no folder, got {suffix!r}; give one like -coloured")
    found = sources.found
    named = as_file or output == STREAM
    if named and len(found) != 1:
        raise UsageError(f"{output} is one file, and there are {len(found)} photographs for it; give a folder with -o")
    if output == STREAM and found[0].pages > 1:
        raise UsageError(f"{found[0].path} has {found[0].pages} pages, and standard output takes one picture; give a "
                         "folder with -o")  # fmt: skip

    def plan_one(number: int, source: Source) -> Job:
        target = output if named else _target(source, output, image_format, suffix)
        if source.film:
            return Job(number, source.path, target, relative=source.relative, film=True, frames=source.frames)
        return Job(
            number,
            source.path,
            target,
            source.pages,
            relative=source.relative,
            sides={side: side_path(folder, source.relative) for side, folder in side_folders.items()},
            copy=_copy_target(source, target if named else _target(source, output, image_format)) if copies else None,
        )

    plan = Plan(tuple(plan_one(number, source) for number, source in enumerate(found)), sources)
    Claims(plan)
    return plan


def _target(source: Source, output: Path, image_format: str | None, name_suffix: str = "") -> Path:
    if source.film and not source.frames and not is_film_name(source.path):  # an animation, which few formats hold
        wanted = f".{(image_format or '').lower().lstrip('.')}"
        suffix = name_suffix + (wanted if wanted in (".gif", ".png", ".webp") else source.relative.suffix)
        return output.joinpath(*source.relative.parent.parts, source.relative.stem + suffix)
    suffix = name_suffix + target_suffix(
        source.relative.suffix, image_format or ("png" if source.path == STREAM else None)
    )
    # Path.with_suffix trips over names such as "..a": the name is put together by hand.
    return output.joinpath(*source.relative.parent.parts, source.relative.stem + suffix)


def _copy_target(source: Source, target: Path) -> Path:
    """Return where a copy goes: it stays in its own format, and so must keep that format's suffix."""
    if STREAM in (source.path, target) or target.suffix.lower() == source.path.suffix.lower():
        return target
    return target.with_name(target.stem + source.path.suffix)


class Claims:
    """Who writes to which file, in a plan and beside it; two to one file, or one over a photograph, are refused.

    Raises:
        UsageError: The plan itself would do so.
    """

    def __init__(self, plan: Plan) -> None:
        self._taken: dict[str, str] = {}
        self._inputs: dict[str, str] = {}
        self._real_folders: dict[Path, str] = {}
        self._ignoring_case: dict[str, bool] = {}  # of folders
        for job in plan.jobs:
            if job.source != STREAM:
                self.protect("photograph", job.source)
            for frame in job.frames:
                self.protect("frame", frame)
        for job in plan.jobs:
            for who, path in _writes(job):
                self.add(who, path)

    def protect(self, what: str, path: Path) -> None:
        """Declare a file to be an input, such as "photograph": nothing may be written over it or what it links to."""
        self._inputs |= dict.fromkeys(self._keys(path), f"{what} {path}")

    def add(self, who: str, path: Path) -> None:
        """Claim a file for `who`, such as "the report".

        Raises:
            UsageError: It is an input, or somebody else's.
        """
        keys = self._keys(path)
        for key in keys:
            if key in self._inputs:
                raise UsageError(f"{who} would be written over the {self._inputs[key]}; nothing was done: give "
                                 "another folder or name")  # fmt: skip
        other = self._taken.setdefault(keys[0], who)
        if other != who:
            raise UsageError(f"{other} and {who} would both be written to {path}; nothing was done: colour them in "
                             "separate runs, give --exclude, or another folder")  # fmt: skip

    def _keys(self, path: Path) -> tuple[str, ...]:
        """Return what identifies a file: its own place, and that of what it links to.

        Names that some file systems take for one and the same have the same key.
        """
        folder = self._real_folders.get(path.parent)
        if folder is None:
            folder = self._real_folders[path.parent] = os.path.realpath(path.parent)
        own = os.path.join(folder, path.name)  # noqa: PTH118 - for speed: there may be a million
        places = (own, os.path.realpath(own)) if os.path.islink(own) else (own,)  # noqa: PTH114
        return tuple(map(self._fold, places))

    def _fold(self, place: str) -> str:
        folder = os.path.dirname(place)  # noqa: PTH120 - as above
        ignores_it = self._ignoring_case.get(folder)
        if ignores_it is None:
            ignores_it = self._ignoring_case[folder] = ignores_case(Path(folder))
        return unicodedata.normalize("NFC", place.casefold() if ignores_it else place)


def _writes(job: Job) -> Iterator[tuple[str, Path]]:
    """Yield whatever a job may write, with what to call it."""
    if job.frames:
        yield from ((f"the result of {frame}", path) for frame, path in zip(job.frames, job.results, strict=True))
        return
    pages = [f"page {page + 1} of " if job.pages > 1 else "" for page in range(job.pages)]
    kinds: Iterable[tuple[str, Path | None]] = (
        ("the result of ", None if job.target == STREAM else job.target),
        *((f"the {side.word} of ", path) for side, path in job.sides.items()),
    )
    for kind, first in kinds:
        for page, path in zip(pages, () if first is None else pages_of(first, job.pages), strict=first is not None):
            yield f"{kind}{page}{job.source}", path
    if job.copy not in (None, STREAM, job.target):
        yield f"the copy of {job.source}", job.copy
