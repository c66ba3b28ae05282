"""Marks of where a picture's colours come from, in XMP: written, and read back, whatever program wrote them.

colorgan's own note is in the namespace `urn:colorgan:provenance:1#` (prefix `colorgan`):

=================== ============================================================================
`colorgan:version`  the version of colorgan
`colorgan:model`    the name of the model
`colorgan:hash`     the sha256 of the model's file, in hexadecimal
`colorgan:settings` the settings, as a JSON object
`colorgan:note`     all of it in one English sentence
=================== ============================================================================

Beside it stand the properties that other programs look for: IPTC's DigitalSourceType, AISystemUsed and
AISystemVersionUsed (IPTC Photo Metadata Standard 2025.1), and of Media Management (ISO 16684-1) an InstanceID, an
event in the History, and DerivedFrom, which names the source and its sha256 (`colorgan:sha256`). What the source said
there of itself (its InstanceID, DocumentID, DigitalSourceType, AI system, its own DerivedFrom) moves into DerivedFrom.

All other XMP stays as it was. The Software tag of EXIF and TIFF, and the text chunk of that name in PNG, name colorgan
and its version.
"""

import io
import json
import re
import uuid
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from PIL.ExifTags import Base

from colorgan.config import SourceType
from colorgan.files import printable
from colorgan.images.exif import parse_exif, read_directory
from colorgan.images.files import read_bytes, unreadable
from colorgan.images.metadata import Metadata, read_metadata, read_tiff_metadata
from colorgan.images.opening import open_image
from colorgan.images.provenance import Marks, Origin, Provenance
from colorgan.images.raw import is_raw, raw_metadata
from colorgan.images.xmp import IPTC_EXT, MM, RDF, ST_EVT, ST_REF, XMP, Packet, text_of

__all__ = ["MARKS", "NAMESPACE", "describe", "merge_xmp", "parse_marks", "read_marks"]

NAMESPACE = "urn:colorgan:provenance:1#"
"""The XMP namespace of colorgan's note."""

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_TYPE, _SYSTEM, _SYSTEM_VERSION = (
    f"{{{IPTC_EXT}}}{name}" for name in ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed")
)
_INSTANCE, _DOCUMENT, _DERIVED, _HISTORY = (
    f"{{{MM}}}{name}" for name in ("InstanceID", "DocumentID", "DerivedFrom", "History")
)
_RESOURCE = {f"{{{RDF}}}parseType": "Resource"}

MARKS = frozenset({_TYPE, _SYSTEM, _SYSTEM_VERSION, _INSTANCE, _DERIVED}) | {
    f"{{{NAMESPACE}}}{name}" for name in ("version", "model", "hash")
}
"""The properties that stand first, where XMP has to be split: who made the picture, from what."""


def merge_xmp(xmp: bytes | None, provenance: Provenance, *, variety: str = "") -> Packet:
    """Write colorgan's marks into XMP, leaving the rest as it is; XMP that cannot be parsed is replaced.

    Args:
        xmp: What the source says.
        provenance: What to say.
        variety: What tells this result from others of the same provenance: its format, its size.
    """
    packet = Packet.parse(xmp) or Packet()
    packet.drop_namespace(NAMESPACE)
    derived = _derived_from(packet, provenance.origin)
    history = packet.take(_HISTORY)
    description = packet.describe()
    for name, value in _note(provenance).items():
        description.set(f"{{{NAMESPACE}}}{name}", value)
    _add(description, _TYPE, _VOCABULARY + provenance.source_type)
    _add(description, _SYSTEM, "colorgan")
    _add(description, _SYSTEM_VERSION, f"{provenance.version}, model {provenance.model}, sha256 {provenance.hash}")
    instance = _instance(provenance, variety)
    _add(description, _INSTANCE, instance)
    if len(derived):
        description.append(derived)
    description.append(_with_event(history, provenance, instance))
    return packet


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _note(provenance: Provenance) -> dict[str, str]:
    return {
        "version": provenance.version,
        "model": provenance.model,
        "hash": provenance.hash,
        "settings": _settings(provenance),
        "note": str(provenance),
    }


def _settings(provenance: Provenance) -> str:
    return json.dumps(dict(provenance.settings), sort_keys=True, default=str)


def _instance(provenance: Provenance, variety: str) -> str:
    """Name a result after all that decides it: the same call makes the same file, byte for byte."""
    parts: tuple[object, ...] = (provenance.origin, provenance.version, provenance.hash, _settings(provenance), variety)
    parts += provenance.keywords
    return f"xmp.iid:{uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE + repr(parts))}"


def _derived_from(packet: Packet, source: Origin | None) -> ET.Element:
    """Move what the source says of itself into a statement about the source."""
    derived = ET.Element(_DERIVED, _RESOURCE)
    if source is not None:
        _add(derived, f"{{{ST_REF}}}filePath", printable(source.name))  # XML holds no surrogates
        if source.page:
            _add(derived, f"{{{NAMESPACE}}}page", str(source.page + 1))
    instance, document = packet.take(_INSTANCE), packet.find(_DOCUMENT)
    if instance is not None:
        _add(derived, f"{{{ST_REF}}}instanceID", text_of(instance))
    if document is not None:
        _add(derived, f"{{{ST_REF}}}documentID", text_of(document))
    if source is not None:
        _add(derived, f"{{{NAMESPACE}}}sha256", source.sha256)
    for name in (_TYPE, _SYSTEM, _SYSTEM_VERSION):
        if (own := packet.take(name)) is not None:
            _add(derived, name, text_of(own))
    earlier = packet.take(_DERIVED)
    if earlier is not None and earlier.find(f".//{{{NAMESPACE}}}sha256") is None:  # no chain of coloured coloured ones
        derived.append(earlier)
    return derived


