"""The run over many photographs: reading, network and writing overlap, and one bad file never ends it.

On a CPU every worker does all of it with one arithmetic thread: that is faster than one after the other with all
threads, and a photograph's colours do not depend on how many cores the machine has. Workers are threads, or the
processes of a `WorkerPool`. On a GPU threads read, paint and write, and one thread runs the network.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.memory import is_out_of_memory, predict_within_memory
from colorgan.colorization.plan import Job, Side
from colorgan.colorization.work import (
    STOPPING,
    ColorizeOptions,
    Event,
    Notice,
    OpenedJob,
    Outcome,
    Status,
    finish_job,
    open_job,
)
from colorgan.colorization.worker_pool import WorkerPool, can_fork
from colorgan.config import Existing
from colorgan.errors import ColorganError
from colorgan.rendering import PredictedColor, Query
from colorgan.request import STREAM
from colorgan.runtime import Runtime, pick_runtime

__all__ = ["batch_size", "count_cores", "run_jobs", "start_worker_pool"]

# Always full, if need be with copies: convolutions may round differently in batches of another size, and a picture
# must not depend on its company.
_CPU_BATCH = 4  # in bfloat16; three quarters of the time of one by one; more gains little
_FLOAT32_BATCH = 2  # as quick a picture as 4, where all is arithmetic, and half of it for a photograph alone
_GPU_BATCH = 16
_MOST_BYTES = 256 << 20  # of photographs held in memory at once, as read; one alone may be larger
_BYTES_A_BYTE = 6  # in memory for one in the file, until the file has been read
_LOOK = 0.2  # seconds after which it is asked at the latest whether to stop
_FEWEST_A_PROCESS = 4  # photographs; with fewer it is not worth its start


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    jobs: Iterable[Job],
    colorizer: Colorizer,
    options: ColorizeOptions,
    *,
    workers: int | None = None,
    finish: Callable[[OpenedJob], Outcome | OpenedJob] | None = None,
    pool: WorkerPool | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Event]:
    """Colour photographs; yield what became of each as soon as it is known, not always in order.

    Ends early, without leaving anything half written, when the iterator is closed.

    Args:
        jobs: The work.
        colorizer: The network.
        options: How to colour and write.
        workers: Threads; one a core if left out.
        finish: What to do with a photograph whose colours are known; writes it if left out.
        pool: Processes to do it in, instead of threads; they load the colorizer's file themselves and cannot `finish`
            in another way.
        should_stop: Is asked now and then whether to end after the photographs at hand; what became of these is still
            told.
    """
    if pool is not None and colorizer.source is not None and finish is None:
        where = colorizer.source, str(colorizer.runtime.device), colorizer.runtime.precision
        run_chunk, is_done = partial(_run_chunk, where, options), partial(_is_done, options)
        yield from pool.run(list(jobs), run_chunk, _estimate, is_done=is_done, should_stop=should_stop)
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from _run_here(jobs, colorizer, options, workers or count_cores(), finish, should_stop)
    finally:
        torch.set_num_threads(threads)


def start_worker_pool(jobs: Sequence[Job], device: str, workers: int) -> AbstractContextManager[WorkerPool | None]:
    """Start the processes that these photographs are worth, if any; to be called before anything is computed.

    Args:
        jobs: The work.
        device: Where the network is to run, as in `Colorizer.load`.
        workers: Processes.

    Raises:
        DeviceError: This machine lacks the device.
    """
    enough = workers > 1 and len(jobs) >= _FEWEST_A_PROCESS * workers
    worth = enough and can_fork() and pick_runtime(device).device.type == "cpu"
    try:
        return WorkerPool(workers) if worth else nullcontext()
    except OSError:  # too many processes, or no memory for them: threads will do
        return nullcontext()


def _is_done(options: ColorizeOptions, job: Job) -> bool:
    return options.existing is Existing.SKIP and job.is_done


def batch_size(runtime: Runtime) -> int:
    """Return how many pictures the network is asked for at once."""
    if runtime.device.type != "cpu":
        return _GPU_BATCH
    return _FLOAT32_BATCH if runtime.dtype is torch.float32 else _CPU_BATCH


@cache
def _load(source: Path, device: str, precision: str) -> Colorizer:
    return Colorizer.load(source, device=device, precision=precision)


def _run_chunk(where: tuple[Path, str, str], options: ColorizeOptions, jobs: Sequence[Job]) -> Iterator[Event]:
    """Colour photographs in a process of a pool."""
    return _run_here(jobs, _load(*where), options, 1)


def _run_here(
    jobs: Iterable[Job],
    colorizer: Colorizer,
    options: ColorizeOptions,
    workers: int,
    finish: Callable[[OpenedJob], Outcome | OpenedJob] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    run = _Run(deque(jobs), colorizer, options, workers, finish, should_stop)
    try:
        yield from run.events()
    finally:
        run.close()


_Page = tuple[OpenedJob, int]
_Answers = tuple[list[list[PredictedColor]], float]


class _AtOnce(Executor):
    """An executor that does what it is given before it returns."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # as executors do: whoever asks for the result gets it
            future.set_exception(error)
        return future


