"""Watched folders: what counts as arrived and whole."""

import importlib.util
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from colorgan.colorization import Arrivals, Colorizer, find_pictures, wait_for_changes
from colorgan.colorization import arrivals as arrivals_module
from colorgan.errors import UsageError
from colorgan.session import colorize_paths
from support import draw_photo


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def arrivals(folder: Path, clock: Clock) -> Arrivals:
    def find() -> list[Path]:
        return [source.path for source in find_pictures([folder], folder / "out").found]

    return Arrivals(find, still=3, patience=15, clock=clock)


def draw(path: Path) -> Path:
    draw_photo(1).convert("L").save(path)
    return path


class TestArrivals:
    def test_a_file_is_whole_once_it_has_been_still(self, arrivals: Arrivals, folder: Path, clock: Clock) -> None:
        path = draw(folder / "a.png")
        assert arrivals.take() == []
        clock.now = 2.9
        assert arrivals.take(search=False) == []
        clock.now = 3.0
        assert arrivals.take(search=False) == [path]
        clock.now = 100
        assert arrivals.take() == []  # once

    def test_one_that_grows_is_waited_for(self, arrivals: Arrivals, folder: Path, clock: Clock) -> None:
        data = draw(folder / "a.png").read_bytes()
        path = folder / "b.png"
        (folder / "a.png").unlink()
        for end in range(2000, len(data), 2000):
            path.write_bytes(data[:end])
            assert arrivals.take() == []
            clock.now += 2
        path.write_bytes(data)
        clock.now += 2
        assert arrivals.take() == []
        clock.now += 3
        assert arrivals.take() == [path]

    def test_one_of_the_same_size_that_is_written_to_is_waited_for(
        self, arrivals: Arrivals, folder: Path, clock: Clock
    ) -> None:
        path = draw(folder / "a.png")
        arrivals.take()
        os.utime(path, (5, 5))
        clock.now = 4
        assert arrivals.take() == []
        clock.now = 7
        assert arrivals.take() == [path]

    def test_what_is_no_picture_gets_more_time(self, arrivals: Arrivals, folder: Path, clock: Clock) -> None:
        (folder / "a.png").write_bytes(bytes(10_000))  # reserved, and not yet filled
        arrivals.take()
        clock.now = 14
        assert arrivals.take() == []
        clock.now = 15
        assert arrivals.take() == [folder / "a.png"]

    def test_one_that_changes_later_is_new_again(self, arrivals: Arrivals, folder: Path, clock: Clock) -> None:
        path = draw(folder / "a.png")
        arrivals.take()
        clock.now = 3
        assert arrivals.take() == [path]
        os.utime(path, (5, 5))
        assert arrivals.take() == []
        clock.now = 6
        assert arrivals.take() == [path]

    def test_one_that_goes_away_is_forgotten(self, arrivals: Arrivals, folder: Path, clock: Clock) -> None:
        draw(folder / "a.png")
        arrivals.take()
        (folder / "a.png").unlink()
        clock.now = 5
        assert arrivals.take(search=False) == []
        assert arrivals.take() == []

    def test_own_results_are_no_arrivals(
        self, arrivals: Arrivals, folder: Path, clock: Clock, colorizer: Colorizer
    ) -> None:
        path = draw(folder / "a.png")
        list(colorize_paths([path], folder / "out", colorizer=colorizer))
        (folder / "copy.png").write_bytes((folder / "out" / "a.png").read_bytes())
        arrivals.take()
        clock.now = 3
        assert arrivals.take() == [path]
        clock.now = 30
        assert arrivals.take() == []


class TestWaiting:
    def waited(self, looks: Callable[[Callable[[], bool]], Iterable[bool]], seconds: float) -> list[bool]:
        ends = time.monotonic() + seconds
        return list(looks(lambda: time.monotonic() > ends))

    def test_polls(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrivals_module, "_TICK", 0.01)
        monkeypatch.setattr(arrivals_module, "find_spec", lambda _: None)  # it needs nothing
        looks = self.waited(lambda stop: wait_for_changes([folder], poll=0.1, should_stop=stop), 0.5)
        assert looks[0]
        assert 2 <= sum(looks) <= 6
        assert len(looks) > sum(looks)

    @pytest.mark.skipif(importlib.util.find_spec("watchfiles") is None, reason="watchfiles is not installed")
    def test_the_system_tells(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrivals_module, "_TICK", 0.1)
        timer = threading.Timer(1.0, draw, [folder / "a.png"])
        timer.start()
        looks = self.waited(lambda stop: wait_for_changes([folder], should_stop=stop), 3)
        timer.join()
        assert looks[0]
        assert sum(looks) >= 2

    def test_says_what_is_missing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrivals_module, "find_spec", lambda _: None)
        with pytest.raises(UsageError, match=r"colorgan\[watch\].*--watch-poll"):
            list(wait_for_changes([folder], should_stop=lambda: False))
