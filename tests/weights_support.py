"""What tests of weights share: a file server that misbehaves on command, and generator files made by hand."""

import contextlib
import hashlib
import json
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from colorgan.weights.registry import RegistryEntry, WeightsKind

CONTENT = bytes(range(256)) * 1200  # 300 KiB, more than one block


class Reply:
    """What a server can do with one request for `CONTENT`."""

    @staticmethod
    def whole(handler: "Handler") -> None:
        """Answer as a good server, ranges included."""
        first = handler.asked_start
        if first >= len(CONTENT):
            handler.begin(416, 0)
            return
        headers = {"Content-Range": f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"} if first else {}
        handler.begin(206 if first else 200, len(CONTENT) - first, **headers)
        handler.wfile.write(CONTENT[first:])

    @staticmethod
    def whole_ignoring_ranges(handler: "Handler") -> None:
        handler.begin(200, len(CONTENT))
        handler.wfile.write(CONTENT)

    @staticmethod
    def half_then_stall(handler: "Handler") -> None:
        handler.begin(200, len(CONTENT))
        handler.wfile.write(CONTENT[: len(CONTENT) // 2])
        handler.wfile.flush()
        handler.files.over.wait(10)

    @staticmethod
    def half_then_close(handler: "Handler") -> None:
        handler.begin(200, len(CONTENT))
        handler.wfile.write(CONTENT[: len(CONTENT) // 2])

    @staticmethod
    def a_tenth_then_close(handler: "Handler") -> None:
        first = handler.asked_start
        headers = {"Content-Range": f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"} if first else {}
        handler.begin(206 if first else 200, len(CONTENT) - first, **headers)
        handler.wfile.write(CONTENT[first : first + len(CONTENT) // 10])

    @staticmethod
    def one_byte_wrong(handler: "Handler") -> None:
        handler.begin(200, len(CONTENT))
        handler.wfile.write(CONTENT[:1000] + b"\xff" + CONTENT[1001:])

    @staticmethod
    def another_range(handler: "Handler") -> None:
        handler.begin(206, 10, **{"Content-Range": f"bytes 0-9/{len(CONTENT)}"})
        handler.wfile.write(CONTENT[:10])

    @staticmethod
    def endless(handler: "Handler") -> None:
        handler.begin(200, None)
        for _ in range(100):
            handler.wfile.write(CONTENT[::-1])

    @staticmethod
    def slowly(handler: "Handler") -> None:
        handler.begin(200, len(CONTENT))
        for start in range(0, len(CONTENT), len(CONTENT) // 10):
            handler.wfile.write(CONTENT[start : start + len(CONTENT) // 10])
            handler.wfile.flush()
            handler.files.over.wait(0.05)

    @staticmethod
    def announcing(size: int) -> "Behaviour":
        """Send the content under a wrong Content-Length."""

        def reply(handler: "Handler") -> None:
            handler.begin(200, size)
            handler.wfile.write(CONTENT)

        return reply

    @staticmethod
    def status(code: int, **headers: str) -> "Behaviour":
        return lambda handler: handler.begin(code, 0, **headers)


Behaviour = Callable[["Handler"], None]


@dataclass
class FileServer:
    """Serves `CONTENT` at any path, behaving as told: one behaviour a request, the last one for all further ones."""

    address: str = ""
    folder: str = ""  # for a test's own files
    behaviours: dict[str, list[Behaviour]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str, *behaviours: Behaviour) -> str:
        """Return a URL that answers so."""
        self.behaviours[f"/{name}"] = list(behaviours or (Reply.whole,))
        return f"{self.address}/{name}"


class Handler(BaseHTTPRequestHandler):
    files: FileServer

    @property
    def asked_start(self) -> int:
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def begin(self, code: int, length: int | None, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def do_GET(self) -> None:
        self.files.requests.append((self.path, self.headers.get("Range")))
        path = self.path.removeprefix("http://files.invalid")  # as a proxy is asked
        behaviours = self.files.behaviours[path]
        behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        with contextlib.suppress(ConnectionError):  # the client had enough
            behaviour(self)

    def log_message(self, *_: object) -> None:
        pass


def make_entry(*urls: str, **changes: Any) -> RegistryEntry:
    """Make the entry of `CONTENT`, to be fetched from some URLs."""
    values: dict[str, Any] = {
        "name": "thing",
        "kind": WeightsKind.BACKBONE,
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "urls": urls,
        "file": "thing.pth",
    }
    return RegistryEntry(**(values | changes))


def pack_safetensors(header: bytes, tensors: bytes = b"") -> bytes:
    """Put a safetensors file together by hand."""
    return struct.pack("<Q", len(header)) + header + tensors


def read_content(path: Path) -> dict[str, Any]:
    """Read a generator file with other readers than colorgan's: header, and the tensors as "weights"."""
    if path.suffix != ".safetensors":
        content: dict[str, Any] = torch.load(path, weights_only=True)
        return content
    with safe_open(path, "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        return {**json.loads(file.metadata()["colorgan"]), "weights": weights}


def write_content(path: Path, content: dict[str, Any]) -> None:
    """Write a generator file without colorgan's writer."""
    if path.suffix != ".safetensors":
        torch.save(content, path)
        return
    header = {key: value for key, value in content.items() if key != "weights"}
    save_file(content["weights"], path, {"colorgan": json.dumps(header)})
