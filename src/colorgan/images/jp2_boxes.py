"""EXIF, XMP and IPTC of JPEG 2000, which stand in boxes that Pillow passes over.

Formats: ISO/IEC 15444-1, annex I; the boxes' names are those of ISO 16684-3 (XMP) and of ExifTool (EXIF, IPTC).
"""

import struct
from io import SEEK_END
from typing import BinaryIO
from uuid import UUID

__all__ = ["EXIF", "IPTC", "XMP", "read_boxes"]

EXIF = UUID(bytes=b"JpgTiffExif->JP2")
XMP = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
IPTC = UUID("33c7a4d2-b81d-4723-a0ba-f1a3e097ad38")

_LONGEST = 1 << 26  # bytes of a box that are believed
_MOST = 10_000  # boxes that are looked at


def read_boxes(file: BinaryIO) -> dict[UUID, bytes]:
    """Return what stands in the boxes for metadata of a JPEG 2000 file; nothing for a bare stream of code."""
    found: dict[UUID, bytes] = {}
    end, place = file.seek(0, SEEK_END), 0
    for _ in range(_MOST):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            break
        size, kind = struct.unpack_from(">I4s", head)
        start = place + 8
        if size == 1 and len(head) == 16:
            start, size = place + 16, struct.unpack_from(">Q", head, 8)[0]
        size = end - place if size == 0 else size
        if size < start - place:
            break
        if kind == b"uuid" and 16 < place + size - start <= min(_LONGEST, end - start):
            file.seek(start)
            content = file.read(place + size - start)
            found.setdefault(UUID(bytes=content[:16]), content[16:])
        place += size
    return found
