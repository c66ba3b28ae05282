"""Mutants of files and of what is in them, the same ones for the same seed."""

import io
import random
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from colorgan.errors import ColorganError

_NASTY: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 2**200, 0.5, float("nan"), float("inf"), "", "x", "\x1b[2J", "\ud800", "9" * 5000,
    [], {}, [[]], (1, 2), {"a": 1}, {0: 0}, torch.zeros(0), torch.zeros(3), torch.zeros(1, 1, 1, 1), torch.tensor(3),
    torch.full((2,), float("nan")), torch.ones(2, dtype=torch.bool),
)  # fmt: skip
_NASTY_BYTES = (b"\x00" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"PK\x05\x06", b"}", b"]", b".", b"(", b"0" * 40)


def seeded(*names: object) -> random.Random:
    """Return numbers that depend on the names alone."""
    return random.Random(str(names))  # noqa: S311 - repeatable, not secret


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change a few bytes, cut, double, move or overwrite a piece; rather in the first and last kilobytes."""
    changed = bytearray(data)

    def place() -> int:
        near = min(4096, len(changed))
        return rng.choice((rng.randrange(len(changed)), rng.randrange(near), len(changed) - 1 - rng.randrange(near)))

    for _ in range(rng.choice((1, 1, 2, 5))):
        at, length = place(), rng.choice((1, 4, 30, 400))
        match rng.randrange(6):
            case 0 | 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length]
            case 4:
                piece = rng.choice(_NASTY_BYTES)
                changed[at : at + len(piece)] = piece
            case 5:
                other = place()
                changed[at : at + length] = changed[other : other + length]
        if not changed:
            return b""
    return bytes(changed)


def mutate_pickle(data: bytes, rng: random.Random) -> bytes:
    """Change bytes of the pickle in a torch archive, whose checksums stay right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            record = old.read(name)
            new.writestr(name, mutate_bytes(record, rng) if name.endswith("/data.pkl") else record)
    return buffer.getvalue()


def mutate_values(content: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Replace, remove or rename one value or branch, anywhere in a tree of dictionaries and lists."""
    changed = _copy(content)
    holders = list(_holders(changed))
    for _ in range(rng.choice((1, 1, 3))):
        holder = rng.choice(holders)
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        what = rng.randrange(4)
        if what == 0 and isinstance(holder, dict) and len(holder) > 1:
            del holder[key]
        elif what == 1 and isinstance(holder, dict):
            holder[rng.choice(("x", 7, str(key) + "x"))] = holder.pop(key)
        elif what == 2 and isinstance(holder[key], torch.Tensor):
            holder[key] = rng.choice((holder[key][None], holder[key].double(), holder[key].flatten()[:1]))
        else:
            holder[key] = rng.choice(_NASTY)
    return changed


def _copy(value: Any) -> Any:
    """Copy dictionaries and lists, not tensors."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _holders(value: Any) -> Iterator[Any]:
    """Go through all dictionaries and lists that hold something."""
    if isinstance(value, dict | list) and value:
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _holders(item)


class Findings:
    """What became of mutants: judged together, and told for the figures."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._memory = PeakMemory()
        self._messages: list[str] = []
        self._good = 0
        self._slowest = 0.0

    @contextmanager
    def mutant(self) -> Iterator[None]:
        """Look at one mutant: it may raise an error of colorgan's own, and no other."""
        began = time.process_time()
        try:
            yield
            self._good += 1
        except ColorganError as error:
            self._messages.append(str(error))
        self._slowest = max(self._slowest, time.process_time() - began)

    def judge(self, most_memory: int) -> None:
        """Require that some were refused, each in one short sentence, and that none took too much memory."""
        grown = self._memory.growth()
        sys.stdout.write(
            f"{self._kind}: {len(self._messages)} refused, {self._good} good, at most {self._slowest:.2f} s of CPU, "
            f"{grown / 1e6:.0f} MB more\n"
        )
        assert self._messages
        assert max(map(len, self._messages)) < 1500
        assert [message for message in self._messages if not message.isprintable()] == []
        assert grown < most_memory


class PeakMemory:
    """The most memory that this process takes from now on; on Linux only, 0 elsewhere."""

    def __init__(self) -> None:
        try:
            Path("/proc/self/clear_refs").write_text("5")
            self._before: int | None = self._read()
        except OSError:
            self._before = None

    @staticmethod
    def _read() -> int:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    def growth(self) -> int:
        """Return bytes above what it had at the beginning."""
        return 0 if self._before is None else self._read() - self._before
