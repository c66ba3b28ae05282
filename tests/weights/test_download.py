"""Downloads from a server on this machine that stalls, truncates, lies and corrupts."""

import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from http.client import HTTPMessage
from pathlib import Path

import pytest

import weights_support
from colorgan.errors import DownloadError
from colorgan.weights import download
from colorgan.weights.download import FetchPolicy, fetch_weights
from weights_support import CONTENT, Behaviour, FileServer, Reply, make_entry

HALF = len(CONTENT) // 2


class World:
    """A server, a place for its file, a policy that never really waits, and what was told."""

    def __init__(self, files: FileServer, folder: Path) -> None:
        self.files = files
        self.target = folder / "thing.pth"
        self.part = folder / ".thing.pth.part"
        self.naps: list[float] = []
        self.policy = FetchPolicy(timeout=0.2, attempts=3, sleep=self.naps.append)
        self.steps: list[tuple[int, int | None]] = []
        self.notes: list[str] = []
        folder.mkdir()

    def fetch(self, *urls: str, force: bool = False, **entry: object) -> bool:
        return fetch_weights(make_entry(*urls, **entry), self.target, force=force, policy=self.policy, reporter=self)

    def progress(self, received: int, total: int | None) -> None:
        self.steps.append((received, total))

    def note(self, message: str) -> None:
        self.notes.append(message)

    def leftovers(self) -> list[str]:
        return sorted(p.name for p in self.target.parent.iterdir() if not p.name.endswith(".lock"))


@pytest.fixture
def world(file_server: FileServer, tmp_path: Path) -> World:
    return World(file_server, tmp_path / "store")


class TestWhole:
    def test_arrives(self, world: World) -> None:
        assert world.fetch(world.files.url("a"))
        assert world.target.read_bytes() == CONTENT
        assert world.leftovers() == ["thing.pth"]
        received = [step[0] for step in world.steps]
        assert received == sorted(received)
        assert received[-1] == len(CONTENT)
        assert {step[1] for step in world.steps} == {len(CONTENT)}
        assert world.notes == []

    def test_is_not_fetched_twice(self, world: World) -> None:
        url = world.files.url("a")
        world.fetch(url)
        assert not world.fetch(url)
        assert len(world.files.requests) == 1
        assert world.fetch(url, force=True)
        assert len(world.files.requests) == 2

    def test_replaces_a_damaged_file(self, world: World) -> None:
        world.target.write_bytes(CONTENT[:-1] + b"?")
        assert world.fetch(world.files.url("a"))
        assert world.target.read_bytes() == CONTENT

    def test_a_published_hash_prefix_and_a_rounded_size_are_enough(self, world: World) -> None:
        prefix = hashlib.sha256(CONTENT).hexdigest()[:8]
        assert world.fetch(world.files.url("a"), sha256=prefix, size=len(CONTENT) - 300)

    def test_of_unknown_size(self, world: World) -> None:
        assert world.fetch(world.files.url("a"), size=0)
        assert world.target.read_bytes() == CONTENT

    def test_from_a_file_url(self, world: World, tmp_path: Path) -> None:
        carried = tmp_path / "carried on a stick.pth"
        carried.write_bytes(CONTENT)
        assert world.fetch(carried.as_uri())
        assert world.target.read_bytes() == CONTENT

    def test_from_a_file_url_to_nowhere(self, world: World, tmp_path: Path) -> None:
        with pytest.raises(DownloadError, match="No such file"):
            world.fetch((tmp_path / "gone.pth").as_uri())
        assert world.naps == []


