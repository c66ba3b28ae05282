# ruff: noqa: S310 - only the server under test is asked
import base64
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from PIL import Image

from colorgan.colorization import ColorizeOptions, Colorizer, plan_paths
from colorgan.colorization.serve import EditSession, PageServer
from colorgan.errors import UsageError
from support import draw_photo


@pytest.fixture
def server(tmp_path: Path, colorizer: Colorizer) -> Iterator[PageServer]:
    (tmp_path / "in").mkdir()
    draw_photo(1, (120, 80)).convert("L").save(tmp_path / "in" / "a.png")
    plan = plan_paths([tmp_path / "in"], tmp_path / "out")
    with PageServer(EditSession(plan, colorizer, ColorizeOptions(render=colorizer.render))) as running:
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


REQUEST = json.dumps({"hints": [], "strength": 1}).encode()


class TestAnswers:
    def test_the_page_needs_nothing_from_outside(self, server: PageServer) -> None:
        with urlopen(server.url, timeout=30) as answer:
            page = answer.read().decode()
        wanted = set(re.findall(r'(?:src|href)="(?!data:)([^"]*)"', page))
        assert wanted == {"page.css", "page.js"}
        for name in sorted(server.files):
            _, content = server.files[name]
            assert b"http:" not in content
            assert b"https:" not in content
            wanted |= set(re.findall(r'from "\./([^"]*)"', content.decode()))
        assert wanted == set(server.files) - {""}

    def test_nothing_but_files_of_its_own_may_run(self, server: PageServer) -> None:
        with urlopen(server.url, timeout=30) as answer:
            page, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
        rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert rules["require-trusted-types-for"] == "'script'"
        assert "unsafe" not in policy
        assert not re.search(r"<style|<script(?![^>]* src=)| style=| on\w+=", page)

    def test_the_policy_lets_the_page_show_its_icon(self, server: PageServer) -> None:
        with urlopen(server.url, timeout=30) as answer:
            page, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
        (icon,) = re.findall(r'<link rel="icon" href="(\w+:)', page)
        (allowed,) = re.findall(r"img-src ([^;]*)", policy)
        assert icon in allowed.split()

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("", "text/html"), ("page.css", "text/css"), ("page.js", "text/javascript"), ("stage.js", "text/javascript")],
    )
    def test_files_have_their_kind(self, server: PageServer, name: str, kind: str) -> None:
        with urlopen(server.url + name, timeout=30) as answer:
            assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"

    def test_photographs(self, server: PageServer) -> None:
        with urlopen(server.url + "photographs", timeout=30) as answer:
            (found,) = json.load(answer)["photographs"]
        assert found == {"name": "a.png", "strength": 1.0, "hints": [], "saved": None, "done": False}
        for action in ("before", "thumbnail"):
            assert status_of(server.url + f"{action}/0") == 200
        for action in ("after", "choice"):
            assert status_of(server.url + f"{action}/0", REQUEST, Content_Type="application/json") == 200

    def test_a_mask(self, server: PageServer, tmp_path: Path) -> None:
        with urlopen(server.url + "mask/0", timeout=30) as answer:
            assert json.load(answer) is None
        bits = bytearray(120 * 80 // 8)
        bits[15 * 40 : 15 * 41] = b"\xff" * 15
        mask = {"width": 120, "height": 80, "bits": base64.b64encode(bits).decode()}
        request = json.dumps({"hints": [], "strength": 1, "mask": mask}).encode()
        assert status_of(server.url + "save/0", request, Content_Type="application/json") == 200
        with Image.open(tmp_path / "out" / "a.png.mask.png") as saved:
            assert saved.convert("L").getbbox() == (0, 40, 120, 41)

    def test_save(self, server: PageServer, tmp_path: Path) -> None:
        path = str(tmp_path / "out" / "a.png")
        request = Request(server.url + "save/0", REQUEST, {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            assert json.load(answer) == {
                "status": "colorized", "reason": "", "path": path, "files": [path], "left_out": [],
            }  # fmt: skip
        with Image.open(path) as saved:
            assert saved.size == (120, 80)


class TestRefusals:
    @pytest.mark.parametrize("path", ["/", "/photographs", "/before/0", "/wrong/before/0", "//before/0", "/é/"])
    def test_without_the_token(self, server: PageServer, path: str) -> None:
        from urllib.parse import quote

        assert status_of(f"http://127.0.0.1:{server.server_port}{quote(path)}") == 403

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
    def test_other_origins(self, server: PageServer, origin: str) -> None:
        assert status_of(server.url + "photographs", Origin=origin) == 403
        assert status_of(server.url + "save/0", REQUEST, Origin=origin, Content_Type="application/json") == 403
        assert not list(Path(server.session.jobs[0].target).parent.glob("*"))

    def test_the_own_origin(self, server: PageServer) -> None:
        assert status_of(server.url + "photographs", Origin=f"http://{server.hosts[0]}") == 200

    def test_other_hosts(self, server: PageServer) -> None:
        assert status_of(server.url, Host="evil.example") == 403
        assert status_of(server.url, Host="evil.example:" + str(server.server_port)) == 403
        assert status_of(server.url, Host=f"localhost:{server.server_port}") == 200

    @pytest.mark.parametrize(
        "path",
        ["before/1", "before/-1", "before/../../a.png", "before/%2e%2e%2fa.png", "before//etc/passwd", "before/0/1",
         "etc/passwd", "../in/a.png", "before", "photographs/0", "page.html", "page.js/0", "page.js/..", "server.py",
         "../server.py", "%2e%2e/server.py", "page.css?x", "thumbnail/1", "mask/1", "thumbnail", "choice/0"],
    )  # fmt: skip
    def test_paths_outside(self, server: PageServer, path: str) -> None:
        assert status_of(server.url + path) == 404

    def test_forms_and_floods(self, server: PageServer) -> None:
        assert status_of(server.url + "save/0", REQUEST, Content_Type="text/plain") == 400
        assert status_of(server.url + "save/0", b"{", Content_Type="application/json") == 400
        assert status_of(server.url + "save/0", b"{}", Content_Type="application/json") == 422
        assert status_of(server.url + "after/0", REQUEST[:5], Content_Type="application/json") == 400

    @pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", "", "0x10", "99999999"])
    def test_lengths_that_cannot_be(self, server: PageServer, length: str) -> None:
        assert status_of(server.url + "save/0", REQUEST, Content_Type="application/json", Content_Length=length) == 400

    def test_more_hints_than_a_person_gives(self, server: PageServer) -> None:
        hints = [{"x": "1%", "y": "1%", "color": "#102030"}] * 15_000
        request = json.dumps({"hints": hints, "strength": 1}).encode()
        assert len(request) < 1 << 20
        assert status_of(server.url + "after/0", request, Content_Type="application/json") == 422

    @pytest.mark.parametrize("strength", ["1e999", "NaN", "9" * 4000, "-1", "3"])
    def test_strengths_that_cannot_be(self, server: PageServer, strength: str) -> None:
        request = f'{{"hints": [], "strength": {strength}}}'.encode()
        assert status_of(server.url + "after/0", request, Content_Type="application/json") == 422

    @pytest.mark.parametrize("sent", [b"", b"GET / HT", b"POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"])
    def test_who_says_nothing_more_is_left(
        self, server: PageServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], sent: bytes
    ) -> None:
        handler: Any = server.RequestHandlerClass
        assert 1 <= handler.timeout <= 60
        monkeypatch.setattr(handler, "timeout", 0.2)
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
            PageServer(server.session, server.server_port)

    def test_only_this_machine_and_a_new_token_each_time(self, server: PageServer) -> None:
        assert server.server_address[0] == "127.0.0.1"
        assert len(server.token) >= 32
        with PageServer(server.session) as other:
            assert other.token != server.token
