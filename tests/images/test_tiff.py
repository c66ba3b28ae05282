"""TIFF pages that Pillow does not read, or not well."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import (
    read_photos,
)
from image_support import luminance_of, luminance_of_grey, page, ramp, read_one, tiff
from support import draw_photo


class TestTiff:
    """TIFF in its many layouts."""

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
    @pytest.mark.parametrize("predictor", [False, True])
    def test_sixteen_bits(
        self, tmp_path: Path, order: Literal["<", ">"], compression: str | None, predictor: bool
    ) -> None:
        if predictor and not compression:
            pytest.skip("no predictor without compression")
        grey = ramp((50, 33), np.uint16)
        options: dict[str, Any] = {"predictor": predictor} if compression else {}
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


class TestDamagedMetadata:
    """What a TIFF says beside its pixels never costs them."""

    @pytest.mark.parametrize("orientation", [1, 6])
    def test_tags_of_every_kind(self, orientation: int) -> None:
        rng = np.random.default_rng(orientation)
        tags = [34665, 34853, 40965, 270, 315, 700, 33723, 34377, 34675, 36867, 282, 283, 296, 306, 330, 532, 320, 301]
        pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
        upright = np.rot90(pixels, -1) if orientation == 6 else pixels
        for _ in range(100):
            some = {int(tag): tuple(rng.choice([8, 100, 0, 5000, 0xFFFFFFFF], rng.integers(1, 4)).tolist())
                    for tag in rng.choice(tags, 4, replace=False)}  # fmt: skip
            data = bytearray(
                tiff(page(6, 4, size=24) | {274: (orientation,)} | some, data=pixels.tobytes() + bytes(100))
            )
            (place,) = struct.unpack_from("<I", data, 4)
            for entry in range(place + 2, place + 2 + 12 * struct.unpack_from("<H", data, place)[0], 12):
                if struct.unpack_from("<H", data, entry)[0] in some:
                    struct.pack_into("<H", data, entry + 2, int(rng.choice([1, 2, 3, 4, 5, 7, 12, 13, 99])))
            (photo,) = read_photos(io.BytesIO(bytes(data)))
            assert np.array_equal(photo.grey, upright), some

    def test_a_thumbnail_whose_photograph_is_lost_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").write_bytes(tiff(page(4, 4, size=16) | {254: (1,), 330: (9000,)}, data=bytes(16)))
        with pytest.raises(ImageReadError, match="the picture is not"):
            read_photos(tmp_path / "a.tif")
