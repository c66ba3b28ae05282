"""The page of examples/browser, in Chromium, with onnxruntime-web and a graph that stands in for the network.

It wants Chromium, Playwright (`pip install playwright`) and the two files of onnxruntime-web: in the folder that
COLORGAN_ORT_WEB names, and then it fails if something is missing, or in examples/browser, and then it is skipped.
"""

import base64
import functools
import http.server
import importlib.util
import os
import shutil
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image, ImageOps

from support import draw_photo

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMED = os.environ.get("COLORGAN_ORT_WEB")
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
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
def browser() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        give_up("no chromium on this machine")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        give_up("Playwright is not installed")
    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page(folder: Path, browser: Any) -> Iterator[Any]:
    """The page as it is served, which takes files.

    What it asks for and complains of is in `page.asked` and `page.complaints`.
    """
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.address = f"http://127.0.0.1:{server.server_port}/"
        page.goto(page.address)
        page.locator("#files:enabled").wait_for()
        yield page
        page.close()
        server.shutdown()


def saved(page: Any, number: int = 0) -> Image.Image:
    """Return the picture that the page gives to save; 0 is the newest."""
    with page.expect_download() as download:
        page.locator("figure a").nth(number).click()
    return Image.open(BytesIO(Path(download.value.path()).read_bytes()))


def wait_for_figures(page: Any, count: int) -> None:
    page.locator("figure").nth(count - 1).wait_for()
    page.locator("#status", has_text="Ready.").wait_for()


def shown(page: Any) -> Image.Image:
    """Return what the newest canvas shows."""
    address = page.locator("canvas").first.evaluate("canvas => canvas.toDataURL()")
    return Image.open(BytesIO(base64.b64decode(address.partition(",")[2])))


def levels_apart(one: Image.Image, other: Image.Image) -> np.ndarray:
    return np.abs(np.asarray(one.convert("RGB"), int) - np.asarray(other.convert("RGB"), int))


class TestPage:
    def test_colours_as_the_python_example_does(self, page: Any, folder: Path, tmp_path: Path) -> None:
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
            page.set_input_files("#files", tmp_path / name)
            wait_for_figures(page, count)
            with Image.open(tmp_path / name) as opened:
                wanted = colorize(session, ImageOps.exif_transpose(opened))
            found = saved(page)
            assert found.size == wanted.size
            assert levels_apart(found, wanted).max() <= 1
            assert levels_apart(wanted, wanted.convert("L")).mean() > 10
        assert page.complaints == []
        names = {url.removeprefix(page.address) for url in page.asked if not url.startswith(("blob:", "data:"))}
        assert names == {"", "model.onnx", *RUNTIME}

    def test_what_is_dropped_is_coloured_and_damage_said(self, page: Any, tmp_path: Path) -> None:
        picture = BytesIO()
        draw_photo(4, (40, 30)).convert("L").save(picture, "PNG")
        files = [("damaged.jpg", "image/jpeg", [255, 216, 255]), ("a.b.png", "image/png", list(picture.getvalue()))]
        drop = page.evaluate_handle(
            "files => files.reduce((all, [name, type, bytes]) => "
            "(all.items.add(new File([new Uint8Array(bytes)], name, {type})), all), new DataTransfer())",
            files,
        )
        page.dispatch_event("#zone", "drop", {"dataTransfer": drop})
        wait_for_figures(page, 1)
        assert page.locator("[role=alert]").inner_text().startswith("damaged.jpg cannot be coloured: ")
        assert page.locator("figure a").get_attribute("download") == "a.b-colour.png"
        assert saved(page).size == (40, 30)

    def test_what_is_transparent_stays_so(self, page: Any, tmp_path: Path) -> None:
        photograph = draw_photo(5, (64, 32)).convert("RGBA")
        photograph.putalpha(Image.linear_gradient("L").resize((64, 32)))
        photograph.save(tmp_path / "cut out.png")
        page.set_input_files("#files", tmp_path / "cut out.png")
        wait_for_figures(page, 1)
        assert saved(page).getchannel("A").tobytes() == photograph.getchannel("A").tobytes()

    def test_a_press_shows_the_original(self, page: Any, tmp_path: Path) -> None:
        grey = draw_photo(6, (64, 48)).convert("L")
        grey.save(tmp_path / "x.png")
        page.set_input_files("#files", tmp_path / "x.png")
        wait_for_figures(page, 1)
        canvas = page.locator("canvas")
        canvas.dispatch_event("pointerdown")
        assert levels_apart(shown(page), grey).max() == 0
        canvas.dispatch_event("pointerup")
        assert levels_apart(shown(page), grey).max() > 20

    def test_says_what_is_missing(self, page: Any) -> None:
        page.route("**/model.onnx", lambda route: route.fulfill(status=404))
        page.reload()
        page.locator("#status", has_text="model.onnx cannot be loaded").wait_for()
        assert page.locator("#files").is_disabled()
