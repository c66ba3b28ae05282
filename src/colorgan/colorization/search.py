"""Looking for photographs in what a person named: files, folders, standard input."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path, PurePosixPath
from stat import S_ISDIR

from colorgan.errors import UsageError
from colorgan.files import status_of
from colorgan.images.walk import PassedOver, walk_files
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
class Sources(PassedOver):
    """What the inputs held."""

    found: list[Source] = field(default_factory=list)
    not_images: int = 0  # files whose names are not those of images
    excluded: int = 0  # images that the patterns leave out


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

    Files are taken whatever they are called; folders are searched by `walk_files`.

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
    included, excluded = _Patterns(include), _Patterns(exclude)
    for given in inputs:
        if given == STREAM:
            sources.found.append(Source(STREAM, PurePosixPath("stdin")))
        elif (status := status_of(given)) is None and (frames := find_frames(given)):
            sources.found.append(Source(given, PurePosixPath(given.name), film=True, frames=frames))
        elif status is None:
            raise UsageError(f"there is no file or folder {given}; nothing was done")
        elif S_ISDIR(status.st_mode):
            for file in walk_files(given, sources, skip_folder=skip_folder):
                if not is_image_name(file.name):
                    sources.not_images += 1
                elif (include and not included.match(file.relative)) or excluded.match(file.relative):
                    sources.excluded += 1
                else:
                    sources.found.append(Source(file.path, PurePosixPath(file.relative)))
        else:
            sources.found.append(Source(given, PurePosixPath(given.name)))
    return sources


class _Patterns:
    """Patterns of shells; a file matches if its name, a folder that it lies in, or a part of its path does."""

    def __init__(self, patterns: Sequence[str]) -> None:
        plain = [_plain(pattern).strip("/") for pattern in patterns]
        self._regexes = [re.compile(translate(p)) for pattern in plain for p in (pattern, f"{pattern}/*")]

    def match(self, relative: str) -> bool:
        parts = _plain(relative).split("/")
        tails = ["/".join(parts[start:]) for start in range(len(parts))] if self._regexes else []
        return any(regex.match(tail) for tail in tails for regex in self._regexes)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
