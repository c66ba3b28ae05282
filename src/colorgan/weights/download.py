"""Fetching a weights file: resumed, retried, from the next mirror, checked before it gets its name.

The bytes grow in a hidden `.part` file beside the target. Only when its sha256 is right is it renamed, so that a file
in the store is always whole. An interrupted `.part` is picked up by the next call.
"""

import http.client
import os
import shutil
import ssl
import time
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from colorgan.errors import DownloadError
from colorgan.version import __version__
from colorgan.weights.registry import RegistryEntry
from colorgan.weights.store import hash_file, part_of

__all__ = ["FetchPolicy", "FetchReporter", "fetch_weights"]

BLOCK = 1 << 18  # bytes read at once
LARGEST_UNKNOWN = 4 << 30  # bytes taken from a server where neither the registry nor the server says a size
LONGEST_SIZE = 18  # digits of the size that a server announces
FRESH_START = 1 << 20  # bytes after which a connection that broke counts as the first failure again


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """How patient a download is; times in seconds."""

    timeout: float = 30.0  # without a byte
    attempts: int = 4  # for each mirror, in a row
    backoff: float = 1.0  # before the second attempt, doubled for each further one
    longest_wait: float = 60.0  # between two attempts, whatever the server asks for
    lock_timeout: float = 3600.0  # for another process that fetches the same file
    sleep: Callable[[float], None] = time.sleep


class FetchReporter(Protocol):
    """What a download tells while it runs."""

    def progress(self, received: int, total: int | None) -> None:
        """Say how many bytes are here, of how many, as far as is known."""

    def note(self, message: str) -> None:
        """Say what went wrong and what is done about it, or what is waited for."""


class _SilentReporter:
    def progress(self, received: int, total: int | None) -> None:
        pass

    def note(self, message: str) -> None:
        pass


class _MirrorError(Exception):
    """This mirror cannot give the file."""


