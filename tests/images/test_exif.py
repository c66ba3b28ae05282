"""EXIF: read, kept as far as it describes the photograph, and written."""

import struct
import time
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from colorgan.images import (
    Metadata,
    photo_from_image,
    read_photos,
)
from colorgan.images.exif import ascii_entry, describe_photograph, encode_exif, parse_exif
from metadata_support import exif_block, write
from support import draw_photo


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
