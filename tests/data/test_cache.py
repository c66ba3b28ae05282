"""Decoded photographs kept in memory."""

import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.data import cache as cache_module
from colorgan.data.cache import PhotoCache, bytes_to_share, shrink_photo
from colorgan.errors import DataError
from support import draw_photo


@pytest.fixture
def cache() -> Iterator[PhotoCache]:
    """A cache of 4 photographs with a short side of 32."""
    cache = PhotoCache(4, 32)
    yield cache
    cache.close()


def store(cache: PhotoCache, number: int) -> None:
    cache.put(number, draw_photo(number, (48, 40)))


class TestPhotoCache:
    def test_what_is_stored_comes_back(self, cache: PhotoCache) -> None:
        stored = [cache.put(number, draw_photo(number, (60 + number, 50))) for number in (0, 3)]
        for number, image in zip((0, 3), stored, strict=True):
            found = cache.get(number)
            assert found is not None
            assert np.array_equal(np.asarray(found), np.asarray(image))
        assert cache.get(1) is cache.get(2) is None

    def test_a_view_is_the_place_itself(self, cache: PhotoCache) -> None:
        cache.put(2, draw_photo(1, (32, 32)))
        one, two = cache.view(2), cache.view(2)
        assert one is not None
        assert two is not None
        one[:] = 7
        assert (two == 7).all()
        assert cache.view(1) is None

    def test_what_is_too_long_for_its_place_is_left_out(self, cache: PhotoCache) -> None:
        assert cache.put(0, draw_photo(1, (320, 32))).size == (320, 32)
        assert cache.get(0) is None
        cache.put(1, draw_photo(1, (96, 32)))  # the longest that fits
        assert cache.get(1) is not None

    @pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
    def test_processes_share_it(self, cache: PhotoCache) -> None:
        helper = multiprocessing.get_context("fork").Process(target=store, args=(cache, 1))
        helper.start()
        helper.join()
        found = cache.get(1)
        assert found is not None
        assert np.array_equal(np.asarray(found), np.asarray(shrink_photo(draw_photo(1, (48, 40)), 32)))

    def test_its_memory_ends_with_it(self) -> None:
        cache = PhotoCache(1, 16)
        assert cache._path.exists()
        cache.close()
        cache.close()
        assert not cache._path.exists()


class TestShrinkPhoto:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [((80, 64), (40, 32)), ((64, 80), (32, 40)), ((20, 90), (20, 90)), ((33, 3300), (32, 3200))],
    )
    def test_only_down(self, size: tuple[int, int], expected: tuple[int, int]) -> None:
        assert shrink_photo(Image.new("RGB", size), 32).size == expected


class TestRoom:
    def test_beyond_memory_it_lies_in_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache_module, "SHARED_MEMORY", tmp_path / "none")
        assert bytes_to_share(10, 32) == 0
        cache = PhotoCache(1, 16)
        assert cache.shared_bytes == 0
        cache.close()

    def test_is_counted_where_memory_is_shared(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache_module, "SHARED_MEMORY", tmp_path)
        assert bytes_to_share(10, 32) == 10 * 3 * 32 * 32 * 1.5

    def test_what_fits_nowhere_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        full = shutil.disk_usage("/")._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
        with pytest.raises(DataError, match="train without --cache"):
            PhotoCache(10, 32)
