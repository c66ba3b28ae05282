"""Keywords that results get: in XMP, and in IPTC records where the format has them; read back by ExifTool."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorgan.images import Metadata, Provenance, write_image
from colorgan.images.as_xmp import add_keywords
from colorgan.images.xmp import DC, RDF, Packet
from metadata_support import UTF8, record

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")


def subject(*words: str, kind: str = "Bag") -> bytes:
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" xmlns:dc="{DC}">'
        f"<dc:subject><rdf:{kind}>{items}</rdf:{kind}></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def write(path: Path, keywords: tuple[str, ...], **metadata: Any) -> None:
    kind = {".jpg": "JPEG", ".tif": "TIFF"}.get(path.suffix, path.suffix[1:].upper())
    note = Provenance(version="1", model="m", hash="0", keywords=keywords)
    pixels = np.full((8, 8, 3), 90, np.uint8)
    write_image(path, pixels, format=kind, metadata=Metadata(**metadata), provenance=note)


def read(path: Path) -> tuple[list[str], list[str]]:
    """Return the keywords in XMP and those in IPTC."""
    command = ["exiftool", "-j", "-G1", "-struct", "-XMP-dc:Subject", "-IPTC:Keywords", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (facts,) = json.loads(done.stdout)
    both = (facts.get("XMP-dc:Subject", []), facts.get("IPTC:Keywords", []))
    in_xmp, in_iptc = ([str(word) for word in (words if isinstance(words, list) else [words])] for words in both)
    return in_xmp, in_iptc


@needs_exiftool
class TestFiles:
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
    def test_of_a_photograph_without_any(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        write(path, ("coloured", "koloriert: Köln"))
        in_xmp, in_iptc = read(path)
        assert in_xmp == ["coloured", "koloriert: Köln"]
        assert in_iptc == ([] if suffix in (".webp", ".avif") else in_xmp)

    @pytest.mark.parametrize("suffix", [".jpg", ".webp"])
    def test_those_in_iptc_alone_are_told_in_xmp_too(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        write(path, ("coloured",), iptc=UTF8 + record(25, "Köln".encode()) + record(25, b"1923"))
        assert read(path)[0] == ["Köln", "1923", "coloured"]
        assert read(path)[1] == ([] if suffix == ".webp" else ["Köln", "1923", "coloured"])

    @pytest.mark.parametrize("kind", ["Bag", "Seq"])
    def test_those_in_xmp_stay_and_none_is_there_twice(self, tmp_path, kind):
        write(tmp_path / "a.jpg", ("coloured", "Köln"), xmp=subject("Köln", "1923", kind=kind))
        assert read(tmp_path / "a.jpg")[0] == ["Köln", "1923", "coloured"]

    def test_without_any_nothing_is_added(self, tmp_path):
        write(tmp_path / "a.jpg", ())
        assert read(tmp_path / "a.jpg") == ([], [])


def test_the_same_word_twice_gives_one():
    packet = Packet()
    add_keywords(packet, ["a", "a", "b"], b"")
    add_keywords(packet, ["b"], b"")
    assert packet.to_bytes().count(b"rdf:li>") == 2 * 2
