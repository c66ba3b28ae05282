"""What a person says of the colours of a picture: hints, from options and files, before anything is opened."""

import codecs
import csv
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from colorgan.config import shorten
from colorgan.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Hint",
    "color_to_levels",
    "fold_name",
    "hint_from_values",
    "hints_to_json",
    "hints_to_points",
    "parse_hint",
    "parse_time",
    "read_hints",
]

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_COLUMNS = ("file", "x", "y", "color")


def color_to_levels(text: str, what: str) -> tuple[int, int, int]:
    """Read "#RRGGBB" as 8-bit levels.

    Raises:
        UsageError: It is malformed; the message calls it `what`.
    """
    if not _COLOR.fullmatch(text):
        raise UsageError(f"{what} must look like #RRGGBB, got {shorten(text)}")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@dataclass(frozen=True, slots=True)
class Hint:
    """A colour at a place of a picture; a grey one says that the place is neutral.

    Only the colour's hue and chroma (a and b of Lab) are taken: the place keeps its luminance.

    Raises:
        UsageError: The place or the colour is not valid.
    """

    x: float  # pixels from the left edge: pixel 0 reaches from 0 to 1, and a whole number means its middle
    y: float  # pixels from the top
    color: str  # "#RRGGBB", sRGB
    percent: bool = False  # whether x and y are per cent of the width and height
    time: float | None = None  # of the frame of a film, in seconds

    def __post_init__(self) -> None:
        """Refuse values that are not valid."""
        color_to_levels(self.color, "a hint's colour")
        if not all(math.isfinite(v) and v >= 0 for v in (self.x, self.y)) or (
            self.percent and max(self.x, self.y) > 100
        ):
            limit = "in 0%..100%" if self.percent else "0 or more pixels"
            raise UsageError(f"a hint's place must be {limit}, got {self.place}")

    @property
    def place(self) -> str:
        """The place as it is written in options and files."""
        unit = "%" if self.percent else ""
        return f"{self.x:g}{unit},{self.y:g}{unit}"

    def __str__(self) -> str:
        return f"{self.place}={self.color}" + ("" if self.time is None else f" at {self.time:g} s")

    def to_mapping(self) -> dict[str, float | str]:
        """Return the hint as plain values, as files of hints have it."""
        x, y = (f"{v:g}%" if self.percent else v for v in (self.x, self.y))
        time = {} if self.time is None else {"time": self.time}
        return {**time, "x": x, "y": y, "color": self.color}

    def shares(self, width: int, height: int) -> tuple[float, float]:
        """Return the place as shares of a picture's width and height.

        Raises:
            UsageError: It lies outside the picture.
        """
        if self.percent:
            return self.x / 100, self.y / 100
        if self.x >= width or self.y >= height:
            raise UsageError(f"the hint {self} lies outside the picture of {width} x {height} pixels")
        x, y = (v + 0.5 if float(v).is_integer() else v for v in (self.x, self.y))
        return x / width, y / height


def parse_hint(text: str) -> Hint:
    """Read a hint as options give it: `X,Y=#RRGGBB`, in pixels or, `50%,30%`, in per cent.

    Raises:
        UsageError: It is not one.
    """
    place, equals, color = text.partition("=")
    x, comma, y = place.partition(",")
    if not (equals and comma):
        raise UsageError(f"a hint looks like 120,80=#3355aa or 50%,30%=#3355aa, got {shorten(text)}")
    return hint_from_values(x, y, color.strip(), f"the hint {shorten(text)}")


def parse_time(text: str) -> Fraction:
    """Read a time: seconds, "90" or "63.2", or "1:03.2", or "00:01:03.2".

    Raises:
        UsageError: It is none.
    """
    try:
        parts = [Fraction(part) for part in text.strip().split(":")]
    except (ValueError, ZeroDivisionError):
        parts = []
    if not 1 <= len(parts) <= 3 or min(parts) < 0:
        raise UsageError(f"a time looks like 63.2, 1:03.2 or 00:01:03.2, got {text!r}")
    seconds = Fraction(0)
    for part in parts:
        seconds = seconds * 60 + part
    return seconds


