"""A run spread over processes, so that workers do not wait for each other's Python.

The processes of a `WorkerPool` are forked before this one has computed anything: what a fork copies of the arithmetic
libraries' inner state once they have been used can hang them. So only a program that knows where it begins, which is
the command line, starts one; the library itself works with threads.

Each process is given chunks of photographs, does one after the other, and tells at once what became of each. If
one dies, of memory or of a decoder that crashes, another takes its place and the rest goes on; the photographs that
it had at hand are tried once more at the end, one by one, and only the one that kills its process again fails.
"""

import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as connection_wait
from multiprocessing.process import BaseProcess
from typing import Self

import torch

from colorgan.colorization.plan import Job
from colorgan.colorization.work import STOPPING, Event, Notice, Outcome, Status
from colorgan.files import sweep_leftovers
from colorgan.images.budget import let_overtime_end_process

__all__ = ["RunChunk", "WorkerPool", "can_fork"]

RunChunk = Callable[[Sequence[Job]], Iterable[Event]]
"""What a process does with a chunk; it travels there by pickle."""

_CHUNK = 16  # photographs, at most
_CHUNK_BYTES = 128 << 20  # of photographs in memory, at most, unless one alone is larger
_LEAST_BYTES = 1 << 30  # that photographs may take in all processes together; on larger machines, a quarter of theirs
_ROUND = 4  # chunks of each process, at least, so that all end at about the same time
_LOOK = 0.2  # seconds after which it is asked at the latest whether to stop
_MULTIPLE = 4  # photographs in a chunk are a multiple of this where there are that many: batches come out full


def can_fork() -> bool:
    """Tell whether this system forks safely: on others a pool would take seconds to start."""
    return sys.platform == "linux" and "fork" in multiprocessing.get_all_start_methods()


