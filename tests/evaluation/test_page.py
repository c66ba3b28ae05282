import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from browser_support import BROWSER, open_browser
from colorgan.evaluation.measures import METRICS, Metric
from colorgan.evaluation.page import format_difference, format_figure, format_range, report_to_html
from colorgan.evaluation.protocol import Protocol
from colorgan.evaluation.report import CandidateScores, Example, Report
from colorgan.evaluation.statistics import Bootstrap, Interval
from colorgan.evaluation.sweep import summarize_sweep
from colorgan.rendering.strength_sweep import SweepValues

NASTY = "<b>&\"'.pt"


def jpeg(color: str) -> bytes:
    import io

    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), color).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def report() -> Report:
    rng, count = np.random.default_rng(0), 30
    base = rng.normal(22, 3, count)

    def scores(name: str, kind: str, gain: float, colour: float) -> CandidateScores:
        colours = np.zeros(count) if colour == 0 else rng.normal(colour, 4, count)
        return CandidateScores(name, kind, {"sha256": "0" * 64}, {"psnr": base + gain, "colorfulness": colours})

    values = SweepValues(
        (0.0, 1.0, 2.0),
        gains=torch.from_numpy(rng.normal([[0], [1], [-1]], 0.1, (3, count))),
        colorfulness=torch.tensor([[0.0], [20.0], [44.0]]).double().expand(-1, count),
        grey_psnr=torch.zeros(count).double(),
        photographs=torch.full((count,), 40.0).double(),
    )
    front = summarize_sweep(NASTY, values, Bootstrap(count, 100, 0))
    example = Example("deep/photo <1>.png", -1.25, jpeg("grey"), jpeg("red"), jpeg("blue"))
    return Report(
        protocol=Protocol(resamples=100),
        metrics=(METRICS["psnr"], METRICS["colorfulness"]),
        names=tuple(f"{n}.png" for n in range(count)),
        left_out=(("torn.jpg", "cannot be read: it is torn"),),
        photographs={"colorfulness": rng.normal(40, 5, count)},
        candidates=(
            scores("grey", "baseline", 0, 0),
            scores("mean colour", "baseline", 0.3, 8),
            scores(NASTY, "model", 1, 20),
            scores("other", "model", 1.5, 25),
        ),
        environment={"device": "cpu, float32"},
        sweeps=(front,),
        examples={"worst": (example,), "best": (example,)},
    )


class _Outline(HTMLParser):
    VOID = frozenset({"meta", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


class TestReportToHtml:
    def test_a_metric_of_ones_own_has_its_row_and_plot(self, report):
        own = Metric(name="own", label="mine", unit="u", better="higher", prepare=lambda _: lambda c: c.coloured)
        candidates = [dataclasses.replace(c, values={"own": c.values["psnr"]}) for c in report.candidates]
        changed = dataclasses.replace(report, metrics=(own,), candidates=tuple(candidates), photographs={})
        assert {row.statistic.key for row in changed.rows} == {"own"}
        assert report_to_html(changed).count("mine") > 2

    def test_is_well_formed_and_complete(self, report):
        outline = _Outline()
        outline.feed(report_to_html(report))
        assert outline.open == []
        assert outline.tags.count("svg") == 3  # a front and two distributions
        assert outline.tags.count("img") == 6
        assert outline.tags.count("script") == 0

    def test_needs_nothing_from_outside(self, report):
        page = report_to_html(report)
        assert set(re.findall(r'src="([^,"]*)', page)) == {"data:image/jpeg;base64"}
        assert "http" not in page
        assert "url(" not in page
        assert "@import" not in page

    def test_names_are_escaped(self, report):
        page = report_to_html(report)
        assert "<b>" not in page
        assert "&lt;b&gt;&amp;" in page
        assert "photo &lt;1&gt;.png: -1.25 dB over grey" in page

    def test_says_what_was_left_out(self, report):
        page = report_to_html(report)
        assert "1 pictures left out" in page
        assert "torn.jpg: cannot be read: it is torn" in page

    @pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine; install chromium to test the page")
    def test_a_browser_shows_it(self, report, tmp_path: Path):
        (tmp_path / "report.html").write_text(report_to_html(report), encoding="utf-8")
        with open_browser(tmp_path) as browser:
            browser.resize(900, 1600, "light")
            browser.go((tmp_path / "report.html").as_uri())
            browser.screenshot(tmp_path / "page.png")
            assert browser.errors() == []
        with Image.open(tmp_path / "page.png") as page:
            assert page.size == (900, 1600)
            colours = page.convert("RGB").getcolors(1 << 20)
        assert colours is not None
        # The line of the first model and the white of the page are really drawn.
        assert {(36, 99, 201), (255, 255, 255)} <= {colour for _, colour in colours}


class TestFormat:
    def test_figures(self):
        assert format_figure(Interval(1.234, 1, 2), 2) == "1.23"
        assert format_range(Interval(1.234, 1, 2), 2) == "1.00 .. 2.00"
        assert format_difference(Interval(1.234, -1, 2), 1) == "+1.2 (-1.0 .. +2.0)"
        assert format_difference(None, 1) == ""

    def test_figures_that_do_not_exist(self):
        nothing = Interval(*[float("nan")] * 3)
        assert format_figure(nothing, 2) == format_range(nothing, 2) == format_difference(nothing, 2) == "-"
