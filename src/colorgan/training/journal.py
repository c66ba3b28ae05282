"""The journal of a run: `journal.jsonl`, one JSON object a line, appended to and never rewritten."""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from colorgan.errors import CheckpointError

__all__ = ["Averages", "Journal", "read_journal"]


class Journal:
    """Appends entries to a run's journal. Each has a `kind`; values that are not numbers become null."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, kind: str, **values: Any) -> None:
        """Append one entry and bring it to the disk's cache, so that a killed run keeps it."""
        line = json.dumps({"kind": kind, **{key: _plain(value) for key, value in values.items()}})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read a journal. A last line that was cut off by a crash is passed over.

    Raises:
        CheckpointError: There is no journal, or it holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); is this the folder of a run?") from error
    entries = []
    for number, line in enumerate(lines):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            if number < len(lines) - 1:
                raise CheckpointError(f"{path}, line {number + 1}, is no JSON; the journal is damaged") from None
    return entries


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
