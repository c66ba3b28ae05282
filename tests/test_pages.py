"""Pages of HTML: every text is escaped, and nothing that a page asks for may be missing."""

import re
from typing import Any

import jinja2
import pytest

from colorgan.pages import Markup, _environment, render_page


def run_page(**changes: Any) -> str:
    """Return the page of a run."""
    values: dict[str, Any] = {
        "version": "1", "date": "today", "summary": "2 colorized", "facts": {}, "failed": [], "cards": [], "others": [],
    }  # fmt: skip
    return "".join(render_page("run.html", **(values | changes)))


class TestRenderPage:
    def test_texts_are_escaped(self) -> None:
        page = run_page(facts={"Model": "<b>&\"'"}, failed=[("<i>.jpg", "it is <empty>")])
        assert "<b>" not in page
        assert "<i>" not in page
        assert "&lt;b&gt;&amp;&#34;&#39;" in page
        assert "it is &lt;empty&gt;" in page

    def test_markup_is_not(self) -> None:
        assert "<b>bold</b>" in run_page(summary=Markup("<b>bold</b>"))

    def test_what_is_missing_is_an_error(self) -> None:
        with pytest.raises(jinja2.UndefinedError, match="summary"):
            "".join(render_page("run.html", version="1", date="today"))

    def test_comes_piece_by_piece(self) -> None:
        """A card is asked for when its turn comes, so that not all of them have to be there at once."""
        asked: list[int] = []

        def cards() -> Any:
            for number in range(50):
                asked.append(number)
                picture = {"before": b"before", "after": b"after"}
                yield {"name": f"{number}.jpg", "source": "a", "target": "b", "facts": ""} | picture

        values = {"version": "1", "date": "", "summary": "", "facts": {}, "failed": [], "others": []}
        seen = ""
        for piece in render_page("run.html", cards=cards(), **values):
            seen += piece
            if "0.jpg" in seen:
                break
        assert asked
        assert len(asked) < 5

    def test_pictures_are_within_the_page(self) -> None:
        card = {"name": "a.jpg", "source": "a", "target": "b", "facts": "", "before": b"old", "after": b"new"}
        urls = re.findall(r'src="(data:image/jpeg;base64,[^"]*)"', run_page(cards=[card]))
        assert {"data:image/jpeg;base64,b2xk", "data:image/jpeg;base64,bmV3"} <= set(urls)  # as base64(1) says


def test_every_template_can_be_read() -> None:
    names = _environment().list_templates(extensions=["html"])
    assert "run.html" in names
    for name in names:
        _environment().get_template(name)
