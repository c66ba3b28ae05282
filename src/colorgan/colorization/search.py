"""Looking for photographs in what a person named: files, folders, standard input."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path, PurePosixPath
from stat import S_ISDIR

from colorgan.errors import UsageError
from colorgan.files import SYSTEM_FOLDERS, status_of
from colorgan.request import STREAM

__all__ = ["Source", "Sources", "find_sources"]


@dataclass(frozen=True, slots=True)
class Source:
    """One file to colour."""

    path: Path
    relative: PurePosixPath  # its place below the input that it was found in
    pages: int = 1  # how many photographs it holds
    film: bool = False  # whether its pictures move
    frames: tuple[Path, ...] = ()  # its files, where the path is a pattern such as `%06d.png`


@dataclass(slots=True)
class Sources:
    """What the inputs held."""

    found: list[Source] = field(default_factory=list)
    hidden: int = 0  # files and folders whose names begin with a dot
    system: int = 0  # folders that a network drive or a system keeps for itself
    not_images: int = 0  # files whose names are not those of images
    excluded: int = 0  # images that the patterns leave out
    unreadable: list[tuple[Path, str]] = field(default_factory=list)  # folders that cannot be listed, and why


def find_sources(
    inputs: Sequence[Path],
    *,
    is_image_name: Callable[[str], bool],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    skip_folder: Path | None = None,
    find_frames: Callable[[Path], tuple[Path, ...]] = lambda _: (),
) -> Sources:
    """Find the photographs that the inputs name.

    Files are taken whatever they are called. Folders are searched recursively, in alphabetical order, without hidden
    files and folders and those that network drives keep for themselves; links to folders are followed, but never in
    circles.

    Args:
        inputs: Files, folders, or `STREAM`.
        is_image_name: Whether a file in a folder is to be taken for an image.
        include: Patterns (`*.tif`, `1923/*`, `portraits`) of which a file found in a folder must match one, if there
            are any. They are compared with its name, the folders that it lies in, and any part of its path below the
            input, whatever the case.
        exclude: Patterns of which it must match none.
        skip_folder: A folder that is never searched: the one that results are written to.
        find_frames: The files that an input stands for which is none itself, but a pattern of their names.

    Raises:
        UsageError: An input does not exist, or the system does not let it be looked at.
    """
    sources = Sources()
    hidden_from = None if skip_folder is None else _identity(skip_folder)
    included, excluded = _Patterns(include), _Patterns(exclude)
    for given in inputs:
        if given == STREAM:
            sources.found.append(Source(STREAM, PurePosixPath("stdin")))
        elif (status := status_of(given)) is None and (frames := find_frames(given)):
            sources.found.append(Source(given, PurePosixPath(given.name), film=True, frames=frames))
        elif status is None:
            raise UsageError(f"there is no file or folder {given}; nothing was done")
        elif S_ISDIR(status.st_mode):
            for source in _walk(given, sources, is_image_name, hidden_from):
                if (not include or included.match(source.relative)) and not excluded.match(source.relative):
                    sources.found.append(source)
                else:
                    sources.excluded += 1
        else:
            sources.found.append(Source(given, PurePosixPath(given.name)))
    return sources


_Identity = tuple[int, int] | None


def _identity(folder: Path) -> _Identity:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _walk(root: Path, sources: Sources, is_image_name: Callable[[str], bool], skip: _Identity) -> Iterator[Source]:
    def enter(folder: Path, relative: PurePosixPath) -> None:
        identity = _identity(folder)
        above = {entered for entered, _, _ in stack}
        if identity in above or (skip is not None and identity == skip and above):
            return
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            sources.unreadable.append((folder, error.strerror or str(error)))
            return
        stack.append((identity, relative, iter(entries)))

    # Not by recursion: folders may lie in each other more deeply than Python's functions.
    stack: list[tuple[_Identity, PurePosixPath, Iterator[os.DirEntry[str]]]] = []
    enter(root, PurePosixPath())
    while stack:
        _, relative, entries = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
        elif entry.name.startswith("."):
            sources.hidden += 1
        elif _leads_down(entry):
            if entry.name.lower() in SYSTEM_FOLDERS:
                sources.system += 1
            else:
                enter(Path(entry.path), relative / entry.name)
        elif is_image_name(entry.name):
            yield Source(Path(entry.path), relative / entry.name)
        else:
            sources.not_images += 1


def _leads_down(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle with itself
        return False


class _Patterns:
    """Patterns of shells; a file matches if its name, a folder that it lies in, or a part of its path does."""

    def __init__(self, patterns: Sequence[str]) -> None:
        plain = [_plain(pattern).strip("/") for pattern in patterns]
        self._regexes = [re.compile(translate(p)) for pattern in plain for p in (pattern, f"{pattern}/*")]

    def match(self, relative: PurePosixPath) -> bool:
        parts = _plain(str(relative)).split("/")
        tails = ["/".join(parts[start:]) for start in range(len(parts))] if self._regexes else []
        return any(regex.match(tail) for tail in tails for regex in self._regexes)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
