"""The report of a run."""

import html.parser
import os
import re
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from browser_support import BROWSER, open_browser
from colorgan.colorization import Job, Outcome, PreviewStore, Status
from colorgan.colorization.products import (
    Preview,
)
from colorgan.colorization.run_report import write_report
from colorgan.colorization.sheet import write_sheet
from colorization_support import outcome


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
