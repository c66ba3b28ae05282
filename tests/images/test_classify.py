"""Grey, tinted and coloured pictures are told apart."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from colorgan.images import PhotoKind, photo_from_image
from print_support import grey_photo, kind_of, tint
from support import draw_photo


class TestTinted:
    @pytest.mark.parametrize(
        "stops",
        [
            ((20, 10, 0), (150, 110, 70), (255, 240, 210)),  # sepia
            ((0, 20, 60), (40, 110, 160), (240, 250, 255)),  # cyanotype
            ((20, 20, 60), (140, 120, 120), (255, 240, 200)),  # split toning: blue shadows, yellow lights
            ((0, 0, 0), (255, 250, 235)),  # yellowed paper
        ],
    )
    def test_tints(self, stops: tuple[tuple[int, int, int], ...]) -> None:
        assert kind_of(tint(grey_photo(), *stops)) is PhotoKind.TINTED

    def test_scanner_noise(self) -> None:
        noise = np.random.default_rng(0).normal(0, 6, (300, 400, 3))
        assert kind_of(tint(grey_photo(), (15, 10, 5), (250, 240, 215)) + noise) is PhotoKind.TINTED

    def test_jpeg(self) -> None:
        buffer = io.BytesIO()
        sepia = tint(grey_photo(), (20, 10, 0), (150, 110, 70), (255, 240, 210))
        Image.fromarray(sepia.astype(np.uint8)).save(buffer, "JPEG", quality=60)
        with Image.open(buffer) as image:
            assert photo_from_image(image).kind is PhotoKind.TINTED

    def test_uneven_yellowing(self) -> None:
        edge = np.linspace(0, 6, 400)[None, :, None] * np.array([1, 0, -1])
        assert kind_of(tint(grey_photo(), (15, 10, 5), (250, 240, 215)) + edge) is PhotoKind.TINTED


class TestGrey:
    def test_exact(self) -> None:
        assert kind_of(np.stack([grey_photo() * 255] * 3, axis=-1)) is PhotoKind.GREY

    def test_rounding_noise(self) -> None:
        noise = np.random.default_rng(0).integers(-1, 2, (300, 400, 3))
        assert kind_of(np.stack([grey_photo() * 255] * 3, axis=-1) + noise) is PhotoKind.GREY


class TestColor:
    @pytest.mark.parametrize("seed", range(5))
    def test_photographs(self, seed: int) -> None:
        assert kind_of(np.asarray(draw_photo(seed, (400, 300)))) is PhotoKind.COLOR

    @pytest.mark.parametrize("saturation", [0.5, 0.3])
    def test_low_saturation(self, saturation: float) -> None:
        image = draw_photo(2, (400, 300)).filter(ImageFilter.GaussianBlur(2))
        rgb, grey = np.asarray(image, float), np.asarray(image.convert("L"), float)[..., None]
        assert kind_of(grey + (rgb - grey) * saturation) is PhotoKind.COLOR

    def test_one_small_red_thing(self) -> None:
        rgb = np.stack([grey_photo() * 255] * 3, axis=-1)
        rgb[100:140, 200:240] = (190, 30, 30)
        assert kind_of(rgb) is PhotoKind.COLOR

    def test_red_thing_in_sepia(self) -> None:
        rgb = tint(grey_photo(), (20, 10, 0), (150, 110, 70), (255, 240, 210))
        rgb[100:140, 200:240] = (40, 60, 200)
        assert kind_of(rgb) is PhotoKind.COLOR

    @pytest.mark.parametrize("color", [(120, 20, 20), (20, 90, 20), (255, 240, 120)])
    @pytest.mark.parametrize("light", [(60, 180), (0, 255), (100, 130)])
    def test_a_thing_darker_or_lighter_than_the_rest(self, color: tuple[int, int, int], light: tuple[int, int]) -> None:
        grey = light[0] + grey_photo() * (light[1] - light[0])
        rgb = np.stack([grey] * 3, axis=-1)
        rgb[100:140, 200:260] = color
        assert kind_of(rgb) is PhotoKind.COLOR

    def test_flat_colours(self) -> None:
        rgb = np.zeros((64, 64, 3))
        rgb[:, :32] = (200, 30, 30)
        rgb[:, 32:] = (30, 30, 200)
        assert kind_of(rgb) is PhotoKind.COLOR


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_any_shape(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert photo_from_image(rng.integers(0, 256, (*shape, 3), np.uint8)).kind in PhotoKind
