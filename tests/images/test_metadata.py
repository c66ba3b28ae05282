"""Metadata survives, and colorgan's note is added to it and read back."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms

from colorgan.images import (
    FORMATS,
    SUFFIX_OF,
    Marks,
    Metadata,
    Provenance,
    describe,
    photo_from_image,
    read_photos,
    write_image,
)
from colorgan.images.exif import encode_exif, parse_exif
from support import draw_photo

NOTE = Provenance(version="1.2.3", model='default "<&>"', hash="ab" * 32, settings={"strength": 1.5, "seed": None})
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><!-- kept -->'
    b'<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'tiff:Orientation="6" dc:rights="Gr\xc3\xbcn"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
HOLD_XMP = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"]


def exif_block(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Kodak"
    exif[ExifTags.Base.Software] = "Scanner 1"
    exif[ExifTags.Base.StripOffsets] = 77
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "1931:05:06 07:08:09",
        ExifTags.Base.FNumber: 5.6,
        ExifTags.Base.ColorSpace: 65535,
        ExifTags.Base.ExifImageWidth: 80,
        ExifTags.Base.MakerNote: b"FUJIFILM secret",
    }
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 12.0, 30.5)}
    return exif.tobytes()


def write(path: Path, kind: str, metadata: Metadata, provenance: Provenance | None = NOTE, **options: object) -> None:
    pixels = np.asarray(draw_photo(1))
    write_image(path, pixels, format=kind, metadata=metadata, provenance=provenance, **options)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A JPEG that says everything that a JPEG can say."""
    path = tmp_path / "source.jpg"
    draw_photo(1).convert("L").save(path, exif=exif_block(), xmp=XMP, dpi=(300, 300), comment=b"on the back: 1931")
    data = path.read_bytes()
    iptc = b"\x1c\x02\x78\x00\x05hello"
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    path.write_bytes(data[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + data[2:])
    return path


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
        assert describe(target).note == NOTE

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
    def test_dpi(self, source: Path, tmp_path: Path, kind: str) -> None:
        (photo,) = read_photos(source)
        write(tmp_path / "out", kind, photo.metadata)
        with Image.open(tmp_path / "out") as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)

    @pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
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
            texts = image.text
        assert texts["Title"] == "Großmutter ✿"
        assert texts["Author"] == "nobody"
        assert texts["Software"] == "colorgan 1.2.3"

    def test_times(self, source: Path, tmp_path: Path) -> None:
        os.utime(source, ns=(10**18, 10**18 + 7))
        (photo,) = read_photos(source)
        write(tmp_path / "a.png", "PNG", photo.metadata)
        assert (tmp_path / "a.png").stat().st_mtime_ns == 10**18 + 7

    @pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True), (">", True)])
    def test_deep_tiff(self, tmp_path: Path, order: str, big: bool) -> None:
        tifffile.imwrite(
            tmp_path / "a.tif", np.zeros((4, 6), np.uint16), byteorder=order, bigtiff=big, resolution=(200, 200),
            resolutionunit="inch", description="Gr\xfcn".encode(), metadata=None,
            extratags=[(271, "s", 0, "Kodak", True), (700, "B", len(XMP), XMP, True), (274, "H", 1, 6, True)],
        )  # fmt: skip
        (photo,) = read_photos(tmp_path / "a.tif")
        assert photo.grey.shape == (6, 4)
        assert photo.metadata.dpi == (200, 200)
        write(tmp_path / "b.tif", "TIFF", photo.metadata, depth=16)
        with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
            tags = tiff.pages.first.tags
            assert tags.valueof(271) == "Kodak"
            assert tags.valueof(270) == "Gr\xfcn"
            assert tags.valueof(305) == "colorgan 1.2.3"

    @pytest.mark.parametrize(("kind", "depth"), [*((f, 8) for f in HOLD_XMP), ("PNG", 16), ("TIFF", 16)])
    def test_tagged_as_srgb(self, tmp_path: Path, kind: str, depth: int) -> None:
        write(tmp_path / "a", kind, Metadata(), None, depth=depth)
        with Image.open(tmp_path / "a") as image:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)

    @pytest.mark.parametrize("late", [False, True])
    def test_deep_png_texts_before_and_behind_the_pixels(self, tmp_path: Path, late: bool) -> None:
        path = tmp_path / "a.png"
        write(path, "PNG", Metadata(texts={"Title": "Großmutter"}), depth=16)
        if late:
            data = path.read_bytes()
            start = data.index(b"iTXtTitle") - 4
            end = start + 12 + int.from_bytes(data[start : start + 4], "big")
            path.write_bytes(data[:start] + data[end:-12] + data[start:end] + data[-12:])
        (photo,) = read_photos(path)
        assert photo.metadata.texts["Title"] == "Großmutter"


class TestStripped:
    @pytest.mark.parametrize("kind", sorted(FORMATS))
    def test_nothing_is_left(self, tmp_path: Path, kind: str) -> None:
        write(tmp_path / "a", kind, Metadata(), None)
        (photo,) = read_photos(tmp_path / "a")
        metadata = photo.metadata
        assert (metadata.exif, metadata.xmp, metadata.iptc, metadata.texts) == (None, None, None, {})
        assert b"colorgan" not in (tmp_path / "a").read_bytes()
        assert describe(tmp_path / "a") == Marks()

    def test_too_much_for_a_jpeg(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[271] = "Kodak"
        exif[ExifTags.IFD.Exif] = {ExifTags.Base.MakerNote: bytes(70_000)}
        metadata = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"), comment=bytes(70_000), iptc=bytes(70_000))
        write(tmp_path / "a.jpg", "JPEG", metadata)
        with Image.open(tmp_path / "a.jpg") as image:
            assert image.getexif()[271] == "Kodak"
        assert describe(tmp_path / "a.jpg").note == NOTE


class TestExif:
    def test_round_trip(self) -> None:
        entries = parse_exif(exif_block())
        assert parse_exif(encode_exif(entries)) == tuple(sorted(entries, key=lambda e: e.tag))

    def test_both_byte_orders(self) -> None:
        little = encode_exif(parse_exif(exif_block()))
        assert exif_block()[6:8] == b"MM"
        assert little[:2] == b"II"
        read = Image.Exif()
        read.load(b"Exif\0\0" + little)
        assert read.get_ifd(ExifTags.IFD.GPSInfo)[2] == (48.0, 12.0, 30.5)

    @pytest.mark.parametrize("length", range(0, 120, 7))
    def test_damaged_ones_give_what_they_have(self, length: int) -> None:
        parse_exif(exif_block()[:length])

    def test_loops_end(self) -> None:
        loop = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + bytes(4)
        assert len(parse_exif(loop)) == 1

    def test_memory_pictures_too(self) -> None:
        image = draw_photo(1)
        image.getexif()[ExifTags.Base.Make] = "Kodak"
        assert photo_from_image(image).metadata.exif is not None
