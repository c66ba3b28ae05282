"""HEIC and JPEG XL, written by the packages that read them, and what is said where these are missing."""

import importlib.util
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import (
    PhotoKind,
    ReadLimits,
    count_pages,
    default_format,
    is_image_name,
    newer_formats,
    read_colors,
    read_photos,
    read_size,
)
from image_support import write_dng
from support import draw_photo

_HEIC = pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="pillow-heif is not installed")
_JXL = pytest.mark.skipif(importlib.util.find_spec("pillow_jxl") is None, reason="pillow-jxl-plugin is not installed")

GREY = np.asarray(draw_photo(1, (64, 48)).convert("L"))


def tagged(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "grandmother", orientation
    return exif.tobytes()


def heic(image: Image.Image, **options: Any) -> bytes:
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=-1, **options)
    return buffer.getvalue()


def jxl(image: Image.Image, **options: Any) -> bytes:
    import pillow_jxl  # noqa: F401 - registers itself

    buffer = io.BytesIO()
    image.save(buffer, "JXL", **options)
    return buffer.getvalue()


@_HEIC
class TestHeic:
    def test_is_read_with_what_it_says(self, tmp_path: Path) -> None:
        (tmp_path / "a.heic").write_bytes(heic(Image.fromarray(GREY).convert("RGB"), exif=tagged()))
        (photo,) = read_photos(tmp_path / "a.heic")
        shown = photo.grey / np.iinfo(photo.grey.dtype).max
        assert np.abs(shown - GREY / 255).mean() < 0.01
        assert photo.kind is not PhotoKind.COLOR
        assert (photo.depth, photo.format, default_format(photo)) == (8, "HEIF", "PNG")
        assert b"grandmother" in (photo.metadata.exif or b"")
        assert (count_pages(tmp_path / "a.heic"), read_size(tmp_path / "a.heic")) == (1, (64, 48))

    def test_colours_and_turns(self, tmp_path: Path) -> None:
        image = draw_photo(1, (64, 48))
        (tmp_path / "a.heic").write_bytes(heic(image, exif=tagged(6), chroma="444"))
        colors = read_colors(tmp_path / "a.heic").image
        assert read_size(tmp_path / "a.heic") == colors.size == (48, 64)
        expected = np.asarray(image.transpose(Image.Transpose.ROTATE_270), float)
        assert np.abs(np.asarray(colors, float) - expected).mean() < 4
        assert read_photos(tmp_path / "a.heic")[0].kind is PhotoKind.COLOR

    def test_more_than_eight_bits_stay(self) -> None:
        import pillow_heif

        levels = np.tile(np.linspace(20000, 24000, 64).astype(np.uint16), (48, 1))
        buffer = io.BytesIO()
        pillow_heif.from_bytes("RGB;16", (64, 48), np.stack([levels] * 3, -1).tobytes()).save(buffer, quality=-1)
        (photo,) = read_photos(io.BytesIO(buffer.getvalue()))
        assert photo.depth == 16
        assert len(np.unique(photo.grey[24])) > 30  # 16 with 8 bits
        assert np.abs(photo.grey.astype(int) - levels).max() < 200

    def test_limits_and_damage(self) -> None:
        data = heic(draw_photo(1, (64, 48)))
        with pytest.raises(ImageReadError, match="64 x 48 pixels"):
            read_photos(io.BytesIO(data), limits=ReadLimits(pixels=1000))
        for end in (40, 300, len(data) - 50):
            with pytest.raises(ImageReadError):
                read_photos(io.BytesIO(data[:end]))


@_JXL
class TestJpegXl:
    @pytest.mark.parametrize("container", [False, True])
    def test_is_read_exactly(self, tmp_path: Path, container: bool) -> None:
        metadata = {"exif": tagged(6), "xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"} if container else {}
        data = jxl(Image.fromarray(GREY), lossless=True, use_container=container, **metadata)
        (tmp_path / "a.jxl").write_bytes(data)
        (photo,) = read_photos(tmp_path / "a.jxl")
        assert np.array_equal(photo.grey, GREY)  # and upright: what EXIF says of that is past
        assert (photo.format, default_format(photo)) == ("JXL", "PNG")
        assert (b"grandmother" in (photo.metadata.exif or b"")) == container
        assert (photo.metadata.xmp is not None) == container
        assert read_size(tmp_path / "a.jxl") == (64, 48)

    def test_sixteen_bits(self) -> None:
        deep = GREY.astype(np.uint16) * 257 + 3
        (photo,) = read_photos(io.BytesIO(jxl(Image.fromarray(deep), lossless=True)))
        assert photo.depth == 16
        linear = deep / 65535  # what the encoder says of 16 bits, in a profile
        assert np.abs(photo.grey / 65535 - (1.055 * linear ** (1 / 2.4) - 0.055)).max() < 2e-4

    def test_a_jpeg_that_was_packed(self, tmp_path: Path) -> None:
        draw_photo(1, (64, 48)).save(tmp_path / "a.jpg", exif=tagged(6))
        with warnings.catch_warnings(), Image.open(tmp_path / "a.jpg") as image:
            warnings.simplefilter("ignore")  # it says that it packs
            (tmp_path / "a.jxl").write_bytes(jxl(image))
        (packed,), (plain,) = read_photos(tmp_path / "a.jxl"), read_photos(tmp_path / "a.jpg")
        assert np.array_equal(packed.grey, plain.grey)
        assert packed.metadata.exif == plain.metadata.exif

    @pytest.mark.parametrize("size", [(8, 8), (256, 256), (257, 256), (300, 200), (1920, 1080), (9, 5000), (70000, 3)])
    def test_size_is_known_before_anything_is_decoded(self, size: tuple[int, int]) -> None:
        data = jxl(Image.new("L", size), effort=1)
        with pytest.raises(ImageReadError, match=f"{size[0]} x {size[1]} pixels"):
            read_photos(io.BytesIO(data), limits=ReadLimits(pixels=size[0] * size[1] - 1))

    def test_damage(self) -> None:
        data = jxl(draw_photo(1, (64, 48)), use_container=True, exif=tagged())
        for end in (13, 50, 200, len(data) - 30):
            with pytest.raises(ImageReadError):
                read_photos(io.BytesIO(data[:end]))


class TestWithoutTheExtra:
    """Files are named, with what to install; no preview is coloured."""

    @pytest.fixture(autouse=True)
    def nothing_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(newer_formats, "find_spec", lambda _: None)

    @pytest.mark.parametrize(
        ("name", "start", "package"),
        [
            ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "pillow-heif"),
            ("a.jxl", b"\xff\n\xcb@$\x08\0\x01", "pillow-jxl-plugin"),
            ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "rawpy"),
            ("a.raf", b"FUJIFILMCCD-RAW 0201", "rawpy"),
            ("a.cr2", b"II*\0\x10\0\0\0CR\2\0", "rawpy"),
        ],
    )
    def test_names_the_package(self, tmp_path: Path, name: str, start: bytes, package: str) -> None:
        (tmp_path / name).write_bytes(start + bytes(100))
        assert is_image_name(name)
        for read in (read_photos, read_size, read_colors):
            with pytest.raises(ImageReadError, match=rf"{package}, .*colorgan\[formats\]"):
                read(tmp_path / name)

    def test_a_dng(self, tmp_path: Path) -> None:
        write_dng(tmp_path / "a.dng")
        with pytest.raises(ImageReadError, match=r"rawpy, .*colorgan\[formats\]"):
            read_photos(tmp_path / "a.dng")

    def test_avif_needs_none(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "a.avif")
        assert len(read_photos(tmp_path / "a.avif")) == 1
