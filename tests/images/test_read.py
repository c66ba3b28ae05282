"""Every format, mode and depth becomes the grey levels that it means."""

import errno
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage import color as skcolor

from colorgan.errors import ImageReadError
from colorgan.images import (
    PhotoKind,
    ReadLimits,
    count_pages,
    is_image_name,
    photo_from_image,
    read_marks,
    read_photos,
    read_size,
    sources,
)
from support import draw_photo


def ramp(shape: tuple[int, ...] = (24, 40), dtype: type = np.uint8, seed: int = 0) -> NDArray:
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(0, info.max, shape, dtype, endpoint=True)


def luminance_of(rgb: NDArray) -> NDArray:
    """L* by scikit-image, which knows nothing of colorgan's tables."""
    unit = rgb / np.iinfo(rgb.dtype).max
    return skcolor.rgb2lab(unit)[..., 0]


def luminance_of_grey(grey: NDArray) -> NDArray:
    return luminance_of(np.stack([grey] * 3, axis=-1))


def read_one(path: Path, **options: object):
    (photo,) = read_photos(path, **options)
    return photo


class TestGreyLevels:
    """Greys stay bit for bit; colours keep their L*."""

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".gif", ".pgm"])
    def test_eight_bits_exact(self, tmp_path: Path, suffix: str) -> None:
        grey = ramp()
        path = tmp_path / f"a{suffix}"
        Image.fromarray(grey).save(path)
        photo = read_one(path)
        assert np.array_equal(photo.grey, grey)
        assert photo.grey.dtype == np.uint8
        assert (photo.depth, photo.kind, photo.alpha) == (8, PhotoKind.GREY, None)

    @pytest.mark.parametrize(("suffix", "options"), [(".jpg", {"quality": 95}), (".webp", {}), (".avif", {})])
    def test_lossy_near(self, tmp_path: Path, suffix: str, options: dict) -> None:
        image = draw_photo(3).convert("L")
        path = tmp_path / f"a{suffix}"
        image.save(path, **options)
        photo = read_one(path)
        assert np.abs(photo.grey.astype(float) / np.iinfo(photo.grey.dtype).max - np.asarray(image) / 255).mean() < 0.03
        assert photo.kind is PhotoKind.GREY

    def test_grey_stored_as_rgb_stays_exact(self, tmp_path: Path) -> None:
        grey = ramp()
        Image.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "a.png")
        photo = read_one(tmp_path / "a.png")
        assert np.array_equal(photo.grey, grey)
        assert photo.kind is PhotoKind.GREY

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_colour_keeps_luminance(self, dtype: type) -> None:
        rgb = ramp((30, 50, 3), dtype)
        photo = photo_from_image(rgb)
        assert photo.grey.dtype == np.uint16
        assert np.abs(luminance_of_grey(photo.grey) - luminance_of(rgb)).max() < 0.01
        assert photo.kind is PhotoKind.COLOR

    def test_dark_colours_are_precise(self) -> None:
        rgb = ramp((40, 40, 3), np.uint16) // 256
        assert np.abs(luminance_of_grey(photo_from_image(rgb).grey) - luminance_of(rgb)).max() < 0.01

    def test_a_late_colour_rescales_what_came_before(self) -> None:
        grey = np.full((1100, 1000), 100, np.uint8)  # more than one band
        rgb = np.stack([grey] * 3, axis=-1)
        rgb[-1, -1] = (255, 0, 0)
        photo = photo_from_image(rgb)
        assert photo.grey.dtype == np.uint16
        assert (photo.grey[:-1] == 100 * 257).all()

    def test_keeps_rgb_when_asked(self) -> None:
        rgb = ramp((9, 7, 3))
        assert photo_from_image(rgb).rgb is None
        assert np.array_equal(photo_from_image(rgb, keep_rgb=True).rgb, rgb)


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
            photo_from_image(wrong)

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


