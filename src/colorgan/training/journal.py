"""The journal of a run: `journal.jsonl`, one JSON object a line, appended to and never rewritten."""

import json
import math
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from colorgan.errors import CheckpointError
from colorgan.training.files import refusals_explained

__all__ = ["Averages", "Journal", "read_journal"]


class Journal:
    """Appends entries to a run's journal. Each has a `kind`; values that are not finite become null."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        """Make the journal if there is none; end a line that a killed run left half-written."""
        with self.path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    file.write(b"\n")

    def write(self, kind: str, **values: Any) -> None:
        """Append one entry and hand it to the system, so that a killed run keeps it.

        Raises:
            TrainingError: The system does not take it.
        """
        line = json.dumps({"kind": kind, **{key: _plain(value) for key, value in values.items()}})
        with refusals_explained(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read a journal.

    Lines that a killed run left half-written are passed over, and so is what a run did behind the checkpoint that it
    was later resumed from: those steps were taken again.

    Raises:
        CheckpointError: There is no journal, or it holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); is this the folder of a run?") from error
    entries = [entry for entry in map(_parse, lines) if entry is not None]
    if lines and not entries:
        raise CheckpointError(f"{path} holds no journal of a training run")
    kept: list[dict[str, Any]] = []
    for entry in entries:
        if entry["kind"] == "resumed":
            kept = [e for e in kept if e.get("step", 0) <= entry["step"]]
        kept.append(entry)
    return kept


def _parse(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) and "kind" in entry else None


class Averages:
    """Means of numbers over the steps between two lines of the journal."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: defaultdict[str, int] = defaultdict(int)

    def add(self, values: dict[str, float]) -> None:
        """Take in the numbers of one step."""
        for name, value in values.items():
            self._sums[name] += value
            self._counts[name] += 1

    def take(self) -> dict[str, float]:
        """Return the means, and begin anew."""
        means = {name: self._sums[name] / self._counts[name] for name in self._sums}
        self._sums.clear()
        self._counts.clear()
        return means
