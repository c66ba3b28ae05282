import html.parser
import os
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from browser_support import BROWSER, open_browser
from colorgan.colorization import Job, Outcome, PreviewStore, Status
from colorgan.colorization.products import (
    Preview,
    beside_the_original,
    color_layer,
    lean_of,
    make_preview,
    uncertainty_map,
    variant_sheet,
)
from colorgan.colorization.run_report import write_report
from colorgan.colorization.sheet import _Sheet, write_sheet
from colorgan.images import photo_from_image
from colorgan.rendering import ChromaField, Compositor
from support import draw_photo

RED = ChromaField(torch.zeros(2, 4, 4), torch.tensor([30.0, 20.0])[:, None, None].expand(2, 4, 4).contiguous())


def grey_levels(seed: int = 0, size: tuple[int, int] = (70, 50)) -> np.ndarray:
    return np.array(draw_photo(seed, size).convert("L"))


def outcome(number: int, name: str, status: Status = Status.COLORIZED, reason: str = "") -> Outcome:
    job = Job(number, Path("in", name), Path("out", name))
    photo = photo_from_image(draw_photo(number).convert("L"))
    preview = make_preview(photo, RED) if status is Status.COLORIZED else None
    return Outcome(job=job, status=status, reason=reason, width=80, height=64, pages=1, preview=preview)


class TestColorLayer:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_laid_over_the_original_gives_the_picture(self, dtype: type) -> None:
        grey = grey_levels().astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
        depth = 8 if dtype == np.uint8 else 16
        picture = np.concatenate(list(Compositor(grey, RED, depth).bands())).astype(float)
        color, opacity = color_layer(Compositor(grey, RED, depth).bands(), grey)
        share = opacity[..., None] / np.iinfo(dtype).max
        laid = color * share + grey[..., None] * (1 - share)
        assert np.abs(laid - picture).max() <= 1
        assert 0 < opacity.mean() < np.iinfo(dtype).max

    def test_nothing_to_show_is_transparent(self) -> None:
        grey = grey_levels()
        assert not color_layer(Compositor(grey, RED.scaled(0)).bands(), grey)[1].any()


def test_comparison_has_both_sides() -> None:
    grey = grey_levels()
    bands = list(beside_the_original(Compositor(grey, RED).bands(), grey))
    both = np.concatenate(bands)
    assert both.shape == (50, 140, 3)
    assert np.array_equal(both[:, :70, 1], grey)
    assert np.array_equal(both[:, 70:], np.concatenate(list(Compositor(grey, RED).bands())))


def test_doubt_is_bright() -> None:
    shown = uncertainty_map(torch.tensor([[[1.0, 0.0]]]), (10, 20))
    assert shown.shape == (10, 20)
    assert (shown[0, 0], shown[0, -1]) == (0, 255)


class TestVariants:
    def test_first_is_the_plain_one(self) -> None:
        assert lean_of(0, 5) == (0.0, 0.0)

    def test_others_lean_apart(self) -> None:
        leans = np.array([lean_of(k, 5) for k in range(1, 5)])
        assert np.allclose(leans.sum(0), 0, atol=1e-9)
        assert len(np.unique(leans.round(6), axis=0)) == 4

    def test_sheet_shows_them_all(self) -> None:
        photo = photo_from_image(draw_photo(0).convert("L"))
        sheet = variant_sheet(photo, [RED.scaled(0), RED])
        assert sheet.shape[1] > 2 * 80 or sheet.shape[0] > 2 * 64
        assert np.ptp(sheet.astype(int), axis=-1).max() > 20


