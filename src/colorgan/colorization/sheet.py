"""The contact sheet of a run: every photograph before and after, on one picture."""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from colorgan.colorization.products import SmallPictures
from colorgan.colorization.work import Outcome
from colorgan.errors import UsageError
from colorgan.files import make_folder, printable
from colorgan.images import Provenance, format_of, write_image
from colorgan.images.atomic import unwritable

__all__ = ["write_sheet"]

_CELL, _SMALLEST_CELL, _GAP, _TEXT = 240, 48, 12, 20
_LONGEST = 60_000  # pixels, below what JPEG can hold
_MOST_PIXELS = 100_000_000  # 300 MB; with more photographs the cells become smaller


def write_sheet(path: Path, outcomes: Sequence[Outcome], note: Provenance | None = None) -> int:
    """Write the contact sheet of a run, atomically; return how many photographs found no room on it.

    Args:
        path: Where to.
        outcomes: Of the run, with previews where there is something to show.
        note: Who made it; without it a later run does not write over it.

    Raises:
        UsageError: The name has no known format.
        ImageWriteError: It cannot be written.
    """
    image_format = format_of(path)
    if image_format is None:
        raise UsageError(f"{path}: no format is known for this name; use .jpg or .png")
    try:
        make_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    sheet = _Sheet.lay_out(outcomes)
    write_image(path, sheet.bands(), shape=(sheet.height, sheet.width), format=image_format, provenance=note)
    return sum(outcome.preview is not None for outcome in outcomes) - len(sheet.pairs)


_Shown = tuple[str, SmallPictures]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where everything stands: pairs of square cells, row by row."""

    pairs: list[_Shown]  # with their names
    cell: int  # pixels
    columns: int

    @classmethod
    def lay_out(cls, outcomes: Sequence[Outcome]) -> "_Sheet":
        """Choose the largest cells with which all have room; the last of too many photographs are left out."""
        ordered = sorted(outcomes, key=lambda outcome: outcome.job.number)
        pairs = [(printable(o.job.source.name), o.preview) for o in ordered if o.preview is not None]
        cell = _CELL
        while cell > _SMALLEST_CELL and len(pairs) * (2 * cell + 2 * _GAP) * (cell + _TEXT + _GAP) > _MOST_PIXELS:
            cell -= 1
        step = cell + _TEXT + _GAP
        pairs = pairs[: _MOST_PIXELS // ((2 * cell + 2 * _GAP) * step)]
        columns = max(1, min(4, math.ceil(math.sqrt(len(pairs) / 2))), -(-len(pairs) * step // _LONGEST))
        return cls(pairs, cell, columns)

    @property
    def width(self) -> int:
        return self.columns * (2 * self.cell + 2 * _GAP) + _GAP

    @property
    def height(self) -> int:
        return _GAP + max(1, -(-len(self.pairs) // self.columns)) * (self.cell + _TEXT + _GAP)

    def bands(self) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        """Yield the sheet row by row, `(h, W, 3)`."""
        yield np.full((_GAP, self.width, 3), 255, np.uint8)
        for start in range(0, max(1, len(self.pairs)), self.columns):
            yield np.asarray(self._draw_row(self.pairs[start : start + self.columns]))

    def _draw_row(self, pairs: Sequence[_Shown]) -> Image.Image:
        row = Image.new("RGB", (self.width, self.cell + _TEXT + _GAP), "white")
        draw = ImageDraw.Draw(row)
        most = 60 * self.cell // _CELL  # letters
        for number, (name, preview) in enumerate(pairs):
            left = _GAP + number * (2 * self.cell + 2 * _GAP)
            for place, data in enumerate((preview.before, preview.after)):
                image = Image.open(io.BytesIO(data)).convert("RGB")
                image.thumbnail((self.cell, self.cell))
                row.paste(image, (left + place * (self.cell + 2), (self.cell - image.height) // 2))
            text = name if len(name) < most else name[: most - 3] + "..."
            draw.text((left, self.cell + 2), text, fill="black", font_size=13)
        return row
