"""Metadata survives, and colorgan's note is added to it and read back."""

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from colorgan.images import (
    SUFFIX_OF,
    Metadata,
    describe,
    read_photos,
)
from colorgan.images.exif import parse_exif
from metadata_support import HOLD_XMP, IPTC, NOTE, resources, write


class TestKept:
    @pytest.mark.parametrize(("kind", "depth"), [*((f, 8) for f in HOLD_XMP), ("PNG", 16), ("TIFF", 16)])
    def test_exif(self, source: Path, tmp_path: Path, kind: str, depth: int) -> None:
        (photo,) = read_photos(source)
        target = tmp_path / f"out{SUFFIX_OF[kind]}"
        write(target, kind, photo.metadata, depth=depth)
        with Image.open(target) as image:
            exif = image.getexif()
            inner, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
        assert exif[ExifTags.Base.Make] == "Kodak"
        assert exif[ExifTags.Base.Software] == "colorgan 1.2.3"
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        assert (ExifTags.Base.StripOffsets in exif) == (kind == "TIFF")
        assert inner[ExifTags.Base.DateTimeOriginal] == "1931:05:06 07:08:09"
        assert inner[ExifTags.Base.FNumber] == pytest.approx(5.6)
        assert inner[ExifTags.Base.ColorSpace] == 1
        assert ExifTags.Base.ExifImageWidth not in inner  # the picture was turned
        assert inner[ExifTags.Base.MakerNote] == b"FUJIFILM secret"  # whose offsets count from its own beginning
        assert gps[2] == (48.0, 12.0, 30.5)

    @pytest.mark.parametrize("kind", HOLD_XMP)
    def test_xmp(self, source: Path, tmp_path: Path, kind: str) -> None:
        (photo,) = read_photos(source)
        target = tmp_path / f"out{SUFFIX_OF[kind]}"
        write(target, kind, photo.metadata)
        (again,) = read_photos(target)
        assert again.metadata.xmp is not None
        assert b"<!-- kept -->" in again.metadata.xmp
        assert "Grün".encode() in again.metadata.xmp
        assert b'tiff:Orientation="1"' in again.metadata.xmp
        assert describe(target) == NOTE

    @pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
    def test_dpi_in_exif(self, tmp_path: Path, kind: str) -> None:
        write(tmp_path / "out", kind, Metadata(dpi=(600, 600)))
        with Image.open(tmp_path / "out") as image:
            exif = image.getexif()
        assert [exif[tag] for tag in (282, 283, 296)] == [600, 600, 2]

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
    def test_iptc(self, source: Path, tmp_path: Path, kind: str) -> None:
        (photo,) = read_photos(source)
        write(tmp_path / "out", kind, photo.metadata)
        (again,) = read_photos(tmp_path / "out")
        assert again.metadata.iptc is not None
        assert again.metadata.iptc.endswith(b"hello")
        with Image.open(tmp_path / "out") as image:
            image.load()

    def test_comment(self, source: Path, tmp_path: Path) -> None:
        (photo,) = read_photos(source)
        write(tmp_path / "out.jpg", "JPEG", photo.metadata)
        with Image.open(tmp_path / "out.jpg") as image:
            assert image.info["comment"] == b"on the back: 1931"

    @pytest.mark.parametrize("depth", [8, 16])
    def test_png_texts(self, tmp_path: Path, depth: int) -> None:
        metadata = Metadata(texts={"Title": "Großmutter ✿", "Author": "nobody"})
        write(tmp_path / "a.png", "PNG", metadata, depth=depth)
        with Image.open(tmp_path / "a.png") as image:
            image.load()
            texts = dict(image.info)
        assert texts["Title"] == "Großmutter ✿"
        assert texts["Author"] == "nobody"
        assert texts["Software"] == "colorgan 1.2.3"

    def test_times(self, source: Path, tmp_path: Path) -> None:
        os.utime(source, ns=(10**18, 10**18 + 7))
        (photo,) = read_photos(source)
        write(tmp_path / "a.png", "PNG", photo.metadata)
        assert (tmp_path / "a.png").stat().st_mtime_ns == 10**18 + 7


class TestTiff:
    """What a TIFF says is kept in the same way whatever its depth and its byte order."""

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("target", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
    def test_texts(self, tmp_path: Path, order: Literal["<", ">"], dtype: type, target: str) -> None:
        tifffile.imwrite(
            tmp_path / "a.tif", np.zeros((4, 6), dtype), byteorder=order, metadata=None, resolution=(200, 200),
            resolutionunit="inch", description="Großmutter in Köln".encode(),
            extratags=[(315, 2, 0, "Jürgen".encode() + b"\0", True), (274, 3, 1, 6, True)],
        )  # fmt: skip
        (photo,) = read_photos(tmp_path / "a.tif")
        assert photo.grey.shape == (6, 4)
        assert photo.metadata.dpi == pytest.approx((200, 200))
        write(tmp_path / "b", target, photo.metadata)
        (again,) = read_photos(tmp_path / "b")
        texts = {entry.tag: entry.data.rstrip(b"\0").decode() for entry in parse_exif(again.metadata.exif or b"")}
        assert (texts[270], texts[315]) == ("Großmutter in Köln", "Jürgen")

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("kind", ["bytes", "undefined", "long", "long, swapped", "resources"])
    def test_iptc(
        self, tmp_path: Path, order: Literal["<", ">"], dtype: type, kind: str, recwarn: pytest.WarningsRecorder
    ) -> None:
        padded = IPTC + bytes(-len(IPTC) % 4)
        numbers = np.frombuffer(padded, order + "u4" if kind == "long" else ("<>"[order == "<"] + "u4"))
        tag: tuple[int, int, int, Any] = {
            "bytes": (33723, 1, len(IPTC), IPTC),
            "undefined": (33723, 7, len(IPTC), IPTC),
            "resources": (34377, 7, len(resources(IPTC)), resources(IPTC)),
        }.get(kind, (33723, 4, len(numbers), numbers.tolist()))
        tifffile.imwrite(
            tmp_path / "a.tif", np.zeros((4, 6), dtype), byteorder=order, metadata=None, extratags=[(*tag, True)]
        )
        (photo,) = read_photos(tmp_path / "a.tif")
        assert photo.metadata.iptc is not None
        assert photo.metadata.iptc.rstrip(b"\0") == IPTC
        assert not recwarn.list

    def test_of_each_page(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
            for name in ("first", "second"):
                tiff.write(np.zeros((4, 6), np.uint8), description=name, metadata=None)
        pages = read_photos(tmp_path / "a.tif")
        assert [b"second" in (page.metadata.exif or b"") for page in pages] == [False, True]
