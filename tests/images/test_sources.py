"""Pictures in memory, of any mode and type, and deep PPM files."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import (
    photo_from_image,
    read_photos,
)
from image_support import luminance_of, luminance_of_grey, ramp, read_one
from support import draw_photo


class TestModes:
    """All of Pillow's modes."""

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"])
    def test_converted(self, mode: str) -> None:
        image = draw_photo(2).convert("RGBA" if mode == "RGBa" else "LA" if mode == "La" else "RGB").convert(mode)
        photo = photo_from_image(image)
        plain = image.convert("LA") if mode == "La" else image
        expected = luminance_of(np.asarray(plain.convert("RGBA").convert("RGB")))
        assert np.abs(luminance_of_grey(photo.grey) - expected).max() < 1.0
        assert (photo.alpha is not None) == (mode in {"LA", "La", "PA", "RGBA", "RGBa"})
        assert photo.depth == 8

    def test_lab(self) -> None:
        lab = np.zeros((4, 5, 3), np.uint8)
        lab[..., 0] = 128  # L* = 50.2
        photo = photo_from_image(Image.frombytes("LAB", (5, 4), lab.tobytes()))
        assert luminance_of_grey(photo.grey) == pytest.approx(np.full((4, 5), 128 / 2.55), abs=1.0)

    def test_hsv(self) -> None:
        image = draw_photo(2)
        photo = photo_from_image(image.convert("HSV"))
        assert np.abs(luminance_of_grey(photo.grey) - luminance_of(np.asarray(image))).mean() < 1.5

    @pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
    def test_sixteen_bits(self, mode: str) -> None:
        grey = ramp(dtype=np.uint16)
        stored = {"I;16": "<u2", "I;16B": ">u2", "I": "<i4"}[mode]
        image = Image.frombytes(mode, (40, 24), grey.astype(stored).tobytes())
        photo = photo_from_image(image)
        assert np.array_equal(photo.grey, grey)
        assert photo.depth == 16

    def test_floats(self) -> None:
        values = np.linspace(0, 1, 60, dtype=np.float32).reshape(6, 10)
        assert np.array_equal(photo_from_image(values).grey, (values * 65535).round().astype(np.uint16))
        photo = photo_from_image(Image.fromarray(values))
        assert photo.depth == 16
        assert np.abs(photo.grey / 65535 - values).max() < 1e-5
        assert np.abs(photo_from_image(Image.fromarray(values * 255)).grey / 65535 - values).max() < 1e-5

    def test_palette_transparency(self, tmp_path: Path) -> None:
        image = Image.new("P", (4, 2))
        image.putpalette([10, 10, 10, 200, 200, 200])
        image.putdata([0, 1] * 4)
        image.save(tmp_path / "a.png", transparency=bytes([0, 128]))
        photo = read_one(tmp_path / "a.png")
        assert photo.grey[0].tolist() == [10, 200, 10, 200]
        assert photo.alpha is not None
        assert photo.alpha[0].tolist() == [0, 128, 0, 128]

    @pytest.mark.parametrize("shape", [(2, 2, 2), (0, 3), (3, 0, 3), (4,), (2, 2, 3, 1), ()])
    def test_arrays_of_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="is no picture"):
            photo_from_image(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint32, complex, object, "U3"])
    def test_arrays_of_other_types_are_refused(self, dtype: type | str) -> None:
        with pytest.raises(TypeError, match="is no picture"):
            photo_from_image(np.zeros((2, 2), dtype))

    @pytest.mark.parametrize("white", [255.0, 65535.0, 10.0])
    def test_floats_on_another_scale_are_refused(self, white: float) -> None:
        unit = np.random.default_rng(0).random((30, 40, 3))
        with pytest.raises(ValueError, match=r"must be in 0\.\.1"):
            photo_from_image(unit * white)
        unit[0, 0] = 1.2  # sharpened
        assert photo_from_image(unit).grey.shape == (30, 40)

    @pytest.mark.parametrize("wrong", ["a.jpg", Path("a.jpg"), b"", [[0, 1]], None, 3])
    def test_what_is_no_picture_is_refused(self, wrong: object) -> None:
        with pytest.raises(TypeError, match=f"must be a Pillow image or an array, got {type(wrong).__name__}"):
            photo_from_image(wrong)  # type: ignore[arg-type]

    @pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
    def test_no_pixels(self, size: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} pixels"):
            photo_from_image(Image.new("L", size))

    def test_closed_pictures(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "a.png")
        unread = Image.open(tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as read:
            read.load()
        for image in (unread, read):
            image.close()
            with pytest.raises(ValueError, match="closed"):
                photo_from_image(image)

    def test_a_damaged_file_opened_by_the_caller(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "a.png")
        data = (tmp_path / "a.png").read_bytes()
        (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
        with Image.open(tmp_path / "a.png") as image, pytest.raises(ImageReadError, match=r"a\.png is damaged"):
            photo_from_image(image)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_sideways_tiffs_that_pillow_maps_into_memory(self, tmp_path: Path, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / "a.tif"
        Image.fromarray(ramp((6, 9))).save(path, exif=exif)
        with Image.open(path) as image:
            assert np.array_equal(photo_from_image(image).grey, read_one(path).grey)
            assert image.filename == str(path)

    @given(
        size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
        mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"]),
        orientation=st.integers(1, 8),
    )
    @settings(max_examples=60, deadline=None)
    def test_any_size_and_mode(self, size: tuple[int, int], mode: str, orientation: int) -> None:
        image = Image.new("RGB", size, (90, 90, 90)).convert("L" if mode == "I;16" else "RGB").convert(mode)
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.info["exif"] = exif.tobytes()
        photo = photo_from_image(image, keep_rgb=True)
        expected = size if orientation >= 5 else size[::-1]
        assert photo.grey.shape == expected
        assert photo.rgb is not None
        assert photo.rgb.shape == (*expected, 3)


class TestNetpbm:
    """16-bit PGM and PPM."""

    def test_pgm(self) -> None:
        grey = ramp(dtype=np.uint16)
        (photo,) = read_photos(io.BytesIO(b"P5 40 24 65535\n" + grey.astype(">u2").tobytes()))
        assert np.array_equal(photo.grey, grey)
        assert photo.depth == 16

    def test_ppm(self) -> None:
        rgb = ramp((24, 40, 3), np.uint16)
        (photo,) = read_photos(io.BytesIO(b"P6\n# by hand\n40 24\n65535\n" + rgb.astype(">u2").tobytes()))
        assert np.abs(luminance_of_grey(photo.grey) - luminance_of(rgb)).max() < 0.01
        assert photo.depth == 16

    def test_ppm_of_ten_bits(self) -> None:
        rgb = np.full((2, 3, 3), 1023, np.uint16)
        (photo,) = read_photos(io.BytesIO(b"P6 3 2 1023\n" + rgb.astype(">u2").tobytes()))
        assert (photo.grey == 65535).all()
