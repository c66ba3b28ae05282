"""Damaged and hostile run files, recipes and hints: whatever is in them, there is a result or a sentence.

Mutants are drawn by seed, bytes and values alike. A longer run: COLORGAN_FUZZ=20000 pytest tests/test_fuzz.py
"""

import json
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from colorgan.colorization.hints import read_hints
from colorgan.config import config_to_mapping
from colorgan.data.run_record import latest_run, validation_photos, write_record
from colorgan.errors import ColorganError
from colorgan.evaluation import read_labels
from colorgan.training import load_recipe, recipe_to_toml
from colorgan.training.journal import Journal, read_journal
from colorgan.training.plots import draw_curves
from colorgan.training.status import summarize_run
from support import draw_photo

COUNT = int(os.environ.get("COLORGAN_FUZZ", "100"))  # mutants of each kind
STRANGE_TEXT = (
    b"", b"\0", b"\xff\xfe", b"nan", b"-1", b"1e999", b"1" * 4400, b"[" * 3000, b'{"a":' * 2000, b"a." * 300,
    b'"' + b"x" * 70_000 + b'"', b"null", b"true", b"{}", b"[]", b"\r\n", b"# ", b'"""', b"\\ud800",
    b"0x" + b"f" * 5000,
)  # fmt: skip
STRANGE_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**400, -0.5, 1e308, float("nan"), float("inf"), "", "nan", "\ud800", "../" * 2000, "\0", [],
    {}, [[]], {"a": {}}, ["x"] * 3, [1, "x", None], "x" * 70_000,
)  # fmt: skip


def damage_bytes(data: bytes, dice: random.Random) -> bytes:
    """Cut, repeat or exchange a few stretches."""
    for _ in range(dice.randint(1, 4)):
        at, until = sorted(dice.randint(0, len(data)) for _ in range(2))
        until = min(until, at + 40)
        kind = dice.randrange(5)
        inside = (
            b"",
            data[at:until] * dice.randint(1, 30),
            dice.choice(STRANGE_TEXT),
            bytes([dice.randrange(256)]),
            b"",
        )[kind]
        data = data[:at] + inside + (b"" if kind == 4 else data[until:])
    return data


def damage_values(data: bytes, dice: random.Random) -> bytes:
    """Exchange a value of a JSON document, or of each line, for a strange one."""
    lines = data.decode().splitlines() if data.count(b"\n{") > 1 else [data.decode()]
    number = dice.randrange(len(lines))
    value = json.loads(lines[number])
    place, key = value, None
    while isinstance(place, dict | list) and place:
        key = dice.choice(sorted(place) if isinstance(place, dict) else range(len(place)))
        if dice.random() < 0.5 or not isinstance(place[key], dict | list) or not place[key]:
            break
        place = place[key]
    if key is not None and dice.random() < 0.2:
        del place[key]
    elif key is not None:
        place[key] = dice.choice(STRANGE_VALUES)
    lines[number] = json.dumps(value)
    return "\n".join(lines).encode()


def is_refused(read: Callable[[], object], what: str) -> bool:
    """Tell whether there was a sentence; anything else that is raised fails the test."""
    try:
        read()
    except ColorganError as error:
        return bool(str(error)) or pytest.fail(f"{what}: no words")
    except Exception as error:
        raise AssertionError(f"{what}: {error!r}") from error
    return False


def try_mutants(
    path: Path, read: Callable[[], object], *damages: Callable[[bytes, random.Random], bytes], least: float = 0.1
) -> None:
    """Read mutants of a file; at least a share of `least` must be wrong enough to be refused."""
    whole = path.read_bytes()
    read()
    refused = 0
    for seed in range(COUNT):
        dice = random.Random(seed)  # noqa: S311 - tests are to be repeatable
        path.write_bytes(mutant := dice.choice(damages)(whole, dice))
        refused += is_refused(read, f"mutant {seed} of {path.name}, {mutant[:200]!r}")
    assert refused >= least * COUNT, "too few mutants are wrong enough to show anything"


class TestMutants:
    def test_of_run_records(self, tmp_path):
        draw_photo(1).save(tmp_path / "a.png")
        run = tmp_path / "runs" / "one"
        run.mkdir(parents=True)
        write_record(run, tmp_path, tmp_path, ["a.png"], {"seed": 3, "recipe": {"run": {"size": 32}}})

        def read() -> None:
            assert latest_run(tmp_path / "runs") == run
            validation_photos(run)

        try_mutants(run / "run.json", read, damage_bytes, damage_values)

    def test_of_journals(self, tmp_path):
        score = {"psnr": 22.1, "grey_psnr": 21.9, "colorfulness": 20.0, "real_colorfulness": 40.0}
        journal = Journal(tmp_path / "journal.jsonl")
        journal.open()
        for step in range(1, 5):
            journal.write("step", step=step, seconds=9.0, progress=step / 8, rate=0.1, total=1 / step, waiting=0.1)
        journal.write("left_out", step=4, name="a.png", reason="nearly grey")
        journal.write("validation", step=4, seconds=9.5, best=True, score=0.5, gain=0.5, **score)
        journal.write("resumed", step=3)
        journal.write("finished", step=8, stopped=False, seconds=20.0)

        def read() -> None:
            summarize_run(tmp_path)
            draw_curves(read_journal(journal.path), tmp_path / "curves.png")

        # What is no entry is passed over: hardly anything is refused.
        try_mutants(journal.path, read, damage_bytes, damage_values, least=0)

    def test_of_recipes(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(recipe_to_toml(load_recipe("paper")))
        try_mutants(path, lambda: load_recipe(path), damage_bytes)

    def test_of_single_values_of_recipes(self):
        dice = random.Random(0)  # noqa: S311
        tables = {
            name: table for name, table in config_to_mapping(load_recipe("paper")).items() if isinstance(table, dict)
        }
        keys = [f"{name}.{key}" for name, table in tables.items() for key in table]
        refused = 0
        for _ in range(2 * COUNT):
            value = dice.choice(STRANGE_VALUES)
            override = f"{dice.choice(keys)}={json.dumps(value) if dice.random() < 0.7 else value}"
            refused += is_refused(partial(load_recipe, "paper", (override,)), override[:200])
        assert refused > COUNT

    def test_of_hints(self, tmp_path):
        path = tmp_path / "hints.json"
        path.write_text(json.dumps({"a.png": [{"x": 3, "y": 2.5, "color": "#aa3344"}], "b/c.png": []}))
        try_mutants(path, lambda: read_hints(path, ["a.png", "b/c.png"]), damage_bytes, damage_values)

    def test_of_labels(self, tmp_path):
        path = tmp_path / "labels.csv"
        path.write_text("name,class\n" + "a.png,1\nb.png,999\n" * 3)
        try_mutants(path, lambda: read_labels(path), damage_bytes)
