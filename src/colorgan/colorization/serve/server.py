"""The page's server: one machine, one person, nothing from outside.

It listens on 127.0.0.1 only. Every address begins with a random token, so that other programs' pages cannot guess
it; requests that name another host (DNS rebinding) or come from another origin are refused whatever their token.
Photographs are asked for by number, never by path.
"""

import hmac
import json
import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from colorgan.colorization.serve.desk import Desk, Wish
from colorgan.errors import ColorganError, UsageError

__all__ = ["PageServer"]

_MOST_BYTES = 1 << 20  # of a request
_PATIENCE = 10.0  # seconds without a byte of a request, or without the page taking one of an answer
_JPEG, _JSON, _HTML = "image/jpeg", "application/json", "text/html; charset=utf-8"
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PageServer(ThreadingHTTPServer):
    """Serves the page for a desk; call `serve_forever`.

    Args:
        desk: The photographs.
        port: Where to listen on 127.0.0.1; 0 takes a free one.

    Raises:
        UsageError: The port cannot be used.
    """

    daemon_threads = True

    def __init__(self, desk: Desk, port: int = 0) -> None:
        self.desk = desk
        self.token = secrets.token_urlsafe(24)
        self.page = files(__package__).joinpath("page.html").read_bytes()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise UsageError(f"port {port} cannot be used ({error.strerror}); give another --port") from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a browser that went away; anything else is a fault, and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def hosts(self) -> tuple[str, str]:
        """The names under which this server may be asked."""
        return f"127.0.0.1:{self.server_port}", f"localhost:{self.server_port}"

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self.hosts[0]}/{self.token}/"


class _Refusal(Exception):  # noqa: N818 - an answer, not an error
    """A request that is not answered."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = "colorgan", ""
    timeout = _PATIENCE

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        """Keep the terminal quiet."""

    def _answer(self) -> None:
        try:
            kind, content = self._route()
        except _Refusal as refusal:
            self._send(refusal.status, _JSON, _error(refusal))
        except ColorganError as error:
            self._send(HTTPStatus.UNPROCESSABLE_ENTITY, _JSON, _error(error))
        else:
            self._send(HTTPStatus.OK, kind, content)

    def _route(self) -> tuple[str, bytes]:
        desk, (action, number) = self.server.desk, self._checked_path()
        try:
            match self.command, action:
                case "GET", "" if number is None:
                    return _HTML, self.server.page
                case "GET", "pictures" if number is None:
                    return _JSON, json.dumps(desk.describe()).encode()
                case "GET", "before" if number is not None:
                    return _JPEG, desk.show_before(number)
                case "POST", "after" if number is not None:
                    return _JPEG, desk.show_after(number, self._wish())
                case "POST", "save" if number is not None:
                    return _JSON, json.dumps({"path": str(desk.save(number, self._wish()))}).encode()
        except IndexError:
            pass
        raise _Refusal(HTTPStatus.NOT_FOUND, "there is no such thing here")

    def _checked_path(self) -> tuple[str, int | None]:
        """Return action and number of a request that may be answered."""
        _, token, *rest = (*self.path.split("/"), "", "")[:5]
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _Refusal(HTTPStatus.FORBIDDEN, "the address lacks the token; use the one that colorgan printed")
        if self.headers.get("Host") not in self.server.hosts:
            raise _Refusal(HTTPStatus.FORBIDDEN, "this host is not the page's")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in [f"http://{host}" for host in self.server.hosts]:
            raise _Refusal(HTTPStatus.FORBIDDEN, "this origin is not the page's")
        action, number, *more = rest
        if any(more) or (number and not _is_number(number)):
            raise _Refusal(HTTPStatus.NOT_FOUND, "there is no such thing here")
        return action, int(number) if number else None

    def _wish(self) -> Wish:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != _JSON or not _is_number(length) or int(length) > _MOST_BYTES:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "a wish is a little JSON")
        try:
            return Wish.from_mapping(json.loads(self.rfile.read(int(length))))
        except (ValueError, RecursionError) as error:
            raise _Refusal(HTTPStatus.BAD_REQUEST, f"the wish is not JSON: {error}") from error

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), "Cache-Control": "no-store"}
        headers |= {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
        headers |= {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _error(error: Exception) -> bytes:
    return json.dumps({"error": str(error)}).encode()