class WorkerPool:
    """Processes that wait for photographs. Make it before anything is computed; use it as a context.

    Each is reached by a pipe of its own: nothing is shared that a process could break for the others by dying, and
    no shared memory is needed.

    Args:
        workers: How many processes.

    Raises:
        OSError: The system does not let them be started.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._processes: list[_Worker] = []
        try:
            for _ in range(workers):
                self._processes.append(_Worker.start("fork", self._processes))
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the processes, each after the photograph at hand."""
        for worker in self._processes:
            worker.stop()
            worker.connection.close()
        for worker in self._processes:
            worker.process.join()
        self._processes.clear()

    def run(
        self,
        jobs: Sequence[Job],
        run_chunk: RunChunk,
        estimate: Callable[[Job], int],
        *,
        is_done: Callable[[Job], bool] = lambda _: False,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """Spread jobs over the processes; yield what became of each, not in order.

        Ends early, without leaving anything half written, when the iterator is closed. A pool serves one run.

        Args:
            jobs: The work.
            run_chunk: What a process does with a chunk of jobs, in one thread.
            estimate: Guesses how many bytes a job will hold in memory.
            is_done: Whether a job's results are there already.
            should_stop: Is asked now and then whether to end after the photographs at hand; what became of these is
                still told.
        """
        chunks = deque(_cut(jobs, self.workers, estimate))
        lost: list[Job] = []
        done_before: set[int] = set()
        try:
            yield from self._spread(chunks, run_chunk, is_done, should_stop, lost, done_before)
            for job in lost:
                if should_stop():
                    break
                for event in self._try_again(job, run_chunk):
                    yield _as_of_this_run(event, done_before)
        finally:
            self.close()

    def _spread(
        self,
        waiting: "deque[_Chunk]",
        run_chunk: RunChunk,
        is_done: Callable[[Job], bool],
        should_stop: Callable[[], bool],
        lost: list[Job],
        done_before: set[int],
    ) -> Iterator[Event]:
        """Yield the events of all chunks; add to `lost` the jobs that a process took with it when it died."""
        most_bytes, stopping = _affordable_bytes(), False
        while True:
            if not stopping and should_stop():
                stopping = True
                waiting.clear()
                for worker in self._processes:
                    worker.stop()
                yield Notice(STOPPING)
            busy = {worker.connection: worker for worker in self._processes if worker.chunk is not None}
            while waiting and (idle := self._idle_process(len(busy))) is not None:
                if busy and sum(m.chunk.size for m in busy.values() if m.chunk) + waiting[0].size > most_bytes:
                    break
                done_before.update(job.number for job in waiting[0].jobs if is_done(job))
                if idle.give(waiting[0], run_chunk):
                    waiting.popleft()
                    busy[idle.connection] = idle
                else:  # it died while it waited
                    self._processes.remove(idle)
            if not busy:
                lost.extend(job for chunk in waiting for job in chunk.jobs)  # no process could be started
                return
            for connection in connection_wait(list(busy), timeout=_LOOK):
                worker = busy[connection]  # type: ignore[index]
                yield from worker.take()
                if worker.died:
                    self._processes.remove(worker)
                    worker.clear_up()
                    lost.extend([] if stopping else worker.open.values())

    def _idle_process(self, busy: int) -> "_Worker | None":
        """Return a process without work, in place of one that died a new one; None if all are busy."""
        for worker in self._processes:
            if worker.chunk is None:
                return worker
        if busy < self.workers:
            with suppress(OSError):  # no more processes are to be had
                self._processes.append(_Worker.start("spawn", ()))  # by now this process may have computed
                return self._processes[-1]
        return None

    def _try_again(self, job: Job, run_chunk: RunChunk) -> Iterator[Event]:
        """Do a job by itself, while nothing else is done."""
        while (worker := self._idle_process(0)) is not None and not worker.give(_Chunk([job]), run_chunk):
            self._processes.remove(worker)
        if worker is None:
            yield Outcome(job=job, status=Status.FAILED, reason="no process could be started for it; run again")
            return
        while worker.chunk is not None:
            yield from worker.take()
        if worker.died:
            self._processes.remove(worker)
            worker.clear_up()
        if worker.open:
            reason = "its process was ended: memory ran out, or a decoder crashed or hung"
            yield Outcome(job=job, status=Status.FAILED, reason=reason)


def _as_of_this_run(event: Event, done_before: Container[int]) -> Event:
    """Call by its name what was done by a process that died before it could tell."""
    if isinstance(event, Notice) or event.status is not Status.SKIPPED or not event.files:
        return event
    if event.job.number in done_before:
        return event
    status = Status.COLORIZED if event.files == event.job.results else Status.COPIED
    return dataclasses.replace(event, status=status, reason="", pages=len(event.files))


@dataclass(slots=True)
class _Chunk:
    """Photographs that go to a process together."""

    jobs: list[Job] = field(default_factory=list)
    size: int = 0  # bytes in memory, roughly


@dataclass(slots=True, eq=False)
class _Worker:
    """A process of a pool, as the first process sees it."""

    process: BaseProcess
    connection: Connection
    chunk: _Chunk | None = None  # that it has at hand
    open: dict[int, Job] = field(default_factory=dict)  # those of it that nothing was told of yet
    died: bool = False

    @classmethod
    def start(cls, method: str, others: "Sequence[_Worker]") -> Self:
        """Start a process.

        Args:
            method: "fork" or "spawn".
            others: Those that were forked before it, whose pipes it inherits.
        """
        context = multiprocessing.get_context(method)
        own, its = context.Pipe()
        inherited = [own, *(other.connection for other in others)] if method == "fork" else []
        process = context.Process(target=_serve, args=(its, inherited), daemon=True)  # type: ignore[attr-defined]
        with warnings.catch_warnings():
            # Python warns of forking beside threads, which numpy has from its import on; no process takes part in them.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        its.close()
        return cls(process, own)

    def give(self, chunk: _Chunk, run_chunk: RunChunk) -> bool:
        """Hand it a chunk; False if it is no longer there."""
        try:
            self.connection.send((run_chunk, chunk.jobs))
        except OSError:
            return False
        self.chunk, self.open = chunk, {job.number: job for job in chunk.jobs}
        return True

    def stop(self) -> None:
        """Ask it to end after the photograph at hand."""
        with suppress(OSError):
            self.connection.send(None)

    def clear_up(self) -> None:
        """Remove the half-written files of one that died."""
        self.process.join()  # it holds their locks until it is gone
        sweep_leftovers(folder for job in self.open.values() for folder in job.folders)

    def take(self) -> Iterator[Event]:
        """Wait for what it tells next: an event, or that its chunk is done, or, without a word, that it has ended."""
        try:
            told = self.connection.recv()
        except (EOFError, OSError):
            self.chunk, self.died = None, True
            self.connection.close()
            return
        if told is None:
            self.chunk = None
        elif isinstance(told, _Failure):
            raise told.error
        else:
            if isinstance(told, Outcome):
                self.open.pop(told.job.number, None)
            yield told


def _cut(jobs: Sequence[Job], workers: int, estimate: Callable[[Job], int]) -> list[_Chunk]:
    even = len(jobs) // (_ROUND * workers) // _MULTIPLE * _MULTIPLE
    most = min(_CHUNK, max(_MULTIPLE, even))
    chunks: list[_Chunk] = []
    for job in jobs:
        size = estimate(job)
        if not chunks or len(chunks[-1].jobs) == most or chunks[-1].size + size > _CHUNK_BYTES:
            chunks.append(_Chunk())
        chunks[-1].jobs.append(job)
        chunks[-1].size += size
    return chunks


def _affordable_bytes() -> int:
    names = os.sysconf_names
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return _LEAST_BYTES
    return max(_LEAST_BYTES, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4)


# --- in the processes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a process tells if its work itself raises: a bug."""

    error: Exception


def _serve(connection: Connection, inherited: Sequence[Connection]) -> None:
    """Run chunks until there are no more, or the first process asks to stop, or ends."""
    for other in inherited:
        other.close()
    stops = _heed_signals()
    let_overtime_end_process()
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the first process has gone
        while not stops:
            if not connection.poll(_LOOK):
                continue
            if (given := connection.recv()) is None:
                return
            run_chunk, jobs = given
            with closing(_safely(run_chunk, jobs)) as events:
                for event in events:
                    connection.send(event)
                    if stops or connection.poll():  # nothing is sent to a busy process but the wish that it end
                        return
            connection.send(None)


def _heed_signals() -> list[int]:
    """Leave the signals that reach all processes to the first one; a SIGTERM ends this one after what is at hand."""
    stops: list[int] = []
    for name in ("SIGINT", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: stops.append(number))
    return stops


def _safely(run_chunk: RunChunk, jobs: Sequence[Job]) -> Generator[Event | _Failure, None, None]:
    try:
        yield from run_chunk(jobs)
    except Exception as error:  # whatever it is, it is shown where somebody sees it
        yield _Failure(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
