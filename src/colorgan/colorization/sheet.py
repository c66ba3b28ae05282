"""The contact sheet of a run: every photograph before and after, on one picture."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from colorgan.colorization.products import Preview
from colorgan.colorization.work import Outcome
from colorgan.errors import UsageError
from colorgan.images import format_of, write_image

__all__ = ["make_sheet", "write_sheet"]

_CELL, _GAP, _TEXT = 240, 12, 20
_LONGEST = 60_000  # pixels, below what JPEG can hold


def write_sheet(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the contact sheet of a run, atomically.

    Raises:
        UsageError: The name has no known format.
        ImageWriteError: It cannot be written.
    """
    image_format = format_of(path)
    if image_format is None:
        raise UsageError(f"{path}: no format is known for this name; use .jpg or .png")
    write_image(path, np.asarray(make_sheet(outcomes)), format=image_format)


def make_sheet(outcomes: Sequence[Outcome]) -> Image.Image:
    """Draw the contact sheet: pairs of before and after in rows, each with its name."""
    shown = [(o, o.preview) for o in sorted(outcomes, key=lambda o: o.job.number) if o.preview is not None]
    columns = max(1, min(4, math.ceil(math.sqrt(len(shown) / 2))))
    step = _CELL + _TEXT + _GAP
    columns = max(columns, -(-len(shown) * step // _LONGEST))
    rows = -(-max(len(shown), 1) // columns)
    sheet = Image.new("RGB", (columns * (2 * _CELL + 2 * _GAP) + _GAP, rows * step + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (outcome, preview) in enumerate(shown):
        left = _GAP + number % columns * (2 * _CELL + 2 * _GAP)
        top = _GAP + number // columns * step
        _paste_pair(sheet, preview, left, top)
        name = outcome.job.source.name
        draw.text((left, top + _CELL + 2), name if len(name) < 60 else name[:57] + "...", fill="black", font_size=13)
    return sheet


def _paste_pair(sheet: Image.Image, preview: Preview, left: int, top: int) -> None:
    for place, data in enumerate((preview.before, preview.after)):
        image = Image.open(io.BytesIO(data)).convert("RGB")
        image.thumbnail((_CELL, _CELL))
        sheet.paste(image, (left + place * (_CELL + 2), top + (_CELL - image.height) // 2))
