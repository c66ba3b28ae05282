"""What the command writes of where colours come from, and reads back; and what it says of photographs in colour."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.cli import app
from colorgan.errors import UsageError
from colorgan.images import read_marks
from support import draw_photo

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="box 7" Iptc4xmpExt:DigitalSourceType="{VOCABULARY}%s"/>'
    "</rdf:RDF></x:xmpmeta>"
)


def run(*arguments: str | Path) -> int | None:
    return app(["colorize", *map(str, arguments)], standalone_mode=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "Köln.jpg"
    draw_photo(1).convert("L").save(path, xmp=(XMP % "print").encode())
    return path


class TestMarks:
    def test_of_the_source(self, tmp_path: Path, photo: Path, tiny_weights: Path) -> None:
        run(photo, "-o", tmp_path / "out", "--weights", tiny_weights)
        marks = read_marks(tmp_path / "out" / photo.name)
        assert marks.source_name == "Köln.jpg"
        assert marks.source_hash == hashlib.sha256(photo.read_bytes()).hexdigest()
        assert (marks.source_type, marks.original_type) == ("compositeWithTrainedAlgorithmicMedia", "print")
        assert b"box 7" in (tmp_path / "out" / photo.name).read_bytes()

    @pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
    def test_stay_when_metadata_is_stripped(self, tmp_path: Path, photo: Path, tiny_weights: Path, suffix: str) -> None:
        options = ("--weights", tiny_weights, "--strip-metadata", "--format", suffix)
        run(photo, "-o", tmp_path / "out", *options)
        target = tmp_path / "out" / f"Köln.{suffix}"
        marks = read_marks(target)
        assert marks.note is not None
        assert (marks.system, marks.original_type) == ("colorgan", "")
        assert marks.source_hash == hashlib.sha256(photo.read_bytes()).hexdigest()
        assert b"box 7" not in target.read_bytes()

    def test_source_type(self, tmp_path: Path, photo: Path, tiny_weights: Path) -> None:
        options = ("--weights", tiny_weights, "--source-type", "algorithmicallyEnhanced")
        run(photo, "-o", tmp_path / "out", *options)
        assert read_marks(tmp_path / "out" / photo.name).source_type == "algorithmicallyEnhanced"
        with pytest.raises(UsageError, match="leave one of them out"):
            run(photo, "-o", tmp_path / "two", *options, "--repair", "auto")
        assert not (tmp_path / "two").exists()

    def test_each_page(self, tmp_path: Path, tiny_weights: Path) -> None:
        pages = [draw_photo(number).convert("L") for number in range(2)]
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
        run(tmp_path / "a.tif", "-o", tmp_path / "out", "--weights", tiny_weights)
        notes = [read_marks(tmp_path / "out" / name).note for name in ("a.tif", "a-page2.tif")]
        assert [note.origin.page for note in notes if note and note.origin] == [0, 1]


class TestDescribe:
    def test_a_mixed_folder(self, tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        draw_photo(2).save(tmp_path / "made.png")
        draw_photo(3).save(tmp_path / "other.webp", xmp=(XMP % "trainedAlgorithmicMedia").encode())
        run(tmp_path, "--describe")
        assert capsys.readouterr().out.splitlines() == [
            f"{photo}: print",
            f"{tmp_path / 'made.png'}: no marks of where it comes from",
            f"{tmp_path / 'other.webp'}: trainedAlgorithmicMedia",
        ]
        run(tmp_path / "other.webp", "--describe", "--json")
        (line,) = capsys.readouterr().out.splitlines()
        facts = json.loads(line)
        assert facts["note"] is None
        assert facts["marks"]["source_type"] == "trainedAlgorithmicMedia"

    def test_what_cannot_be_read(self, tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "broken.jpg").write_text("text")
        assert run(tmp_path, "--describe") == 1
        printed = capsys.readouterr()
        assert printed.out == f"{photo}: print\n"
        assert "broken.jpg is not a picture" in printed.err


class TestSkipped:
    def test_what_to_do_is_said(self, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
        draw_photo(1, (200, 150)).save(tmp_path / "coloured.png")
        draw_photo(2).convert("L").save(tmp_path / "grey.png")
        run(tmp_path, "-o", tmp_path / "out", "--weights", tiny_weights)
        last, advice = capsys.readouterr().err.splitlines()[-2:]
        assert last == "1 colorized, 1 skipped"
        assert advice.startswith("1 skipped as in colour already")
        assert "--color-input recolor" in advice
        run(tmp_path, "-o", tmp_path / "out", "--weights", tiny_weights, "--color-input", "recolor")
        assert "--color-input" not in capsys.readouterr().err

    def test_a_sepia_print_on_the_lid_is_coloured(self, tmp_path: Path, tiny_weights: Path) -> None:
        grey = np.asarray(draw_photo(1, (200, 150)).convert("L")) / 255
        sheet = Image.new("RGB", (260, 210), (240, 241, 242))
        sepia = np.stack([np.interp(grey, (0, 0.5, 1), v) for v in ((20, 150, 255), (10, 110, 240), (0, 70, 210))], -1)
        sheet.paste(Image.fromarray(sepia.astype(np.uint8)), (30, 30))
        sheet.save(tmp_path / "print.jpg", quality=90)
        run(tmp_path / "print.jpg", "-o", tmp_path / "out", "--weights", tiny_weights)
        assert (tmp_path / "out" / "print.jpg").exists()
