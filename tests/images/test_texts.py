"""What is written of metadata, and what is said of the rest."""

from pathlib import Path

import pytest
from PIL import ExifTags, Image

from colorgan.images import (
    FORMATS,
    Marks,
    Metadata,
    describe,
    read_marks,
    read_photos,
)
from colorgan.images.exif import ascii_entry, encode_exif
from colorgan.images.xmp import DC, Packet
from metadata_support import IPTC, NOTE, XMP, write


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


class TestElsewhere:
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
