"""The report of a run."""

import html.parser
import os
import re
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

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

    def test_in_a_browser(self, tmp_path: Path) -> None:
        """The slider is dragged by script in a real browser: the place where the pictures meet follows."""
        browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if browser is None:
            pytest.skip("no chromium on this machine")
        page = tmp_path / "report.html"
        write_report(page, [outcome(0, "a.jpg")], {})
        probe = """<script>
          const pair = document.querySelector(".pair"), range = pair.querySelector("input");
          const box = pair.getBoundingClientRect(), seen = [getComputedStyle(pair.querySelector(".before")).clipPath];
          pair.dispatchEvent(new PointerEvent("pointermove", {buttons: 1, clientX: box.left + 0.25 * box.width}));
          seen.push(getComputedStyle(pair.querySelector(".before")).clipPath);
          range.value = 90; range.dispatchEvent(new Event("input"));
          seen.push(getComputedStyle(pair.querySelector(".before")).clipPath);
          const images = [...document.images].map(i => i.naturalWidth);
          document.title = JSON.stringify({seen, images});
        </script></body>"""
        page.write_text(page.read_text().replace("</body>", probe))
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
        environment = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True, env=environment)
        title = re.search(r"<title>(.*?)</title>", done.stdout)
        assert title is not None
        assert re.findall(r"calc\(100% - ([\d.]+)%\)|0px ([\d.]+)% 0px 0px", title[1]), title[1]
        places = [float(x) for x in re.findall(r"0px ([\d.]+)%", title[1])]
        assert places == pytest.approx([50, 75, 10], abs=1)
        assert '"images":[80,80]' in title[1].replace("&quot;", '"')

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
