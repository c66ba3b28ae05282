"""Every format, mode and depth becomes the grey levels that it means."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from colorgan.images import (
    ReadLimits,
    is_image_name,
    photo_from_image,
)
from image_support import ramp, read_one, refused
from support import draw_photo


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
        options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
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

    def test_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_text("I am no picture")
        assert "not a picture" in refused(tmp_path / "a.jpg")

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".gif", ".bmp", ".avif", ".pgm"])
    def test_truncated(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a{suffix}"
        draw_photo(1).convert("L" if suffix == ".pgm" else "RGB").save(path)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        refused(path)

    def test_bomb(self, tmp_path: Path) -> None:
        body = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
        header = struct.pack(">I", 13) + b"IHDR" + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
        path = tmp_path / "a.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        )
        assert "60000 x 60000" in refused(path)

    def test_bomb_tiff(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", ramp((30, 40), np.uint16))
        assert "limit of 1,000" in refused(tmp_path / "a.tif", limits=ReadLimits(pixels=1000))

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
            refused(path)

    def test_damaged_metadata_does_not_matter(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        for number in range(20):
            exif = b"Exif\0\0II*\0\x08\0\0\0" + rng.bytes(200)
            Image.fromarray(ramp()).save(tmp_path / f"{number}.jpg", exif=exif, icc_profile=rng.bytes(300))
            read_one(tmp_path / f"{number}.jpg")

    def test_pictures_of_two_lenses_are_jpeg(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[draw_photo(2)])
        assert read_one(tmp_path / "a.jpg").format == "JPEG"

    def test_animation_gives_the_first_frame(self, tmp_path: Path) -> None:
        frames = [Image.new("L", (8, 8), level) for level in (10, 200)]
        for suffix in (".gif", ".webp", ".png"):
            options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
            frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], **options)
            photo = read_one(tmp_path / f"a{suffix}")
            assert (photo.grey // (257 if photo.grey.dtype == np.uint16 else 1) == 10).all()
