"""What tests of metadata share."""

import struct
from pathlib import Path

import pytest

from metadata_support import XMP, exif_block
from support import draw_photo


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