class TestBadServer:
    def test_that_stalls_is_asked_again_for_the_rest(self, world: World) -> None:
        url = world.files.url("a", Reply.half_then_stall, Reply.whole)
        assert world.fetch(url)
        assert world.target.read_bytes() == CONTENT
        assert world.files.requests == [("/a", None), ("/a", f"bytes={HALF}-")]
        assert world.notes == [f"{url} sent nothing for 0.2 s; trying again in 1 s"]
        assert world.naps == [1.0]

    def test_that_truncates_is_asked_again_for_the_rest(self, world: World) -> None:
        url = world.files.url("a", Reply.half_then_close, Reply.whole)
        assert world.fetch(url)
        assert world.target.read_bytes() == CONTENT
        assert world.files.requests[1] == ("/a", f"bytes={HALF}-")

    @pytest.mark.parametrize("worth", [len(CONTENT) // 10, len(CONTENT) // 10 + 1])
    def test_that_always_breaks_off_is_asked_as_long_as_it_gets_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch, worth: int
    ) -> None:
        monkeypatch.setattr(download, "FRESH_START", worth)
        url = world.files.url("a", Reply.a_tenth_then_close)
        if worth == len(CONTENT) // 10:
            assert world.fetch(url)
            assert set(world.naps) == {1.0}
        else:
            with pytest.raises(DownloadError, match="after 3 attempts"):
                world.fetch(url)

    def test_that_ignores_ranges_starts_over(self, world: World) -> None:
        url = world.files.url("a", Reply.half_then_close, Reply.whole_ignoring_ranges)
        assert world.fetch(url)
        assert world.target.read_bytes() == CONTENT

    def test_that_answers_another_range_is_not_believed(self, world: World) -> None:
        url = world.files.url("a", Reply.half_then_close, Reply.another_range, Reply.whole)
        assert world.fetch(url)
        assert world.target.read_bytes() == CONTENT
        assert world.files.requests[2] == ("/a", None)

    def test_that_fails_is_asked_a_few_times_with_growing_waits(self, world: World) -> None:
        url = world.files.url("a", Reply.status(500))
        with pytest.raises(DownloadError) as caught:
            world.fetch(url)
        assert str(caught.value) == (
            f"the weights 'thing' could not be fetched: {url} answered 500 Internal Server Error, after 3 attempts. "
            "Try again later, or carry the file here and run `colorgan download-weights thing --from FILE`"
        )
        assert world.naps == [1.0, 2.0]
        assert not world.target.exists()

    @pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("86400", 60.0), ("soon", 1.0)])
    def test_that_asks_for_a_wait_gets_it_within_reason(self, world: World, asked: str, waited: float) -> None:
        url = world.files.url("a", Reply.status(503, Retry_After=asked), Reply.whole)
        world.fetch(url)
        assert world.naps == [waited]

    @pytest.mark.parametrize(
        "bad",
        [
            Reply.status(404),
            Reply.status(403),
            Reply.one_byte_wrong,
            Reply.announcing(len(CONTENT) + 5),
            Reply.announcing(len(CONTENT) - 5),
            Reply.endless,
        ],
        ids=["404", "403", "corrupt", "announces more", "announces less", "endless"],
    )
    def test_that_is_hopeless_gives_way_to_the_next_at_once(self, world: World, bad: Behaviour) -> None:
        assert world.fetch(world.files.url("bad", bad), world.files.url("good"))
        assert world.target.read_bytes() == CONTENT
        assert world.naps == []
        assert len(world.files.requests) == 2
        assert world.notes[0].endswith("; trying the next place")

    def test_corrupt_and_alone_leaves_nothing(self, world: World) -> None:
        with pytest.raises(DownloadError, match=r"sent a file with sha256 [0-9a-f]{64}, expected [0-9a-f]{64}"):
            world.fetch(world.files.url("a", Reply.one_byte_wrong))
        assert world.leftovers() == []

    def test_endless_of_unknown_size_stops_at_the_limit(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("colorgan.weights.download.LARGEST_UNKNOWN", 1_000_000)
        with pytest.raises(DownloadError, match="sends more than 1,000,000 bytes"):
            world.fetch(world.files.url("a", Reply.endless), size=0)
        assert not world.target.exists()

    def test_redirecting_to_a_local_file_is_not_followed(self, world: World, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(CONTENT)
        url = world.files.url("a", Reply.status(302, Location=secret.as_uri()))
        with pytest.raises(DownloadError, match="302"):
            world.fetch(url)
        assert not world.target.exists()

    def test_redirecting_elsewhere_is_followed(self, world: World) -> None:
        there = world.files.url("there")
        assert world.fetch(world.files.url("a", Reply.status(302, Location=there)))

    def test_redirecting_in_circles_is_left(self, world: World) -> None:
        url = world.files.url("a", Reply.status(302, Location=f"{world.files.address}/a"))
        with pytest.raises(DownloadError, match="infinite loop"):
            world.fetch(url)
        assert world.naps == []

    def test_redirecting_out_of_encryption_is_not_followed(self) -> None:
        request = urllib.request.Request("https://example.org/a")
        follow = download._SafeRedirectHandler().redirect_request
        with pytest.raises(download._MirrorError, match="not encrypted"):
            follow(request, io.BytesIO(), 302, "Found", HTTPMessage(), "http://example.org/a")
        assert follow(request, io.BytesIO(), 302, "Found", HTTPMessage(), "https://example.net/a") is not None

    @pytest.mark.parametrize("place", ["http://[::1", "http://" + 70 * "a" + "..b/"])
    def test_redirecting_to_an_address_that_cannot_be(self, world: World, place: str) -> None:
        with pytest.raises(DownloadError, match=r"leads to an address that cannot be|cannot be reached"):
            world.fetch(world.files.url("a", Reply.status(302, Location=place)))

    def test_a_size_of_thousands_of_digits(self, world: World) -> None:
        reply = Reply.status(200, Content_Length=5000 * "9")
        with pytest.raises(DownloadError, match="announces a size of 5,000 digits"):
            world.fetch(world.files.url("a", reply))
        assert not world.target.exists()

    def test_nobody_listens(self, world: World) -> None:
        with pytest.raises(DownloadError, match="cannot be reached"):
            world.fetch("http://127.0.0.1:9/a")
        assert world.naps == [1.0, 2.0]


class TestResume:
    def test_of_what_an_earlier_run_left(self, world: World) -> None:
        world.part.write_bytes(CONTENT[:1234])
        assert world.fetch(world.files.url("a"))
        assert world.files.requests == [("/a", "bytes=1234-")]
        assert world.leftovers() == ["thing.pth"]

    def test_of_bytes_that_were_wrong_starts_over(self, world: World) -> None:
        world.part.write_bytes(b"x" * 1234)
        assert world.fetch(world.files.url("a"))
        assert world.target.read_bytes() == CONTENT
        assert world.files.requests == [("/a", "bytes=1234-"), ("/a", None)]

    @pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 1])
    def test_of_as_many_bytes_that_were_wrong_starts_over(self, world: World, size: int) -> None:
        world.part.write_bytes(b"x" * size)
        assert world.fetch(world.files.url("a"))
        assert world.target.read_bytes() == CONTENT

    def test_of_a_complete_part_asks_nobody(self, world: World) -> None:
        world.part.write_bytes(CONTENT)
        assert world.fetch(world.files.url("a"))
        assert world.files.requests == []

    def test_goes_on_at_the_next_mirror(self, world: World) -> None:
        bad = world.files.url("bad", Reply.half_then_close, Reply.status(404))
        assert world.fetch(bad, world.files.url("good"))
        assert world.files.requests[-1] == ("/good", f"bytes={HALF}-")


