import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.colorization import Colorizer
from colorgan.errors import ConfigError, WeightsNotFoundError
from colorgan.images import photo_from_image
from colorgan.rendering import Query
from support import draw_photo


def grey_of(image: Image.Image) -> np.ndarray:
    rgb = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).double() / 255
    return (luminance_to_grey(rgb_to_lab(rgb)[0]) * 255).numpy()


class TestColorize:
    def test_keeps_luminance_and_adds_color(self, colorizer: Colorizer) -> None:
        grey = draw_photo(1, (150, 110)).convert("L")
        result = colorizer.colorize(grey)
        assert (result.mode, result.size) == ("RGB", grey.size)
        assert np.abs(grey_of(result) - np.asarray(grey)).max() <= 1
        assert np.ptp(np.asarray(result).astype(int), axis=-1).mean() > 5

    def test_strength_zero_is_grey(self, colorizer: Colorizer) -> None:
        result = np.asarray(colorizer.colorize(draw_photo(1).convert("L"), strength=0))
        assert np.ptp(result, axis=-1).max() == 0

    def test_strength_scales(self, colorizer: Colorizer) -> None:
        grey = draw_photo(1).convert("L")
        weak, strong = (np.asarray(colorizer.colorize(grey, strength=s)).astype(int) for s in (0.5, 1.5))
        assert np.ptp(strong, axis=-1).mean() > 2 * np.ptp(weak, axis=-1).mean()

    def test_render_size_matters(self, colorizer: Colorizer) -> None:
        grey = draw_photo(1, (200, 150)).convert("L")
        small, large = (np.asarray(colorizer.colorize(grey, render_size=s)) for s in (32, 128))
        assert not np.array_equal(small, large)

    def test_transparency_stays(self, colorizer: Colorizer) -> None:
        image = draw_photo(1).convert("LA")
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        result = colorizer.colorize(image)
        assert result.mode == "RGBA"
        assert np.array_equal(np.asarray(result)[..., 3], np.asarray(image)[..., 1])

    def test_transparency_of_16_bits_is_rounded(self, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
        photo = photo_from_image(draw_photo(1).convert("LA"))
        deep = dataclasses.replace(photo, alpha=np.full(photo.grey.shape, 0x01FF, np.uint16))
        monkeypatch.setattr("colorgan.colorization.colorizer.photo_from_image", lambda _: deep)
        alpha = np.asarray(colorizer.colorize(draw_photo(1)))[..., 3]
        assert np.unique(alpha).tolist() == [2]  # 511 of 65535, which 8 bits cut off would make 1

    @pytest.mark.parametrize(
        ("wrong", "error", "words"),
        [
            ("photo.jpg", TypeError, "got str; open a file with PIL.Image.open"),
            (Path("photo.jpg"), TypeError, "must be a Pillow image or an array"),
            ([Image.new("L", (2, 2))], TypeError, "got list"),
            (np.linspace(0, 255, 40).reshape(5, 8), ValueError, r"in 0\.\.1, got 0 to 255"),
            (np.full((4, 5), np.nan), ValueError, "without a number"),
            (np.zeros((4, 5), np.int64), TypeError, "int64 is no picture"),
            (np.zeros((4, 5, 7), np.uint8), ValueError, "is no picture"),
            (Image.new("L", (0, 0)), ValueError, "0 x 0 pixels"),
        ],
    )
    def test_what_is_no_picture(self, colorizer: Colorizer, wrong: object, error: type, words: str) -> None:
        with pytest.raises(error, match=words):
            colorizer.colorize(wrong)  # type: ignore[arg-type]

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    def test_arrays(self, colorizer: Colorizer, dtype: type) -> None:
        grey = np.asarray(draw_photo(1).convert("L"))
        levels: dict[type, np.ndarray] = {
            np.uint8: grey,
            np.uint16: grey.astype(np.uint16) * 257,
            np.float32: grey.astype(np.float32) / 255,
        }
        result = colorizer.colorize(levels[dtype])
        assert np.abs(grey_of(result) - grey).max() <= 1

    @pytest.mark.parametrize("arguments", [{"strength": -0.1}, {"strength": 2.1}, {"render_size": 2}])
    def test_bad_arguments(self, colorizer: Colorizer, arguments: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match="must be in"):
            colorizer.colorize(draw_photo(1), **arguments)

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.integers(1, 90), st.integers(1, 90), st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
    )
    def test_any_size_and_mode(self, colorizer: Colorizer, width: int, height: int, mode: str) -> None:
        if mode == "I;16":
            image = Image.fromarray(np.full((height, width), 30000, np.uint16))
        else:
            image = draw_photo(0, (width, height)).convert(mode)
        assert colorizer.colorize(image).size == (width, height)

    @pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
    def test_strips(self, colorizer: Colorizer, size: tuple[int, int]) -> None:
        assert colorizer.colorize(Image.new("L", size, 90)).size == size


class TestPredict:
    def test_does_not_depend_on_its_company(self, colorizer: Colorizer) -> None:
        photos = [photo_from_image(draw_photo(n, (90, 70)).convert("L")) for n in range(3)]
        inputs = [colorizer.prepare(photo, colorizer.render) for photo in photos]
        together = colorizer.predict(inputs, colorizer.render, Query(pad_to=4))
        for network_input, colors in zip(inputs, together, strict=True):
            (alone,) = colorizer.predict([network_input], colorizer.render, Query(pad_to=4))
            assert torch.equal(alone.ab, colors.ab)

    def test_like_shapes_share_a_key(self, colorizer: Colorizer) -> None:
        keys = {
            colorizer.prepare(photo_from_image(Image.new("L", size)), colorizer.render).render_shapes
            for size in ((100, 75), (1000, 750), (1010, 752))
        }
        assert len(keys) == 1

    def test_confidence_on_demand(self, colorizer: Colorizer) -> None:
        network_input = colorizer.prepare(photo_from_image(draw_photo(1).convert("L")), colorizer.render)
        assert colorizer.predict([network_input], colorizer.render)[0].confidence is None
        confidence = colorizer.predict([network_input], colorizer.render, Query(confidence=True))[0].confidence
        assert confidence is not None
        assert 0 <= float(confidence.min()) <= float(confidence.max()) <= 1

    def test_several_sizes_on_a_strip(self, colorizer: Colorizer) -> None:
        config = dataclasses.replace(colorizer.render, sizes=(96,), flip=True)
        network_input = colorizer.prepare(photo_from_image(Image.new("L", (1500, 3), 80)), config)
        assert colorizer.predict([network_input], config)[0].ab.isfinite().all()


class TestLoad:
    def test_says_what_it_is(self, colorizer: Colorizer) -> None:
        assert colorizer.name == "tiny"
        assert len(colorizer.sha256) == 64
        assert "tiny" in repr(colorizer)
        assert "cpu, float32" in repr(colorizer)

    def test_missing_weights(self) -> None:
        with pytest.raises(WeightsNotFoundError):
            Colorizer.load("nowhere/weights.pt")