def _one_threaded_pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, "colorgan", initializer=torch.set_num_threads, initargs=(1,))


@dataclass(slots=True)
class _Run:
    """The state of a run: what waits, what is under way."""

    waiting: deque[Job]
    colorizer: Colorizer
    options: ColorizeOptions
    workers: int
    finish: Callable[[OpenedJob], Outcome | OpenedJob] | None = None
    should_stop: Callable[[], bool] = lambda: False
    stopping: bool = False
    active: dict[Future[Any], Callable[[Future[Any]], Iterable[Event]]] = field(default_factory=dict)
    drawn: dict[Any, deque[_Page]] = field(default_factory=dict)  # pages ready for the network, by key
    held: dict[int, int] = field(default_factory=dict)  # bytes in memory, by the number of the job
    opening: int = 0
    notices: deque[str] = field(default_factory=deque)
    pool: Executor = field(init=False)
    network: Executor = field(init=False)

    def __post_init__(self) -> None:
        on_cpu = self.colorizer.runtime.device.type == "cpu"
        self.pool = _AtOnce() if on_cpu and self.workers == 1 else _one_threaded_pool(self.workers)
        self.network = self.pool if on_cpu else ThreadPoolExecutor(1, "colorgan-network")

    @property
    def batch(self) -> int:
        return batch_size(self.colorizer.runtime)

    def close(self) -> None:
        for pool in {self.pool, self.network}:
            pool.shutdown(wait=True, cancel_futures=True)

    def events(self) -> Iterator[Event]:
        while self.waiting or self.active or self.drawn:
            if self.should_stop():
                yield from self._stop()
            self._open_more()
            self._ask_network()
            done, _ = wait(self.active, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                handle = self.active.pop(future)
                yield from handle(future)
            while self.notices:
                yield Notice(self.notices.popleft())

    def _stop(self) -> Iterable[Event]:
        """Drop all but what is being written."""
        self.waiting.clear()
        self.drawn.clear()
        for future in list(self.active):
            if future.cancel():
                del self.active[future]
        if not self.stopping:
            self.stopping = True
            yield Notice(STOPPING)

    def _open_more(self) -> None:
        # One photograph more than there are threads waits at each station, so that none of them runs dry.
        most = 2 * self.batch + self.workers
        while self.waiting and self.opening <= self.workers and len(self.held) < most:
            size = _estimate(self.waiting[0])
            if self.held and sum(self.held.values()) + size > _MOST_BYTES:
                return
            job = self.waiting.popleft()
            self.held[job.number] = size
            self.opening += 1
            future = self.pool.submit(open_job, job, self.colorizer, self.options)
            self.active[future] = partial(self._opened, job)

    def _opened(self, job: Job, future: Future[OpenedJob | Outcome]) -> Iterable[Event]:
        self.opening -= 1
        try:
            opened = future.result()
        except Exception as error:  # whatever happens to one photograph, the others go on
            return [self._fail(job, error)]
        return self._go_on(opened)

    def _go_on(self, opened: OpenedJob | Outcome) -> Iterable[Event]:
        """Take the pages of a job that were read to the network, if it is not done."""
        if isinstance(opened, Outcome):
            del self.held[opened.job.number]
            return [opened]
        self.held[opened.job.number] = opened.size
        self.notices.extend(opened.notes)
        for page, network_input in enumerate(opened.inputs):
            self.drawn.setdefault(network_input.render_shapes, deque()).append((opened, page))
        return []

    def _ask_network(self) -> None:
        """Start batches: full ones at once, others when threads would stand still."""
        while self.drawn:
            key = max(self.drawn, key=lambda key: len(self.drawn[key]))
            pages = self.drawn[key]
            if len(pages) < self.batch and len(self.active) >= self.workers:
                return
            batch = [pages.popleft() for _ in range(min(self.batch, len(pages)))]
            if not pages:
                del self.drawn[key]
            future = self.network.submit(self._predict, batch)
            self.active[future] = partial(self._predicted, batch)

    def _predict(self, batch: list[_Page]) -> _Answers:
        """Return the answers for each page, one a variant, and the seconds that a page took."""
        started = time.perf_counter()
        confidence = self.options.mute_uncertain or any(Side.UNCERTAINTY in opened.job.sides for opened, _ in batch)
        by_variant = [
            predict_within_memory(
                self.colorizer,
                [opened.inputs[page] for opened, page in batch],
                self.options.render,
                Query(confidence=confidence, lean=lean, pad_to=self.batch),
                on_notice=self.notices.append,
            )
            for lean in self.options.leans
        ]
        by_page = [list(answers) for answers in zip(*by_variant, strict=True)]
        return by_page, (time.perf_counter() - started) / len(batch)

    def _predicted(self, batch: list[_Page], future: Future[_Answers]) -> Iterable[Event]:
        try:
            answers, seconds = future.result()
        except Exception as error:  # as above
            failed = {opened.job.number: opened.job for opened, _ in batch if opened.job.number in self.held}
            yield from [self._fail(job, error) for job in failed.values()]
            return
        for (opened, page), colors in zip(batch, answers, strict=True):
            opened.colors[page] = colors
            opened.tally.seconds += seconds
            if all(colors is not None for colors in opened.colors) and not self.should_stop():
                writing = self.pool.submit(self.finish or self._finish, opened)
                if writing.done():  # told at once, before anything can happen to the next one
                    yield from self._finished(opened.job, writing)
                else:
                    self.active[writing] = partial(self._finished, opened.job)

    def _finish(self, opened: OpenedJob) -> Outcome | OpenedJob:
        return finish_job(opened, self.colorizer, self.options)

    def _finished(self, job: Job, future: Future[Outcome | OpenedJob]) -> Iterable[Event]:
        try:
            finished = future.result()
        except Exception as error:  # as above
            return [self._fail(job, error)]
        return self._go_on(finished)

    def _fail(self, job: Job, error: Exception) -> Outcome:
        self.held.pop(job.number, None)
        return Outcome(job=job, status=Status.FAILED, reason=_reason(job, error))


def _estimate(job: Job) -> int:
    """Guess how many bytes a photograph will take in memory."""
    try:
        return 0 if job.source == STREAM else job.source.stat().st_size * _BYTES_A_BYTE
    except OSError:
        return 0  # reading it will say why


def _reason(job: Job, error: Exception) -> str:
    """Say what went wrong; the photograph, which stands beside it wherever a reason is shown, is "it"."""
    if isinstance(error, ColorganError):
        text, name = str(error), f"{job.source} "
        return f"it {text.removeprefix(name)}" if text.startswith(name) else text
    if is_out_of_memory(error):
        return f"not enough memory: {error}".rstrip(": ")
    return f"unexpected {type(error).__name__}: {error}; please report this as a bug of colorgan"
