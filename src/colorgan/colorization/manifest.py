"""The manifest of a run: a line for each file, with what it was made from, by what, and how."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.work import ColorizeOptions, Outcome, Status, settings_of
from colorgan.images import atomic_file
from colorgan.request import STREAM
from colorgan.version import __version__

__all__ = ["MANIFESTS", "Manifest", "is_manifest", "open_manifest"]

MANIFESTS = (".jsonl", ".csv")
"""The suffixes of manifests."""

_COLUMNS = (
    "colorgan", "date", "status", "reason", "source", "source_sha256", "page", "result", "result_sha256", "model",
    "model_sha256", "settings", "width", "height", "gamut_share", "repaired_share",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that is being written; see `open_manifest`."""

    file: BinaryIO
    as_csv: bool
    colorizer: Colorizer
    options: ColorizeOptions

    def add(self, outcome: Outcome) -> None:
        """Write down what became of a file: of JSON one line, of CSV one for each of its results."""
        facts = self._facts(outcome)
        if not self.as_csv:
            self._write(json.dumps(facts) + "\n")
            return
        shared = {key: value for key, value in facts.items() if key in _COLUMNS}
        shared["settings"] = json.dumps(facts["settings"]) if facts["settings"] else ""
        for page, result in enumerate(facts["results"] or [{"path": "", "sha256": ""}], start=1):
            self._write(_row({**shared, "page": page, "result": result["path"], "result_sha256": result["sha256"]}))

    def _facts(self, outcome: Outcome) -> dict[str, Any]:
        made = outcome.status is Status.COLORIZED  # of what an earlier run has made, this one does not know how
        source = outcome.job.source
        return {
            "colorgan": __version__,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "status": str(outcome.status),
            "reason": outcome.reason,
            "source": str(source),
            "source_sha256": outcome.source_sha256 or ("" if source == STREAM else _hash(source)),
            "results": [{"path": str(path), "sha256": _hash(path)} for path in outcome.files],
            "model": self.colorizer.name if made else "",
            "model_sha256": self.colorizer.sha256 if made else "",
            "settings": settings_of(self.options, outcome.job) if made else {},
            "width": outcome.width,
            "height": outcome.height,
            "gamut_share": round(outcome.out_of_gamut_fraction, 6),
            "repaired_share": round(outcome.inpainted_fraction, 6),
        }

    def _write(self, text: str) -> None:
        self.file.write(text.encode("utf-8", "backslashreplace"))


@contextmanager
def open_manifest(path: Path, colorizer: Colorizer, options: ColorizeOptions) -> Iterator[Manifest]:
    """Begin a manifest; it is written as the run goes, and takes its name at the end.

    Args:
        path: Where to; a .csv file, else JSON objects, one a line.
        colorizer: The network.
        options: How photographs are coloured.

    Raises:
        ImageWriteError: It cannot be written.
    """
    with atomic_file(path, with_folder=True) as file:
        manifest = Manifest(file, path.suffix.lower() == ".csv", colorizer, options)
        if manifest.as_csv:
            file.write(_row(dict.fromkeys(_COLUMNS, ""), header=True).encode())
        yield manifest


def is_manifest(path: Path) -> bool:
    """Tell whether a file is a manifest of ours, or empty."""
    with path.open("rb") as file:
        start = file.read(16)
    return not start or start.startswith((b'{"colorgan": ', b"colorgan,date,"))


def _row(values: dict[str, Any], *, header: bool = False) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader() if header else writer.writerow(values)
    return text.getvalue()


def _hash(path: Path) -> str:
    """Return a file's sha256; nothing where there is none, as with a source that failed."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