class _PassingError(Exception):
    """Another attempt may succeed."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait  # seconds that the server asks for


def fetch_weights(
    entry: RegistryEntry,
    target: Path,
    *,
    force: bool = False,
    policy: FetchPolicy | None = None,
    reporter: FetchReporter | None = None,
) -> bool:
    """Bring an entry's file to `target`, whose folder is made if need be.

    Proxies are taken from the environment (`https_proxy`, `no_proxy`, or the system's settings). Two processes that
    want the same file take turns, and the second finds it there.

    Args:
        entry: What to fetch, from where, and how to know it.
        target: Where to.
        force: Fetch it even if the right file is already there.
        policy: How patient to be.
        reporter: Who is told.

    Returns:
        Whether it was fetched; False where the right file was already there.

    Raises:
        DownloadError: No mirror gave the right file, `COLORGAN_OFFLINE` forbids it, the disk is too full, or the
            folder cannot be written.
    """
    policy, reporter = policy or FetchPolicy(), reporter or _SilentReporter()
    if not force and _is_right(entry, target):  # asked before the lock too: the folder may be read-only
        return False
    part = part_of(target)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    wait_note = f"waiting for another process that fetches {target.name}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _take_turn(lock, policy.lock_timeout, lambda: reporter.note(wait_note)):
            if not force and _is_right(entry, target):
                return False
            _Fetch(entry, part, policy, reporter).run()
            part.replace(target)
    except Timeout:
        raise DownloadError(
            f"another process has been fetching {target} for more than {policy.lock_timeout:.0f} s; "
            "end it, or try again later"
        ) from None
    except OSError as error:
        raise DownloadError(
            f"{target} cannot be written ({error.strerror or error}); make room or rights there, or choose another "
            "folder with COLORGAN_DATA_DIR"
        ) from error
    return True


def _take_turn(lock: FileLock, timeout: float, on_wait: Callable[[], None]) -> AbstractContextManager[object]:
    """Lock out other processes; the system releases the lock when its holder ends, however that happens."""
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        return lock.acquire(timeout=timeout)


def _is_right(entry: RegistryEntry, path: Path) -> bool:
    return path.is_file() and entry.fits_size(path.stat().st_size) and entry.fits_sha256(hash_file(path))


def _usable_urls(entry: RegistryEntry) -> list[str]:
    if os.environ.get("COLORGAN_OFFLINE", "") in ("", "0"):
        return list(entry.urls)
    local = [url for url in entry.urls if urlsplit(url).scheme == "file"]
    if not local:
        raise DownloadError(
            f"the weights {entry.name!r} were not fetched because COLORGAN_OFFLINE is set; unset it, or carry the "
            f"file here and run `colorgan download-weights {entry.name} --from FILE`"
        )
    return local


def _require_space(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise DownloadError(
            f"{part.parent} has {free / 1e6:,.0f} MB free, {needed / 1e6:,.0f} MB are needed; make room there, or "
            "choose another folder with COLORGAN_DATA_DIR"
        )


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One file on its way into `part`."""

    entry: RegistryEntry
    part: Path
    policy: FetchPolicy
    reporter: FetchReporter

    def run(self) -> None:
        """Complete `part` from the first mirror that gives the right file."""
        urls = _usable_urls(self.entry)
        if self.entry.size:
            _require_space(self.part, self.entry.size - _size(self.part))
        failures = []
        for url in urls:
            try:
                self._fetch_from(url)
            except _MirrorError as error:
                failures.append(f"{url} {error}")
                if url != urls[-1]:
                    self.reporter.note(f"{failures[-1]}; trying the next place")
            else:
                return
        raise DownloadError(
            f"the weights {self.entry.name!r} could not be fetched: {'; '.join(failures)}. {self._advise(urls)}"
        )

    def _advise(self, urls: list[str]) -> str:
        name = self.entry.name
        if all(urlsplit(url).scheme == "file" for url in urls):
            return f"Give the file that the registry means; `colorgan download-weights --list --json {name}` shows it"
        return f"Try again later, or carry the file here and run `colorgan download-weights {name} --from FILE`"

    def _fetch_from(self, url: str) -> None:
        """Complete `part` from one mirror, with retries."""
        failed = 0
        while True:
            before = _size(self.part)
            try:
                self._attempt(url)
            except _PassingError as error:
                failed = 1 if _size(self.part) - before >= FRESH_START else failed + 1
                if failed >= self.policy.attempts:
                    raise _MirrorError(f"{error}, after {failed} attempts") from error
                wait = min(max(self.policy.backoff * 2 ** (failed - 1), error.wait), self.policy.longest_wait)
                self.reporter.note(f"{url} {error}; trying again in {wait:g} s")
                self.policy.sleep(wait)
            else:
                return

    def _attempt(self, url: str) -> None:
        """Complete `part` over one connection, and check it."""
        start = _size(self.part)
        if start and self.entry.size and _is_right(self.entry, self.part):
            return
        start = self._receive(url, start)
        sha256 = hash_file(self.part)
        if not self.entry.fits_sha256(sha256):
            self.part.unlink()
            # What was resumed may have been at fault, not this mirror.
            problem = _PassingError if start else _MirrorError
            raise problem(f"sent a file with sha256 {sha256}, expected {self.entry.sha256}")

    def _receive(self, url: str, start: int) -> int:
        """Append what `url` sends from byte `start` on, and return at which byte it really began."""
        if start > self._limit(None):
            start = 0
        with self._open(url, start) as response:
            if start and getattr(response, "status", None) == 206:
                self._check_range(response.headers, start)
            else:
                start = 0
            total = _announced_total(response.headers, start)
            self._check_total(total)
            with self.part.open("ab" if start else "wb") as file:
                self._copy(response, file, start, total)
        return start

    def _open(self, url: str, start: int) -> http.client.HTTPResponse:
        headers = {"User-Agent": f"colorgan/{__version__}"} | ({"Range": f"bytes={start}-"} if start else {})
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - see _make_opener
        try:
            response: http.client.HTTPResponse = _make_opener().open(request, timeout=self.policy.timeout)
        except HTTPError as error:
            error.close()
            if error.code == 416:  # there is nothing behind the byte that was asked for
                self.part.unlink(missing_ok=True)
            raise _judge_status(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise _judge_failure(url, error) from error
        except ValueError as error:  # of urllib: a host, or a place that it redirects to, that cannot be
            raise _MirrorError(f"is or leads to an address that cannot be ({error})") from error
        return response

    def _check_range(self, headers: Message, start: int) -> None:
        answered = headers.get("Content-Range", "")
        if not answered.startswith(f"bytes {start}-"):
            self.part.unlink()
            raise _PassingError(f"was asked to go on at byte {start} and answered {answered!r}")

    def _check_total(self, total: int | None) -> None:
        """Refuse a file of the wrong size before its first byte."""
        if total is None:
            return
        if not self.entry.fits_size(total):
            raise _MirrorError(f"announces {total:,} bytes, expected {self.entry.size:,}")
        if not self.entry.size:
            _require_space(self.part, total - _size(self.part))

    def _limit(self, total: int | None) -> int:
        """Return the size that no right file exceeds."""
        if self.entry.size:
            return self.entry.size if self.entry.is_exact else self.entry.size + 1024
        return total or LARGEST_UNKNOWN

    def _copy(self, response: http.client.HTTPResponse, file: IO[bytes], received: int, total: int | None) -> None:
        """Copy a response's body to `file` and to the disk, no further than it can be right."""
        expected = total or self.entry.size or None
        self.reporter.progress(received, expected)
        try:
            while block := self._read(response):
                received += len(block)
                if received > self._limit(total):
                    file.truncate(0)
                    raise _MirrorError(f"sends more than {self._limit(total):,} bytes")
                file.write(block)
                self.reporter.progress(received, expected)
        finally:
            file.flush()
            os.fsync(file.fileno())
        if expected and received < expected and not (self.entry.size and self.entry.fits_size(received)):
            raise _PassingError(f"ended after {received:,} of {expected:,} bytes")

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read1(BLOCK)
        except TimeoutError as error:
            raise _PassingError(f"sent nothing for {self.policy.timeout:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise _PassingError(f"broke the connection ({type(error).__name__})") from error


class _SafeRedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but none from an encrypted connection to an open one."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise _MirrorError(f"redirects to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _make_opener() -> urllib.request.OpenerDirector:
    """Make an opener for http, https and file, and nothing else, with the proxies of the moment."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.FileHandler(),
        _SafeRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _announced_total(headers: Message, start: int) -> int | None:
    length = headers.get("Content-Length", "")
    if not (length.isascii() and length.isdecimal()):
        return None
    if len(length) > LONGEST_SIZE:
        raise _MirrorError(f"announces a size of {len(length):,} digits")
    return start + int(length)


def _judge_status(error: HTTPError) -> Exception:
    message = f"answered {error.code} {error.reason}"
    if error.code in (408, 416, 425, 429) or error.code >= 500:
        wait = error.headers.get("Retry-After", "")
        return _PassingError(message, float(wait) if wait.isascii() and wait.isdecimal() else 0.0)
    return _MirrorError(message)


def _judge_failure(url: str, error: OSError | http.client.HTTPException) -> Exception:
    """Tell a connection that may come up another time from a place that does not exist."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _MirrorError(
            f"has a certificate that is not trusted ({reason.verify_message}); behind a company's proxy, name its "
            "certificates in SSL_CERT_FILE"
        )
    if isinstance(reason, TimeoutError):
        return _PassingError("did not answer in time")
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    is_final = urlsplit(url).scheme == "file" or isinstance(reason, str | http.client.InvalidURL)
    return _MirrorError(text) if is_final else _PassingError(f"cannot be reached ({text})")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
