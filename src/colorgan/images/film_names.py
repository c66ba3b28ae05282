"""Which files are films, by their names alone: whoever makes a plan has to know, and PyAV may not be there."""

import re
from pathlib import Path

__all__ = ["film_suffix", "find_frames", "frame_path", "is_film_name", "is_frame_pattern", "number_of"]

_WRITTEN = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
_READ = (
    ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".mjpeg", ".mpeg", ".mpg", ".mts",
    ".mxf", ".nut", ".ogm", ".ogv", ".vob", ".wmv", ".y4m",
)  # fmt: skip


def is_film_name(path: str | Path) -> bool:
    """Tell whether a file's name is that of a film; macOS's `._` companions are not."""
    path = Path(path)
    return path.suffix.lower() in (*_WRITTEN, *_READ) and not path.name.startswith("._")


def film_suffix(suffix: str) -> str:
    """Return the suffix of a film's result: its own, or that of Matroska, which holds everything."""
    return suffix if suffix.lower() in _WRITTEN else ".mkv"


_NUMBER = re.compile(r"%0?\d*d")


def is_frame_pattern(path: str | Path) -> bool:
    """Tell whether a name stands for numbered frames, as `%06d.png` does; a percent sign is no part of it otherwise."""
    return Path(path).name.count("%") == 1 and _NUMBER.search(Path(path).name) is not None


def frame_path(pattern: Path, number: int) -> Path:
    """Return the file of a frame."""
    return pattern.with_name(pattern.name % number)


def find_frames(pattern: Path) -> tuple[Path, ...]:
    """Return the files that a pattern stands for, by their numbers, gaps or not; none where the folder is none."""
    before, after = _NUMBER.split(pattern.name)
    name = re.compile(f"{re.escape(before)}([0-9]+){re.escape(after)}")
    try:
        matches = [match for path in pattern.parent.iterdir() if (match := name.fullmatch(path.name))]
    except OSError:
        return ()
    numbers = sorted(int(match[1]) for match in matches if match[0] == pattern.name % int(match[1]))
    return tuple(frame_path(pattern, number) for number in numbers)


def number_of(pattern: Path, frame: Path) -> int:
    """Return the number of a frame of a pattern."""
    before, after = _NUMBER.split(pattern.name)
    return int(frame.name[len(before) : len(frame.name) - len(after)])
