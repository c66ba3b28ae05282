"""The curves of a run as one picture, drawn from its journal."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from colorgan.training.files import write_file

__all__ = ["draw_curves"]

_WIDTH, _HEIGHT, _COLUMNS = 460, 260, 2  # of a panel, pixels; panels in a row
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 40, 24  # margins of a panel
_COLORS = ("#1f5fa8", "#c4501b", "#2d8a4e", "#8a4fa3", "#7a6a1f")
_INK, _FAINT = "#333333", "#dddddd"

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    kind: str  # of the journal's entries
    names: tuple[str, ...]
    logarithmic: bool = False


_PANELS = (
    _Panel("total loss", "step", ("total",), logarithmic=True),
    _Panel("terms of the loss", "step", ("smooth_l1", "bins", "luminance", "perceptual", "adversarial"), True),
    _Panel("PSNR, dB", "validation", ("psnr", "grey_psnr")),
    _Panel("score, dB", "validation", ("score", "gain")),
    _Panel("colourfulness", "validation", ("colorfulness", "real_colorfulness")),
    _Panel("discriminator: verdicts", "step", ("d_real", "d_fake")),
    _Panel("gradient norms", "step", ("gradient_norm", "discriminator_gradient_norm"), logarithmic=True),
    _Panel("learning rate", "step", ("rate",)),
)


def draw_curves(entries: Sequence[Mapping[str, Any]], path: Path) -> Path | None:
    """Draw losses, scores and gradient norms over the steps, as a PNG at `path`.

    Returns:
        The path, or None where the journal has nothing to draw yet.

    Raises:
        TrainingError: It cannot be written.
    """
    panels = [(panel, curves) for panel in _PANELS if (curves := _curves(panel, entries))]
    if not panels:
        return None
    rows = math.ceil(len(panels) / _COLUMNS)
    picture = Image.new("RGB", (_COLUMNS * _WIDTH, rows * _HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    for number, (panel, curves) in enumerate(panels):
        row, column = divmod(number, _COLUMNS)
        _draw_panel(draw, column * _WIDTH, row * _HEIGHT, panel, curves)
    content = io.BytesIO()
    picture.save(content, "PNG")
    write_file(path, content.getbuffer())
    return path


def _curves(panel: _Panel, entries: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    curves: dict[str, Points] = {}
    for name in panel.names:
        values = [(e["step"], e.get(name)) for e in entries if e["kind"] == panel.kind]
        points = [(float(s), float(v)) for s, v in values if v is not None and (v > 0 or not panel.logarithmic)]
        if points:
            curves[name] = points
    return curves


def _draw_panel(draw: ImageDraw.ImageDraw, left: int, top: int, panel: _Panel, curves: Mapping[str, Points]) -> None:
    scaled = {name: [(x, _scale(y, panel)) for x, y in points] for name, points in curves.items()}
    xs = [x for points in scaled.values() for x, _ in points]
    ys = [y for points in scaled.values() for _, y in points]
    last, low, high = max(*xs, 1.0), min(ys), max(ys)
    if high - low < 1e-6 * max(abs(high), 1e-6):  # a flat curve runs through the middle
        margin = 0.1 * abs(high) or 0.5
        low, high = low - margin, high + margin
    x0, y0 = left + _LEFT, top + _TOP
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return x0 + width * x / last, y0 + height * (high - y) / (high - low)

    _draw_frame(draw, panel, (x0, y0, width, height), (low, high), last)
    pen = float(x0)
    for color, (name, points) in zip(_COLORS, scaled.items(), strict=False):
        places = [place(x, y) for x, y in points]
        if len(places) > 1:
            draw.line(places, fill=color, width=2)
        for x, y in places if len(places) < 30 else places[-1:]:
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=color)
        draw.text((pen, top + 22), name, fill=color)
        pen += draw.textlength(name) + 14


def _draw_frame(
    draw: ImageDraw.ImageDraw,
    panel: _Panel,
    box: tuple[int, int, int, int],
    limits: tuple[float, float],
    last: float,
) -> None:
    x0, y0, width, height = box
    low, high = limits
    draw.text((x0, y0 - _TOP + 6), panel.title + (" (logarithmic)" if panel.logarithmic else ""), fill=_INK)
    for number in range(5):
        y = y0 + height * number / 4
        value = high - (high - low) * number / 4
        draw.line((x0, y, x0 + width, y), fill=_FAINT)
        label = f"{10**value if panel.logarithmic else value:.3g}"
        draw.text((x0 - 6 - draw.textlength(label), y - 6), label, fill=_INK)
    draw.text((x0, y0 + height + 6), "0", fill=_INK)
    end = f"step {last:.0f}"
    draw.text((x0 + width - draw.textlength(end), y0 + height + 6), end, fill=_INK)


def _scale(value: float, panel: _Panel) -> float:
    return math.log10(value) if panel.logarithmic else value
