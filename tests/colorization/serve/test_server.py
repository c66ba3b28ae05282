# ruff: noqa: S310 - only the server under test is asked
import json
import os
import queue
import re
import shutil
import socket
import struct
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

    def test_the_policy_lets_the_page_show_its_icon(self, server: PageServer) -> None:
        with urlopen(server.url, timeout=30) as answer:
            page, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
        (icon,) = re.findall(r'<link rel="icon" href="(\w+:)', page)
        (allowed,) = re.findall(r"img-src ([^;]*)", policy)
        assert icon in allowed.split()

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

    @pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", "", "0x10", "99999999"])
    def test_lengths_that_cannot_be(self, server: PageServer, length: str) -> None:
        assert status_of(server.url + "save/0", WISH, Content_Type="application/json", Content_Length=length) == 400

    def test_more_hints_than_a_person_gives(self, server: PageServer) -> None:
        hints = [{"x": "1%", "y": "1%", "color": "#102030"}] * 15_000
        wish = json.dumps({"hints": hints, "strength": 1}).encode()
        assert len(wish) < 1 << 20
        assert status_of(server.url + "after/0", wish, Content_Type="application/json") == 422

    @pytest.mark.parametrize("strength", ["1e999", "NaN", "9" * 4000, "-1", "3"])
    def test_strengths_that_cannot_be(self, server: PageServer, strength: str) -> None:
        wish = f'{{"hints": [], "strength": {strength}}}'.encode()
        assert status_of(server.url + "after/0", wish, Content_Type="application/json") == 422

    @pytest.mark.parametrize("sent", [b"", b"GET / HT", b"POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"])
    def test_who_says_nothing_more_is_left(
        self, server: PageServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], sent: bytes
    ) -> None:
        assert 1 <= server.RequestHandlerClass.timeout <= 60
        monkeypatch.setattr(server.RequestHandlerClass, "timeout", 0.2)
        sent = sent.replace(b"/x", f"/{server.token}/save/0".encode())
        sent = sent.replace(
            b"Content-Length", f"Content-Type: application/json\r\nHost: {server.hosts[0]}\r\nContent-Length".encode()
        )
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
            connection.sendall(sent)
            assert connection.recv(1000) == b""  # closed from the other side
        assert capfd.readouterr().err == ""

    def test_who_goes_away_is_not_missed(self, server: PageServer, capfd: pytest.CaptureFixture[str]) -> None:
        for _ in range(3):
            connection = socket.create_connection(("127.0.0.1", server.server_port), timeout=20)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by a reset
            connection.sendall(f"GET /{server.token}/before/0 HTTP/1.0\r\nHost: {server.hosts[0]}\r\n\r\n".encode())
            connection.close()
        assert status_of(server.url + "before/0") == 200
        assert capfd.readouterr().err == ""

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
