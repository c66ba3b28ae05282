"""Records of IPTC: where they stand in files, and keywords among them."""

from pathlib import Path

import pytest
from PIL import PngImagePlugin

from colorgan.images import (
    iptc,
    read_photos,
)
from metadata_support import IPTC, UTF8, XMP, exif_block, record, resources
from support import draw_photo


class TestRecords:
    def test_they_stand_with_those_of_their_group(self):
        before, behind = UTF8 + record(25, b"old"), record(10, b"\0", group=7)
        assert iptc.add_keywords(before + behind, ["new", "old"]) == before + record(25, b"new") + behind

    def test_of_unknown_encoding_take_ascii_alone(self):
        old = record(25, "Köln".encode("latin-1"))
        assert iptc.add_keywords(old, ["Bonn", "Düren"]) == old + record(25, b"Bonn")

    @pytest.mark.parametrize("damaged", [b"\x1c\x02", b"\x1c\x02\x19\xff\xff", b"garbage", b"\x1c\x02\x19\x00\x09abc"])
    def test_damaged_ones_lose_nothing(self, damaged):
        assert damaged in (iptc.add_keywords(damaged, ["a"]) or b"")


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


class TestResources:
    def test_found_among_others(self) -> None:
        assert iptc.from_resources(resources(IPTC)) == IPTC

    @pytest.mark.parametrize("length", range(0, 60, 7))
    def test_cut_off(self, length: int) -> None:
        found = iptc.from_resources(resources(IPTC)[:length])
        assert found is None or IPTC.startswith(found)

    @pytest.mark.parametrize("records", [b"", b"odd", b"even"])
    def test_there_and_back(self, records: bytes) -> None:
        wrapped = iptc.to_resources(records)
        assert len(wrapped) % 2 == 0
        assert (iptc.from_resources(wrapped) or b"") == records


class TestInOrder:
    def test_swapped_numbers_are_put_right(self) -> None:
        padded = IPTC + bytes(-len(IPTC) % 4)
        swapped = b"".join(padded[n : n + 4][::-1] for n in range(0, len(padded), 4))
        assert iptc.in_order(swapped) == padded

    @pytest.mark.parametrize("data", [IPTC, b"", b"abc", b"abcd", b"abcde\x1c"])
    def test_others_stay(self, data: bytes) -> None:
        assert iptc.in_order(data) == data


class TestRawProfile:
    @pytest.mark.parametrize("data", [b"a", bytes(range(256)), IPTC])
    def test_is_what_imagemagick_writes(self, data: bytes) -> None:
        assert iptc.to_raw_profile("iptc", data) == raw_profile("iptc", data)
        assert iptc.from_raw_profile(raw_profile("iptc", data)) == data

    @pytest.mark.parametrize("text", ["", "iptc", "iptc\n3\n", "iptc\n3\nxyz", "iptc\n3\nabc"])
    def test_damaged(self, text: str) -> None:
        assert iptc.from_raw_profile(text) is None
