"""What a file says beside its pixels: read, kept, and completed by a note of where the colours come from.

The note is XMP, in the namespace `urn:colorgan:provenance:1#` (prefix `colorgan`), one `rdf:Description` with

=================== ============================================================================
`colorgan:version`  the version of colorgan
`colorgan:model`    the name of the model
`colorgan:hash`     the sha256 of the model's file, in hexadecimal
`colorgan:settings` the settings, as a JSON object
`colorgan:note`     all of it in one English sentence
=================== ============================================================================

XMP that was there before stays byte for byte, apart from an older note of colorgan's own. The Software tag of EXIF
and TIFF, and the text chunk of that name in PNG, name colorgan and its version.
"""

import io
import json
import re
import struct
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from PIL import Image
from PIL.ExifTags import Base

from colorgan.images.exif import Entry, describe_photograph, encode_exif, parse_exif, read_directory
from colorgan.images.files import READ_FORMATS, read_bytes, unreadable

__all__ = ["NAMESPACE", "Metadata", "Provenance", "describe", "merge_xmp", "read_metadata"]

NAMESPACE = "urn:colorgan:provenance:1#"
"""The XMP namespace of colorgan's note."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP_TAG, _IPTC_TAG = 700, 33723

_quiet_lock = threading.RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who coloured a picture, and how."""

    version: str  # of colorgan
    model: str
    hash: str  # sha256 of the model's file
    settings: Mapping[str, Any] = field(default_factory=dict)  # plain values

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return (
            f"colourised by colorgan {self.version}, model {self.model} {self.hash}, settings {settings or 'default'}"
        )


@dataclass(slots=True, kw_only=True)
class Metadata:
    """What a file says beside its pixels. An empty one (the default) is also how metadata is stripped."""

    exif: bytes | None = None  # an EXIF block without "Exif\0\0", upright, without thumbnail
    xmp: bytes | None = None
    iptc: bytes | None = None  # IIM records
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None  # of JPEG and GIF
    texts: dict[str, str] = field(default_factory=dict)  # of PNG
    times: tuple[int, int] | None = None  # last access and modification of the file, nanoseconds


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings about odd tags from the user. Warnings are per process, so one thread at a time."""
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_metadata(image: Image.Image) -> tuple[Metadata, int]:
    """Read the metadata of a loaded picture, and its EXIF orientation (1 to 8). Damaged parts are left out.

    Of a TIFF, Pillow has applied the orientation while loading, so that it is 1.
    """
    xmp = _as_bytes(image.info.get("xmp")) or _tiff_bytes(image, _XMP_TAG)
    entries = _raw_exif(image)
    orientation = 1 if image.format == "TIFF" else _orientation(entries, xmp)
    metadata = Metadata(
        exif=encode_exif(describe_photograph(entries, turned=orientation >= 5)) or None,
        xmp=_set_upright(xmp),
        iptc=_read_iptc(image),
        dpi=_read_dpi(image),
        comment=_as_bytes(image.info.get("comment")),
        texts=_read_texts(image),
    )
    return metadata, orientation


def _raw_exif(image: Image.Image) -> tuple[Entry, ...]:
    if exif := _as_bytes(image.info.get("exif")):
        return parse_exif(exif)
    try:
        with quiet():  # PNG's older ways, and pictures made in memory
            return parse_exif(image.getexif().tobytes())
    except Exception:  # Pillow raises whatever a damaged directory leads to; a picture is worth more than its tags
        return ()


_ORIENTATION_XMP = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|\s*>\s*))([1-8])""")


def _orientation(entries: Iterable[Entry], xmp: bytes | None) -> int:
    """Find the orientation in EXIF, else in XMP."""
    numbers = [n for entry in entries if entry.tag == Base.Orientation for n in entry.numbers()]
    if not numbers and xmp and (match := _ORIENTATION_XMP.search(xmp)):
        numbers = [int(match[2])]
    return numbers[0] if numbers and 1 <= numbers[0] <= 8 else 1


def _set_upright(xmp: bytes | None) -> bytes | None:
    return _ORIENTATION_XMP.sub(rb"\g<1>1", xmp) if xmp else None


def _as_bytes(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, bytes | bytearray) and value else None


def _tiff_bytes(image: Image.Image, tag: int) -> bytes | None:
    value = getattr(image, "tag_v2", {}).get(tag)
    if isinstance(value, tuple) and all(isinstance(v, int) and 0 <= v < 256 for v in value):
        return bytes(value)  # stored as BYTE, one number each
    return _as_bytes(value)


def _read_iptc(image: Image.Image) -> bytes | None:
    photoshop = image.info.get("photoshop")
    if isinstance(photoshop, dict):
        return _as_bytes(photoshop.get(0x0404))
    return _tiff_bytes(image, _IPTC_TAG)


def _read_dpi(image: Image.Image) -> tuple[float, float] | None:
    dpi = image.info.get("dpi")
    try:
        x, y = (float(value) for value in dpi)  # type: ignore[union-attr]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 1 <= x < 1e6 and 1 <= y < 1e6 and (x, y) != (1, 1) else None


