"""`colorgan eval --metric cdc`: how steadily and how well clips in colour are coloured again."""

import dataclasses
from importlib.util import find_spec
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from colorgan import console
from colorgan.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from colorgan.film import ClipScores

__all__ = ["measure_clips"]

_WAYS = {"own": "its own colours", "grey": "grey", "alone": "frame by frame", "steady": "as a film"}


def measure_clips(
    data: Path | None, weights: str, *, render_size: int | None, device: str, precision: str, as_json: bool
) -> None:
    """Measure a clip, or all in a folder, and print the figures.

    Raises:
        UsageError: PyAV is missing, or there is no clip.
    """
    if find_spec("av") is None:
        raise UsageError("films need PyAV, which is not installed: pip install 'colorgan[video]'")
    from colorgan.colorization import Colorizer
    from colorgan.film import measure_clip

    paths = _find(data)
    colorizer = Colorizer.load(weights, device=device, precision=precision)
    render = colorizer.settings(render_size=render_size)
    found = []
    for path in paths:
        console.say(f"measuring {path}")
        found.append(measure_clip(path, colorizer, render))
    if as_json:
        console.stdout().print(dumps([dataclasses.asdict(scores) for scores in found], indent=2), soft_wrap=True)
    else:
        console.stdout().print(_table(found))
        console.say("CDC: lower is steadier. Both ways of colouring are given the clip's own colourfulness.")


def _find(data: Path | None) -> list[Path]:
    from colorgan.images import is_film_name
    from colorgan.images.walk import PassedOver, walk_files

    if data is None or not data.exists():
        raise UsageError(f"cdc is measured on clips in colour; name one, or a folder of them, with --data, got {data}")
    if not data.is_dir():
        return [data]
    paths = [file.path for file in walk_files(data, PassedOver()) if file.is_regular and is_film_name(file.name)]
    if not paths:
        raise UsageError(f"{data} holds no clips; give a folder of films in colour")
    return paths


def _table(found: "list[ClipScores]") -> "Table":
    table = console.make_table("clip", "of", ">CDC", ">to its own", ">PSNR, dB", ">colourfulness", ">strength")
    for scores in found:
        for way, label in _WAYS.items():
            score = getattr(scores, way)
            ratio = score.cdc / scores.own.cdc if scores.own.cdc else 1.0
            table.add_row(
                f"{scores.name} ({scores.frames} frames)" if way == "own" else "",
                label,
                f"{score.cdc:.5f}",
                f"{ratio:.2f}",
                "" if way == "own" else f"{score.psnr:.2f}",
                f"{score.colorfulness:.1f}",
                f"{score.strength:.2f}" if way in ("alone", "steady") else "",
            )
    return table