def hint_from_values(x: Any, y: Any, color: Any, where: str, time: Any = None) -> Hint:
    """Make a hint from numbers or texts.

    Raises:
        UsageError: It is not valid; the message begins with `where`.
    """
    places, percents = [], set()
    for given in (x, y):
        text = str(given).strip()
        try:
            places.append(float(text.removesuffix("%")))
        except ValueError:
            raise UsageError(f"{where}: a place is a number of pixels or a percentage, got {shorten(given)}") from None
        percents.add(text.endswith("%"))
    if len(percents) > 1:
        raise UsageError(f"{where}: give both x and y in pixels or both in per cent, got {shorten(x)} and {shorten(y)}")
    try:
        moment = None if time in (None, "") else float(parse_time(str(time)))
        return Hint(places[0], places[1], str(color), percent=percents.pop(), time=moment)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def read_hints(path: Path, names: Sequence[str]) -> dict[str, tuple[Hint, ...]]:
    """Read a file of hints.

    JSON: `{"1923/anna.jpg": [{"x": 120, "y": "80", "color": "#3355aa"}, ...], ...}`, or, for a single picture, the
    list alone. CSV: the columns file, x, y and color, with these names in the first line. Those of a film may have a
    time.

    Args:
        path: The file; its name ends in .json or .csv.
        names: Of the pictures, by their paths below the inputs.

    Raises:
        UsageError: It cannot be read or understood, or names a picture that is not there.
    """
    if path.suffix.lower() not in (".json", ".csv"):
        raise UsageError(f"hints are read from .json and .csv files, got {path}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the hints {path} cannot be read: {error.strerror or error}") from None
    try:
        is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # "Unicode text" of spreadsheets
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        if path.suffix.lower() == ".json":
            raise UsageError(f"the hints {path} cannot be read: they are not UTF-8 ({error})") from None
        text = content.decode("cp1252", "replace")  # as spreadsheets write CSV in much of the world
    rows = _json_rows(text, path, names) if path.suffix.lower() == ".json" else _csv_rows(text, path)
    exact, folded = set(names), {fold_name(name): name for name in names}
    found: dict[str, list[Hint]] = {}
    for number, (given, row) in enumerate(rows, start=1):
        where = f"{path}, hint {number}"
        name = given if given in exact else folded.get(fold_name(given))
        if name is None:
            raise UsageError(
                f"{where}: there is no picture {shorten(given)} among the inputs; name them as below the inputs"
            )
        if row is None:
            continue
        if missing := [key for key in _COLUMNS[1:] if row.get(key) is None]:
            raise UsageError(f"{where}: {missing[0]!r} is missing; a hint has x, y and color")
        hint = hint_from_values(row["x"], row["y"], row["color"], where, row.get("time"))
        found.setdefault(name, []).append(hint)
    return {name: tuple(hints) for name, hints in found.items()}


def fold_name(name: str) -> str:
    """Return what is the same for names that differ only in their Unicode form or in the case of their suffix."""
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    return str(path.parent / f"{path.stem}{path.suffix.lower()}")


_Rows = Iterable[tuple[str, Mapping[str, Any] | None]]  # names of pictures, each with a hint, or None


def _json_rows(text: str, path: Path, names: Sequence[str]) -> _Rows:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the hints {path} are not JSON: {error}") from None
    if isinstance(content, list):
        if len(names) != 1:
            raise UsageError(f"{path} names no pictures, and there are {len(names)}: write {{name: [hints]}}")
        content = {names[0]: content}
    lists = content.values() if isinstance(content, dict) else [None]
    if not all(isinstance(hints, list) and all(isinstance(hint, dict) for hint in hints) for hints in lists):
        raise UsageError(f'{path} must look like {{"picture.jpg": [{{"x": 120, "y": 80, "color": "#3355aa"}}]}}')
    return [(name, hint) for name, hints in content.items() for hint in (hints or [None])]


def _csv_rows(text: str, path: Path) -> _Rows:
    """Read a table; spreadsheets put semicolons or tabs between fields, blanks around them, and empty rows anywhere."""
    lines = [line for line in text.splitlines() if line.strip(" \t,;")]
    lines = lines[1:] if lines and re.fullmatch(r'"?sep=."?\s*', lines[0], re.IGNORECASE) else lines  # for spreadsheets
    first = lines[0] if lines else ""
    delimiter = max(",;\t", key=first.count)
    try:
        rows = [
            [field.strip() for field in row] for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        ]
    except csv.Error as error:
        raise UsageError(f"the hints {path} are not CSV: {error}") from None
    columns = [column.lower() for column in rows[0]] if rows else []
    if set(_COLUMNS) - set(columns):
        raise UsageError(f"the first line of {path} must name the columns {', '.join(_COLUMNS)}")
    hints = [dict(zip(columns, (field or None for field in row), strict=False)) for row in rows[1:]]
    if delimiter == ";":  # of countries that write 12,5 for 12.5
        hints = [{k: v.replace(",", ".") if v and k in ("x", "y") else v for k, v in hint.items()} for hint in hints]
    return [(hint.get("file") or "", hint) for hint in hints]


def hints_to_json(hints: Mapping[str, Sequence[Hint]]) -> str:
    """Return what `read_hints` reads from a .json file."""
    plain = {name: [hint.to_mapping() for hint in several] for name, several in hints.items()}
    text = json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()  # names that are no Unicode, as JSON escapes them


def hints_to_points(hints: Sequence[Hint], width: int, height: int) -> "Tensor":
    """Return hints as the network is given them: `(N, 4)`, x and y as shares of width and height, a, b.

    Raises:
        UsageError: One lies outside the picture.
    """
    import torch

    from colorgan.color import rgb_to_lab

    places = torch.tensor([hint.shares(width, height) for hint in hints]).view(-1, 2)
    levels = [color_to_levels(hint.color, "a hint's colour") for hint in hints]
    rgb = torch.tensor(levels, dtype=torch.float32).view(-1, 3, 1, 1) / 255
    return torch.cat((places, rgb_to_lab(rgb)[:, 1:, 0, 0]), dim=1)
