"""Looks and the sheet of strengths, through the command."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from colorgan.cli import app
from colorgan.colorization import Colorizer, Outcome
from colorgan.errors import UsageError
from colorgan.images import describe, photo_from_image
from colorgan.rendering import Compositor
from colorgan.session import colorize_paths
from support import draw_photo


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    draw_photo(1, (96, 72)).convert("L").save("a.png")
    return Path("a.png")


def run(tiny_weights: Path, *arguments: str) -> np.ndarray:
    app(["colorize", "a.png", "-o", "out.png", "--existing", "overwrite", "--weights", str(tiny_weights), *arguments],
        standalone_mode=False)  # fmt: skip
    return np.asarray(Image.open("out.png"))


def chroma(rgb: np.ndarray) -> float:
    return float(np.hypot(*np.moveaxis(rgb2lab(rgb)[..., 1:], -1, 0)).mean())


class TestWarmth:
    @pytest.mark.parametrize("warmth", [6.0, -6.0])
    def test_moves_b_alone(self, colorizer: Colorizer, warmth: float) -> None:
        photo = photo_from_image(Image.new("L", (64, 64), 120))
        render = colorizer.settings(strength=0.2)
        network_input = colorizer.prepare(photo, render)
        (colors,) = colorizer.predict([network_input], render)
        plain, warm = (
            rgb2lab(
                np.concatenate(
                    list(Compositor(photo.grey, colorizer.fit(network_input, colors, render, warmth=w)).bands())
                )
            )
            for w in (0.0, warmth)
        )
        assert np.abs((warm - plain).mean((0, 1)) - (0, 0, warmth)).max() < 0.8  # a level of 8 bits


class TestLook:
    def test_natural_is_what_there_is_without(self, photo: Path, tiny_weights: Path) -> None:
        assert np.array_equal(run(tiny_weights), run(tiny_weights, "--look", "natural"))

    def test_muted_has_less_colour_than_vivid(self, photo: Path, tiny_weights: Path) -> None:
        muted, plain, vivid = (chroma(run(tiny_weights, "--look", look)) for look in ("muted", "natural", "vivid"))
        assert muted < plain < vivid

    def test_own_ones(self, photo: Path, tiny_weights: Path) -> None:
        Path("colorgan.toml").write_text("[looks.dusk]\nstrength = 0\nwarmth = -8")
        lab = rgb2lab(run(tiny_weights, "--look", "dusk"))
        middle = (lab[..., 0] > 30) & (lab[..., 0] < 70)
        assert middle.any()
        assert lab[middle][:, 2].mean() == pytest.approx(-8, abs=0.5)
        assert lab[middle][:, 1].mean() == pytest.approx(0, abs=0.5)

    def test_options_beside_it_go_first(self, photo: Path, tiny_weights: Path) -> None:
        assert chroma(run(tiny_weights, "--look", "vivid", "--strength", "0")) < 0.5
        Path("colorgan.toml").write_text("[colorize]\nstrength = 0")
        assert chroma(run(tiny_weights, "--look", "vivid")) > 5

    def test_it_is_noted(self, photo: Path, tiny_weights: Path) -> None:
        run(tiny_weights, "--look", "postcard")
        note = describe(Path("out.png"))
        assert note is not None
        assert {"look": "postcard", "warmth": 6.0, "chroma_limit": 30.0}.items() <= note.settings.items()
        assert "palette" in note.settings

    def test_one_that_is_not_known(self, photo: Path, tiny_weights: Path) -> None:
        with pytest.raises(UsageError, match="did you mean 'postcard'"):
            run(tiny_weights, "--look", "postcards")
        assert not Path("out.png").exists()


class TestStrengthStrip:
    def test_five_strengths_on_one_sheet(self, photo: Path, tiny_weights: Path) -> None:
        sheet = run(tiny_weights, "--strength-strip")
        cells = cut(sheet)
        assert len(cells) == 5
        colors = [chroma(cell) for cell in cells]
        assert colors == sorted(colors)
        assert np.array_equal(cells[2], run(tiny_weights, "--strength", "1"))
        run(tiny_weights, "--strength-strip")
        note = describe(Path("out.png"))
        assert note is not None
        assert note.settings["strength"] == [0.4, 0.7, 1.0, 1.3, 1.6]

    def test_reports_show_the_middle_one(self, photo: Path, colorizer: Colorizer) -> None:
        render = colorizer.settings(strength=1)
        shown = []
        for name, strip in (("one.png", False), ("five.png", True)):
            (outcome,) = colorize_paths(
                [photo], name, colorizer=colorizer, render=render, strength_strip=strip, contact_sheet="sheet.jpg"
            )
            assert isinstance(outcome, Outcome)
            assert outcome.preview is not None
            shown.append(outcome.preview.after)
        assert shown[0] == shown[1]

    def test_is_one_of_the_results(self, photo: Path, tiny_weights: Path) -> None:
        with pytest.raises(UsageError, match="--compare and --strength-strip ask for different results"):
            run(tiny_weights, "--strength-strip", "--compare")


def cut(sheet: np.ndarray) -> list[np.ndarray]:
    """Return the pictures of 96 x 72 on a sheet, row by row, where they lie on white."""
    found = []
    for top in range(12 + 30, sheet.shape[0], 72 + 30 + 12):
        for left in range(12, sheet.shape[1], 96 + 12):
            cell = sheet[top : top + 72, left : left + 96]
            if (cell < 255).any():
                found.append(cell)
    return found
