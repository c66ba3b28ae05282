"""The page of examples/browser, in Chromium, with onnxruntime-web and a graph that stands in for the network.

It wants Chromium and the two files of onnxruntime-web: in the folder that COLORGAN_ORT_WEB names, and then it fails if
something is missing, or in examples/browser, and then it is skipped.
"""

import base64
import functools
import http.server
import importlib.util
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image, ImageOps

from browser_support import BROWSER, Page, open_browser
from support import draw_photo

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMED = os.environ.get("COLORGAN_ORT_WEB")
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
STATUS = "document.querySelector('#status').textContent"
GRAPH = """
<ir_version: 9, opset_import: ["" : 18]>
stand_in (float[1, 1, H, W] luminance) => (float[1, 2, h, w] ab)
<float[1, 2, 1, 1] colour = {3.0, -2.5}, float[4] shape = {1.0, 1.0, 0.2, 0.25}, float middle = {45.0}>
{
  small = Resize <mode = "linear"> (luminance, , shape)
  moved = Sub (small, middle)
  ab = Mul (colour, moved)
}
"""
"""Strong colours, some of which leave the gamut, that change from place to place."""


def give_up(reason: str) -> NoReturn:
    if NAMED:
        pytest.fail(reason)
    pytest.skip(reason)


def onnx_colorize() -> Any:
    """Return the example in Python that does the same."""
    spec = importlib.util.spec_from_file_location("onnx_colorize", EXAMPLES / "onnx_colorize.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the docs have it made: the page, the two files, the graph."""
    onnx = pytest.importorskip("onnx")
    runtime = Path(NAMED or EXAMPLES / "browser")
    for name in RUNTIME:
        if not (runtime / name).is_file():
            give_up(f"{name} of onnxruntime-web is not in {runtime}; COLORGAN_ORT_WEB names another folder")
    site = tmp_path_factory.mktemp("browser")
    for path in (EXAMPLES / "browser" / "index.html", *(runtime / name for name in RUNTIME)):
        shutil.copy(path, site)
    (site / "model.onnx").write_bytes(onnx.parser.parse_model(GRAPH).SerializeToString())
    return site


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if BROWSER is None:
        give_up("no Chromium on this machine")
    with open_browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(browser: Page, folder: Path) -> Iterator[str]:
    """Serve a folder, open the page that lies there, and give its address."""
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        browser.go(address)
        try:
            yield address
        finally:
            browser.go("about:blank")
            browser.errors()  # of this page
            server.shutdown()


@pytest.fixture
def page(folder: Path, browser: Page) -> Iterator[Page]:
    """The page as it is served, which takes files; it asks for nothing from elsewhere, and complains of nothing."""
    with served(browser, folder) as address:
        browser.wait("document.querySelector('#files:enabled')")
        yield browser
        assert browser.errors() == []
        asked = {url.removeprefix(address) for url in browser.requests() if not url.startswith(("blob:", "data:"))}
        assert asked == {"model.onnx", *RUNTIME}


def wait_for_figures(page: Page, count: int) -> None:
    page.wait(f"document.querySelectorAll('figure').length === {count} && {STATUS} === 'Ready.'")


def shown(page: Page) -> Image.Image:
    """Return what the newest canvas shows."""
    address = page.run("document.querySelector('canvas').toDataURL()")
    return Image.open(BytesIO(base64.b64decode(address.partition(",")[2])))


def levels_apart(one: Image.Image, other: Image.Image) -> np.ndarray:
    return np.abs(np.asarray(one.convert("RGB"), int) - np.asarray(other.convert("RGB"), int))


class TestPage:
    def test_colours_as_the_python_example_does(self, page: Page, folder: Path, tmp_path: Path) -> None:
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        colorize = onnx_colorize().colorize
        photographs = {"plain.png": draw_photo(1, (90, 61)), "tall.png": draw_photo(2, (20, 300))}
        sideways = Image.Exif()
        sideways[0x0112] = 6
        draw_photo(3, (80, 50)).convert("L").save(tmp_path / "sideways.png", exif=sideways)
        for name, photograph in photographs.items():
            photograph.convert("L").save(tmp_path / name)
        for count, name in enumerate(["plain.png", "tall.png", "sideways.png"], 1):
            page.give_file("#files", tmp_path / name)
            wait_for_figures(page, count)
            with Image.open(tmp_path / name) as opened:
                wanted = colorize(session, ImageOps.exif_transpose(opened))
            with Image.open(page.download("figure a", tmp_path)) as found:
                assert found.size == wanted.size
                assert levels_apart(found, wanted).max() <= 1
            assert levels_apart(wanted, wanted.convert("L")).mean() > 10

    def test_what_is_dropped_is_coloured_and_damage_said(self, page: Page, tmp_path: Path) -> None:
        (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
        draw_photo(4, (40, 30)).convert("L").save(tmp_path / "a.b.png")
        page.drop_files("#zone", tmp_path / "damaged.jpg", tmp_path / "a.b.png")
        wait_for_figures(page, 1)
        said = page.run("document.querySelector('[role=alert]').textContent")
        assert said.startswith("damaged.jpg cannot be coloured: ")
        saved = page.download("figure a", tmp_path)
        assert saved.name == "a.b-colour.png"
        with Image.open(saved) as found:
            assert found.size == (40, 30)

    def test_what_is_transparent_stays_so(self, page: Page, tmp_path: Path) -> None:
        photograph = draw_photo(5, (64, 32)).convert("RGBA")
        photograph.putalpha(Image.linear_gradient("L").resize((64, 32)))
        photograph.save(tmp_path / "cut out.png")
        page.give_file("#files", tmp_path / "cut out.png")
        wait_for_figures(page, 1)
        with Image.open(page.download("figure a", tmp_path)) as found:
            assert found.getchannel("A").tobytes() == photograph.getchannel("A").tobytes()

    def test_a_press_shows_the_original(self, page: Page, tmp_path: Path) -> None:
        grey = draw_photo(6, (64, 48)).convert("L")
        grey.save(tmp_path / "x.png")
        page.give_file("#files", tmp_path / "x.png")
        wait_for_figures(page, 1)
        page.run("void document.querySelector('canvas').dispatchEvent(new PointerEvent('pointerdown'))")
        assert levels_apart(shown(page), grey).max() == 0
        page.run("void document.querySelector('canvas').dispatchEvent(new PointerEvent('pointerup'))")
        assert levels_apart(shown(page), grey).max() > 20

    def test_says_what_is_missing(self, browser: Page, folder: Path, tmp_path: Path) -> None:
        shutil.copytree(folder, tmp_path / "site", ignore=shutil.ignore_patterns("model.onnx"))
        with served(browser, tmp_path / "site"):
            browser.wait(f"{STATUS}.startsWith('model.onnx cannot be loaded')")
            assert browser.run("document.querySelector('#files').disabled")
