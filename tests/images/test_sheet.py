"""Where the pictures are on a scanned sheet."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from colorgan.images import PhotoKind, photo_from_image
from print_support import grey_photo, tint
from support import draw_photo

SEPIA = ((20, 10, 0), (150, 110, 70), (255, 240, 210))
CYANOTYPE = ((0, 20, 60), (40, 110, 160), (240, 250, 255))
YELLOWED = ((10, 8, 5), (250, 240, 215))
WHITE, LID, GREY, CREAM, BLACK, CARD = (
    (252, 252, 252), (238, 240, 241), (128, 128, 130), (243, 232, 205), (12, 12, 12), (120, 100, 80)
)  # fmt: skip
STRIP = [(0, 0, 0), (255, 255, 255), (230, 30, 40), (250, 230, 20), (20, 150, 70), (0, 160, 220), (220, 20, 130)]


def small(array: NDArray) -> Image.Image:
    image = Image.fromarray(array)
    image.thumbnail((256, 256))
    return image


def small_grey(seed: int) -> NDArray:
    return np.asarray(draw_photo(seed, (256, 192)).convert("L")) / 255


def prints() -> list[NDArray]:
    """Return grey photographs, drawn and real ones."""
    camera, astronaut = (np.asarray(small(x).convert("L")) / 255 for x in (data.camera(), data.astronaut()))
    return [small_grey(1), small_grey(2), camera[:, :200], astronaut]


def lay_on(rgb: NDArray, color: tuple[int, int, int], sides: tuple[float, ...], seed: int = 0) -> NDArray:
    """Lay a print on a surface that shows above, below, left and right, as shares of its longer side."""
    rng = np.random.default_rng(seed)
    longest = max(rgb.shape[:2])
    top, bottom, left, right = (round(share * longest) for share in sides)
    height, width = rgb.shape[0] + top + bottom, rgb.shape[1] + left + right
    sheet = np.array(color) + np.linspace(-3, 3, width)[None, :, None] + rng.normal(0, 1.5, (height, width, 3))
    sheet[top : top + rgb.shape[0], left : left + rgb.shape[1]] = rgb
    return sheet


def stamp(rgb: NDArray, corner: str, text: str = "14 MAI 1931") -> NDArray:
    image = Image.fromarray(rgb.clip(0, 255).astype(np.uint8))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=image.height * 0.05)
    _, _, wide, high = draw.textbbox((0, 0), text, font=font)
    x = image.width * 0.04 if "left" in corner else image.width * 0.96 - wide
    y = image.height * 0.03 if "top" in corner else image.height * 0.96 - high
    draw.text((x, y), text, fill=(225, 60, 30), font=font)
    return np.asarray(image, float)


def add_strip(rgb: NDArray, side: str, depth: float = 0.07, gap: float = 0) -> NDArray:
    """Lay a strip of colours beside a print."""
    if side in ("left", "right"):
        return add_strip(rgb.swapaxes(0, 1), {"left": "top", "right": "bottom"}[side], depth, gap).swapaxes(0, 1)
    height, width = rgb.shape[:2]
    patches = np.array(STRIP, float)[np.arange(width) * len(STRIP) // width]
    parts = [rgb, np.full((round(gap * height), width, 3), 250.0), np.repeat(patches[None], round(depth * height), 0)]
    return np.concatenate(parts if side == "bottom" else parts[::-1])


def jpeg(rgb: NDArray, quality: int = 80) -> PhotoKind:
    buffer = io.BytesIO()
    Image.fromarray(rgb.clip(0, 255).round().astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as image:
        return photo_from_image(image).kind


class TestSheets:
    """Toned prints as scanners see them."""

    @pytest.mark.parametrize("stops", [SEPIA, CYANOTYPE, YELLOWED])
    @pytest.mark.parametrize("color", [WHITE, LID, GREY, CREAM, BLACK, CARD])
    def test_all_around(self, stops: tuple, color: tuple[int, int, int]) -> None:
        for number, grey in enumerate(prints()):
            share = (0.04, 0.08, 0.15, 0.25)[number]
            sheet = lay_on(tint(grey, *stops), color, (share,) * 4, number)
            assert jpeg(sheet) is PhotoKind.TINTED

    @pytest.mark.parametrize("stops", [SEPIA, CYANOTYPE, YELLOWED])
    @pytest.mark.parametrize("sides", [(0, 0.1, 0, 0.1), (0.02, 0.3, 0.05, 0.1), (0.03, 0.15, 0.03, 0.03)])
    def test_some_sides(self, stops: tuple, sides: tuple[float, ...]) -> None:
        for color in (WHITE, GREY, BLACK):
            assert jpeg(lay_on(tint(small_grey(1), *stops), color, sides)) is PhotoKind.TINTED

    @pytest.mark.parametrize("stops", [SEPIA, CYANOTYPE])
    def test_paper_on_a_lid(self, stops: tuple) -> None:
        paper = lay_on(tint(small_grey(1), *stops), CREAM, (0.06,) * 4)
        assert jpeg(lay_on(paper, LID, (0.05, 0.1, 0.05, 0.15), 1)) is PhotoKind.TINTED

    def test_aslant(self) -> None:
        image = Image.fromarray(tint(small_grey(1), *SEPIA).astype(np.uint8)).convert("RGBA").rotate(3, expand=True)
        sheet = Image.new("RGB", (image.width + 60, image.height + 60), LID)
        sheet.paste(image, (30, 30), image)
        assert jpeg(np.asarray(sheet, float)) is PhotoKind.TINTED

    def test_two_prints(self) -> None:
        first, second = (
            lay_on(tint(grey_photo(n), *stops), WHITE, (0.05,) * 4) for n, stops in ((1, SEPIA), (2, CYANOTYPE))
        )
        assert jpeg(np.concatenate((first, second), axis=1)) is PhotoKind.TINTED

    @pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
    @pytest.mark.parametrize("stops", [SEPIA, CYANOTYPE, ((0, 0, 0), (255, 255, 255))])
    def test_stamp(self, corner: str, stops: tuple) -> None:
        for grey in prints():
            assert jpeg(stamp(tint(grey, *stops), corner)) is PhotoKind.TINTED

    def test_stamp_on_the_border(self) -> None:
        assert jpeg(stamp(lay_on(tint(small_grey(1), *SEPIA), WHITE, (0.1,) * 4), "bottom right")) is PhotoKind.TINTED

    @pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
    @pytest.mark.parametrize("gap", [0, 0.03])
    def test_strip(self, side: str, gap: float) -> None:
        for stops in (SEPIA, CYANOTYPE, YELLOWED):
            assert jpeg(add_strip(tint(small_grey(1), *stops), side, gap=gap)) is PhotoKind.TINTED

    def test_strip_on_the_lid(self) -> None:
        sheet = add_strip(lay_on(tint(small_grey(1), *SEPIA), LID, (0.05,) * 4), "bottom")
        assert jpeg(lay_on(sheet, LID, (0.03,) * 4, 1)) is PhotoKind.TINTED


def mute(rgb: NDArray, saturation: float) -> NDArray:
    grey = (rgb @ np.array([0.2126, 0.7152, 0.0722]))[..., None]
    return grey + (rgb - grey) * saturation


class TestColorOnSheets:
    """Photographs in colour are found out, whatever lies around them."""

    def photos(self) -> list[NDArray]:
        real = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), data.stereo_motorcycle()[0]]
        drawn = [np.asarray(draw_photo(seed, (256, 192))) for seed in (2, 4)]
        return [np.asarray(small(photo), float) for photo in (*real, *drawn)]

    @pytest.mark.parametrize("saturation", [1, 0.6])
    def test_muted(self, saturation: float) -> None:
        assert [jpeg(mute(photo, saturation)) for photo in self.photos()] == [PhotoKind.COLOR] * 7

    @pytest.mark.parametrize("color", [WHITE, GREY, CREAM, BLACK, CARD])
    def test_with_a_border(self, color: tuple[int, int, int]) -> None:
        for photo in self.photos():
            assert jpeg(lay_on(mute(photo, 0.7), color, (0.08,) * 4)) is PhotoKind.COLOR

    def test_with_a_stamp_or_a_strip(self) -> None:
        for photo in self.photos():
            assert jpeg(stamp(mute(photo, 0.7), "bottom right")) is PhotoKind.COLOR
            assert jpeg(add_strip(mute(photo, 0.7), "bottom")) is PhotoKind.COLOR

    def test_one_colored_among_toned_prints(self) -> None:
        sepia = lay_on(tint(small_grey(1), *SEPIA), WHITE, (0.05,) * 4)
        coloured = lay_on(np.asarray(draw_photo(3, (256, 192)), float), WHITE, (0.05,) * 4)
        assert jpeg(np.concatenate((sepia, coloured), axis=1)) is PhotoKind.COLOR
