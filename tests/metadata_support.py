"""Metadata of every kind, and files that hold it."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from colorgan.images import (
    Metadata,
    Provenance,
    write_image,
)
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
    path: Path, kind: str, metadata: Metadata, provenance: Provenance | None = NOTE, **options: Any
) -> tuple[str, ...]:
    pixels = np.asarray(draw_photo(1))
    return write_image(path, pixels, format=kind, metadata=metadata, provenance=provenance, **options)


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


UTF8 = b"\x1c\x01\x5a\x00\x03\x1b%G"


def record(number: int, data: bytes, group: int = 2) -> bytes:
    return struct.pack(">BBBH", 0x1C, group, number, len(data)) + data
