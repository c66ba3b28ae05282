"""A real Chromium for tests, over its DevTools protocol through two pipes: no driver is needed, and no port is open."""

import base64
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["BROWSER", "Page", "open_browser"]

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
"""The browser of this machine, if there is one."""

_PATIENCE = 60.0  # seconds
_CODES = {
    "Enter": 13, "Tab": 9, "Delete": 46, "PageUp": 33, "PageDown": 34, "Home": 36, "End": 35, " ": 32, "Escape": 27,
    "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip
_CTRL, _SHIFT = 2, 8


class _Pipe:
    """The browser's end of the protocol: messages of JSON that end with a zero byte."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._rest = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {} if session is None else {"sessionId": session}
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self.events.append(answer)

    def await_event(self, method: str, **values: Any) -> dict[str, Any]:
        """Return what the first event tells that has these values, and take it away."""
        seen = 0
        while True:
            for event in self.events[seen:]:
                if event["method"] == method and values.items() <= event["params"].items():
                    self.events.remove(event)
                    return dict(event["params"])
            seen = len(self.events)
            self.events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        ends = time.monotonic() + _PATIENCE
        while b"\0" not in self._rest:
            if not select.select([self._reader], [], [], max(0.0, ends - time.monotonic()))[0]:
                raise AssertionError("the browser does not answer")
            piece = os.read(self._reader, 1 << 16)
            if not piece:
                raise AssertionError("the browser ended")
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(message))


class Page:
    """A tab: what a person does to it, and sees of it."""

    def __init__(self, pipe: _Pipe, session: str) -> None:
        self._pipe, self._session = pipe, session
        for domain in ("Page", "Runtime", "Log", "DOM", "Accessibility"):
            self._ask(f"{domain}.enable")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._pipe.ask(method, self._session, **parameters)

    def go(self, url: str) -> None:
        """Open an address, and wait until all of the page is there."""
        self._ask("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'", "the page is there")

    def resize(self, width: int, height: int, scheme: str = "dark") -> None:
        """Give the window a size and the colours that its user prefers."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def run(self, script: str) -> Any:
        """Return what an expression of JavaScript gives, as plain values."""
        answer = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, condition: str, what: str = "") -> None:
        """Wait until an expression of JavaScript is true."""
        ends = time.monotonic() + _PATIENCE
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > ends:
                raise AssertionError(f"never came true: {what or condition}; {self.errors()}")
            time.sleep(0.02)

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Return left, top, width and height of an element, brought into view."""
        left, top, width, height = self.run(
            f"(e => {{ e.scrollIntoView({{block: 'nearest'}}); const b = e.getBoundingClientRect();"
            f" return [b.left, b.top, b.width, b.height]; }})(document.querySelector({json.dumps(selector)}))"
        )
        return left, top, width, height

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Click into an element, at shares of its sides."""
        self.drag(selector, (x, y))

    def drag(self, selector: str, *places: tuple[float, float]) -> None:
        """Press the mouse at a place of an element, move it over others, and release it at the last."""
        left, top, width, height = self.box(selector)
        points = [{"x": left + x * width, "y": top + y * height} for x, y in places]
        self._mouse("mouseMoved", points[0], "none")
        self._mouse("mousePressed", points[0], "left")
        for point in points[1:]:
            self._mouse("mouseMoved", point, "left")
        self._mouse("mouseReleased", points[-1], "left")

    def _mouse(self, kind: str, point: dict[str, float], button: str) -> None:
        held = 1 if button == "left" and kind != "mouseReleased" else 0
        self._ask("Input.dispatchMouseEvent", type=kind, **point, button=button, buttons=held, clickCount=1)

    def press(self, key: str, *, ctrl: bool = False, shift: bool = False, times: int = 1) -> None:
        """Press a key."""
        code = _CODES.get(key, ord(key.upper()[0]))
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": ctrl * _CTRL + shift * _SHIFT}
        for _ in range(times):
            if text and not ctrl:
                self._ask("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
            else:
                self._ask("Input.dispatchKeyEvent", type="rawKeyDown", **common)
            self._ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def give_file(self, selector: str, path: Path) -> None:
        """Choose a file in a field for files."""
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        node = self._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._ask("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def drop_files(self, selector: str, *paths: Path) -> None:
        """Drag files from elsewhere onto the middle of an element, and drop them."""
        left, top, width, height = self.box(selector)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._ask("Input.dispatchDragEvent", type=kind, x=left + width / 2, y=top + height / 2, data=data)

    def download(self, selector: str, folder: Path) -> Path:
        """Click on a link that saves a file, and return the file: in a folder that has none of its name."""
        self._ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)
        self.click(selector)
        begun = self._pipe.await_event("Browser.downloadWillBegin")
        self._pipe.await_event("Browser.downloadProgress", guid=begun["guid"], state="completed")
        return folder / begun["suggestedFilename"]

    def accessibility(self) -> list[dict[str, Any]]:
        """Return what a screen reader is told of: role, name and properties of each element."""
        nodes = self._ask("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node["role"]["value"],
                "name": node.get("name", {}).get("value", ""),
                **{found["name"]: found["value"].get("value") for found in node.get("properties", ())},
            }
            for node in nodes
            if not node.get("ignored")
        ]

    def screenshot(self, path: Path) -> None:
        """Write what is seen as a PNG file."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))

    def errors(self) -> list[str]:
        """Return the complaints since this was last asked: exceptions, violations of policy, all on the console."""
        found = []
        events, self._pipe.events = self._pipe.events, []
        for event in events:
            told = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
            elif event.get("method") == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(told["entry"]["text"])
            elif event.get("method") == "Runtime.consoleAPICalled":
                found.append(str(told["args"]))
        return found

    def requests(self) -> list[str]:
        """Return the addresses of all that the page has loaded."""
        return list(self.run("performance.getEntriesByType('resource').map(entry => entry.name)"))


@contextmanager
def open_browser(folder: Path) -> Iterator[Page]:
    """Start a browser without a window, with its profile in a folder, and open an empty tab."""
    assert BROWSER is not None
    to_browser, writer = os.pipe()
    reader, from_browser = os.pipe()
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe",
    ]  # fmt: skip
    log = str(folder / "browser.log")
    process = os.posix_spawn(
        BROWSER,
        command,
        {**os.environ, "HOME": str(folder)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_DUP2, to_browser, 203),
            (os.POSIX_SPAWN_DUP2, from_browser, 204),
            (os.POSIX_SPAWN_DUP2, 203, 3),
            (os.POSIX_SPAWN_DUP2, 204, 4),
        ],
        setpgroup=0,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        pipe = _Pipe(reader, writer)
        target = pipe.ask("Target.createTarget", url="about:blank")["targetId"]
        session = pipe.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        yield Page(pipe, session)
    finally:
        os.close(writer)
        os.close(reader)
        _end(process)


def _end(process: int) -> None:
    """End a browser and what it has started, which is a group of its own."""
    ends = time.monotonic() + 10
    os.killpg(process, signal.SIGTERM)
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        if time.monotonic() > ends:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return
        time.sleep(0.05)