def png(pixels: NDArray, color: int, *, interlaced: bool = False, seed: int = 0) -> bytes:
    """Write a 16-bit PNG with random filters, row by row as the specification says."""
    rng = np.random.default_rng(seed)
    passes = [pixels]
    if interlaced:
        steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        passes = [pixels[y::dy, x::dx] for y, x, dy, dx in steps]
    data = b"".join(_filtered(part, rng) for part in passes if part.size)
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def _filtered(part: NDArray, rng: np.random.Generator) -> bytes:
    rows = part.astype(">u2").view(np.uint8).reshape(len(part), -1).astype(int)
    step, above, result = 2 * part.shape[2], np.zeros(rows.shape[1], int), b""
    for row in rows:
        left, corner = (np.concatenate((np.zeros(step, int), r[:-step])) for r in (row, above))
        p = left + above - corner
        a, b, c = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
        kind = int(rng.integers(5))
        guess = [0 * row, left, above, (left + above) // 2, paeth][kind]
        result += bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes()
        above = row
    return result


class TestDeepPng:
    """16-bit PNG, which Pillow reads as 8 bits."""

    def test_grey(self, tmp_path: Path) -> None:
        grey = ramp(dtype=np.uint16)
        Image.fromarray(grey).save(tmp_path / "a.png")
        photo = read_one(tmp_path / "a.png")
        assert np.array_equal(photo.grey, grey)
        assert photo.depth == 16

    @pytest.mark.parametrize("interlaced", [False, True])
    @pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (300, 17), (9, 11)])
    def test_all_filters(self, shape: tuple[int, int], interlaced: bool) -> None:
        pixels = ramp((*shape, 2), np.uint16)
        (photo,) = read_photos(io.BytesIO(png(pixels, 4, interlaced=interlaced)))
        assert np.array_equal(photo.grey, pixels[..., 0])
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, pixels[..., 1])

    @pytest.mark.parametrize(("color", "samples"), [(2, 3), (6, 4)])
    def test_colour(self, color: int, samples: int) -> None:
        pixels = ramp((30, 20, samples), np.uint16)
        (photo,) = read_photos(io.BytesIO(png(pixels, color)))
        assert np.abs(luminance_of_grey(photo.grey) - luminance_of(pixels[..., :3])).max() < 0.01
        assert (photo.alpha is None) == (samples == 3)
        assert photo.depth == 16

    def test_a_broken_checksum_is_refused(self) -> None:
        data = bytearray(png(ramp((30, 20, 3), np.uint16), 2))
        data[80] ^= 1
        with pytest.raises(ImageReadError, match=r"damaged|checksum"):
            read_photos(io.BytesIO(bytes(data)))

    def test_a_cut_one_is_refused(self) -> None:
        with pytest.raises(ImageReadError):
            read_photos(io.BytesIO(png(ramp((30, 20, 3), np.uint16), 2)[:1000]))


