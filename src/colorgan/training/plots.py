"""The curves of a run as one picture, drawn from its journal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorgan.charts import Chart, Line, charts_to_png, span
from colorgan.losses import TERMS
from colorgan.training.files import write_file

__all__ = ["draw_curves"]

_FEW = 30  # points, each of which is marked

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    kind: str  # of the journal's entries
    names: tuple[str, ...]
    logarithmic: bool = False


_PANELS = (
    _Panel("total loss", "step", ("total",), logarithmic=True),
    _Panel("terms of the loss", "step", tuple(term.name for term in TERMS), logarithmic=True),
    _Panel("PSNR, dB", "validation", ("psnr", "grey_psnr")),
    _Panel("PSNR in holes, dB", "validation", ("hole_psnr", "smooth_psnr")),
    _Panel("score, dB", "validation", ("score", "gain")),
    _Panel("colourfulness", "validation", ("colorfulness", "real_colorfulness")),
    _Panel("discriminator: how likely it finds photographs", "step", ("d_real", "d_fake")),
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
    found = [(panel, _curves(panel, entries)) for panel in _PANELS]
    charts = [_chart(panel, curves) for panel, curves in found if curves]
    if not charts:
        return None
    write_file(path, charts_to_png(charts))
    return path


def _curves(panel: _Panel, entries: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    curves: dict[str, Points] = {}
    for name in panel.names:
        values = [(e["step"], e.get(name)) for e in entries if e["kind"] == panel.kind]
        points = [
            (float(s), math.log10(v) if panel.logarithmic else float(v))
            for s, v in values
            if v is not None and (v > 0 or not panel.logarithmic)
        ]
        if points:
            curves[name] = points
    return curves


def _chart(panel: _Panel, curves: Mapping[str, Points]) -> Chart:
    last = max(x for points in curves.values() for x, _ in points)
    return Chart(
        title=panel.title,
        lines=[Line(name, points, n, len(points) < _FEW) for n, (name, points) in enumerate(curves.items())],
        x_range=(0.0, max(last, 1.0)),
        y_range=span([y for points in curves.values() for _, y in points]),
        x_label="step",
        logarithmic=panel.logarithmic,
    )
