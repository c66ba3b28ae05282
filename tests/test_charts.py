"""Charts: places, labels and legends."""

import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from colorgan.charts import Chart, Line, chart_to_svg, charts_to_png, span


def draw(*lines: Line, **changes) -> Chart:
    return Chart(**{"title": "t", "lines": lines, "x_range": (0.0, 10.0), "y_range": (-1.0, 1.0), **changes})


class TestSpan:
    def test_leaves_a_little_room(self):
        assert span([0.0, 1.0]) == pytest.approx((-0.04, 1.04))

    @pytest.mark.parametrize("value", [-3.0, 0.0, 1e-5, 7.0])
    def test_a_flat_line_runs_through_the_middle(self, value):
        low, high = span([value, value])
        assert low < value < high
        assert (low + high) / 2 == pytest.approx(value)


class TestChartToSvg:
    def test_is_xml_whose_lines_lie_where_the_axes_say(self):
        svg = chart_to_svg(draw(Line("a<b", [(0.0, -1.0), (10.0, 1.0)], 3, dots=True), x_label="x", y_label="y & z"))
        root = ET.fromstring(svg)  # noqa: S314 - our own
        line = root.find("polyline")
        assert line is not None
        assert (line.get("class"), line.findtext("title")) == ("s3", "a<b")
        assert line.get("points") == "52.0,216.0 546.0,14.0"
        assert len(root.findall("circle")) == 2

    def test_logarithms_are_labelled_by_their_numbers(self):
        svg = chart_to_svg(draw(Line("a", [(0.0, 0.0)]), y_range=(-2.0, 2.0), logarithmic=True))
        assert re.findall('class="y"[^>]*>([^<]*)<', svg) == ["0.01", "0.1", "1", "10", "100"]

    def test_small_numbers_are_told_apart(self):
        svg = chart_to_svg(draw(Line("a", [(0.0, 0.0)]), y_range=(1e-13, 3e-13)))
        assert re.findall('class="y"[^>]*>([^<]*)<', svg) == ["1e-13", "1.5e-13", "2e-13", "2.5e-13", "3e-13"]


class TestChartsToPng:
    def test_charts_stand_side_by_side(self):
        with Image.open(io.BytesIO(charts_to_png([draw(Line("a", [(1.0, 0.0)]))] * 3))) as picture:
            assert picture.size == (2 * 460, 2 * 260)

    def test_more_lines_than_colours_are_all_drawn(self):
        lines = [Line(f"a line of the name {n}", [(0.0, n / 20), (10.0, n / 20)], n) for n in range(14)]
        with Image.open(io.BytesIO(charts_to_png([draw(*lines, y_range=(0.0, 1.0))]))) as picture:
            column = np.asarray(picture)[100:, 300].tolist()
        runs = [color for n, color in enumerate(column) if color != column[n - 1] and min(color) < 0xB0]
        assert len(runs) == 14
