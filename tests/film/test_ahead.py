"""Doing one thing while the next is prepared."""

import threading
import time
from collections.abc import Iterator

import pytest

from colorgan.film.ahead import Ahead


def threads() -> int:
    return sum(thread.name == "colorgan-ahead" for thread in threading.enumerate())


class TestAhead:
    @pytest.mark.parametrize("most", [1, 3])
    def test_gives_everything_in_order(self, most: int) -> None:
        with Ahead(range(50), most) as items:
            assert list(items) == list(range(50))

    def test_of_nothing(self) -> None:
        with Ahead(list[int](), 2) as items:
            assert list(items) == []

    def test_no_more_than_so_many_ahead(self) -> None:
        made: list[int] = []

        def make() -> Iterator[int]:
            for number in range(20):
                made.append(number)
                yield number

        with Ahead(make(), 2) as items:
            assert next(items) == 0
            time.sleep(0.3)
            assert 2 <= len(made) <= 1 + 2 + 1  # taken, waiting, and one that waits to be put

    def test_is_another_thread(self) -> None:
        with Ahead((threading.get_ident() for _ in range(1)), 1) as items:
            assert next(items) != threading.get_ident()

    def test_what_went_wrong_comes_where_it_went_wrong(self) -> None:
        def make() -> Iterator[int]:
            yield 1
            raise ValueError("the third")

        with Ahead(make(), 4) as items:
            assert next(items) == 1
            with pytest.raises(ValueError, match="the third"):
                next(items)
        assert threads() == 0

    def test_whoever_goes_early_leaves_no_thread(self) -> None:
        with Ahead(iter(int, 1), 2) as items:
            assert next(items) == 0
            assert threads() == 1
        assert threads() == 0

    def test_an_error_of_the_one_who_takes_leaves_none_either(self) -> None:
        with pytest.raises(KeyError), Ahead(iter(int, 1), 2):
            raise KeyError
        assert threads() == 0
