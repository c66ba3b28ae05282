"""Which files are films, by their names alone: whoever makes a plan has to know, and PyAV may not be there."""

from pathlib import Path

__all__ = ["film_suffix", "is_film_name"]

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
