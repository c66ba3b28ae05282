# ruff: noqa: S310 - only the server under test is asked
import json
import os
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from colorgan.colorization import ColorizeOptions, Colorizer, Desk, PageServer, plan_paths
from colorgan.errors import UsageError
from support import draw_photo

PROBE = """<script>
  const heard = name => new Promise(done => document.addEventListener(name, done, {once: true}));
  const spot = () => {
    const canvas = new OffscreenCanvas($("picture").naturalWidth, $("picture").naturalHeight);
    const pen = canvas.getContext("2d");
    pen.drawImage($("picture"), 0, 0);
    return [...pen.getImageData(canvas.width / 4, canvas.height / 2, 1, 1).data.slice(0, 3)];
  };
  (async () => {
    await heard("updated");
    const seen = {plain: spot()};
    const box = $("picture").getBoundingClientRect();
    $("color").value = "#aa2020";
    const where = {bubbles: true, clientX: box.left + box.width / 4, clientY: box.top + box.height / 2};
    $("picture").dispatchEvent(new MouseEvent("click", where));
    await heard("updated");
    seen.hinted = spot();
    seen.spots = document.querySelectorAll(".spot").length;
    $("save").click();
    await heard("saved");
    $("undo").click();
    await heard("updated");
    seen.undone = spot();
    $("before").click();
    await heard("updated");
    seen.before = spot();
    return seen;
  })().then(JSON.stringify, String).then(text => fetch("probe", {method: "POST", body: text}));
</script></body>"""


@pytest.fixture
def server(tmp_path: Path, colorizer: Colorizer) -> Iterator[PageServer]:
    (tmp_path / "in").mkdir()
    draw_photo(1, (120, 80)).convert("L").save(tmp_path / "in" / "a.png")
    plan = plan_paths([tmp_path / "in"], tmp_path / "out")
    with PageServer(Desk(plan, colorizer, ColorizeOptions(render=colorizer.render))) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def status_of(url: str, data: bytes | None = None, **headers: str) -> int:
    request = Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


WISH = json.dumps({"hints": [], "strength": 1}).encode()


class TestAnswers:
    def test_the_page_needs_nothing_from_outside(self, server: PageServer) -> None:
        with urlopen(server.url, timeout=30) as answer:
            page = answer.read().decode()
            policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "http" not in page
        assert not re.search(r'(src|href)="(?!data:)', page)

    def test_pictures(self, server: PageServer) -> None:
        with urlopen(server.url + "pictures", timeout=30) as answer:
            assert json.load(answer) == [{"name": "a.png", "strength": 1.0, "hints": []}]
        assert status_of(server.url + "before/0") == 200
        assert status_of(server.url + "after/0", WISH, Content_Type="application/json") == 200

    def test_save(self, server: PageServer, tmp_path: Path) -> None:
        request = Request(server.url + "save/0", WISH, {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            assert json.load(answer) == {"path": str(tmp_path / "out" / "a.png")}
        with Image.open(tmp_path / "out" / "a.png") as saved:
            assert saved.size == (120, 80)


class TestRefusals:
    @pytest.mark.parametrize("path", ["/", "/pictures", "/before/0", "/wrong/before/0", "//before/0", "/é/"])
    def test_without_the_token(self, server: PageServer, path: str) -> None:
        from urllib.parse import quote

        assert status_of(f"http://127.0.0.1:{server.server_port}{quote(path)}") == 403

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
    def test_other_origins(self, server: PageServer, origin: str) -> None:
        assert status_of(server.url + "pictures", Origin=origin) == 403
        assert status_of(server.url + "save/0", WISH, Origin=origin, Content_Type="application/json") == 403
        assert not list(Path(server.desk.jobs[0].target).parent.glob("*"))

    def test_the_own_origin(self, server: PageServer) -> None:
        assert status_of(server.url + "pictures", Origin=f"http://{server.hosts[0]}") == 200

    def test_other_hosts(self, server: PageServer) -> None:
        assert status_of(server.url, Host="evil.example") == 403
        assert status_of(server.url, Host="evil.example:" + str(server.server_port)) == 403
        assert status_of(server.url, Host=f"localhost:{server.server_port}") == 200

    @pytest.mark.parametrize(
        "path",
        ["before/1", "before/-1", "before/../../a.png", "before/%2e%2e%2fa.png", "before//etc/passwd", "before/0/1",
         "etc/passwd", "../in/a.png", "before", "pictures/0"],
    )  # fmt: skip
    def test_paths_outside(self, server: PageServer, path: str) -> None:
        assert status_of(server.url + path) == 404

    def test_forms_and_floods(self, server: PageServer) -> None:
        assert status_of(server.url + "save/0", WISH, Content_Type="text/plain") == 400
        assert status_of(server.url + "save/0", b"{", Content_Type="application/json") == 400
        assert status_of(server.url + "save/0", b"{}", Content_Type="application/json") == 422
        assert status_of(server.url + "after/0", WISH[:5], Content_Type="application/json") == 400

    def test_get_never_saves(self, server: PageServer) -> None:
        assert status_of(server.url + "save/0") == 404

    def test_a_taken_port(self, server: PageServer) -> None:
        with pytest.raises(UsageError, match=f"port {server.server_port} cannot be used"):
            PageServer(server.desk, server.server_port)

    def test_only_this_machine_and_a_new_token_each_time(self, server: PageServer) -> None:
        assert server.server_address[0] == "127.0.0.1"
        assert len(server.token) >= 32
        with PageServer(server.desk) as other:
            assert other.token != server.token


def test_in_a_browser(server: PageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click colours the place; undo takes it back; save writes the photograph and its hints."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    server.page = server.page.replace(b"</body>", PROBE.encode())
    heard, told = queue.Queue[str](), server.RequestHandlerClass.do_POST

    def listen(self: BaseHTTPRequestHandler) -> None:
        if not self.path.endswith("/probe"):
            told(self)
            return
        heard.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    monkeypatch.setattr(server.RequestHandlerClass, "do_POST", listen)
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--remote-debugging-port=0", server.url]
    environment = {**os.environ, "HOME": str(tmp_path)}
    with (tmp_path / "browser.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        seen = json.loads(heard.get(timeout=90))
    finally:
        process.terminate()
        process.wait(30)
    assert seen["spots"] == 1
    red, green, blue = seen["hinted"]
    assert red > max(green, blue) + 30
    assert sum(abs(a - b) for a, b in zip(seen["hinted"], seen["plain"], strict=True)) > 40
    assert seen["undone"] == seen["plain"]
    assert max(seen["before"]) - min(seen["before"]) <= 1
    with Image.open(tmp_path / "out" / "a.png") as image:
        red, green, blue = np.asarray(image)[40, 30].astype(int)
    assert red > max(green, blue) + 30
    (hint,) = json.loads((tmp_path / "out" / "a.png.hints.json").read_text())["a.png"]
    assert hint["color"] == "#aa2020"
    assert float(hint["x"].rstrip("%")) == pytest.approx(25, abs=1)
