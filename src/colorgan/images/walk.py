"""The one walk through folders: colouring, training and evaluation find photographs by the same rules."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from colorgan.files import SYSTEM_FOLDERS

__all__ = ["FoundFile", "PassedOver", "is_passed_over", "walk_files"]


class FoundFile(NamedTuple):
    """Anything in a folder that is no folder itself."""

    name: str
    relative: str  # its path below the folder where the walk began, with forward slashes
    entry: "os.DirEntry[str]"

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.entry.path)

    @property
    def is_regular(self) -> bool:
        """Whether it is an ordinary file: no pipe, no device, no link that leads nowhere."""
        try:
            return self.entry.is_file()
        except OSError:  # a link in a circle with itself
            return False


@dataclass(slots=True, kw_only=True)
class PassedOver:
    """What walks did not look into."""

    hidden: int = 0  # files and folders whose names begin with a dot
    system: int = 0  # folders that a network drive or a system keeps for itself
    unreadable: list[tuple[Path, str]] = field(default_factory=list)  # folders that cannot be listed, and why


def is_passed_over(relative: str) -> bool:
    """Tell whether a file or a folder above it is hidden, or one that a system made for itself."""
    return any(part.startswith(".") or part.lower() in SYSTEM_FOLDERS for part in PurePosixPath(relative).parts)


def walk_files(root: Path, passed_over: PassedOver, *, skip_folder: Path | None = None) -> Iterator[FoundFile]:
    """Yield all files below a folder, to any depth, each folder in alphabetical order.

    Hidden files and folders are passed over, and folders that systems and network drives keep for themselves. Links to
    folders are followed, but never into a folder that they lie in.

    Args:
        root: Where to begin; a folder that is named is searched whatever it is called.
        passed_over: Is told what is not looked into.
        skip_folder: A folder below `root` that is not looked into either.
    """
    skipped = None if skip_folder is None else _identity(skip_folder)
    # Not by recursion: folders may lie in each other more deeply than Python's functions. Names are text, since paths
    # of great depth are slow as objects.
    stack: list[tuple[_Identity, str, Iterator[os.DirEntry[str]]]] = []

    def enter(folder: str | Path, prefix: str) -> None:
        identity = _identity(folder)
        if any(identity == above for above, _, _ in stack) or (stack and skipped is not None and identity == skipped):
            return
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            passed_over.unreadable.append((Path(folder), error.strerror or str(error)))
            return
        stack.append((identity, prefix, iter(entries)))

    enter(root, "")
    while stack:
        _, prefix, entries = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
        elif entry.name.startswith("."):
            passed_over.hidden += 1
        elif not _leads_down(entry):
            yield FoundFile(entry.name, prefix + entry.name, entry)
        elif entry.name.lower() in SYSTEM_FOLDERS:
            passed_over.system += 1
        else:
            enter(entry.path, f"{prefix}{entry.name}/")


_Identity = tuple[int, int] | None


def _identity(folder: str | Path) -> _Identity:
    try:
        status = os.stat(folder)  # noqa: PTH116 - it may be text
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _leads_down(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle with itself
        return False
