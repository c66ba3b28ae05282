"""The journal of a run: `journal.jsonl`, one JSON object a line, appended to and never rewritten."""

import json
import math
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from colorgan.data.bytes import read_part
from colorgan.errors import CheckpointError, DataError, ImageReadError
from colorgan.training.files import refusals_explained
from colorgan.training.score import kind_of_score

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
        lines = read_part(path).decode(errors="replace").splitlines()
    except (ImageReadError, DataError) as error:
        raise CheckpointError(f"{error}; is this the folder of a run?") from error
    entries = [entry for entry in map(_parse, lines) if entry is not None]
    if lines and not entries:
        raise CheckpointError(f"{path} holds no journal of a training run")
    kept: list[dict[str, Any]] = []
    for entry in entries:
        if entry["kind"] == "resumed":
            kept = [e for e in kept if (e.get("step") or 0) <= entry["step"]]
        kept.append(entry)
    return kept


# What an entry of each kind must hold, for those who read it; anything else in it may be left out.
_NUMBERS: dict[str, tuple[str, ...]] = {
    "step": ("step",),
    "resumed": ("step",),
    "validation": ("step",),
}
_TEXTS: dict[str, tuple[str, ...]] = {"left_out": ("name",), "failed": ("reason",)}
_SWITCHES: dict[str, tuple[str, ...]] = {"finished": ("stopped",)}
_OF_NUMBERS = ("step", "validation")  # kinds whose entries hold nothing but numbers, switches and null
_EVERYWHERE = ("step", "seconds", "progress")  # numbers or null, where they stand
_LARGEST = 1e15  # of a number that is believed


def _parse(line: str) -> dict[str, Any] | None:
    """Read an entry; None if it is none, be it half-written or from elsewhere."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and _is_entry(entry) else None


def _is_entry(entry: dict[str, Any]) -> bool:
    kind = entry.get("kind")
    if not isinstance(kind, str):
        return False
    some = [v for k, v in entry.items() if k != "kind"] if kind in _OF_NUMBERS else map(entry.get, _EVERYWHERE)
    return (
        all(value is None or isinstance(value, bool) or _is_number(value) for value in some)
        and all(_is_number(entry.get(key)) for key in _NUMBERS.get(kind, ()))
        and (kind != "validation" or _holds_score(entry))
        and all(isinstance(entry.get(key), str) for key in _TEXTS.get(kind, ()))
        and all(isinstance(entry.get(key), bool) for key in _SWITCHES.get(kind, ()))
    )


def _holds_score(entry: dict[str, Any]) -> bool:
    kind = kind_of_score(entry)
    return kind is not None and all(_is_number(entry[key]) for key in kind.needed)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


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
