"""The page's server: one machine, one person, nothing from outside.

It listens on 127.0.0.1 only. Every address begins with a random token, so that other programs' pages cannot guess
it; requests that name another host (DNS rebinding) or come from another origin are refused whatever their token.
Photographs are asked for by number, never by path, and of files only those of the page itself can be asked for.
"""

import hmac
import json
import secrets
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from colorgan.colorization.serve.edit_request import EditRequest, mask_to_mapping
from colorgan.colorization.serve.edit_session import EditSession
from colorgan.errors import ColorganError, UsageError

__all__ = ["PageServer"]

_MOST_BYTES = 1 << 20  # of a request
_TIMEOUT = 10.0  # seconds without a byte of a request, or without the page taking one of an answer
_JPEG, _JSON, _HTML = "image/jpeg", "application/json", "text/html; charset=utf-8"
_KINDS = {".html": _HTML, ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_START = "page.html"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types"
)

_Answer = tuple[str, bytes]  # its kind and content


class PageServer(ThreadingHTTPServer):
    """Serves the page of a session; call `serve_forever`.

    Args:
        session: The photographs.
        port: Where to listen on 127.0.0.1; 0 takes a free one.

    Raises:
        UsageError: The port cannot be used.
    """

    daemon_threads = True

    def __init__(self, session: EditSession, port: int = 0) -> None:
        self.session = session
        self.token = secrets.token_urlsafe(24)
        self.files = _load_files()
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


def _load_files() -> dict[str, _Answer]:
    """Return the files of the page by name; the page itself has none."""
    folder = files(__package__).joinpath("page")
    found: dict[str, _Answer] = {}
    for path in folder.iterdir():
        kind = _KINDS.get(f".{path.name.rpartition('.')[2]}")
        if kind is not None:
            found["" if path.name == _START else path.name] = (kind, path.read_bytes())
    return found


class _RefusedError(Exception):
    """A request that is not answered."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = "colorgan", ""
    timeout = _TIMEOUT

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        """Keep the terminal quiet."""

    def _answer(self) -> None:
        try:
            kind, content = self._route()
        except _RefusedError as refused:
            self._send(refused.status, _JSON, _error(refused))
        except ColorganError as error:
            self._send(HTTPStatus.UNPROCESSABLE_ENTITY, _JSON, _error(error))
        else:
            self._send(HTTPStatus.OK, kind, content)

    def _route(self) -> _Answer:
        action, number = self._checked_path()
        if number is None:
            if self.command == "GET" and action in self.server.files:
                return self.server.files[action]
            if self.command == "GET" and action == "photographs":
                return _json(self.server.session.describe())
        elif self.command == "GET" and action in _SHOWN:
            return self._of_photograph(lambda: _SHOWN[action](self.server.session, number))
        elif self.command == "POST" and action in _ASKED:
            request = self._request()
            return self._of_photograph(lambda: _ASKED[action](self.server.session, number, request))
        raise _not_found()

    @staticmethod
    def _of_photograph(answer: Callable[[], _Answer]) -> _Answer:
        try:
            return answer()
        except IndexError:
            raise _not_found() from None

    def _checked_path(self) -> tuple[str, int | None]:
        """Return action and number of a request that may be answered."""
        _, token, *rest = (*self.path.split("/"), "", "")[:5]
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "the address lacks the token; use the one that colorgan printed")
        if self.headers.get("Host") not in self.server.hosts:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "this host is not the page's")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in [f"http://{host}" for host in self.server.hosts]:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "this origin is not the page's")
        action, number, *more = rest
        if any(more) or (number and not _is_number(number)):
            raise _not_found()
        return action, int(number) if number else None

    def _request(self) -> EditRequest:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != _JSON or not _is_number(length) or int(length) > _MOST_BYTES:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"a request is JSON of at most {_MOST_BYTES:,} bytes")
        try:
            return EditRequest.from_mapping(json.loads(self.rfile.read(int(length))))
        except (ValueError, RecursionError) as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"the request is not JSON: {error}") from error

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), "Cache-Control": "no-store"}
        headers |= {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
        headers |= {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _given_mask(session: EditSession, number: int) -> _Answer:
    mask = session.given_mask(number)
    return _json(None if mask is None else mask_to_mapping(mask))


_SHOWN: dict[str, Callable[[EditSession, int], _Answer]] = {
    "before": lambda session, number: (_JPEG, session.show_before(number)),
    "thumbnail": lambda session, number: (_JPEG, session.show_thumbnail(number)),
    "mask": _given_mask,
}
_ASKED: dict[str, Callable[[EditSession, int, EditRequest], _Answer]] = {
    "after": lambda session, number, request: (_JPEG, session.show_after(number, request)),
    "choice": lambda session, number, request: (_JPEG, session.show_choice(number, request)),
    "save": lambda session, number, request: _json(session.save(number, request)),
}


def _not_found() -> _RefusedError:
    return _RefusedError(HTTPStatus.NOT_FOUND, "there is no such thing here")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _json(value: Any) -> _Answer:
    return _JSON, json.dumps(value).encode()


def _error(error: Exception) -> bytes:
    return json.dumps({"error": str(error)}).encode()
