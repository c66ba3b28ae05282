"""XMP as the RDF that it is: parsed, changed, and written.

Formats: ISO 16684-1:2019; for JPEG, where a packet longer than one segment is split in two, XMP Specification Part 3
(Adobe, 2020), section 1.1.3.
"""

import codecs
import copy
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import cast
from xml.etree import ElementTree as ET

__all__ = [
    "DC",
    "EXIF",
    "ILLEGAL",
    "IPTC_CORE",
    "IPTC_EXT",
    "MM",
    "PHOTOSHOP",
    "RDF",
    "ST_EVT",
    "ST_REF",
    "XML",
    "XMP",
    "Packet",
    "text_of",
]

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
EXIF = "http://ns.adobe.com/exif/1.0/"
XMP = "http://ns.adobe.com/xap/1.0/"
MM = "http://ns.adobe.com/xap/1.0/mm/"
ST_REF = "http://ns.adobe.com/xap/1.0/sType/ResourceRef#"
ST_EVT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
IPTC_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
XML = "http://www.w3.org/XML/1998/namespace"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_TIFF, _META, _NOTE = "http://ns.adobe.com/tiff/1.0/", "adobe:ns:meta/", "http://ns.adobe.com/xmp/note/"
_PREFIXES = {
    RDF: "rdf", DC: "dc", XMP: "xmp", MM: "xmpMM", ST_REF: "stRef", ST_EVT: "stEvt", IPTC_EXT: "Iptc4xmpExt",
    _TIFF: "tiff", EXIF: "exif", _META: "x", _NOTE: "xmpNote", PHOTOSHOP: "photoshop", IPTC_CORE: "Iptc4xmpCore",
    "urn:colorgan:provenance:1#": "colorgan",
}  # fmt: skip
_DESCRIPTION, _ABOUT, _RESOURCE = f"{{{RDF}}}Description", f"{{{RDF}}}about", f"{{{RDF}}}resource"
_EXTENDED = f"{{{_NOTE}}}HasExtendedXMP"

ILLEGAL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
"""Characters that XML cannot hold."""

_LONGEST = 1 << 24  # bytes of a packet that are parsed
_MOST = 500_000  # elements of a packet
_DEEPEST = 100  # elements within each other
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL = '\n<?xpacket end="w"?>'


