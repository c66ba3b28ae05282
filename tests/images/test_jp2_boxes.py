"""The boxes for metadata of JPEG 2000."""

import io
import struct
from pathlib import Path
from uuid import UUID

import pytest
from PIL import features

from colorgan.images import (
    describe,
    read_photos,
)
from colorgan.images.jp2_boxes import read_boxes
from metadata_support import IPTC, NOTE, XMP, exif_block, write
from support import draw_photo


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
