"""The page in a real browser, by mouse and by keyboard; what it writes is looked at, not what it says alone."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from browser_support import BROWSER, Page, open_browser
from colorgan.colorization import ColorizeOptions, Colorizer, Hint, plan_paths
from colorgan.colorization.serve import EditSession, PageServer
from support import draw_photo

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on this machine; install chromium to test the page"
)

SIZE = (120, 80)
NAMES = ["anna.png", "bert.png", "clara.png"]
QUIET = "document.querySelector('#stage').ariaBusy === 'false' && document.querySelector('#after').naturalWidth > 0"
REACHABLE = {
    "button",
    "radio",
    "slider",
    "ColorWell",
    "application",
    "DisclosureTriangle",
    "checkbox",
    "link",
    "textbox",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        draw_photo(number, SIZE).convert("L").save(folder / name)
    return folder


Opener = Callable[..., PageServer]


@pytest.fixture
def serve(browser: Page, photographs: Path, colorizer: Colorizer) -> Iterator[Opener]:
    """Serve the photographs."""
    running: list[tuple[PageServer, threading.Thread]] = []

    def serve(image_format: str | None = None) -> PageServer:
        plan = plan_paths([photographs], photographs.with_name("out"), image_format=image_format)
        server = PageServer(EditSession(plan, colorizer, ColorizeOptions(render=colorizer.render)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((server, thread))
        return server

    yield serve
    browser.run("window.onbeforeunload = null")  # a person would be asked
    browser.go("about:blank")  # before what is still wanted cannot be had
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def page(browser: Page, serve: Opener) -> Iterator[Page]:
    """The page, open in the browser; at the end nothing must have gone wrong on it, or been loaded from elsewhere."""
    server = serve()
    show(browser, server)
    yield browser
    settle(browser)
    assert browser.errors() == []
    assert all(address.startswith((server.url, "blob:")) for address in browser.requests())


def show(browser: Page, server: PageServer) -> None:
    browser.errors()  # of the page before
    browser.resize(1300, 850)
    browser.go(server.url)
    browser.wait("document.querySelector('#filmstrip button')", "the page is filled")
    settle(browser)


def settle(page: Page) -> None:
    page.wait(QUIET, "the photograph is shown")


def text(page: Page, selector: str) -> str:
    return str(page.run(f"document.querySelector({json.dumps(selector)}).textContent"))


def save(page: Page) -> None:
    page.press("s", ctrl=True)
    page.wait("document.querySelector('#state').textContent === 'saved'", "it is saved")


def choose_color(page: Page, color: str) -> None:
    page.run(
        f"(c => {{ c.value = '{color}'; c.dispatchEvent(new Event('input')); }})(document.querySelector('#color'))"
    )


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def colored(photographs: Path, name: str, colorizer: Colorizer, **how: Any) -> np.ndarray:
    with Image.open(photographs / name) as image:
        return np.asarray(colorizer.colorize(image, **how)).astype(int)


def saved_hint(photographs: Path, name: str) -> Hint:
    (hint,) = json.loads((photographs.parent / "out" / f"{name}.hints.json").read_text())[name]
    x, y = (float(hint[side].rstrip("%")) for side in ("x", "y"))
    return Hint(x, y, hint["color"], percent=True)


def test_a_click_gives_a_color(page: Page, photographs: Path, colorizer: Colorizer) -> None:
    choose_color(page, "#aa2020")
    page.click("#stage", 0.25, 0.5)
    settle(page)
    assert page.run("document.querySelectorAll('.spot').length") == 1
    assert text(page, "#hints-title") == "1 hint"
    save(page)
    hint = saved_hint(photographs, "anna.png")
    assert (hint.x, hint.y) == pytest.approx((25, 50), abs=0.5)
    written = read(photographs.parent / "out/anna.png")
    assert np.array_equal(written, colored(photographs, "anna.png", colorizer, hints=[hint]))
    red, green, blue = written[40, 30]
    assert red > max(green, blue) + 30
    page.press("z", ctrl=True)
    settle(page)
    assert page.run("document.querySelectorAll('.spot').length") == 0
    assert text(page, "#state") == "changed, not saved"
    page.press("z", ctrl=True, shift=True)
    settle(page)
    assert text(page, "#state") == "saved"
    widths = page.box("#stage")[2] / page.box(".spot")[2]
    page.drag(".spot", (0.5, 0.5), (0.5 + 0.1 * widths, 0.5), (0.5 + 0.2 * widths, 0.5))
    settle(page)
    save(page)
    assert saved_hint(photographs, "anna.png").x == pytest.approx(45, abs=0.5)
    page.click(".spot")
    settle(page)
    assert text(page, "#hints-title") == "No hints"


def test_a_color_by_keyboard_alone(page: Page, photographs: Path, colorizer: Colorizer) -> None:
    page.press("PageDown")
    settle(page)
    assert text(page, "#name") == "bert.png"
    for _ in range(20):
        page.press("Tab")
        if page.run("document.activeElement.id") == "stage":
            break
    page.press("ArrowLeft", times=10)
    page.press("ArrowDown", times=5)
    page.press("ArrowDown", shift=True)
    assert "30.0 % across, 65.3 % down" in text(page, "#note")
    page.press("Enter")
    settle(page)
    save(page)
    hint = saved_hint(photographs, "bert.png")
    assert hint == Hint(30, 65.3, "#3355aa", percent=True)
    written = read(photographs.parent / "out/bert.png")
    assert np.array_equal(written, colored(photographs, "bert.png", colorizer, hints=[hint]))
    page.press("Delete")
    settle(page)
    assert text(page, "#hints-title") == "No hints"
    page.press("PageUp")
    settle(page)
    assert text(page, "#name") == "anna.png"


def test_the_list_of_hints_keeps_the_focus(page: Page) -> None:
    for x in (0.2, 0.5, 0.8):
        page.click("#stage", x, 0.5)
    settle(page)
    page.run("document.querySelector('#hints-details').open = true")
    focused, remaining = "document.activeElement.ariaLabel", [("20 %", "80 %"), ("20 %",), ()]
    page.run("document.querySelector('#hints li:nth-child(2) button').focus()")
    for left in remaining:
        page.press("Enter")
        settle(page)
        assert tuple(page.run("[...document.querySelectorAll('#hints span')].map(e => e.textContent)")) == tuple(
            f"{x}, 50 %" for x in left
        )
        if left:
            assert page.run(focused).startswith(f"Remove hint {len(left)}, blue, {left[-1]} across")
    assert page.run("document.activeElement.id") == "hints-title"
    page.press("z", ctrl=True, times=3)
    settle(page)
    assert text(page, "#hints-title") == "3 hints"


def test_a_strength_of_the_strip_and_a_look(page: Page, photographs: Path, colorizer: Colorizer) -> None:
    page.wait("[...document.querySelectorAll('#strengths img, #looks img')].every(i => i.naturalWidth)", "choices")
    page.click("#strengths li:nth-child(2) button")
    settle(page)
    save(page)
    assert np.array_equal(
        read(photographs.parent / "out/anna.png"), colored(photographs, "anna.png", colorizer, strength=0.7)
    )
    assert page.run("document.querySelector('#strengths li:nth-child(2) button').ariaPressed") == "true"
    page.press("5")
    settle(page)
    save(page)
    assert np.array_equal(
        read(photographs.parent / "out/anna.png"), colored(photographs, "anna.png", colorizer, strength=1.6)
    )
    page.click("#looks li:nth-child(3) button")
    settle(page)
    save(page)
    assert page.run("document.querySelector('#strength').value") == "0.6"
    muted = read(photographs.parent / "out/anna.png")
    assert np.ptp(muted, axis=-1).mean() < np.ptp(colored(photographs, "anna.png", colorizer), axis=-1).mean()


def test_variants(page: Page, photographs: Path, colorizer: Colorizer) -> None:
    assert page.run("document.querySelectorAll('#variants img[src]').length") == 0  # it is closed
    page.click("#variants-details summary", 0.02)
    page.wait("[...document.querySelectorAll('#variants img')].every(i => i.naturalWidth)", "the variants")
    page.click("#variants li:nth-child(4) button")
    settle(page)
    save(page)
    assert not np.array_equal(read(photographs.parent / "out/anna.png"), colored(photographs, "anna.png", colorizer))


def test_a_painted_mask_and_save_all(page: Page, photographs: Path, colorizer: Colorizer) -> None:
    page.press("b")
    page.drag("#stage", (0.3, 0.3), (0.5, 0.4), (0.7, 0.3))
    settle(page)
    page.press("x")
    page.drag("#stage", (0.6, 0.2), (0.6, 0.5))
    settle(page)
    page.click("#save-all")
    page.wait("document.querySelector('#counts').textContent === '3 of 3 saved'", "all are saved")
    out = photographs.parent / "out"
    missing = read(out / "anna.png.mask.png")[..., 0] > 127
    assert missing[32, 60]
    assert missing[28, 48]
    assert not missing[28, 72]  # wiped away
    assert not missing[60:].any()
    assert 100 < missing.sum() < 600
    assert np.array_equal(read(out / "anna.png"), colored(photographs, "anna.png", colorizer, mask=missing))
    for name in NAMES[1:]:
        assert np.array_equal(read(out / name), colored(photographs, name, colorizer))
        assert not (out / f"{name}.mask.png").exists()
    labels = page.run("[...document.querySelectorAll('#filmstrip button')].map(b => b.ariaLabel)")
    assert labels == [f"{name}, {number} of 3, saved" for number, name in enumerate(NAMES, 1)]
    page.click("#clear-mask")
    settle(page)
    save(page)
    assert np.array_equal(read(out / "anna.png"), colored(photographs, "anna.png", colorizer))


def test_the_brush_by_keyboard(page: Page, photographs: Path) -> None:
    page.press("b")
    page.run("document.querySelector('#stage').focus()")
    page.press("]", times=2)
    assert page.run("document.querySelector('#brush-size').value") == "32"
    page.press("d")
    page.press("ArrowRight", times=5)
    page.press("d")
    page.press("ArrowRight", times=5)
    settle(page)
    save(page)
    rows, columns = np.nonzero(read(photographs.parent / "out/anna.png.mask.png")[..., 0] > 127)
    assert 37 <= rows.min() < rows.max() <= 42
    assert 57 <= columns.min() < columns.max() <= 75


def test_colors_are_picked_up(page: Page, tmp_path: Path) -> None:
    page.press("e")
    page.click("#stage", 0.25, 0.25)
    picked = page.run("document.querySelector('#color').value")
    assert picked != "#3355aa"
    assert page.run("document.querySelector('#tools input:checked').value") == "hint"
    Image.new("RGB", (40, 30), "#12ab34").save(tmp_path / "other.png")
    page.give_file("#source-file", tmp_path / "other.png")
    page.wait("!document.querySelector('#source').hidden", "the second picture")
    page.click("#source")
    assert page.run("document.querySelector('#color').value") == "#12ab34"
    choose_color(page, "#000000")
    page.run("document.querySelector('#source').focus()")
    page.press("ArrowRight")
    assert "#12ab34" in text(page, "#note")
    page.press("Enter")
    assert page.run("document.querySelector('#color').value") == "#12ab34"


def test_before_and_after(page: Page) -> None:
    shown = "getComputedStyle(document.querySelector('#before')).clipPath"
    assert page.run(shown) == "inset(0px 100% 0px 0px)"
    widths = page.box("#stage")[2] / page.box("#divider")[2]
    page.drag("#divider", (0.5, 0.5), (0.25 * widths, 0.5))
    assert float(page.run("document.querySelector('#divide').value")) == pytest.approx(25, abs=2)
    page.press("o")
    assert page.run(shown) == "inset(0px 0% 0px 0px)"
    page.press("o")
    assert page.run(shown) == "inset(0px 100% 0px 0px)"
    page.run("document.querySelector('#divide').focus()")
    page.press("End")
    assert page.run("document.querySelector('#original').ariaPressed") == "true"


def test_edits_outlive_a_reload(page: Page) -> None:
    page.click("#stage", 0.5, 0.5)
    settle(page)
    page.run("window.onbeforeunload = null")
    page.run("void setTimeout(() => location.reload(), 0)")
    page.wait(
        "performance.getEntriesByType('navigation')[0].type === 'reload' && document.querySelector('#filmstrip li')"
    )
    settle(page)
    assert text(page, "#hints-title") == "1 hint"
    assert text(page, "#state") == "changed, not saved"


def test_of_many_photographs_only_those_in_view_are_read(browser: Page, serve: Opener, photographs: Path) -> None:
    for number in range(60):
        draw_photo(number, (40, 30)).convert("L").save(photographs / f"more{number:02}.png")
    server = serve()
    show(browser, server)
    browser.wait("document.querySelector('#filmstrip img').naturalWidth")
    browser.run("document.querySelectorAll('#filmstrip button')[62].click()")
    browser.wait("[...document.querySelectorAll('#filmstrip img')].at(-1).naturalWidth", "the last one's")
    settle(browser)
    read = [address for address in browser.requests() if "/thumbnail/" in address]
    assert len(set(read)) == len(read)
    assert 10 < len(read) < 50


def test_what_fails_and_what_is_left_out_is_said(browser: Page, serve: Opener, photographs: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Anna"
    draw_photo(0, SIZE).convert("L").save(photographs / "anna.png", exif=exif)
    (photographs / "bert.png").write_bytes(b"no picture at all")
    draw_photo(3, SIZE).save(photographs / "clara.png")  # in colour
    show(browser, serve(image_format="bmp"))
    browser.click("#save-all")
    browser.wait("document.querySelector('#save-all').textContent === 'Save all' && "
                 "document.querySelector('#note').textContent.startsWith('Done')")  # fmt: skip
    assert text(browser, "#counts") == "1 of 3 saved, 1 failed"
    assert "EXIF, for which BMP has no place" in text(browser, "#left-out")
    assert "1 left as they are (it is in colour already)" in text(browser, "#note")
    assert "of 1 not all metadata could be kept: anna.png" in text(browser, "#note")
    assert text(browser, "#problem").startswith("bert.png: ")
    assert sorted(path.name for path in (photographs.parent / "out").iterdir()) == ["anna.bmp"]
    browser.press("PageDown")
    browser.wait("document.querySelector('#stage').ariaBusy === 'false'")
    assert text(browser, "#state") == "failed"
    assert browser.run("getComputedStyle(document.querySelector('#after')).visibility") == "hidden"
    browser.click("#stage", 0.5, 0.5)
    assert text(browser, "#hints-title") == "No hints"  # there is nothing to point at
    browser.press("PageDown")
    settle(browser)
    assert text(browser, "#state") == "left as it is"
    save(browser)  # somebody looked at it, and wants it
    assert (photographs.parent / "out/clara.bmp").exists()


class TestAccessibility:
    def test_every_control_has_a_name(self, page: Page) -> None:
        page.click("#stage", 0.3, 0.3)
        settle(page)
        page.press("b")
        page.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        found = page.accessibility()
        controls = [node for node in found if node.get("focusable") and node["role"] != "RootWebArea"]
        assert [node for node in controls if not node["name"]] == []
        assert {node["role"] for node in controls} <= REACHABLE
        named = {node["name"] for node in controls}
        assert {"Save", "Save all", "Strength 1.3", "Look vivid", "Variant 3", "Colour to give", "Eyedropper",
                "anna.png, photograph 1 of 3", "bert.png, 2 of 3, not saved", "Next photograph",
                "Remove hint 1, blue, 30 % across, 30 % down"} <= named  # fmt: skip
        assert {node["live"] for node in found if "live" in node} == {"polite", "assertive"}
        assert {"banner", "main", "complementary", "contentinfo"} <= {node["role"] for node in found}

    def test_the_tab_key_goes_through_all_in_order(self, page: Page) -> None:
        page.press("b")
        page.run("document.activeElement.blur()")
        order, parts = [], []
        for _ in range(60):
            page.press("Tab")
            if page.run("document.activeElement === document.body"):
                break
            order.append(page.run("document.activeElement.id || document.activeElement.value || ''"))
            parts.append(page.run("document.activeElement.closest('header, main, aside, footer').tagName"))
        assert order[:9] == [
            "previous",
            "next",
            "save",
            "save-all",
            "help-button",
            "stage",
            "divide",
            "original",
            "zoom",
        ]
        assert parts == sorted(parts, key=["HEADER", "MAIN", "ASIDE", "FOOTER"].index)
        assert {"undo", "brush", "brush-size", "color", "strength"} <= set(order)
        assert parts.count("FOOTER") == 1
        page.press("Tab", shift=True)
        page.press("End")
        assert page.run("document.activeElement.ariaLabel") == "clara.png, 3 of 3, not saved"
        page.press("Enter")
        settle(page)
        assert text(page, "#name") == "clara.png"

    def test_what_happens_is_announced(self, page: Page) -> None:
        page.press("PageDown")
        settle(page)
        assert text(page, "#note").startswith("bert.png, not saved.")
        page.press("4")
        assert text(page, "#note") == "Strength 1.3"
        page.press("l")
        assert text(page, "#note") == "Look vivid"
        save(page)
        assert text(page, "#note") == "Saved bert.png."

    def test_single_keys_can_be_switched_off(self, page: Page) -> None:
        page.press("?")
        assert page.run("document.querySelector('#help').open")
        page.click("#single-keys")
        page.press("Escape")
        page.press("b")
        assert page.run("document.querySelector('#tools input:checked').value") == "hint"
        page.run("document.querySelector('#single-keys').click()")
        page.press("b")
        assert page.run("document.querySelector('#tools input:checked').value") == "brush"

    @pytest.mark.parametrize("size", [(360, 640), (900, 500), (1920, 1080)])
    def test_nothing_is_cut_off(self, page: Page, size: tuple[int, int]) -> None:
        page.resize(*size)
        page.wait("document.documentElement.scrollWidth <= innerWidth && (({left, right, width}) => "
                  "left >= 0 && right <= innerWidth && width > 100)"
                  "(document.querySelector('#stage').getBoundingClientRect())")  # fmt: skip
