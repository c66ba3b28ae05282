"""What is written is what was given, read back by readers that are not colorgan's; and nothing is half-written."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
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
from support import draw_photo

LOSSLESS = ["PNG", "TIFF", "BMP", "PPM"]


def noise(shape: tuple[int, ...] = (30, 41, 3), dtype: type = np.uint8, seed: int = 0) -> NDArray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


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

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
    def test_lossy_near(self, tmp_path: Path, kind: str) -> None:
        pixels = np.asarray(draw_photo(1))
        write_image(tmp_path / "a", pixels, format=kind)
        with Image.open(tmp_path / "a") as image:
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - pixels).mean() < 4

    def test_quality(self, tmp_path: Path) -> None:
        pixels = np.asarray(draw_photo(1))
        for quality in (20, 95):
            write_image(tmp_path / f"{quality}.jpg", pixels, format="JPEG", quality=quality)
        assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 2

    def test_jpeg_keeps_all_chroma(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.jpg", noise(), format="JPEG")
        with Image.open(tmp_path / "a.jpg") as image:
            assert {layer[1:3] for layer in image.layer} == {(1, 1)}

    @pytest.mark.parametrize("channels", [3, 4])
    @pytest.mark.parametrize("given", [np.uint8, np.uint16])
    def test_sixteen_bit_tiff(self, tmp_path: Path, channels: int, given: type) -> None:
        pixels = noise((300, 401, channels), given)
        alpha = pixels[..., 3] if channels == 4 else None
        write_image(tmp_path / "a.tif", pixels[..., :3], format="TIFF", depth=16, alpha=alpha)
        read = tifffile.imread(tmp_path / "a.tif")
        assert read.dtype == np.uint16
        assert np.array_equal(read, pixels if given == np.uint16 else pixels.astype(np.uint16) * 257)

    @pytest.mark.parametrize("channels", [3, 4])
    @pytest.mark.filterwarnings("ignore:.*TorchVision are deprecated:DeprecationWarning")
    def test_sixteen_bit_png(self, tmp_path: Path, channels: int) -> None:
        from torchvision.io import ImageReadMode, decode_png

        pixels = noise((300, 41, channels), np.uint16)
        pixels[100:200] //= 512  # smooth enough for the other filter
        alpha = pixels[..., 3] if channels == 4 else None
        write_image(tmp_path / "a.png", pixels[..., :3], format="PNG", depth=16, alpha=alpha)
        data = torch.frombuffer(bytearray((tmp_path / "a.png").read_bytes()), dtype=torch.uint8)
        read = decode_png(data, ImageReadMode.UNCHANGED).movedim(0, -1).numpy()  # libpng
        assert read.dtype == np.uint16
        assert np.array_equal(read, pixels)

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
        assert opacity is None or np.array_equal(photo.alpha, opacity)

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


class TestAtomic:
    def sentence(self, target: Path, **options: object) -> str:
        with pytest.raises(ImageWriteError) as caught:
            write_image(target, noise(), **({"format": "PNG"} | options))
        assert "\n" not in str(caught.value)
        assert str(target) in str(caught.value)
        return str(caught.value)

    def test_folder(self, tmp_path: Path) -> None:
        assert "it is a folder" in self.sentence(tmp_path)

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert "folder does not exist" in self.sentence(tmp_path / "none" / "a.png")

    @pytest.mark.parametrize(
        ("number", "words"),
        [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
    )
    def test_what_the_system_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
    ) -> None:
        def fail(descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fail)
        (tmp_path / "a.png").write_bytes(b"old")
        assert words in self.sentence(tmp_path / "a.png")
        assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
        assert (tmp_path / "a.png").read_bytes() == b"old"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    @pytest.mark.parametrize(("kind", "depth"), [("JPEG", 8), ("PNG", 16), ("TIFF", 16)])
    @pytest.mark.parametrize("buffered", [0, 1 << 20])  # Python's own choice differs from version to version
    def test_a_full_device(self, kind: str, depth: int, buffered: int) -> None:
        full = Path("/dev/full").open("wb", buffering=buffered)  # noqa: SIM115 - closing it fails as well
        try:
            with pytest.raises(ImageWriteError, match="disk is full"):
                write_image(full, noise(), format=kind, depth=depth)
        finally:
            with suppress(OSError):  # it tries once more
                full.close()

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
    def test_a_failing_source(self, tmp_path: Path, kind: str) -> None:
        def bands() -> Iterator[NDArray]:
            yield noise((5, 10, 3))
            raise RuntimeError("out of memory")

        with pytest.raises(RuntimeError, match="out of memory"):
            write_image(tmp_path / "a", bands(), shape=(10, 10), format=kind)
        assert not list(tmp_path.iterdir())

    def test_invisible_until_complete(self, tmp_path: Path) -> None:
        def bands() -> Iterator[NDArray]:
            yield noise((5, 10, 3))
            assert not (tmp_path / "a.tif").exists()
            assert all(path.name.startswith(".") for path in tmp_path.iterdir())
            yield noise((5, 10, 3))

        write_image(tmp_path / "a.tif", bands(), shape=(10, 10), format="TIFF")
        assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]

    def test_replaces(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"old")
        write_image(tmp_path / "a.png", noise(), format="PNG")
        with Image.open(tmp_path / "a.png") as image:
            image.load()

    def test_long_names(self, tmp_path: Path) -> None:
        path = tmp_path / f"{'ä' * 125}.png"  # 254 bytes, one less than file systems take
        write_image(path, noise(), format="PNG")
        assert path.exists()


class TestFormats:
    def photo(self, **options: object) -> Photo:
        return Photo(**({"grey": noise((2, 2)), "depth": 8, "kind": PhotoKind.GREY} | options))

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
