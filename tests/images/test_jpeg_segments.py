"""What JPEG files say in their segments."""

import struct
from pathlib import Path

import pytest
from PIL import Image

from colorgan.images import (
    Metadata,
    read_photos,
)
from metadata_support import IPTC, XMP, write


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