class TestTiff:
    """TIFF in its many layouts."""

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
    @pytest.mark.parametrize("predictor", [False, True])
    def test_sixteen_bits(self, tmp_path: Path, order: str, compression: str | None, predictor: bool) -> None:
        if predictor and not compression:
            pytest.skip("no predictor without compression")
        grey = ramp((50, 33), np.uint16)
        options = {"predictor": predictor} if compression else {}
        tifffile.imwrite(tmp_path / "a.tif", grey, byteorder=order, compression=compression, rowsperstrip=7, **options)
        photo = read_one(tmp_path / "a.tif")
        assert np.array_equal(photo.grey, grey)
        assert photo.depth == 16

    @pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "zstd", "tiff_adobe_deflate"])
    def test_compressed_by_libtiff(self, tmp_path: Path, compression: str) -> None:
        grey = ramp((50, 33), np.uint16)
        Image.fromarray(grey).save(tmp_path / "a.tif", compression=compression)
        assert np.array_equal(read_one(tmp_path / "a.tif").grey, grey)

    @pytest.mark.parametrize("layout", [{}, {"planarconfig": "separate"}, {"tile": (16, 32)}, {"bigtiff": True}])
    def test_colour_layouts(self, tmp_path: Path, layout: dict) -> None:
        rgb = ramp((50, 70, 3), np.uint16)
        stored = rgb.transpose(2, 0, 1) if "planarconfig" in layout else rgb
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **layout)
        photo = read_one(tmp_path / "a.tif")
        assert np.abs(luminance_of_grey(photo.grey) - luminance_of(rgb)).max() < 0.01

    @pytest.mark.parametrize("dtype", [np.uint32, np.float16, np.float32, np.float64, np.int16])
    def test_other_types(self, tmp_path: Path, dtype: type) -> None:
        unit = np.linspace(0, 1, 600).reshape(20, 30)
        white = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
        tifffile.imwrite(tmp_path / "a.tif", (unit * white).astype(dtype))
        photo = read_one(tmp_path / "a.tif")
        assert photo.depth == 16
        assert np.abs(photo.grey / 65535 - unit).max() < (1e-3 if dtype == np.float16 else 1e-4)

    def test_floating_predictor(self) -> None:
        values = np.random.default_rng(0).random((4, 6)).astype(np.float32)
        parts = values.astype(">f4").view(np.uint8).reshape(4, 6, 4).transpose(0, 2, 1).reshape(4, -1)
        data = zlib.compress(np.diff(parts, axis=1, prepend=np.uint8(0)).tobytes())
        tags = {
            256: 6, 257: 4, 258: 32, 259: 8, 262: 1, 273: 8, 277: 1, 278: 4, 279: len(data), 317: 3, 339: 3,
        }  # fmt: skip
        directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
        file = b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + directory + bytes(4)
        (photo,) = read_photos(io.BytesIO(file))
        assert np.array_equal(photo.grey, (values.astype(np.float64) * 65535).round().astype(np.uint16))

    def test_floats_beyond_one_and_nan(self, tmp_path: Path) -> None:
        values = np.array([[0, 127.5, 255, np.nan]], np.float32)
        tifffile.imwrite(tmp_path / "a.tif", values)
        assert read_one(tmp_path / "a.tif").grey.tolist() == [[0, 32768, 65535, 0]]

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_min_is_white(self, tmp_path: Path, dtype: type) -> None:
        grey = ramp(dtype=dtype)
        tifffile.imwrite(tmp_path / "a.tif", grey, photometric="miniswhite")
        assert np.array_equal(read_one(tmp_path / "a.tif").grey, np.iinfo(dtype).max - grey)

    def test_one_bit(self, tmp_path: Path) -> None:
        bits = ramp() > 127
        Image.fromarray(bits).save(tmp_path / "a.tif", compression="group4")
        photo = read_one(tmp_path / "a.tif")
        assert np.array_equal(photo.grey, bits * np.uint8(255))
        assert photo.depth == 8

    @pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
    def test_alpha(self, tmp_path: Path, kind: str) -> None:
        alpha = ramp((20, 30), np.uint16).clip(20000)
        grey = ramp((20, 30), np.uint16, seed=1)
        stored = (grey.astype(float) * alpha / 65535).round().astype(np.uint16) if kind == "assocalpha" else grey
        tifffile.imwrite(
            tmp_path / "a.tif", np.stack([stored, alpha], -1), photometric="minisblack", planarconfig="contig",
            extrasamples=[kind],
        )  # fmt: skip
        photo = read_one(tmp_path / "a.tif")
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, alpha)
        assert np.abs(photo.grey.astype(int) - grey).max() <= (2 if kind == "assocalpha" else 0)

    def test_pages(self, tmp_path: Path) -> None:
        pages = [ramp(dtype=np.uint8), ramp((10, 20), np.uint16), ramp((5, 6), np.uint8, seed=2)]
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for page in pages:
                writer.write(page)
        photos = read_photos(tmp_path / "a.tif")
        assert [(p.page, p.pages, p.depth) for p in photos] == [(0, 3, 8), (1, 3, 16), (2, 3, 8)]
        assert all(np.array_equal(p.grey, page) for p, page in zip(photos, pages, strict=True))

    def test_thumbnails_are_no_pages(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(ramp())
            writer.write(ramp((6, 10)), subfiletype=1)
        assert len(read_photos(tmp_path / "a.tif")) == 1

    def test_cmyk(self, tmp_path: Path) -> None:
        image = draw_photo(1).convert("CMYK")
        image.save(tmp_path / "a.tif", compression="tiff_lzw")
        photo = read_one(tmp_path / "a.tif")
        assert np.abs(luminance_of_grey(photo.grey) - luminance_of(np.asarray(image.convert("RGB")))).max() < 0.1

    def test_a_cut_strip_is_refused(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", ramp((100, 100), np.uint16))
        data = (tmp_path / "a.tif").read_bytes()
        (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
        with pytest.raises(ImageReadError):
            read_photos(tmp_path / "a.tif")


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


class TestOrientation:
    """EXIF's eight orientations, at 8 and 16 bits."""

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_upright(self, tmp_path: Path, orientation: int, suffix: str, dtype: type) -> None:
        if suffix == ".webp" and dtype == np.uint16:
            pytest.skip("WebP has 8 bits")
        grey = ramp((6, 9), dtype)
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"lossless": True} if suffix == ".webp" else {}
        Image.fromarray(grey).save(tmp_path / f"a{suffix}", exif=exif, **options)
        photo = read_one(tmp_path / f"a{suffix}")
        turns: dict[int, Callable[[NDArray], NDArray]] = {  # as the EXIF standard describes row 0 and column 0
            1: lambda x: x,
            2: np.fliplr,
            3: lambda x: np.rot90(x, 2),
            4: np.flipud,
            5: np.transpose,
            6: lambda x: np.rot90(x, -1),
            7: lambda x: np.rot90(np.transpose(x), 2),
            8: lambda x: np.rot90(x, 1),
        }
        assert np.array_equal(photo.grey, turns[orientation](grey))
        assert photo.grey.flags.c_contiguous

    def test_from_xmp_alone(self) -> None:
        image = Image.fromarray(ramp((6, 9)))
        image.info["xmp"] = b'<rdf:RDF><rdf:Description tiff:Orientation="6"/></rdf:RDF>'
        photo = photo_from_image(image)
        assert photo.grey.shape == (9, 6)
        assert photo.metadata.xmp is not None
        assert b'tiff:Orientation="1"' in photo.metadata.xmp


class TestNames:
    @pytest.mark.parametrize("name", ["a.jpg", "B.JPEG", "ä [1].TIF", "x.y.webp", "z.avif"])
    def test_pictures(self, name: str) -> None:
        assert is_image_name(name)

    @pytest.mark.parametrize("name", ["desktop.ini", "a.json", "._a.jpg", "jpg", ".jpg", "a.txt"])
    def test_others(self, name: str) -> None:
        assert not is_image_name(name)


class TestHostile:
    """Files that are not what they say: one sentence each, with the file's name."""

    def refused(self, path: Path, **options: object) -> str:
        with pytest.raises(ImageReadError) as caught:
            read_photos(path, **options)
        message = str(caught.value)
        assert message.startswith(str(path))
        assert "\n" not in message
        return message

    def test_missing(self, tmp_path: Path) -> None:
        assert "no such file" in self.refused(tmp_path / "none.jpg")

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").touch()
        assert "empty" in self.refused(tmp_path / "a.jpg")

    def test_folder(self, tmp_path: Path) -> None:
        assert "folder" in self.refused(tmp_path)

    def test_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_text("I am no picture")
        assert "not a picture" in self.refused(tmp_path / "a.jpg")

    def test_denied(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def deny(self: Path, *_: object) -> None:
            raise PermissionError(13, "Permission denied")

        (tmp_path / "a.jpg").touch()
        monkeypatch.setattr(Path, "open", deny)
        assert "permission denied" in self.refused(tmp_path / "a.jpg")

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".gif", ".bmp", ".avif", ".pgm"])
    def test_truncated(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a{suffix}"
        draw_photo(1).convert("L" if suffix == ".pgm" else "RGB").save(path)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        self.refused(path)

    def test_bomb(self, tmp_path: Path) -> None:
        body = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
        header = struct.pack(">I", 13) + b"IHDR" + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
        path = tmp_path / "a.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        )
        assert "60000 x 60000" in self.refused(path)

    def test_bomb_tiff(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", ramp((30, 40), np.uint16))
        assert "limit of 1,000" in self.refused(tmp_path / "a.tif", limits=ReadLimits(pixels=1000))

    def test_large_pictures_raise_no_warning_of_pillow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        monkeypatch.setattr(sources, "BAND", 80)  # before version 13 Pillow holds parts of a picture to its limit too
        Image.fromarray(ramp((30, 40))).save(tmp_path / "a.png")
        assert read_one(tmp_path / "a.png").grey.shape == (30, 40)
        assert Image.MAX_IMAGE_PIXELS == 100

    def test_noise_behind_every_signature(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        starts = [
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"II*\0",
            b"MM\0*",
            b"II+\0",
            b"RIFF....WEBP",
            b"GIF89a",
            b"BM",
            b"P5 ",
            b"P6 9 9 65535\n",
        ]
        for start in starts:
            path = tmp_path / "a.jpg"
            path.write_bytes(start + rng.bytes(300))
            self.refused(path)

    def test_damaged_metadata_does_not_matter(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        for number in range(20):
            exif = b"Exif\0\0II*\0\x08\0\0\0" + rng.bytes(200)
            Image.fromarray(ramp()).save(tmp_path / f"{number}.jpg", exif=exif, icc_profile=rng.bytes(300))
            read_one(tmp_path / f"{number}.jpg")

    def test_only_known_formats_are_tried(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "a.jpg", "EPS")  # Pillow would start Ghostscript on it
        assert "not a picture" in self.refused(tmp_path / "a.jpg")

    def test_pictures_of_two_lenses_are_jpeg(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[draw_photo(2)])
        assert read_one(tmp_path / "a.jpg").format == "JPEG"

    def test_stream(self) -> None:
        buffer = io.BytesIO()
        Image.fromarray(ramp()).save(buffer, "PNG")
        buffer.seek(0)
        (photo,) = read_photos(buffer)
        assert photo.format == "PNG"
        assert photo.metadata.times is None

    def test_stream_that_cannot_seek(self, tmp_path: Path) -> None:
        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return False

        buffer = io.BytesIO()
        Image.fromarray(ramp()).save(buffer, "PNG")
        (photo,) = read_photos(Pipe(buffer.getvalue()))
        assert np.array_equal(photo.grey, ramp())

    def test_animation_gives_the_first_frame(self, tmp_path: Path) -> None:
        frames = [Image.new("L", (8, 8), level) for level in (10, 200)]
        for suffix in (".gif", ".webp", ".png"):
            options = {"lossless": True} if suffix == ".webp" else {}
            frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], **options)
            photo = read_one(tmp_path / f"a{suffix}")
            assert (photo.grey // (257 if photo.grey.dtype == np.uint16 else 1) == 10).all()


@pytest.mark.parametrize("read", [read_marks, read_size, read_photos, count_pages])
def test_what_cannot_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object]
) -> None:
    with pytest.raises(ImageReadError, match="cannot be read: its name is too long"):
        read(tmp_path / ("y" * 300 + ".jpg"))
    look = os.stat

    def refuse(path: object, **options: object) -> os.stat_result:
        if "closed" in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(ImageReadError, match="cannot be read: permission denied"):
        read(tmp_path / "closed" / "a.jpg")