def _with_event(history: ET.Element | None, provenance: Provenance, instance: str) -> ET.Element:
    """Add an event to a history. It has no time: the same call makes the same file."""
    events = None if history is None else history.find(f"{{{RDF}}}Seq")
    if history is None or events is None:
        history = ET.Element(_HISTORY)
        events = ET.SubElement(history, f"{{{RDF}}}Seq")
    event = ET.SubElement(events, f"{{{RDF}}}li", _RESOURCE)
    for name, value in {
        "action": "edited",
        "instanceID": instance,
        "softwareAgent": f"colorgan {provenance.version}",
        "parameters": str(provenance),
        "changed": "/",
    }.items():
        _add(event, f"{{{ST_EVT}}}{name}", value)
    return history


def parse_marks(xmp: bytes | None) -> Marks:
    """Read the marks in XMP, whatever program wrote them."""
    packet = Packet.parse(xmp)
    if packet is None:
        return Marks()
    derived = packet.find(_DERIVED)
    return Marks(
        note=_read_note(packet),
        source_type=_short(packet.get(_TYPE)),
        system=packet.get(_SYSTEM),
        system_version=packet.get(_SYSTEM_VERSION),
        tool=packet.get(f"{{{XMP}}}CreatorTool"),
        source_name=_field(derived, ST_REF, "filePath"),
        source_hash=_field(derived, NAMESPACE, "sha256"),
        original_type=_short(_field(derived, IPTC_EXT, "DigitalSourceType")),
    )


def _short(source_type: str) -> str:
    return re.sub(r"^https?://cv\.iptc\.org/newscodes/digitalsourcetype/", "", source_type)


def _field(structure: ET.Element | None, namespace: str, name: str) -> str:
    """Return a field of a structure, in whichever of RDF's ways it is written."""
    if structure is None:
        return ""
    for holder in (structure, structure.find(f"{{{RDF}}}Description")):
        if holder is not None:
            child = holder.find(f"{{{namespace}}}{name}")
            if found := holder.get(f"{{{namespace}}}{name}") or (text_of(child) if child is not None else ""):
                return found
    return ""


def _read_note(packet: Packet) -> Provenance | None:
    values = {name: packet.get(f"{{{NAMESPACE}}}{name}") for name in ("version", "model", "hash", "settings")}
    if not values["version"]:
        return None
    source = packet.find(_DERIVED)
    name, sha256 = _field(source, ST_REF, "filePath"), _field(source, NAMESPACE, "sha256")
    page = _field(source, NAMESPACE, "page")
    page = page if page.isascii() and page.isdecimal() and len(page) < 10 else "1"
    made = _short(packet.get(_TYPE))
    return Provenance(
        version=values["version"],
        model=values["model"],
        hash=values["hash"],
        settings=_json_object(values["settings"]),
        origin=Origin(name=name, sha256=sha256, page=max(int(page) - 1, 0)) if sha256 else None,
        source_type=SourceType(made) if made in set(SourceType) else SourceType.COMPOSITE,
    )


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_IN_MANIFEST = re.compile(_VOCABULARY.encode() + rb"(\w{1,80})")


def read_marks(path: Path) -> Marks:
    """Read back who made the picture at `path`, and how, as far as its file says.

    XMP is read, and the Software tag; of a C2PA manifest (its signature is not checked) the type of the source.

    Raises:
        ImageReadError: There is no readable picture.
    """
    data = read_bytes(path)
    try:
        metadata = _metadata(data)
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise unreadable(path, error) from error
    marks = parse_marks(metadata.xmp)
    software = [entry.data for entry in parse_exif(metadata.exif or b"") if entry.tag == Base.Software]
    tool = (
        marks.tool or metadata.texts.get("Software", "") or b"".join(software).rstrip(b"\0").decode("utf-8", "replace")
    )
    manifest = _IN_MANIFEST.findall(data) if b"c2pa" in data and not marks.source_type else []
    made = manifest[-1].decode() if manifest else marks.source_type
    return Marks(**{name: getattr(marks, name) for name in Marks.__slots__} | {"tool": tool, "source_type": made})


def describe(path: Path) -> Provenance | None:
    """Read back how colorgan coloured the picture at `path`; None if its file does not say that it did.

    Raises:
        ImageReadError: There is no readable picture.
    """
    return read_marks(path).note


def _metadata(data: bytes) -> Metadata:
    file = io.BytesIO(data)
    if is_raw(file):
        return raw_metadata(file)
    if data[:2] in (b"II", b"MM"):
        read_directory(file)  # or say that it is no TIFF
        return read_tiff_metadata(file)[0]
    with open_image(file) as image:
        return read_metadata(image, file)[0]