class Packet:
    """A packet of XMP: an rdf:RDF element with descriptions of the file."""

    def __init__(self, root: ET.Element | None = None, prefixes: Mapping[str, str] | None = None) -> None:
        """Begin an empty packet, or take a parsed one that holds an rdf:RDF element."""
        self._root = ET.Element(f"{{{_META}}}xmpmeta") if root is None else root
        self._prefixes = {**(prefixes or {})}
        if root is None:
            ET.SubElement(self._root, f"{{{RDF}}}RDF")
        self._rdf = next(self._root.iter(f"{{{RDF}}}RDF"))

    @classmethod
    def parse(cls, xmp: bytes | None) -> "Packet | None":
        """Parse a packet, forgiving what surrounds it; None if it is none, or declares a document type."""
        text = _decode(xmp) if xmp and len(xmp) <= _LONGEST else ""
        if not text or "<!DOCTYPE" in text or "<!ENTITY" in text:  # how XML attacks its readers; XMP has no entities
            return None
        found = _build(text) or _build(_with_known_prefixes(text))
        if found is None or next(found[0].iter(f"{{{RDF}}}RDF"), None) is None:
            return None
        return cls(*found)

    @property
    def descriptions(self) -> list[ET.Element]:
        """The descriptions, each with properties as attributes or as elements."""
        return self._rdf.findall(_DESCRIPTION)

    def describe(self) -> ET.Element:
        """Add a description of the same resource as the others."""
        about = next((d.get(_ABOUT, d.get("about", "")) for d in self.descriptions), "")
        return ET.SubElement(self._rdf, _DESCRIPTION, {_ABOUT: about})

    def get(self, name: str) -> str:
        """Return a property as text, an array's first item (or its default language); "" if there is none."""
        element = self.find(name)
        return "" if element is None else text_of(element)

    def find(self, name: str) -> ET.Element | None:
        """Return a property as an element; one that is written as an attribute as well. The last counts."""
        found = None
        for description in self.descriptions:
            if (value := description.get(name)) is not None:
                found = ET.Element(name)
                found.text = value
            found = next(iter(reversed(description.findall(name))), found)
        return found

    def take(self, name: str) -> ET.Element | None:
        """Remove a property wherever it stands, and return it; the last counts."""
        return next(iter(reversed(self._filter(lambda found: found == name))), None)

    def drop_namespace(self, namespace: str) -> None:
        """Remove all properties of a namespace, and descriptions that are then empty."""
        self._filter(lambda name: name.startswith(f"{{{namespace}}}"))
        for description in self.descriptions:
            if not _properties(description):
                self._rdf.remove(description)

    def _filter(self, is_removed: Callable[[str], bool]) -> list[ET.Element]:
        """Remove properties wherever they stand, and return them as elements."""
        removed = []
        for description in self.descriptions:
            for name in [name for name in _attributes(description) if is_removed(name)]:
                element = ET.Element(name)
                element.text = description.attrib.pop(name)
                removed.append(element)
            leaving = [child for child in description if not _is_comment(child) and is_removed(child.tag)]
            if leaving:
                gone = set(map(id, leaving))
                description[:] = [child for child in description if id(child) not in gone]
            removed += leaving
        return removed

    def set_upright(self) -> int:
        """Set the orientation to 1 wherever one is stated, and return what it was; 1 if none was."""
        name, values = f"{{{_TIFF}}}Orientation", []
        for description in self.descriptions:
            if name in description.attrib:
                values.append(description.attrib[name])
                description.set(name, "1")
            for element in description.findall(name):
                values.append(text_of(element))
                element.clear()
                element.text = "1"
        return int(values[0]) if values and values[0] in set("12345678") else 1

    def to_bytes(self, *, wrapped: bool = True) -> bytes:
        """Write the packet as UTF-8, by default between the marks by which files are searched for it."""
        writer = _Writer(self._root, self._prefixes)
        text = "".join(writer.parts(self._root, outermost=True))
        return f"{_HEAD}{text}{_TAIL}".encode() if wrapped else text.encode()

    def split(self, longest: int, stay: frozenset[str]) -> tuple[bytes, bytes | None]:
        """Write the packet as one of at most `longest` bytes, and what did not fit as an extended one.

        Args:
            longest: Bytes of the first packet, unless what has to stay is longer.
            stay: Properties that are not moved.

        Returns:
            The packet, which names the extended one by its MD5; the extended one, None if all fits.
        """
        whole = self.to_bytes()
        if len(whole) <= longest:
            return whole, None
        main, moved = copy.deepcopy(self), Packet(prefixes=self._prefixes)
        rest = moved.describe()
        excess = len(whole) - longest + 200  # for the name of the extended one
        moving = set()
        for name, size in sorted(self._sizes().items(), key=lambda item: (-item[1], item[0])):
            if excess > 0 and name not in stay:
                moving.add(name)
                excess -= size
        rest.extend(main._filter(lambda name: name in moving))  # noqa: SLF001 - a copy of itself
        if not len(rest):
            return whole, None
        extended = moved.to_bytes(wrapped=False)
        digest = hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()
        main.describe().set(_EXTENDED, digest)
        return main.to_bytes(), extended

    def _sizes(self) -> Counter[str]:
        sizes: Counter[str] = Counter()
        for description in self.descriptions:
            for name in _attributes(description):
                sizes[name] += len(description.attrib[name])
            for child in description:
                if not _is_comment(child):
                    sizes[child.tag] += len("".join(_Writer(child, self._prefixes).parts(child)).encode())
        return sizes

    @property
    def extended(self) -> str:
        """The name (MD5) of the extended packet that belongs to this one; "" if there is none."""
        return self.get(_EXTENDED)

    def join(self, extended: "Packet | None") -> None:
        """Take in what an extended packet says."""
        self.take(_EXTENDED)
        for description in extended.descriptions if extended is not None else []:
            self._rdf.append(description)


def text_of(element: ET.Element) -> str:
    """Return the text of a property; of an array its default language or first item, of a reference its target."""
    items = element.findall(f"{{{RDF}}}*/{{{RDF}}}li")
    chosen = next((item for item in items if item.get(f"{{{XML}}}lang") == "x-default"), next(iter(items), element))
    value = chosen.find(f"{{{RDF}}}value")
    return ((value if value is not None else chosen).text or chosen.get(_RESOURCE) or "").strip()


def _is_comment(element: ET.Element) -> bool:
    return not isinstance(cast("object", element.tag), str)


