"""What a run leaves beside a result while it is not complete, so that the next run goes on from there."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from colorgan.colorization.products import Preview
from colorgan.film.steady import Carried, Tint

__all__ = ["Segment", "Workspace", "fingerprint_of"]

_STATE = "state.json"


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames that are encoded and on the disk."""

    file: str
    first: int  # frame
    frames: int
    begin: int  # time stamp of the first frame shown
    end: int  # and of the last
    duration: int  # of the last
    delay: int  # see `colorgan.film.encode.delay_of`
    ends: bool  # whether a scene ends with it
    scenes: int  # that began in it
    damaged: int = 0  # packets of the source that could not be decoded, so far


@dataclass(slots=True)
class Workspace:
    """A hidden folder beside the result.

    Args:
        target: The result.
        fingerprint: Of everything that decides what the segments look like; a folder with another one is emptied.
    """

    target: Path
    fingerprint: str
    segments: list[Segment] = field(default_factory=list)
    header: str = ""  # of the encoder, as hexadecimal digits

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.target.with_name(f".{self.target.name}.colorgan")

    def open(self) -> None:
        """Take up what is there, or begin anew."""
        state = self._read()
        if state is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.segments = [Segment(**values) for values in state["segments"]]
            self.header = state["header"]
        self.folder.mkdir(parents=True, exist_ok=True)

    def _read(self) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return state if state.get("fingerprint") == self.fingerprint else None

    def path_of(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.folder / name

    def add(self, segment: Segment, carried: Carried | None) -> None:
        """Take up a segment whose file is complete; from now on it counts."""
        if carried is not None and not segment.ends:
            _save(carried, self.folder / "carried.npz.part")
            (self.folder / "carried.npz.part").replace(self.folder / f"carried-{len(self.segments)}.npz")
        self.segments.append(segment)
        state = {
            "fingerprint": self.fingerprint,
            "header": self.header,
            "segments": [asdict(segment) for segment in self.segments],
        }
        part = self.folder / f"{_STATE}.part"
        with part.open("w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.folder / _STATE)
        (self.folder / f"carried-{len(self.segments) - 2}.npz").unlink(missing_ok=True)

    def carried(self) -> Carried | None:
        """Return what the next segment has to know of the scene that goes on in it; None if none does."""
        if not self.segments or self.segments[-1].ends:
            return None
        return _load(self.folder / f"carried-{len(self.segments) - 1}.npz")

    def keep_preview(self, number: int, preview: Preview) -> None:
        """Keep the small pictures of a frame."""
        for name, content in (("before", preview.before), ("after", preview.after)):
            (self.folder / f"{number:08}-{name}.jpg").write_bytes(content)

    def previews(self, *, before: int) -> list[Preview]:
        """Return the small pictures of frames before this one, in order."""
        found = [path for path in sorted(self.folder.glob("*-after.jpg")) if int(path.name[:8]) < before]
        pairs = ((path.with_name(f"{path.name[:8]}-before.jpg"), path) for path in found)
        return [Preview(one.read_bytes(), other.read_bytes()) for one, other in pairs if one.exists()]

    def remove(self) -> None:
        """Remove it with all that it holds."""
        shutil.rmtree(self.folder, ignore_errors=True)


def fingerprint_of(facts: Mapping[str, Any]) -> str:
    """Return a short name for plain values."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _save(carried: Carried, path: Path) -> None:
    tint, nothing = carried.tint, torch.zeros(0)
    with path.open("wb") as file:
        np.savez(
            file,
            number=tint.number,
            thumb=tint.thumb.numpy(),
            ab=tint.ab.numpy(),
            total=carried.total.numpy(),
            weight=carried.weight.numpy(),
            typical=carried.typical,
            advice=(nothing if carried.advice is None else carried.advice).numpy(),
        )


def _load(path: Path) -> Carried:
    with np.load(path) as saved:
        thumb, ab, total, weight = (torch.from_numpy(saved[name]) for name in ("thumb", "ab", "total", "weight"))
        advice = torch.from_numpy(saved["advice"]) if saved["advice"].size else None
        return Carried(Tint(int(saved["number"]), thumb, ab), total, weight, float(saved["typical"]), advice)