class TestReport:
    def test_holds_everything_and_needs_nothing(self, tmp_path: Path) -> None:
        outcomes = [
            outcome(1, "b<i>.jpg"),
            outcome(0, "a.jpg"),
            outcome(2, "bad.jpg", Status.FAILED, "it is <empty>"),
            outcome(3, "there.jpg", Status.SKIPPED, "its result is there already"),
        ]
        write_report(tmp_path / "report.html", outcomes, {"Model": "tiny & small"})
        page = (tmp_path / "report.html").read_text()
        html.parser.HTMLParser().feed(page)
        assert page.index("a.jpg") < page.index("b&lt;i&gt;.jpg")
        assert "<i>" not in page
        assert "it is &lt;empty&gt;" in page
        assert "tiny &amp; small" in page
        assert "1 failed" in page
        assert not re.search(r'(src|href)="(?!data:)', page)
        assert "http" not in page.replace("http-equiv", "")

    @pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine; install chromium to test the page")
    def test_in_a_browser(self, tmp_path: Path) -> None:
        """The place where the pictures meet follows the mouse in a real browser, and the keyboard."""
        write_report(tmp_path / "report.html", [outcome(0, "a.jpg")], {})
        before = "getComputedStyle(document.querySelector('.pair .before')).clipPath"
        with open_browser(tmp_path) as page:
            page.go((tmp_path / "report.html").as_uri())
            seen = [page.run(before)]
            page.drag(".pair", (0.5, 0.5), (0.25, 0.5))
            seen.append(page.run(before))
            page.run("document.querySelector('.pair input').focus()")
            page.press("End")
            seen.append(page.run(before))
            assert page.run("[...document.images].map(image => image.naturalWidth)") == [80, 80]
            assert page.errors() == []
        places = [float(place) for place in re.findall(r"inset\(0px ([\d.]+)% 0px 0px\)", " ".join(seen))]
        assert places == pytest.approx([50, 75, 0], abs=1.5)  # a pixel is 1.25

    def test_names_of_any_kind(self, tmp_path: Path) -> None:
        """What is no Unicode, and what a terminal would obey, is shown with escapes, on the page and on the sheet."""
        outcomes = [outcome(0, os.fsdecode(b"caf\xe9.jpg")), outcome(1, "\x1b[2J.jpg", Status.FAILED, "it is \udcff")]
        write_report(tmp_path / "report.html", outcomes, {"Palette": "\udce9"})
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert page.count(r"caf\xe9.jpg") >= 2
        assert r"\x1b[2J.jpg" in page
        assert "\x1b" not in page
        write_sheet(tmp_path / "sheet.png", outcomes)
        Image.open(tmp_path / "sheet.png").load()

    def test_is_written_piece_by_piece(self, tmp_path: Path) -> None:
        """The pictures of an archive lie on the disk, and are read when their turn comes."""
        size = 200_000
        job = Job(0, Path("a.jpg"), Path("b.jpg"))
        with PreviewStore(tmp_path / "new") as store:
            kept = [
                store.keep(
                    Outcome(job=job, status=Status.COLORIZED, preview=Preview(b"%9d" % n * (size // 9), b"after"))
                )
                for n in range(100)
            ]
            assert list((tmp_path / "new").iterdir()) == []  # it has no name that could be left behind
            assert kept[7].preview is not None
            assert (kept[7].preview.before[:9], kept[7].preview.after) == (b"        7", b"after")
            tracemalloc.start()
            write_report(tmp_path / "report.html", kept, {})
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert (tmp_path / "report.html").stat().st_size > 100 * size
        assert peak < 20 * size


class TestContactSheet:
    def test_thousands_of_photographs(self) -> None:
        """Its size is bounded: cells become smaller, and at last the rest is left out."""
        preview = outcome(0, "a.jpg").preview
        for count, cell in ((700, 240), (3000, 106), (50_000, 48)):
            job = Job(0, Path("a.jpg"), Path("b.jpg"))
            sheet = _Sheet.lay_out([Outcome(job=job, status=Status.COLORIZED, preview=preview)] * count)
            assert sheet.cell == pytest.approx(cell, abs=12)
            assert 50e6 < sheet.width * sheet.height < 105e6
            assert max(sheet.width, sheet.height) < 65_500
            assert next(iter(sheet.bands())).shape == (12, sheet.width, 3)
            assert (len(sheet.pairs) == count) is (count < 10_000)

    def test_its_folder_is_made(self, tmp_path: Path) -> None:
        outcomes = [outcome(n, f"{n}.jpg") for n in range(5)]
        assert write_sheet(tmp_path / "new" / "sheet.jpg", outcomes) == 0
        layout = _Sheet.lay_out(outcomes)
        with Image.open(tmp_path / "new" / "sheet.jpg") as written:
            assert written.size == (layout.width, layout.height)


def test_contact_sheet(tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.png", [outcome(n, f"{n}.jpg") for n in range(3)])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.ptp(np.asarray(sheet).astype(int), axis=-1).max() > 20
