from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from colorgan.color import fit_gamut, grey_to_luminance, lab_to_rgb, luminance_to_grey, rgb_to_lab
from colorgan.errors import ImageWriteError
from colorgan.rendering import ChromaField, Compositor, chroma, fit_chroma, resample


def random_field(h: int = 20, w: int = 28, chroma: float = 15.0) -> ChromaField:
    luminance = F.interpolate(torch.rand(1, 1, 6, 8), size=(h, w), mode="bicubic")[0] * 100
    return fit_chroma(chroma * torch.randn(2, h // 4, w // 4), luminance)


def random_grey(H: int = 90, W: int = 121, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (H, W), dtype=dtype, endpoint=True)


def paint(grey: np.ndarray, field: ChromaField, depth: int = 8) -> np.ndarray:
    return np.concatenate(list(Compositor(grey, field, depth).bands()))


def reference(grey: np.ndarray, field: ChromaField) -> torch.Tensor:
    """The same by the plain functions of `colorgan.color`, on the whole picture at once."""
    levels = torch.from_numpy(grey.astype(np.float64) / np.iinfo(grey.dtype).max)
    L = grey_to_luminance(levels)[None]
    slope, offset = (
        F.interpolate(x[None].double(), size=grey.shape, mode="bilinear", align_corners=False)[0]
        for x in (field.slope, field.offset)
    )
    lab = torch.cat((L, slope * L + offset))
    return lab_to_rgb(fit_gamut(lab, tolerance=1e-6, steps=20)).clamp(0, 1).permute(1, 2, 0)


class TestPainting:
    @pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.uint16, 8), (np.uint16, 16)])
    def test_agrees_with_the_plain_functions(self, dtype: type, depth: int) -> None:
        field, grey = random_field(), random_grey(dtype=dtype)
        most = 255 if depth == 8 else 65535
        difference = np.abs(paint(grey, field, depth) / most - reference(grey, field).numpy())
        assert difference.max() < (0.8 / 255 if depth == 8 else 0.5 / 255)  # the gamut's edge is found to 2 ** -12
        assert difference.mean() < (0.3 / 255 if depth == 8 else 2 / 65535)

    @pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.uint16, 16)])
    def test_keeps_the_luminance_within_rounding(self, dtype: type, depth: int) -> None:
        grey = random_grey(dtype=dtype)
        painted = torch.from_numpy(paint(grey, random_field(chroma=25), depth).astype(np.float64))
        most = 255 if depth == 8 else 65535
        back = luminance_to_grey(rgb_to_lab(painted.permute(2, 0, 1) / most)[0]) * most
        difference = np.abs(back.numpy() - grey)
        assert difference.max() <= 1
        assert (back.round().numpy() == grey).mean() > 0.99

    def test_is_grey_without_chroma(self) -> None:
        grey = random_grey()
        compositor = Compositor(grey, random_field().scaled(0))
        assert np.array_equal(np.concatenate(list(compositor.bands())), np.repeat(grey[..., None], 3, axis=-1))
        assert compositor.out_of_gamut == 0

    def test_bands_have_no_seams(self, monkeypatch: pytest.MonkeyPatch) -> None:
        field, grey = random_field(), random_grey(H=333)
        whole = paint(grey, field)
        for pixels in (1, 121 * 7, 121 * 100):
            monkeypatch.setattr("colorgan.rendering.chroma._BAND_PIXELS", pixels)
            assert np.array_equal(paint(grey, field), whole)

    def test_counts_what_the_gamut_moves(self) -> None:
        field = ChromaField(torch.zeros(2, 4, 4), torch.full((2, 4, 4), 40.0))
        white = Compositor(np.full((8, 8), 255, np.uint8), field)
        bands = list(white.bands())
        assert white.out_of_gamut == white.grey.size
        assert np.unique(bands[0]).tolist() == [255]  # no colour is as light as white
        middle = Compositor(np.full((8, 8), 128, np.uint8), field)
        assert next(iter(middle.bands())).std() > 0
        assert middle.out_of_gamut == 0

    @settings(max_examples=25, deadline=None)
    @given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40), st.integers(1, 40))
    def test_any_size_from_any_field(self, H: int, W: int, h: int, w: int) -> None:
        field = ChromaField(torch.zeros(2, h, w), torch.full((2, h, w), 9.0))
        painted = paint(np.full((H, W), 120, np.uint8), field)
        assert painted.shape == (H, W, 3)
        assert (painted == painted[0, 0]).all()  # a constant stays constant at every size

    @pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1)])
    def test_strips(self, shape: tuple[int, int]) -> None:
        assert paint(np.full(shape, 99, np.uint8), random_field()).shape == (*shape, 3)

    @pytest.mark.parametrize("shape", [(1, 1), (9, 700), (700, 9), (400, 500)])
    @pytest.mark.parametrize("wrong", [lambda levels: levels // 4, lambda levels: 0 * levels, lambda levels: ~levels])
    def test_a_result_of_another_lightness_is_no_result(
        self, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], wrong: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        honest = chroma._to_levels
        grey = np.full(shape, 180, np.uint8)
        paint(grey, random_field())
        monkeypatch.setattr(chroma, "_to_levels", lambda *given: wrong(honest(*given)))
        with pytest.raises(ImageWriteError, match="mean lightness"):
            paint(grey, random_field())


class TestFitChroma:
    def test_color_stops_at_an_edge(self) -> None:
        """A red half beside a grey one, with an edge in L: the guided colours follow it more closely than bicubic."""
        luminance = torch.full((1, 64, 64), 30.0)
        luminance[..., 30:] = 70.0
        truth = torch.zeros(2, 64, 64)
        truth[0, :, 30:] = 50.0
        coarse = resample(truth[None], (16, 16))[0]

        def error(field: ChromaField) -> float:
            return float((field.slope * luminance + field.offset - truth).abs().mean())

        assert error(fit_chroma(coarse, luminance)) < 0.9 * error(fit_chroma(coarse, luminance, radius=0))

    def test_flat_luminance_keeps_the_colors(self) -> None:
        field = fit_chroma(torch.full((2, 5, 5), 12.0), torch.full((1, 20, 20), 50.0))
        assert torch.allclose(field.slope * 50 + field.offset, torch.full((2, 20, 20), 12.0), atol=1e-3)

    def test_radius_zero_is_plain_bicubic(self) -> None:
        ab = torch.randn(2, 5, 7)
        field = fit_chroma(ab, torch.rand(1, 20, 28) * 100, radius=0)
        expected = F.interpolate(ab[None], size=(20, 28), mode="bicubic", align_corners=False)[0]
        assert torch.equal(field.offset, expected)
        assert not field.slope.any()