def _read_texts(image: Image.Image) -> dict[str, str]:
    if image.format != "PNG":
        return {}
    # `image.text` would decode the pixels; the strings in `info` are the same texts.
    texts = {key: str(value) for key, value in image.info.items() if isinstance(key, str) and isinstance(value, str)}
    return {key: text for key, text in texts.items() if not key.startswith(("XML:", "Raw profile"))}


_OWN = re.compile(
    rb'\s*<rdf:Description[^<>]*xmlns:colorgan="' + re.escape(NAMESPACE.encode()) + rb'"[^<>]*/>', re.DOTALL
)
_END = re.compile(rb"</(?:[\w.-]+:)?RDF\s*>")
_ABOUT = re.compile(rb"""(?:rdf:)?about\s*=\s*("[^"<]*"|'[^'<]*')""")


def _note(provenance: Provenance, about: bytes) -> bytes:
    fields = {
        "version": provenance.version,
        "model": provenance.model,
        "hash": provenance.hash,
        "settings": json.dumps(dict(provenance.settings), sort_keys=True, default=str),
        "note": str(provenance),
    }
    attributes = "".join(
        f"\n   colorgan:{name}={quoteattr(value, {chr(34): '&quot;'})}" for name, value in fields.items()
    )
    start = f'\n  <rdf:Description xmlns:rdf="{_RDF}" rdf:about='.encode()
    return start + about + f'\n   xmlns:colorgan="{NAMESPACE}"{attributes}/>'.encode()


def merge_xmp(xmp: bytes | None, provenance: Provenance) -> bytes:
    """Write colorgan's note into XMP, leaving the rest as it is; XMP that cannot be parsed is replaced."""
    packet = _well_formed(xmp)
    if packet is None:
        packet = (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
            f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n <rdf:RDF xmlns:rdf="{_RDF}">'
            '</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
        ).encode()
    packet = _OWN.sub(b"", packet)
    about = _ABOUT.search(packet)
    end = list(_END.finditer(packet))[-1].start()
    return packet[:end] + _note(provenance, about.group(1) if about else b'""') + packet[end:]


def _well_formed(xmp: bytes | None) -> bytes | None:
    """Return XMP as UTF-8 with an open rdf:RDF element, None if it is none or holds a document type."""
    if not xmp:
        return None
    for bom, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if xmp.startswith(bom):
            xmp = xmp.decode(name, "replace").encode()
    xmp = xmp.rstrip(b"\0")
    return xmp if _END.search(xmp) and _parse_xml(xmp) is not None else None


def _parse_xml(xmp: bytes) -> ET.Element | None:
    if b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:  # entities are how XML files attack their readers; XMP has none
        return None
    try:
        return ET.fromstring(xmp)  # noqa: S314 - see above
    except (ET.ParseError, ValueError):
        return None


def _read_note(xmp: bytes | None) -> Provenance | None:
    root = _parse_xml(xmp) if xmp and NAMESPACE.encode() in xmp else None
    if root is None:
        return None
    note = None
    for element in root.iter(f"{{{_RDF}}}Description"):  # the last counts: other programs may have moved older ones
        values = {name: element.get(f"{{{NAMESPACE}}}{name}") for name in ("version", "model", "hash", "settings")}
        if values["version"] is not None:
            note = Provenance(
                version=values["version"],
                model=values["model"] or "",
                hash=values["hash"] or "",
                settings=_json_object(values["settings"]),
            )
    return note


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def describe(path: Path) -> Provenance | None:
    """Read back who coloured the picture at `path`; None if its file does not say.

    Raises:
        ImageReadError: There is no readable picture.
    """
    data = read_bytes(path)
    try:
        with quiet(), Image.open(io.BytesIO(data), formats=READ_FORMATS) as image:
            xmp = _as_bytes(image.info.get("xmp")) or _tiff_bytes(image, _XMP_TAG)
    except Exception as error:
        xmp = _tiff_xmp(data)
        if xmp is None:
            raise unreadable(path, error) from error
    return _read_note(xmp)


def _tiff_xmp(data: bytes) -> bytes | None:
    """Read XMP from a TIFF whose pixels Pillow has no mode for."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            tag = tiff.pages.first.tags.get(_XMP_TAG)
            return b"" if tag is None else bytes(tag.value)
    except Exception:  # not a TIFF either
        return None


def read_tiff_metadata(file: BinaryIO, page: Any) -> tuple[Metadata, int]:
    """Read the metadata of a page that tifffile has parsed, and its orientation."""
    try:
        entries = read_directory(file, page.offset)
    except (ValueError, struct.error, OverflowError):
        entries = ()
    values = {entry.tag: entry.data for entry in entries}
    orientation = _orientation(entries, None)
    metadata = Metadata(
        exif=encode_exif(describe_photograph(entries, turned=orientation >= 5)) or None,
        xmp=_set_upright(values.get(_XMP_TAG)),
        iptc=values.get(_IPTC_TAG),
        dpi=_tiff_dpi(page.tags),
    )
    return metadata, orientation


def _tiff_dpi(tags: Any) -> tuple[float, float] | None:
    try:
        x, y = (value[0] / value[1] for value in (tags.valueof(282), tags.valueof(283)))
    except (TypeError, ZeroDivisionError):
        return None
    unit = {2: 1.0, 3: 2.54}.get(int(tags.valueof(296, 2)))
    return (x * unit, y * unit) if unit and x > 1 and y > 1 else None
