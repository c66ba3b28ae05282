import numpy as np
import pytest
import torch

from colorgan.color import rgb_to_lab
from colorgan.colorization import Colorizer
from colorgan.film.light import Light, compose_chroma
from colorgan.rendering import ChromaField
from film_support import film_facts


def even_field(a: float, b: float) -> ChromaField:
    offset = torch.tensor([a, b])[:, None, None].expand(2, 4, 8).clone()
    return ChromaField(torch.zeros_like(offset), offset)


def shown(luma: float, cb: float, cr: float, matrix: int) -> np.ndarray:
    """sRGB 0..1 of luma 0..1 and chroma -0.5..0.5, as ITU-R BT.601 and BT.709 say it."""
    red, blue = {6: (0.299, 0.114), 1: (0.2126, 0.0722)}[matrix]
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    return np.array([r, (luma - red * r - blue * b) / (1 - red - blue), b])


class TestPaintChroma:
    @pytest.mark.parametrize("full_range", [False, True])
    @pytest.mark.parametrize("bits", [8, 10])
    def test_no_colour_is_neutral_exactly(self, bits: int, full_range: bool) -> None:
        kind = np.uint8 if bits == 8 else np.uint16
        grey = np.linspace(0, np.iinfo(kind).max, 8 * 16).reshape(8, 16).astype(kind)
        for plane in compose_chroma(grey, even_field(0, 0), film_facts(bits=bits, full_range=full_range)):
            assert plane.dtype == kind
            assert (plane == 128 << (bits - 8)).all()

    @pytest.mark.parametrize("matrix", [6, 1])
    @pytest.mark.parametrize("bits", [8, 10])
    def test_the_colours_are_those_asked_for(self, bits: int, matrix: int) -> None:
        kind = np.uint8 if bits == 8 else np.uint16
        grey = np.full((8, 16), 0.5 * np.iinfo(kind).max).astype(kind)
        cb, cr = compose_chroma(grey, even_field(15, -20), film_facts(bits=bits, matrix=matrix))
        scale = 224 << (bits - 8)
        middle = 128 << (bits - 8)
        rgb = shown(0.5, (float(cb.mean()) - middle) / scale, (float(cr.mean()) - middle) / scale, matrix)
        _, a, b = rgb_to_lab(torch.from_numpy(rgb).float()[:, None, None]).flatten().tolist()
        assert a == pytest.approx(15, abs=1.5)
        assert b == pytest.approx(-20, abs=1.5)

    def test_nothing_leaves_the_cube(self) -> None:
        grey = np.repeat(np.arange(256, dtype=np.uint8)[None], 8, axis=0)
        cb, cr = compose_chroma(grey, even_field(80, -90), film_facts(width=512, height=16))
        for luma, u, v in zip(grey[0] / 255, (cb[0] - 128.0) / 224, (cr[0] - 128.0) / 224, strict=True):
            rgb = shown(luma, u, v, 6)
            assert rgb.min() > -0.01
            assert rgb.max() < 1.01

    def test_a_turned_film_is_coloured_upright(self) -> None:
        field = even_field(0, 0)
        field.offset[0, :2] = 40  # red above
        grey = np.full((16, 8), 128, np.uint8)  # stored lying on its side
        turned = ChromaField(field.slope, field.offset)
        _, cr = compose_chroma(grey, turned, film_facts(width=16, height=32, turn=1))
        upright = np.rot90(cr, 1).astype(int)
        assert upright[:3].mean() > upright[-3:].mean() + 10


class TestLight:
    @pytest.mark.parametrize(("full_range", "black", "white"), [(False, 16, 235), (True, 0, 255)])
    def test_black_and_white(self, colorizer: Colorizer, full_range: bool, black: int, white: int) -> None:
        light = Light(film_facts(full_range=full_range), colorizer, colorizer.render)
        luma = np.full((16, 32), black, np.uint8)
        luma[:, 16:] = white
        grey = light.grey(luma)
        assert grey.shape == (8, 16)
        assert (grey[:, :8] == 0).all()
        assert (grey[:, 8:] == 255).all()

    @pytest.mark.parametrize("layout", ["420", "422", "444"])
    def test_sizes_of_chroma(self, colorizer: Colorizer, layout: str) -> None:
        for bits in (8, 10):
            light = Light(film_facts(layout=layout, bits=bits), colorizer, colorizer.render)
            luma = np.full((16, 32), 100, np.uint8 if bits == 8 else np.uint16)
            assert light.grey(luma).shape == {"420": (8, 16), "422": (16, 16), "444": (16, 32)}[layout]
