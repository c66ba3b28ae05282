"""The curves of a run."""

from pathlib import Path
from typing import Any

from PIL import Image

from colorgan import charts
from colorgan.losses import TERMS
from colorgan.training.plots import draw_curves

SCORE = {"psnr": 20.0, "grey_psnr": 19.0, "colorfulness": 10.0, "real_colorfulness": 40.0}


def draw(entries: list[dict[str, Any]], path: Path) -> tuple[int, set[object]]:
    """Draw curves and return the picture's height and its colours."""
    drawn = draw_curves(entries, path)
    assert drawn is not None
    with Image.open(drawn) as picture:
        colors = picture.convert("RGB").getcolors(100_000)
    assert colors is not None
    return picture.height, {color for _, color in colors}


class TestDrawCurves:
    def test_draws_a_panel_for_each_thing_that_was_measured(self, tmp_path):
        entries: list[dict[str, Any]] = [{"kind": "step", "step": s, "total": 1 / s, "rate": 0.1} for s in range(1, 50)]
        small, colors = draw(entries, tmp_path / "curves.png")
        assert len(colors) > 3
        entries += [{"kind": "validation", "step": s, "score": 0.1 * s, "gain": 0.1, **SCORE} for s in (10, 20)]
        assert draw(entries, tmp_path / "curves.png")[0] > small

    def test_takes_numbers_that_are_missing_or_nought(self, tmp_path):
        entries = [{"kind": "step", "step": 1, "total": None}, {"kind": "step", "step": 2, "total": 0.0, "rate": 0.0}]
        assert draw_curves(entries, tmp_path / "curves.png") is not None

    def test_draws_nothing_from_nothing(self, tmp_path):
        assert draw_curves([], tmp_path / "curves.png") is None
        assert not (tmp_path / "curves.png").exists()

    def test_draws_every_term_of_the_loss(self, tmp_path):
        names = [term.name for term in TERMS]
        entries = [{"kind": "step", "step": s, **{n: 2.0**k for k, n in enumerate(names)}} for s in (1, 2)]
        _, drawn = draw(entries, tmp_path / "curves.png")
        wanted = {tuple(bytes.fromhex(color[1:])) for color in charts._COLORS[: len(names)]}
        assert len(wanted) == len(names)
        assert wanted <= drawn
