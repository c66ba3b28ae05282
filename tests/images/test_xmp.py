"""XMP is read whatever its writer did, changed where it has to be, and otherwise says what it said."""

import time
from xml.etree import ElementTree as ET

import pytest

from colorgan.images.xmp import DC, RDF, Packet, text_of

BODY = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<!-- kept --><rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:my="urn:mine" tiff:Orientation="6" dc:rights="Grün &lt;1&gt;" '
    'my:lines="a&#10;b&#9;c&#13;d"><dc:title><rdf:Alt><rdf:li xml:lang="de">Oma</rdf:li>'
    '<rdf:li xml:lang="x-default">Granny &amp; I&#13;</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF>'
    "</x:xmpmeta>"
)
XMP = f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{BODY}<?xpacket end="w"?>'.encode()
RIGHTS, TITLE = f"{{{DC}}}rights", f"{{{DC}}}title"


def parse(xmp: bytes) -> Packet:
    packet = Packet.parse(xmp)
    assert packet is not None
    return packet


class TestParse:
    @pytest.mark.parametrize(
        "xmp",
        [
            XMP,
            BODY.encode(),
            b"\xef\xbb\xbf" + BODY.encode(),
            XMP + bytes(20),
            b"\0\0 " + XMP + b"\n\n",
            XMP.decode().encode("utf-16"),
            BODY.encode("utf-16-be"),
            BODY.encode("utf-16-le"),
            BODY.encode("cp1252"),
            BODY.replace("Grün", "Gr\x02ün").encode(),
            b'<?xml version="1.0" encoding="cp037"?>' + BODY.encode(),
            BODY.replace("rdf:", "r:").replace("xmlns:rdf", "xmlns:r").encode(),
            BODY.replace('<x:xmpmeta xmlns:x="adobe:ns:meta/">', "").replace("</x:xmpmeta>", "").encode(),
            BODY.replace(' xmlns:dc="http://purl.org/dc/elements/1.1/"', "").encode(),
        ],
    )
    def test_what_writers_do(self, xmp: bytes) -> None:
        packet = parse(xmp)
        assert packet.get(RIGHTS) == "Grün <1>"
        assert packet.get(TITLE) == "Granny & I"

    @pytest.mark.parametrize("xmp", [None, b"", b"junk", b"<a/>", XMP[:300], b"\xff", b"<" * 100, b"<\0"])
    def test_what_is_none(self, xmp: bytes | None) -> None:
        assert Packet.parse(xmp) is None

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_document_types_are_refused(self, encoding: str) -> None:
        bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]>' + BODY.replace("Oma", "&c;")
        assert Packet.parse(bomb.encode(encoding)) is None

    def test_depth_is_limited(self) -> None:
        deep = BODY.replace("<dc:title>", "<dc:title>" + "<dc:a>" * 50_000 + "</dc:a>" * 50_000)
        assert Packet.parse(deep.encode()) is None

    @pytest.mark.parametrize("junk", ["xmlns:colorgan= <rdf:Description", " tiff:Orientation", "<rdf:RDF ", " "])
    def test_time_grows_with_the_size(self, junk: str) -> None:
        hostile = (BODY[:-60] + junk * (2_000_000 // len(junk)) + BODY[-60:]).encode()
        started = time.process_time()
        packet = Packet.parse(hostile)
        if packet is not None:
            packet.set_upright()
            packet.to_bytes()
        assert time.process_time() - started < 5

    @pytest.mark.parametrize("form", ["<my:p{0}>{0}</my:p{0}>", '<a xmlns="urn:{0}"/>', "<colorgan:a{0}/>"])
    def test_many_properties(self, form: str) -> None:
        many = "".join(form.format(number) for number in range(50_000))
        body = BODY.replace("<dc:title>", f"{many}<dc:title>").replace("<rdf:RDF", '<rdf:RDF xmlns:colorgan="urn:c"')
        started = time.process_time()
        packet = parse(body.encode())
        packet.drop_namespace("urn:c")
        main, extended = packet.split(60_000, frozenset({TITLE}))
        assert len(main) <= 60_000
        assert (extended is None) == ("colorgan" in form)
        assert time.process_time() - started < 10


class TestChange:
    def test_nothing_is_changed_by_writing(self) -> None:
        written = parse(XMP).to_bytes()
        before, after = ET.fromstring(BODY), ET.fromstring(written)  # noqa: S314 - our own
        assert ET.canonicalize(ET.tostring(before)) == ET.canonicalize(ET.tostring(after))
        assert b"<!-- kept -->" in written
        assert b"my:lines" in written
        assert written.startswith(b"<?xpacket begin=")

    @pytest.mark.parametrize("number", range(1, 9))
    def test_orientation_as_attribute(self, number: int) -> None:
        packet = parse(XMP.replace(b'Orientation="6"', f'Orientation="{number}"'.encode()))
        assert packet.set_upright() == number
        assert packet.set_upright() == 1

    def test_orientation_as_element(self) -> None:
        packet = parse(
            XMP.replace(b' tiff:Orientation="6"', b"").replace(
                b"<dc:title>", b"<tiff:Orientation> 8 </tiff:Orientation><dc:title>"
            )
        )
        assert packet.set_upright() == 8
        assert b"<tiff:Orientation>1</tiff:Orientation>" in packet.to_bytes()

    @pytest.mark.parametrize("value", ["", "9", "-1", "6.0", "\u0666", "x" * 100_000])
    def test_orientation_that_is_none(self, value: str) -> None:
        assert parse(XMP.replace(b'Orientation="6"', f'Orientation="{value}"'.encode())).set_upright() == 1

    def test_take(self) -> None:
        packet = parse(XMP)
        title = packet.take(TITLE)
        assert title is not None
        assert text_of(title) == "Granny & I"
        assert packet.find(TITLE) is None
        assert packet.take(TITLE) is None

    def test_drop_namespace(self) -> None:
        packet = parse(XMP.replace(b"</rdf:RDF>", b'<rdf:Description xmlns:m="urn:mine" m:a="1"/></rdf:RDF>'))
        packet.drop_namespace("urn:mine")
        assert b"urn:mine" not in packet.to_bytes()
        assert len(packet.descriptions) == 1

    def test_prefixes_that_mean_two_things(self) -> None:
        inner = b'<rdf:Description xmlns:dc="urn:other" dc:title="2" rdf:about="uuid:1"/></rdf:RDF>'
        packet = parse(parse(XMP.replace(b"</rdf:RDF>", inner)).to_bytes())
        assert packet.get("{urn:other}title") == "2"
        assert packet.get(TITLE) == "Granny & I"

    def test_same_subject(self) -> None:
        assert parse(XMP).describe().get(f"{{{RDF}}}about") == "uuid:1"


class TestSplit:
    def large(self) -> Packet:
        packet = parse(XMP)
        description = packet.describe()
        for number in range(20):
            ET.SubElement(description, f"{{urn:mine}}p{number}").text = f"{number} " * 3000
        return packet

    @pytest.mark.parametrize("longest", [500, 3_000, 65_000, 200_000, 10_000_000])
    def test_joined_again(self, longest: int) -> None:
        packet = self.large()
        main, extended = packet.split(longest, frozenset({RIGHTS}))
        assert len(main) <= max(longest, 1500)
        assert (extended is None) == (longest >= 200_000)
        assert parse(main).get(RIGHTS) == "Grün <1>"
        again = parse(main)
        assert bool(again.extended) == (extended is not None)
        again.join(Packet.parse(extended))
        assert not again.extended
        for name in [TITLE, *(f"{{urn:mine}}p{number}" for number in range(20))]:
            assert again.get(name) == packet.get(name) != ""

    def test_nothing_may_move(self) -> None:
        packet = Packet()
        packet.describe().set(RIGHTS, "mine " * 100)
        main, extended = packet.split(10, frozenset({RIGHTS}))
        assert parse(main).get(RIGHTS).startswith("mine")
        assert extended is None
