"""What IPTC-IIM records say, as XMP, for formats that hold only that.

Mapping: IPTC Photo Metadata Standard 2025.1, the table "IIM" of its specification.
"""

import re
import struct
from xml.etree import ElementTree as ET

from colorgan.images.xmp import DC, IPTC_CORE, PHOTOSHOP, RDF, XML, Packet

__all__ = ["add_records"]

_TEXTS = {
    40: f"{{{PHOTOSHOP}}}Instructions", 85: f"{{{PHOTOSHOP}}}AuthorsPosition", 90: f"{{{PHOTOSHOP}}}City",
    92: f"{{{IPTC_CORE}}}Location", 95: f"{{{PHOTOSHOP}}}State", 101: f"{{{PHOTOSHOP}}}Country",
    103: f"{{{PHOTOSHOP}}}TransmissionReference", 105: f"{{{PHOTOSHOP}}}Headline", 110: f"{{{PHOTOSHOP}}}Credit",
    115: f"{{{PHOTOSHOP}}}Source", 122: f"{{{PHOTOSHOP}}}CaptionWriter",
}  # fmt: skip
_ARRAYS = {
    5: (f"{{{DC}}}title", "Alt"), 25: (f"{{{DC}}}subject", "Bag"), 80: (f"{{{DC}}}creator", "Seq"),
    116: (f"{{{DC}}}rights", "Alt"), 120: (f"{{{DC}}}description", "Alt"),
}  # fmt: skip
_DATE, _DATE_CREATED = 55, f"{{{PHOTOSHOP}}}DateCreated"


def add_records(packet: Packet, iptc: bytes) -> None:
    """Say in a packet what records say, where it does not say it already."""
    description = packet.describe()
    for number, values in _records(iptc).items():
        if number in _TEXTS and packet.find(_TEXTS[number]) is None:
            ET.SubElement(description, _TEXTS[number]).text = values[0]
        if number in _ARRAYS and packet.find(_ARRAYS[number][0]) is None:
            _add_array(description, *_ARRAYS[number], values)
        if number == _DATE and packet.find(_DATE_CREATED) is None:
            date = re.sub(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", values[0])
            ET.SubElement(description, _DATE_CREATED).text = date


def _add_array(description: ET.Element, name: str, kind: str, values: list[str]) -> None:
    array = ET.SubElement(ET.SubElement(description, name), f"{{{RDF}}}{kind}")
    for value in values[:1] if kind == "Alt" else values:
        item = ET.SubElement(array, f"{{{RDF}}}li", {f"{{{XML}}}lang": "x-default"} if kind == "Alt" else {})
        item.text = value


def _records(iptc: bytes) -> dict[int, list[str]]:
    """Read the texts of the application record, by number, whichever of the usual encodings they are in."""
    place, found = 0, dict[int, list[str]]()
    while len(head := iptc[place : place + 5]) == 5 and head[0] == 0x1C:
        record, number, size = struct.unpack(">xBBH", head)
        if size > 0x7FFF:  # longer texts than IIM's own limits allow are not written by anybody
            break
        if record == 2:
            found.setdefault(number, []).append(_text(iptc[place + 5 : place + 5 + size]))
        place += 5 + size
    return found


def _text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n\r")