def _attributes(description: ET.Element) -> list[str]:
    """Return the names of the properties that a description has as attributes."""
    subject = (_ABOUT, "about")
    return [name for name in description.attrib if name not in subject and not name.startswith(f"{{{XML}}}")]


def _properties(description: ET.Element) -> list[str]:
    return _attributes(description) + [child.tag for child in description if not _is_comment(child)]


def _decode(xmp: bytes) -> str:
    """Decode XMP of any of Unicode's encodings, and cut off what stands around the XML."""
    by_start = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
    encoding = by_start.get(xmp[:2], "utf-8")
    try:
        text = xmp.removeprefix(codecs.BOM_UTF8).decode(encoding)
    except UnicodeDecodeError:
        text = xmp.decode("cp1252" if encoding == "utf-8" else encoding, "replace")
    return ILLEGAL.sub("", text[max(text.find("<"), 0) : text.rfind(">") + 1])


def _with_known_prefixes(text: str) -> str:
    """Wrap a packet whose writer forgot to say what its prefixes mean."""
    known = " ".join(f'xmlns:{prefix}="{uri}"' for uri, prefix in _PREFIXES.items())
    return f"<x:xmpmeta {known}>{text}</x:xmpmeta>"


def _build(text: str) -> tuple[ET.Element, dict[str, str]] | None:
    builder = _Builder()
    parser = ET.XMLParser(target=builder, encoding="utf-8")  # noqa: S314 - the caller has refused document types
    try:
        parser.feed(text.encode())
        return parser.close(), builder.prefixes
    except (ET.ParseError, ValueError):
        return None


class _Builder:
    """Builds the tree of a packet with its comments, and notes which prefixes its writer chose."""

    def __init__(self) -> None:
        self._tree = ET.TreeBuilder(insert_comments=True)
        self._depth = self._count = 0
        self.prefixes: dict[str, str] = {}

    def start_ns(self, prefix: str, uri: str) -> None:
        if prefix:
            self.prefixes.setdefault(uri, prefix)

    def start(self, tag: str, attributes: dict[str, str]) -> ET.Element:
        self._depth, self._count = self._depth + 1, self._count + 1
        if self._depth > _DEEPEST or self._count > _MOST:
            raise ValueError("too deep, or too much")
        return self._tree.start(tag, attributes)

    def end(self, tag: str) -> ET.Element:
        self._depth -= 1
        return self._tree.end(tag)

    def data(self, text: str) -> None:
        self._tree.data(text)

    def comment(self, text: str) -> ET.Element:
        return self._tree.comment(text)

    def close(self) -> ET.Element:
        return self._tree.close()


class _Writer:
    """Writes a tree with the prefixes that its reader expects; all are declared on its outermost element."""

    def __init__(self, root: ET.Element, prefixes: Mapping[str, str]) -> None:
        self._prefixes, taken = {XML: "xml"}, {"xml"}
        for element in (element for element in root.iter() if not _is_comment(element)):
            for name in (element.tag, *element.attrib):
                uri = name[1:].partition("}")[0] if name.startswith("{") else ""
                if uri and uri not in self._prefixes:
                    prefix = _PREFIXES.get(uri) or prefixes.get(uri) or "ns"
                    self._prefixes[uri] = prefix if prefix not in taken else f"{prefix}{len(taken)}"
                    while self._prefixes[uri] in taken:
                        self._prefixes[uri] += "-"
                    taken.add(self._prefixes[uri])

    def _name(self, name: str) -> str:
        uri, _, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
        return f"{self._prefixes[uri]}:{local}" if uri else local

    def parts(self, element: ET.Element, *, outermost: bool = False) -> Iterator[str]:
        """Yield the pieces of an element's text."""
        if _is_comment(element):
            yield f"<!--{element.text}-->"
            return
        name = self._name(element.tag)
        yield f"<{name}"
        if outermost:
            yield from (f' xmlns:{prefix}="{_quote(uri)}"' for uri, prefix in self._prefixes.items() if uri != XML)
        yield from (f' {self._name(key)}="{_quote(value)}"' for key, value in element.attrib.items())
        if not len(element) and not element.text:
            yield "/>"
            return
        yield f">{_escape(element.text or '')}"
        for child in element:
            yield from self.parts(child)
            yield _escape(child.tail or "")
        yield f"</{name}>"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _quote(text: str) -> str:
    return _escape(text).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")
