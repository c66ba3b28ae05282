"""What is said of where colours come from: written into each format, read back by colorgan and by ExifTool."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorgan.config import SourceType
from colorgan.errors import ImageReadError
from colorgan.images import SUFFIX_OF, Marks, Metadata, Origin, Provenance, describe, read_marks, write_image
from colorgan.images.marks import NAMESPACE, merge_xmp, parse_marks
from colorgan.images.xmp import RDF, Packet
from support import draw_photo

HOLD_XMP = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"]
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NOTE = Provenance(
    version="1.2.3",
    model='default "<&>"',
    hash="ab" * 32,
    settings={"strength": 1.5, "hints": ["50%,80%=#808090"]},
    origin=Origin(name="Köln.tif", sha256="cd" * 32, page=2),
)
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
    'xmlns:stRef="http://ns.adobe.com/xap/1.0/sType/ResourceRef#" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{VOCABULARY}print" xmpMM:InstanceID="xmp.iid:old" xmpMM:DocumentID="xmp.did:old">'
    "<dc:creator><rdf:Seq><rdf:li>Anna</rdf:li></rdf:Seq></dc:creator>"
    "<dc:subject><rdf:Bag><rdf:li>family</rdf:li><rdf:li>Köln</rdf:li></rdf:Bag></dc:subject>"
    '<xmpMM:DerivedFrom stRef:filePath="negative.dng"/>'
    '<xmpMM:History><rdf:Seq><rdf:li stEvt:action="created" stEvt:softwareAgent="Scanner 1"/></rdf:Seq>'
    "</xmpMM:History></rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()


def write(path: Path, kind: str, xmp: bytes | None = XMP, note: Provenance | None = NOTE, **options: Any) -> None:
    write_image(path, np.asarray(draw_photo(1)), format=kind, metadata=Metadata(xmp=xmp), provenance=note, **options)


def exiftool(path: Path, *options: str) -> dict[str, Any]:
    """Read a file by ExifTool, which knows nothing of colorgan."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed (apt-get install libimage-exiftool-perl)")
    command = [program, "-json", "-G1", "-struct", "-api", "LargeFileSupport=1", *options, str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)[0]


