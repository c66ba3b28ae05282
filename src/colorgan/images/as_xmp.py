"""What IPTC records, PNG's texts and comments say, as XMP, for formats that have no other place for it.

Nothing that XMP says already is changed. Mappings: IPTC Photo Metadata Standard 2025.1, the table "IIM" of its
specification; PNG (Third Edition), section 11.3.3.1, by the meaning of its keywords.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from colorgan.images.xmp import DC, EXIF, ILLEGAL, IPTC_CORE, PHOTOSHOP, RDF, XML, Packet, text_of

__all__ = ["add_keywords", "add_records", "add_texts", "decode_text"]

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
_KEYWORDS = 25
_DATE, _DATE_CREATED = 55, f"{{{PHOTOSHOP}}}DateCreated"


_OF_PNG = {
    "Title": (f"{{{DC}}}title", "Alt"), "Author": (f"{{{DC}}}creator", "Seq"),
    "Description": (f"{{{DC}}}description", "Alt"), "Copyright": (f"{{{DC}}}rights", "Alt"),
    "Comment": (f"{{{EXIF}}}UserComment", "Alt"), "Source": (f"{{{DC}}}source", ""),
}  # fmt: skip


def add_records(packet: Packet, iptc: bytes) -> None:
    """Say in a packet what IPTC records say."""
    for number, values in _records(iptc).items():
        if number in _ARRAYS:
            _add(packet, *_ARRAYS[number], values)
        elif number in _TEXTS:
            _add(packet, _TEXTS[number], "", values)
        elif number == _DATE:
            _add(packet, _DATE_CREATED, "", [re.sub(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", values[0])])


def add_texts(packet: Packet, texts: Mapping[str, str]) -> None:
    """Say in a packet what texts of PNG say that have one of the standard's keywords."""
    for keyword, text in texts.items():
        if keyword in _OF_PNG:
            _add(packet, *_OF_PNG[keyword], [_legible(text)])


def add_keywords(packet: Packet, keywords: Sequence[str], iptc: bytes) -> None:
    """Add keywords to those of a packet.

    Where it has none they are added to those of IPTC records, so that readers who look at XMP alone lose none.
    """
    name, kind = _ARRAYS[_KEYWORDS]
    holder = packet.take(name)
    array = None if holder is None else next(iter(holder), None)
    if array is not None and array.tag in {f"{{{RDF}}}{kind}" for kind in ("Bag", "Seq", "Alt")}:
        items = array.findall(f"{{{RDF}}}li")
    else:
        words = _records(iptc).get(_KEYWORDS, []) if holder is None else [text_of(holder)]
        items = [_item(word) for word in words if word]
    known = {text_of(item) for item in items}
    items += [_item(word) for word in dict.fromkeys(keywords) if word not in known]
    ET.SubElement(ET.SubElement(packet.describe(), name), f"{{{RDF}}}{kind}").extend(items)


def _item(text: str) -> ET.Element:
    item = ET.Element(f"{{{RDF}}}li")
    item.text = text
    return item


def _add(packet: Packet, name: str, kind: str, values: list[str]) -> None:
    """Add a property, a text or an array of a kind, unless there is one; of an unordered one, what it lacks."""
    if (there := packet.find(name)) is not None:
        bag = there.find(f"{{{RDF}}}Bag") if kind == "Bag" else None
        if bag is not None:
            said = {item.text for item in bag}
            for value in dict.fromkeys(value for value in values if value not in said):
                ET.SubElement(bag, f"{{{RDF}}}li").text = value
        return
    holder = ET.SubElement(packet.describe(), name)
    if not kind:
        holder.text = values[0]
        return
    array = ET.SubElement(holder, f"{{{RDF}}}{kind}")
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
            found.setdefault(number, []).append(decode_text(iptc[place + 5 : place + 5 + size]))
        place += 5 + size
    return found


def decode_text(data: bytes) -> str:
    """Decode a text of unknown encoding."""
    try:
        return _legible(data.decode())
    except UnicodeDecodeError:
        return _legible(data.decode("cp1252", "replace"))


def _legible(text: str) -> str:
    """Take out what XML cannot hold."""
    return ILLEGAL.sub("", text)
