from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from colorgan.colorization.damage import find_damage

Drawing = Callable[[ImageDraw.ImageDraw], object]


def plain_photo(level: int = 110, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A wall with a gradient and grain."""
    width, height = size
    wall = level + np.linspace(-15, 15, width)[None] + np.random.default_rng(0).normal(0, 2, (height, width))
    return wall.clip(0, 255).astype(np.uint8)


def with_drawing(grey: np.ndarray, draw: Drawing) -> np.ndarray:
    image = Image.fromarray(grey)
    draw(ImageDraw.Draw(image))
    return np.asarray(image)


class TestFindDamage:
    @pytest.mark.parametrize("deep", [False, True])
    def test_a_light_scratch(self, *, deep: bool) -> None:
        grey = with_drawing(plain_photo(), lambda d: d.line((40, 20, 250, 200), fill=235, width=2))
        found = find_damage(grey.astype(np.uint16) * 257 if deep else grey)
        scratch = grey > 220
        assert found.shape == grey.shape
        assert found[scratch].mean() > 0.9
        assert found.mean() < 0.02

    def test_specks_of_dust(self) -> None:
        def dust(d: ImageDraw.ImageDraw) -> None:
            for x in (50, 150):
                d.rectangle((x, x, x + 1, x + 1), fill=240)

        grey = with_drawing(plain_photo(), dust)
        found = find_damage(grey)
        assert found[50:52, 50:52].all()
        assert found[150:152, 150:152].all()
        assert found.sum() <= 2 * 25

    def test_a_flat_patch(self) -> None:
        grey = with_drawing(plain_photo(), lambda d: d.rectangle((100, 60, 159, 119), fill=60))
        found = find_damage(grey)
        assert found[60:120, 100:160].all()
        assert found.sum() < 1.2 * 60 * 60

    def test_large_scans_are_looked_at_small(self) -> None:
        grey = with_drawing(plain_photo(size=(1800, 1400)), lambda d: d.line((200, 200, 1500, 900), fill=235, width=6))
        found = find_damage(grey)
        assert found.shape == grey.shape
        assert found[grey > 220].mean() > 0.8
        assert found.mean() < 0.03

    @pytest.mark.parametrize(
        "draw",
        [
            lambda d: None,
            lambda d: d.ellipse((100, 80, 130, 100), fill=235),  # an eye's white, a button, a lamp
            lambda d: d.rectangle((90, 60, 180, 150), fill=255),  # a burnt-out window
            lambda d: d.line((0, 120, 320, 120), fill=20, width=2),  # a wire
            lambda d: d.text((60, 60), "Hotel Bristol, 1912", fill=240, font_size=18),
            lambda d: [d.line((x, 40, x, 200), fill=230, width=2) for x in range(60, 260, 8)],  # shutters
        ],
    )
    def test_leaves_what_may_be_the_picture(self, draw: Drawing) -> None:
        assert find_damage(with_drawing(plain_photo(), draw)).mean() < 1e-3

    def test_leaves_stars(self) -> None:
        sky = with_drawing(plain_photo(30), lambda d: d.point([(x, 3 * x % 240) for x in range(5, 320, 37)], fill=250))
        assert not find_damage(sky).any()

    def test_leaves_drawings_and_skies(self) -> None:
        drawing = with_drawing(np.full((240, 320), 200, np.uint8), lambda d: d.rectangle((80, 60, 160, 140), fill=90))
        assert not find_damage(drawing).any()
        soft = Image.fromarray(with_drawing(plain_photo(), lambda d: d.rectangle((90, 60, 180, 150), fill=140)))
        assert not find_damage(np.asarray(soft.filter(ImageFilter.GaussianBlur(6)))).any()

    @pytest.mark.parametrize("shape", [(1, 1), (1, 300), (2, 2), (9, 7)])
    def test_any_size(self, shape: tuple[int, int]) -> None:
        assert not find_damage(np.full(shape, 100, np.uint8)).any()
