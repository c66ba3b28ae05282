"""A run spread over processes, so that workers do not wait for each other's Python.

The processes of a `Crew` are forked before this one has computed anything: what a fork copies of the arithmetic
libraries' inner state once they have been used can hang them. So only a program that knows where it begins, which is
the command line, starts one; the library itself works with threads.

Each process is given lots of photographs, works one off after the other, and hands back what became of each. If one
dies, of memory or of a decoder that crashes, the photographs of its lot are tried once more one by one, and only the
one that kills its process again fails.
"""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event as Flag
from typing import Self

import torch

from colorgan.colorization.plan import Job
from colorgan.colorization.work import Event, Outcome, Status
from colorgan.images.budget import let_overtime_end_process

__all__ = ["Crew", "WorkOff", "can_fork"]

WorkOff = Callable[[Sequence[Job]], Iterable[Event]]
"""What a process does with a lot; it travels there by pickle."""

_LOT = 16  # photographs, at most
_LOT_BYTES = 128 << 20  # of photographs in memory, at most, unless one alone is larger
_LEAST_BYTES = 1 << 30  # that photographs may take in all processes together; on larger machines, a quarter of theirs
_ROUND = 4  # lots of each process, at least, so that all end at about the same time
_MULTIPLE = 4  # photographs in a lot are a multiple of this where there are that many: batches come out full


def can_fork() -> bool:
    """Tell whether this system forks safely: on others a crew would take seconds to start."""
    return sys.platform == "linux" and "fork" in multiprocessing.get_all_start_methods()


class Crew:
    """Processes that wait for photographs. Make it before anything is computed; use it as a context.

    Args:
        workers: How many processes.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = _Pool(workers, "fork")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the processes, each after the photograph at hand."""
        self._pool.close()

    def run(self, jobs: Sequence[Job], work_off: WorkOff, estimate: Callable[[Job], int]) -> Iterator[Event]:
        """Spread jobs over the processes; yield what became of each, not in order.

        Ends early, without leaving anything half written, when the iterator is closed. A crew serves one run.

        Args:
            jobs: The work.
            work_off: What a process does with a lot of jobs, in one thread.
            estimate: Guesses how many bytes a job will hold in memory.
        """
        lost = yield from self._pool.run(_cut(jobs, self.workers, estimate), work_off)
        for job in (job for lot in lost for job in lot.jobs):
            with _Pool(1, "spawn") as pool:  # by now this process may have computed
                if (yield from pool.run([_Lot([job])], work_off)):
                    reason = "its process was ended: memory ran out, or a decoder crashed or hung"
                    yield Outcome(job=job, status=Status.FAILED, reason=reason)


@dataclass(slots=True)
class _Lot:
    """Photographs that go to a process together."""

    jobs: list[Job] = field(default_factory=list)
    size: int = 0  # bytes in memory, roughly


def _cut(jobs: Sequence[Job], workers: int, estimate: Callable[[Job], int]) -> list[_Lot]:
    share = len(jobs) // (_ROUND * workers) // _MULTIPLE * _MULTIPLE
    most = min(_LOT, max(_MULTIPLE, share))
    lots: list[_Lot] = []
    for job in jobs:
        size = estimate(job)
        if not lots or len(lots[-1].jobs) == most or lots[-1].size + size > _LOT_BYTES:
            lots.append(_Lot())
        lots[-1].jobs.append(job)
        lots[-1].size += size
    return lots


def _affordable_bytes() -> int:
    names = os.sysconf_names
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return _LEAST_BYTES
    return max(_LEAST_BYTES, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4)


class _Pool:
    """An executor of processes that can be asked to stop within a lot."""

    def __init__(self, workers: int, method: str) -> None:
        context = multiprocessing.get_context(method)
        self._workers = workers
        self._stop = context.Event()
        self._executor = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(self._stop,))
        with warnings.catch_warnings():
            # Python warns of forking beside threads, which numpy has from its import on; no process takes part in them.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._executor.submit(os.getpid)  # starts them all

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stop.set()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def run(self, lots: Sequence[_Lot], work_off: WorkOff) -> Generator[Event, None, list[_Lot]]:
        """Yield the events of all lots; return those that were lost with a process."""
        waiting, most_bytes = deque(lots), _affordable_bytes()
        active: dict[Future[list[Event]], _Lot] = {}
        lost: list[_Lot] = []
        try:
            while waiting or active:
                while waiting and len(active) < 2 * self._workers:
                    if active and sum(lot.size for lot in (*active.values(), waiting[0])) > most_bytes:
                        break
                    lot = waiting.popleft()
                    try:
                        active[self._executor.submit(_work_off_lot, work_off, lot.jobs)] = lot
                    except BrokenProcessPool:  # one died already
                        lost.append(lot)
                done, _ = wait(active, return_when=FIRST_COMPLETED)
                for future in done:
                    lot = active.pop(future)
                    try:
                        yield from future.result()
                    except BrokenProcessPool:
                        lost.append(lot)
        finally:
            self.close()
        return lost


# --- in the processes -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Own:
    """What a process was given at its start."""

    stop: Flag | None = None


_own = _Own()


def _begin(stop: Flag) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process says what is to be done
    let_overtime_end_process()
    torch.set_num_threads(1)
    _own.stop = stop
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work_off_lot(work_off: WorkOff, lot: list[Job]) -> list[Event]:
    events = []
    for event in work_off(lot):
        events.append(event)
        if _own.stop is not None and _own.stop.is_set():
            break
    return events
