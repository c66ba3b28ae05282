"""Metadata survives, and colorgan's note is added to it and read back."""

import io
import os
import struct
import time
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, PngImagePlugin, features

from colorgan.images import (
    FORMATS,
    SUFFIX_OF,
    Marks,
    Metadata,
    Provenance,
    describe,
    photo_from_image,
    read_marks,
    read_photos,
    write_image,
)
from colorgan.images.exif import ascii_entry, describe_photograph, encode_exif, parse_exif
from colorgan.images.jp2_boxes import read_boxes
from colorgan.images.xmp import DC, Packet
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


def write(
    path: Path, kind: str, metadata: Metadata, provenance: Provenance | None = NOTE, **options: object
) -> tuple[str, ...]:
    pixels = np.asarray(draw_photo(1))
    return write_image(path, pixels, format=kind, metadata=metadata, provenance=provenance, **options)


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
        assert describe(target) == NOTE

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
    @pytest.mark.parametrize("dpi", [(300, 300), (96.5, 72.25)])
    def test_dpi_is_read_again(self, tmp_path: Path, kind: str, dpi: tuple[float, float]) -> None:
        write(tmp_path / "out", kind, Metadata(dpi=dpi))
        (again,) = read_photos(tmp_path / "out")
        assert again.metadata.dpi == pytest.approx(dpi, abs=0.6)  # JPEG has whole numbers

    @pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
    def test_dpi_in_exif(self, tmp_path: Path, kind: str) -> None:
        write(tmp_path / "out", kind, Metadata(dpi=(600, 600)))
        with Image.open(tmp_path / "out") as image:
            exif = image.getexif()
        assert [exif[tag] for tag in (282, 283, 296)] == [600, 600, 2]

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
    def test_dpi(self, source: Path, tmp_path: Path, kind: str) -> None:
        (photo,) = read_photos(source)
        write(tmp_path / "out", kind, photo.metadata)
        with Image.open(tmp_path / "out") as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)

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
            texts = image.text
        assert texts["Title"] == "Großmutter ✿"
        assert texts["Author"] == "nobody"
        assert texts["Software"] == "colorgan 1.2.3"

    @pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "AVIF"])
    def test_png_texts_elsewhere(self, tmp_path: Path, kind: str) -> None:
        texts = {"Title": "Großmutter \2", "Author": "Anna", "Description": "with cat", "Copyright": "mine", "X": "?"}
        write(tmp_path / "a", kind, Metadata(texts=texts, xmp=XMP))
        packet = Packet.parse(read_photos(tmp_path / "a")[0].metadata.xmp)
        assert packet is not None
        found = [packet.get(f"{{{DC}}}{name}") for name in ("title", "creator", "description", "rights")]
        assert found == ["Großmutter", "Anna", "with cat", "Grün"]

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF"])
    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
    def test_comment_elsewhere(self, tmp_path: Path, kind: str, encoding: str) -> None:
        write(tmp_path / "a", kind, Metadata(comment="für Köln".encode(encoding)))
        (again,) = read_photos(tmp_path / "a")
        packet = Packet.parse(again.metadata.xmp)
        assert packet is not None
        found = again.metadata.texts.get("Comment") or packet.get("{http://ns.adobe.com/exif/1.0/}UserComment")
        assert found == "für Köln"

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


IPTC = (
    b"\x1c\x01\x5a\x00\x03\x1b%G"
    + b"".join(b"\x1c\x02" + bytes([number, 0, len(text)]) + text for number, text in (
        (5, b"Oma"), (25, b"family"), (25, "köln".encode()), (55, b"19310506"), (90, b"Koeln"),
        (120, "Großmutter".encode()),
    ))
)  # fmt: skip


def resources(iptc: bytes) -> bytes:
    """Photoshop's image resources: another one, with a name, before the records."""
    other = b"8BIM\x03\xed\x05names" + struct.pack(">I", 3) + b"abc\0"
    return other + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