class TestWritten:
    @pytest.mark.parametrize("kind", HOLD_XMP)
    def test_read_back(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"a{SUFFIX_OF[kind]}"
        write(path, kind)
        marks = read_marks(path)
        assert describe(path) == NOTE
        assert marks == Marks(
            note=NOTE,
            source_type="compositeWithTrainedAlgorithmicMedia",
            system="colorgan",
            system_version=f'1.2.3, model default "<&>", sha256 {"ab" * 32}',
            tool="colorgan 1.2.3",
            source_name="Köln.tif",
            source_hash="cd" * 32,
            original_type="print",
        )

    @pytest.mark.parametrize(("kind", "depth"), [*((kind, 8) for kind in HOLD_XMP), ("PNG", 16), ("TIFF", 16)])
    def test_by_exiftool(self, tmp_path: Path, kind: str, depth: int) -> None:
        path = tmp_path / f"a{SUFFIX_OF[kind]}"
        write(path, kind, depth=depth)
        found = exiftool(path, "-XMP:all")
        assert found["XMP-iptcExt:DigitalSourceType"] == VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
        assert found["XMP-iptcExt:AISystemUsed"] == "colorgan"
        assert found["XMP-iptcExt:AISystemVersionUsed"].startswith("1.2.3, model default")
        assert found["XMP-dc:Creator"] == ["Anna"] or found["XMP-dc:Creator"] == "Anna"
        assert found["XMP-dc:Subject"] == ["family", "Köln"]
        derived = found["XMP-xmpMM:DerivedFrom"]
        assert derived["FilePath"] == "Köln.tif"
        assert derived["InstanceID"] == "xmp.iid:old"
        assert derived["DocumentID"] == "xmp.did:old"
        assert "cd" * 32 in derived.values()
        assert VOCABULARY + "print" in derived.values()
        events = found["XMP-xmpMM:History"]
        assert [event["SoftwareAgent"] for event in events] == ["Scanner 1", "colorgan 1.2.3"]
        assert "strength 1.5" in events[1]["Parameters"]
        assert events[1]["InstanceID"] == found["XMP-xmpMM:InstanceID"] != "xmp.iid:old"
        assert found["XMP-xmpMM:DocumentID"] == "xmp.did:old"

    @pytest.mark.parametrize("kind", HOLD_XMP)
    def test_exiftool_finds_no_fault(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"a{SUFFIX_OF[kind]}"
        write(path, kind)
        found = exiftool(path, "-validate", "-warning", "-error", "-a")
        assert not [name for name in found if "Error" in name]
        assert "XMP" not in str(found.get("ExifTool:Warning", ""))

    def test_of_nothing(self) -> None:
        assert parse_marks(merge_xmp(None, NOTE).to_bytes()).note == NOTE

    def test_other_type(self) -> None:
        note = Provenance(version="1", model="m", hash="h", source_type=SourceType.ENHANCED)
        marks = parse_marks(merge_xmp(None, note).to_bytes())
        assert (marks.source_type, marks.note) == ("algorithmicallyEnhanced", note)

    def test_instance_depends_on_the_result(self, tmp_path: Path) -> None:
        names = set()
        for number, (kind, quality) in enumerate((("JPEG", 95), ("JPEG", 50), ("WEBP", 95), ("JPEG", 95))):
            write(tmp_path / str(number), kind, quality=quality)
            with Image.open(tmp_path / str(number)) as image:
                packet = Packet.parse(image.info["xmp"])
            assert packet is not None
            names.add(packet.get("{http://ns.adobe.com/xap/1.0/mm/}InstanceID"))
        assert len(names) == 3
        assert (tmp_path / "0").read_bytes() == (tmp_path / "3").read_bytes()

    def test_again(self) -> None:
        old = Provenance(version="0", model="old", hash="", origin=Origin(name="x", sha256="12"))
        packet = merge_xmp(merge_xmp(XMP, old).to_bytes(), NOTE)
        written = packet.to_bytes()
        assert parse_marks(written).note == NOTE
        assert written.count(b"colorgan:version") == 1
        assert written.count(b"<xmpMM:DerivedFrom") == 1  # no chain of coloured coloured ones
        history = packet.find("{http://ns.adobe.com/xap/1.0/mm/}History")
        assert history is not None
        assert len(history.findall(f".//{{{RDF}}}li")) == 3

    def test_earlier_ancestor_is_kept(self) -> None:
        assert b"negative.dng" in merge_xmp(XMP, NOTE).to_bytes()

    def test_many_hints_fit_into_a_jpeg(self, tmp_path: Path) -> None:
        settings = {"hints": [f"{number}%,80%=#808090" for number in range(20_000)]}
        note = Provenance(version="1", model="m", hash="h", settings=settings)
        write(tmp_path / "a.jpg", "JPEG", note=note)
        assert read_marks(tmp_path / "a.jpg").note == note

    def test_large_xmp_in_a_jpeg(self, tmp_path: Path) -> None:
        ancestors = "".join(f"<rdf:li>xmp.did:{number:032}</rdf:li>" for number in range(20_000))
        more = f'<p:DocumentAncestors xmlns:p="http://ns.adobe.com/photoshop/1.0/"><rdf:Bag>{ancestors}</rdf:Bag></p:DocumentAncestors>'.encode()
        path = tmp_path / "a.jpg"
        write(path, "JPEG", XMP.replace(b"<dc:creator>", more + b"<dc:creator>"))
        with Image.open(path) as image:
            image.load()
            assert len(image.info["xmp"]) < 65_536
            assert parse_marks(image.info["xmp"]).note is not None  # by readers, too, that know no extension
        assert read_marks(path).note == NOTE
        found = exiftool(path, "-XMP:all", "-warning", "-m")
        assert "ExifTool:Warning" not in found or "Minor" in found["ExifTool:Warning"]
        assert found["XMP-xmpMM:DerivedFrom"]["FilePath"] == "Köln.tif"
        assert len(found["XMP-photoshop:DocumentAncestors"]) >= 1000


class TestOthers:
    def test_an_attribute_or_an_element(self) -> None:
        merged = merge_xmp(None, NOTE).to_bytes().decode()
        start = merged.index("colorgan:version=")
        moved = merged.replace('colorgan:version="1.2.3"', "").replace(
            "<Iptc4xmpExt:DigitalS", "<colorgan:version>1.2.3</colorgan:version><Iptc4xmpExt:DigitalS"
        )
        assert start > 0
        assert parse_marks(moved.encode()).note == NOTE

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_another_program(self, scheme: str) -> None:
        xmp = XMP.replace(b"http://cv.iptc.org", f"{scheme}://cv.iptc.org".encode())
        marks = parse_marks(xmp.replace(b"print", b"trainedAlgorithmicMedia"))
        assert (marks.note, marks.source_type, marks.source_name) == (None, "trainedAlgorithmicMedia", "negative.dng")
        assert str(marks) == "trainedAlgorithmicMedia"

    def test_sentences(self) -> None:
        assert str(Marks()) == "no marks of where it comes from"
        assert str(Marks(tool="Scanner 1")) == "no marks of where it comes from"
        assert str(Marks(system="Firefly", system_version="3")) == "made with an AI system, by Firefly 3"
        assert str(Marks(source_type="print", tool="Scanner 1")) == "print, by Scanner 1"

    def test_a_manifest(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        draw_photo(1).save(path)
        data = path.read_bytes()
        box = b"JP\0\1\0\0\0\1jumb c2pa" + (VOCABULARY + "trainedAlgorithmicMedia").encode() + b"\0"
        path.write_bytes(data[:2] + b"\xff\xeb" + (len(box) + 2).to_bytes(2, "big") + box + data[2:])
        assert read_marks(path).source_type == "trainedAlgorithmicMedia"

    @pytest.mark.parametrize("settings", ["[1]", "{", "[" * 100_000, "null"])
    def test_settings_that_are_none(self, settings: str) -> None:
        packet = merge_xmp(None, NOTE)
        packet.take(f"{{{NAMESPACE}}}settings")
        packet.describe().set(f"{{{NAMESPACE}}}settings", settings)
        note = parse_marks(packet.to_bytes()).note
        assert note is not None
        assert note.settings == {}

    def test_no_pictures(self, tmp_path: Path) -> None:
        (tmp_path / "text.jpg").write_text("text")
        with pytest.raises(ImageReadError):
            read_marks(tmp_path / "text.jpg")
        with pytest.raises(ImageReadError):
            read_marks(tmp_path / "none.jpg")

    def test_sentence(self) -> None:
        assert str(Provenance(version="1", model="m", hash="h", settings={"strength": 1})) == (
            "colourised by colorgan 1, model m h, settings strength 1"
        )
