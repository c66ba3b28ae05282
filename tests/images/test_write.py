"""What is written is what was given, read back by readers that are not colorgan's."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageWriteError
from colorgan.images import (
    FORMATS,
    FORMATS_WITH_ALPHA,
    SUFFIX_OF,
    Photo,
    PhotoKind,
    default_format,
    format_of,
    read_photos,
    write_image,
)
from image_support import noise

LOSSLESS = ["PNG", "TIFF", "BMP", "PPM"]


def bands_of(pixels: NDArray, rows: int) -> Iterator[NDArray]:
    for top in range(0, len(pixels), rows):
        yield pixels[top : top + rows]


class TestPixels:
    @pytest.mark.parametrize("kind", LOSSLESS)
    @pytest.mark.parametrize("given", [np.uint8, np.uint16])
    def test_eight_bits(self, tmp_path: Path, kind: str, given: type) -> None:
        pixels = noise(dtype=given)
        write_image(tmp_path / "a", pixels, format=kind)
        expected = pixels if given == np.uint8 else (pixels / 257).round().astype(np.uint8)
        with Image.open(tmp_path / "a") as image:
            assert image.mode == "RGB"
            assert np.array_equal(np.asarray(image), expected)

    @pytest.mark.parametrize(("kind", "depth"), [("PNG", 16), ("TIFF", 8), ("TIFF", 16), ("JPEG", 8)])
    @pytest.mark.parametrize("rows", [1, 7, 1000])
    def test_bands(self, tmp_path: Path, kind: str, depth: int, rows: int) -> None:
        pixels = noise((200, 300, 3), np.uint16)
        write_image(tmp_path / "whole", pixels, format=kind, depth=depth)
        write_image(tmp_path / "bands", bands_of(pixels, rows), shape=(200, 300), format=kind, depth=depth)
        (whole,), (banded,) = read_photos(tmp_path / "whole"), read_photos(tmp_path / "bands")
        assert np.array_equal(whole.grey, banded.grey)

    def test_missing_bands(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="20 rows were given for a picture of 30"):
            write_image(tmp_path / "a.tif", bands_of(noise((20, 4, 3)), 5), shape=(30, 4), format="TIFF")
        assert not list(tmp_path.iterdir())

    @given(
        height=st.integers(1, 60),
        width=st.integers(1, 60),
        depth=st.sampled_from([8, 16]),
        kind=st.sampled_from(["PNG", "TIFF"]),
        alpha=st.booleans(),
    )
    @settings(max_examples=40, deadline=None)
    def test_any_size(self, height: int, width: int, depth: int, kind: str, alpha: bool) -> None:
        grey = noise((height, width), np.uint16 if depth == 16 else np.uint8)
        opacity = noise(grey.shape, grey.dtype.type, 1) if alpha else None
        buffer = io.BytesIO()
        write_image(buffer, np.stack([grey] * 3, -1), format=kind, depth=depth, alpha=opacity)
        buffer.seek(0)
        (photo,) = read_photos(buffer)
        assert np.array_equal(photo.grey, grey)
        assert (photo.alpha is None) == (opacity is None)
        if photo.alpha is not None and opacity is not None:
            assert np.array_equal(photo.alpha, opacity)

    def test_same_bytes_every_time(self, tmp_path: Path) -> None:
        for kind in sorted(FORMATS):
            for name in "ab":
                write_image(tmp_path / name, noise(), format=kind)
            assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


class TestAlpha:
    @pytest.mark.parametrize("kind", sorted(FORMATS_WITH_ALPHA))
    def test_kept(self, tmp_path: Path, kind: str) -> None:
        alpha = np.zeros((30, 41), np.uint8)
        alpha[:, 20:] = 255
        write_image(tmp_path / "a", noise(), format=kind, alpha=alpha)
        with Image.open(tmp_path / "a") as image:
            assert image.mode == "RGBA"
            assert np.array_equal(np.asarray(image)[..., 3] > 127, alpha > 127)

    @pytest.mark.parametrize("kind", sorted(FORMATS - FORMATS_WITH_ALPHA))
    def test_laid_on_white(self, tmp_path: Path, kind: str) -> None:
        pixels = np.zeros((16, 32, 3), np.uint8)
        alpha = np.zeros((16, 32), np.uint16)
        alpha[:, 16:] = 65535
        write_image(tmp_path / "a", pixels, format=kind, alpha=alpha)
        with Image.open(tmp_path / "a") as image:
            read = np.asarray(image.convert("L"))
        assert read[:, :8].min() > 250
        assert read[:, 24:].max() < 5


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"format": "GIF"}, "256 colours"),
            ({"format": "XYZ"}, "choose one of avif, bmp"),
            ({"format": "JPEG", "depth": 16}, "16 bits as jpeg"),
        ],
    )
    def test_by_format(self, tmp_path: Path, options: dict, words: str) -> None:
        with pytest.raises(ImageWriteError, match=words):
            write_image(tmp_path / "a", noise(), **options)
        assert not list(tmp_path.iterdir())

    def test_too_long_for_webp(self, tmp_path: Path) -> None:
        with pytest.raises(ImageWriteError, match="16383 pixels a side"):
            write_image(tmp_path / "a.webp", noise((1, 20000, 3)), format="WEBP")


class TestFormats:
    def photo(self, **options: Any) -> Photo:
        plain: dict[str, Any] = {"grey": noise((2, 2)), "depth": 8, "kind": PhotoKind.GREY}
        return Photo(**(plain | options))

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"format": "JPEG"}, "JPEG"),
            ({"format": "PNG"}, "PNG"),
            ({"format": "TIFF", "depth": 16}, "TIFF"),
            ({"format": "WEBP"}, "WEBP"),
            ({"format": "GIF"}, "PNG"),
            ({"format": "PPM", "depth": 16}, "PNG"),
            ({"format": "BMP", "alpha": noise((2, 2))}, "PNG"),
            ({"format": "WEBP", "alpha": noise((2, 2))}, "WEBP"),
            ({"format": "AVIF", "depth": 16}, "PNG"),
            ({}, "PNG"),
        ],
    )
    def test_default(self, options: dict, expected: str) -> None:
        assert default_format(self.photo(**options)) == expected

    def test_by_suffix(self) -> None:
        assert format_of(Path("A.JPEG")) == "JPEG"
        assert format_of(Path("a.tiff")) == "TIFF"
        assert format_of(Path("a.xyz")) is None
        assert all(format_of(Path(f"a{suffix}")) == name for name, suffix in SUFFIX_OF.items())