class TestSurroundings:
    def test_a_right_file_needs_no_lock(self, world: World) -> None:
        world.target.write_bytes(CONTENT)
        assert not world.fetch(world.files.url("a"))
        assert [path.name for path in world.target.parent.iterdir()] == ["thing.pth"]

    def test_a_full_disk_is_seen_before_the_first_byte(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = shutil.disk_usage(".")._replace(free=len(CONTENT) - 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(DownloadError, match=r"0 MB free.*make room"):
            world.fetch(world.files.url("a"))
        assert world.files.requests == []

    def test_a_full_disk_is_seen_when_only_the_server_knows_the_size(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = shutil.disk_usage(".")._replace(free=len(CONTENT) - 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(DownloadError, match="make room"):
            world.fetch(world.files.url("a"), size=0)
        assert world.leftovers() == []

    def test_a_folder_that_is_none(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        entry = make_entry(world.files.url("a"))
        with pytest.raises(DownloadError, match="cannot be written"):
            fetch_weights(entry, tmp_path / "file" / "thing.pth", policy=world.policy)

    @pytest.mark.parametrize("value", ["1", "true"])
    def test_offline_asks_nobody(self, world: World, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("COLORGAN_OFFLINE", value)
        with pytest.raises(DownloadError, match="COLORGAN_OFFLINE is set"):
            world.fetch(world.files.url("a"))
        assert world.files.requests == []

    def test_offline_still_takes_local_files(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "carried.pth").write_bytes(CONTENT)
        monkeypatch.setenv("COLORGAN_OFFLINE", "1")
        assert world.fetch(world.files.url("a"), (tmp_path / "carried.pth").as_uri())
        assert world.files.requests == []

    def test_a_proxy_is_used(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.files.url("a")
        monkeypatch.setenv("http_proxy", world.files.address)
        assert world.fetch("http://files.invalid/a")
        assert world.files.requests == [("http://files.invalid/a", None)]

    def test_no_proxy_is_respected(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert world.fetch(world.files.url("a"))


FETCH = """
import sys
from pathlib import Path
from colorgan.weights import download
from colorgan.weights.download import fetch_weights
from weights_support import make_entry
print(fetch_weights(make_entry(sys.argv[1]), Path(sys.argv[2])))
"""


class TestTwoProcesses:
    @staticmethod
    def start(url: str, target: Path) -> subprocess.Popen[str]:
        support = Path(weights_support.__file__).parent
        command = [sys.executable, "-c", FETCH, url, str(target)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=support)

    def test_take_turns(self, world: World) -> None:
        url = world.files.url("a", Reply.slowly)
        processes = [self.start(url, world.target) for _ in range(2)]
        answers = sorted(process.communicate(timeout=30)[0].strip() for process in processes)
        assert answers == ["False", "True"]
        assert len(world.files.requests) == 1
        assert world.target.read_bytes() == CONTENT

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
    def test_a_killed_one_leaves_no_lock_and_its_bytes(self, world: World) -> None:
        url = world.files.url("a", Reply.half_then_stall, Reply.whole)
        process = self.start(url, world.target)
        deadline = time.monotonic() + 20
        while (not world.part.exists() or world.part.stat().st_size < HALF) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
        assert world.fetch(url)
        assert world.files.requests == [("/a", None), ("/a", f"bytes={HALF}-")]

    def test_patience_ends(self, world: World) -> None:
        url = world.files.url("a", Reply.half_then_stall)
        process = self.start(url, world.target)
        deadline = time.monotonic() + 20
        while not world.part.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            with pytest.raises(DownloadError, match="another process has been fetching"):
                fetch_weights(make_entry(url), world.target, policy=FetchPolicy(lock_timeout=0.3), reporter=world)
        finally:
            process.kill()
            process.communicate(timeout=10)
        assert world.notes == ["waiting for another process that fetches thing.pth"]
