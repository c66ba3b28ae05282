"""Doing one thing while the next is prepared."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import torch

__all__ = ["Ahead"]

T = TypeVar("T")
_POLL = 0.2  # seconds between two looks at whether anybody still waits


class _End:
    """Stands behind the last item."""


class Ahead(Generic[T]):
    """Iterates in a thread of its own, at most `most` items ahead; to be used in a `with` statement."""

    def __init__(self, items: Iterable[T], most: int) -> None:
        self._items = items
        self._queue: queue.Queue[T | _End | BaseException] = queue.Queue(most)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="colorgan-ahead", daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._drain()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _fill(self) -> None:
        torch.set_num_threads(1)
        try:
            for item in self._items:
                if not self._put(item):
                    return
            self._put(_End())
        except BaseException as error:
            self._put(error)

    def _put(self, item: "T | _End | BaseException") -> bool:
        while not self._over.is_set():
            try:
                self._queue.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False

    def _drain(self) -> Iterator[T]:
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                return
            if isinstance(item, BaseException):
                raise item
            yield item