class TestTiff:
    """What a TIFF says is kept in the same way whatever its depth and its byte order."""

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("target", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
    def test_texts(self, tmp_path: Path, order: str, dtype: type, target: str) -> None:
        tifffile.imwrite(
            tmp_path / "a.tif", np.zeros((4, 6), dtype), byteorder=order, metadata=None, resolution=(200, 200),
            resolutionunit="inch", description="Großmutter in Köln".encode(),
            extratags=[(315, 2, 0, "Jürgen".encode() + b"\0", True), (274, 3, 1, 6, True)],
        )  # fmt: skip
        (photo,) = read_photos(tmp_path / "a.tif")
        assert photo.grey.shape == (6, 4)
        assert photo.metadata.dpi == (200, 200)
        write(tmp_path / "b", target, photo.metadata)
        (again,) = read_photos(tmp_path / "b")
        texts = {entry.tag: entry.data.rstrip(b"\0").decode() for entry in parse_exif(again.metadata.exif or b"")}
        assert (texts[270], texts[315]) == ("Großmutter in Köln", "Jürgen")

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("kind", ["bytes", "undefined", "long", "long, swapped", "resources"])
    def test_iptc(self, tmp_path: Path, order: str, dtype: type, kind: str, recwarn: pytest.WarningsRecorder) -> None:
        padded = IPTC + bytes(-len(IPTC) % 4)
        numbers = np.frombuffer(padded, order + "u4" if kind == "long" else ("<>"[order == "<"] + "u4"))
        tag: tuple[object, ...] = {
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


def raw_profile(name: str, data: bytes) -> str:
    """ImageMagick's way to put a block into a PNG (coders/png.c)."""
    digits = data.hex()
    return f"\n{name}\n{len(data):8}\n" + "".join(f"{digits[n : n + 72]}\n" for n in range(0, len(digits), 72))


class TestPngProfiles:
    @pytest.mark.parametrize(
        ("name", "data", "field"),
        [
            ("iptc", IPTC, "iptc"),
            ("iptc", resources(IPTC), "iptc"),
            ("IPTC profile", resources(IPTC), "iptc"),  # as ExifTool names it
            ("8bim", resources(IPTC), "iptc"),
            ("xmp", XMP, "xmp"),
            ("APP1", b"http://ns.adobe.com/xap/1.0/\0" + XMP, "xmp"),
            ("APP1", exif_block(), "exif"),
            ("exif", exif_block(), "exif"),
            ("exif", exif_block().removeprefix(b"Exif\0\0"), "exif"),
        ],
    )
    @pytest.mark.parametrize("compressed", [False, True])
    def test_read(self, tmp_path: Path, name: str, data: bytes, field: str, compressed: bool) -> None:
        info = PngImagePlugin.PngInfo()
        info.add_text(
            f"Raw profile type {'iptc' if ' ' in name else name}", raw_profile(name.lower(), data), zip=compressed
        )
        draw_photo(1).convert("L").save(tmp_path / "a.png", pnginfo=info)
        (photo,) = read_photos(tmp_path / "a.png")
        found = getattr(photo.metadata, field)
        assert found is not None
        assert {"iptc": IPTC, "xmp": "Grün".encode(), "exif": b"Kodak"}[field] in found
        assert photo.metadata.texts == {}

    @pytest.mark.parametrize("text", ["", "iptc", "\niptc\n 4\nxyz!", "\niptc\n 4\nabc", "\niptc\nfour\n"])
    def test_damaged(self, tmp_path: Path, text: str) -> None:
        info = PngImagePlugin.PngInfo()
        info.add_text("Raw profile type iptc", text)
        draw_photo(1).save(tmp_path / "a.png", pnginfo=info)
        (photo,) = read_photos(tmp_path / "a.png")
        assert photo.metadata.iptc is None


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
class TestJpeg2000:
    def save(self, path: Path, *boxes: bytes) -> None:
        draw_photo(1).convert("L").save(path, "JPEG2000")
        data = path.read_bytes()
        place = data.index(b"jp2c") - 4
        path.write_bytes(data[:place] + b"".join(boxes) + data[place:])

    def box(self, name: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", 24 + len(content), b"uuid") + name + content

    def test_boxes(self, tmp_path: Path) -> None:
        exif = exif_block(1).removeprefix(b"Exif\0\0")
        self.save(
            tmp_path / "a.jp2",
            self.box(b"JpgTiffExif->JP2", exif),
            self.box(bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), XMP.replace(b'Orientation="6"', b"")),
            struct.pack(">I4sQ", 1, b"uuid", 32 + len(IPTC)) + bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + IPTC,
        )
        (photo,) = read_photos(tmp_path / "a.jp2")
        assert b"Kodak" in (photo.metadata.exif or b"")
        assert "Grün".encode() in (photo.metadata.xmp or b"")
        assert photo.metadata.iptc == IPTC
        write(tmp_path / "b.jpg", "JPEG", photo.metadata)
        assert describe(tmp_path / "b.jpg") == NOTE

    @pytest.mark.parametrize("size", [0, 1, 5, 20, 1 << 31])
    def test_boxes_that_lie(self, size: int) -> None:
        jpeg2000 = self.box(bytes(16), b"right") + struct.pack(">I4s", size, b"uuid") + bytes(12)
        assert read_boxes(io.BytesIO(jpeg2000))[UUID(int=0)] == b"right"

    def test_boxes_without_end(self) -> None:
        assert read_boxes(io.BytesIO(struct.pack(">I4s", 8, b"free") * 200_000)) == {}


class TestJpegSegments:
    @pytest.mark.parametrize("count", [100, 5000])
    def test_long_iptc(self, tmp_path: Path, count: int) -> None:
        iptc = b"".join(b"\x1c\x02\x19\x00\x0e" + f"keyword {n:06}".encode() for n in range(count))
        write(tmp_path / "a.jpg", "JPEG", Metadata(iptc=iptc))
        (again,) = read_photos(tmp_path / "a.jpg")
        assert again.metadata.iptc == iptc

    def test_extended_xmp_is_joined(self, tmp_path: Path) -> None:
        long = XMP.replace(b'dc:rights="Gr', b'dc:rights="' + b"long " * 40_000 + b"Gr")
        write(tmp_path / "a.jpg", "JPEG", Metadata(xmp=long), None)
        with Image.open(tmp_path / "a.jpg") as image:
            assert b"long" not in image.info["xmp"]
        (again,) = read_photos(tmp_path / "a.jpg")
        assert again.metadata.xmp is not None
        assert again.metadata.xmp.count(b"long ") == 40_000
        assert b"HasExtendedXMP" not in again.metadata.xmp

    def test_extension_with_a_gap(self, tmp_path: Path) -> None:
        long = XMP.replace(b'dc:rights="Gr', b'dc:rights="' + b"long " * 40_000 + b"Gr")
        write(tmp_path / "a.jpg", "JPEG", Metadata(xmp=long), None)
        data = (tmp_path / "a.jpg").read_bytes()
        second = data.index(b"http://ns.adobe.com/xmp/extension/", data.index(b"http://ns.adobe.com/xmp/ext") + 9) - 4
        size = struct.unpack_from(">H", data, second + 2)[0]
        (tmp_path / "a.jpg").write_bytes(data[:second] + data[second + 2 + size :])
        (again,) = read_photos(tmp_path / "a.jpg")
        assert again.metadata.xmp is not None
        assert b"tiff:Orientation" in again.metadata.xmp

    @pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
    def test_iptc_where_there_is_only_xmp(self, tmp_path: Path, kind: str) -> None:
        write(tmp_path / "a", kind, Metadata(iptc=IPTC, xmp=XMP.replace(b"<!-- kept -->", b"")))
        (again,) = read_photos(tmp_path / "a")
        xmp = (again.metadata.xmp or b"").decode()
        for text in ("<rdf:li>family</rdf:li>", "<rdf:li>köln</rdf:li>", ">Großmutter<", ">Koeln<", ">1931-05-06<"):
            assert text in xmp
        assert xmp.count("Grün") == 1

    def test_iptc_does_not_contradict_xmp(self, tmp_path: Path) -> None:
        iptc = b"\x1c\x02\x74\x00\x05other"  # the copyright, which XMP has as dc:rights
        write(tmp_path / "a", "WEBP", Metadata(iptc=iptc, xmp=XMP))
        assert b"other" not in (tmp_path / "a").read_bytes()


class TestStripped:
    @pytest.mark.parametrize("kind", sorted(FORMATS))
    def test_nothing_is_left(self, tmp_path: Path, kind: str) -> None:
        write(tmp_path / "a", kind, Metadata(), None)
        (photo,) = read_photos(tmp_path / "a")
        metadata = photo.metadata
        assert (metadata.exif, metadata.xmp, metadata.iptc, metadata.texts) == (None, None, None, {})
        assert b"colorgan" not in (tmp_path / "a").read_bytes()
        assert read_marks(tmp_path / "a") == Marks()

    def test_too_much_for_a_jpeg(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[271] = "Kodak"
        exif[ExifTags.IFD.Exif] = {ExifTags.Base.MakerNote: bytes(70_000)}
        metadata = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"), comment=bytes(70_000), iptc=bytes(70_000))
        left_out = write(tmp_path / "a.jpg", "JPEG", metadata)
        assert left_out == (
            "EXIF's MakerNote, which does not fit into the 64 KiB of a JPEG",
            "what its comment of 70,000 bytes says beyond the 64 KiB of a JPEG",
        )
        with Image.open(tmp_path / "a.jpg") as image:
            assert image.getexif()[271] == "Kodak"
        assert describe(tmp_path / "a.jpg") == NOTE

    @pytest.mark.parametrize("kind", sorted(FORMATS))
    def test_what_is_left_out_is_said(self, tmp_path: Path, kind: str) -> None:
        exif = encode_exif([ascii_entry(271, "Kodak")])
        assert write(tmp_path / "a", kind, Metadata()) == ()
        lost = write(tmp_path / "a", kind, Metadata(exif=exif, xmp=XMP, iptc=IPTC, comment=b"c"))
        all_of_it = f"EXIF and XMP and IPTC and a comment, for which {kind} has no place"
        assert lost == ((all_of_it,) if kind in ("BMP", "PPM") else ())
        lost = write(tmp_path / "a", kind, Metadata(texts={"Title": "Anna", "Software": "another"}))
        assert lost == ((f"texts, for which {kind} has no place",) if kind in ("BMP", "PPM") else ())
        (broken,) = write(tmp_path / "a", kind, Metadata(xmp=b"<x:xmpmeta"))
        assert broken == ("XMP, for which " + kind + " has no place" if kind in ("BMP", "PPM") else
                          "XMP of 10 bytes that cannot be parsed")  # fmt: skip
        lost = write(tmp_path / "a", kind, Metadata(xmp=b"<x:xmpmeta", texts={"Title": "Anna"}), None)
        where = {"BMP": "no place", "PPM": "no place", "PNG": ""}.get(kind, "cannot be parsed")
        assert [where in text for text in lost] == [True] * bool(where)

    def test_keywords_of_both_kinds_are_kept(self, tmp_path: Path) -> None:
        iptc = b"\x1c\x02\x19\x00\x04Jack" + b"\x1c\x02\x19\x00\x04fire"
        xmp = XMP.replace(
            b"</rdf:RDF>",
            b'<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag>'
            b"<rdf:li>fire</rdf:li><rdf:li>smoke</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>",
        )
        write(tmp_path / "a", "WEBP", Metadata(iptc=iptc, xmp=xmp))
        (photo,) = read_photos(tmp_path / "a")
        packet = Packet.parse(photo.metadata.xmp)
        assert packet is not None
        found = packet.find(f"{{{DC}}}subject")
        assert found is not None
        assert [item.text for item in found[0]] == ["fire", "smoke", "Jack"]


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

    @pytest.mark.parametrize(("note", "stays"), [(b"Nikon\0\x02\x10\0\0MM", True), (b"\x01\0\x06\0\x02\0", False)])
    def test_makers_notes_that_would_break(self, tmp_path: Path, note: bytes, stays: bool) -> None:
        exif = Image.Exif()
        exif[ExifTags.IFD.Exif] = {ExifTags.Base.MakerNote: note, ExifTags.Base.FNumber: 8.0}
        draw_photo(1).save(tmp_path / "a.jpg", exif=exif)
        (photo,) = read_photos(tmp_path / "a.jpg")
        assert (note in (photo.metadata.exif or b"")) == stays

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_comment_in_utf16(self, order: str) -> None:
        text = b"UNICODE\0" + "Großmutter".encode("utf-16-le" if order == "<" else "utf-16-be")
        start = b"II*\0" if order == "<" else b"MM\0*"
        outer = struct.pack(f"{order}IHHHII I", 8, 1, 0x8769, 4, 1, 26, 0)
        inner = struct.pack(f"{order}HHHII I", 1, 0x9286, 7, len(text), 44, 0)
        ((directory,),) = (parse_exif(start + outer + inner + text),)
        assert directory.entries is not None
        assert directory.entries[0].data.removeprefix(b"UNICODE\0").decode("utf-16-le") == "Großmutter"

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_entries_that_share_bytes(self, order: str) -> None:
        """A small file says little: nothing grows to many times its size."""
        count, size = 3000, 50_000
        start = b"II*\0" if order == "<" else b"MM\0*"
        entries = b"".join(struct.pack(f"{order}HHII", 0x9C9B + n % 5 + n, 1, size, 100) for n in range(count))
        inner = struct.pack(f"{order}H", count) + entries + bytes(4)
        outer = struct.pack(f"{order}I", 8) + struct.pack(f"{order}HHHIII", 1, 0x8769, 4, 1, 26, 0)
        exif = start + outer + inner + bytes(size)
        kept = encode_exif(describe_photograph(parse_exif(exif), turned=False))
        assert len(kept) < 2 * len(exif) + 66_000

    def test_the_same_entry_again_and_again(self) -> None:
        """Of entries with one tag the first counts, so that a directory is not read thousands of times."""
        entries = struct.pack("<HHII", 0x8769, 4, 1, 8) * 60_000
        started = time.process_time()
        (directory,) = parse_exif(b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + entries + bytes(4))
        assert directory.entries is not None
        assert time.process_time() - started < 5
        assert len(encode_exif(describe_photograph([directory], turned=False))) < 100

    def test_too_large_for_a_jpeg(self, tmp_path: Path) -> None:
        entries = [ascii_entry(315, "Anna"), ascii_entry(270, "long " * 20_000), ascii_entry(33432, "mine")]
        write(tmp_path / "a.jpg", "JPEG", Metadata(exif=encode_exif(entries)))
        with Image.open(tmp_path / "a.jpg") as image:
            exif = image.getexif()
        assert (exif[315], exif[33432], exif.get(270)) == ("Anna", "mine", None)

    def test_loops_end(self) -> None:
        loop = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + bytes(4)
        assert len(parse_exif(loop)) == 1

    def test_memory_pictures_too(self) -> None:
        image = draw_photo(1)
        image.getexif()[ExifTags.Base.Make] = "Kodak"
        assert photo_from_image(image).metadata.exif is not None
