import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Event,
    Job,
    Notice,
    Outcome,
    Status,
    plan_paths,
    run_jobs,
    start_worker_pool,
)
from colorgan.colorization.work import STOPPING
from colorgan.colorization.worker_pool import RunChunk, WorkerPool, can_fork
from colorgan.files import atomic_write
from colorgan.images import ReadLimits
from colorgan.images.budget import Meter
from support import draw_photo, wait_until

pytestmark = pytest.mark.skipif(not can_fork(), reason="processes are forked on Linux only")


real_context = multiprocessing.get_context


def make_jobs(count: int, folder: Path = Path("nowhere")) -> list[Job]:
    return [Job(n, folder / f"{n}.png", folder / f"out-{n}.png") for n in range(count)]


def done(job: Job) -> Outcome:
    return Outcome(job=job, status=Status.COLORIZED, reason=str(os.getpid()))


# What processes do travels to them by pickle, so it stands at the top level.


def run_chunk(jobs: Sequence[Job]) -> Iterator[Event]:
    yield from map(done, jobs)


def count(jobs: Sequence[Job]) -> Iterator[Event]:
    yield from (Outcome(job=job, status=Status.COLORIZED, pages=len(jobs)) for job in jobs)


def die_at_13(jobs: Sequence[Job]) -> Iterator[Event]:
    for job in jobs:
        if job.number == 13:
            os._exit(9)
        yield done(job)


def hang_at_13(jobs: Sequence[Job]) -> Iterator[Event]:
    for job in jobs:
        with Meter(ReadLimits(seconds=0.2)).running():
            if job.number == 13:
                re.match("(a+)+b", "a" * 64)  # with Python's lock held, so that no thread of its own could end it
        yield done(job)


def slowly(jobs: Sequence[Job]) -> Iterator[Event]:
    for job in jobs:
        job.target.touch()
        time.sleep(0.02)
        yield done(job)


def wrong(jobs: Sequence[Job]) -> Iterator[Event]:
    raise ValueError("a bug")


def note_times(jobs: Sequence[Job]) -> Iterator[Event]:
    for job in jobs:
        started = time.monotonic()  # one clock for all processes
        time.sleep(0.1)
        yield Outcome(job=job, status=Status.COLORIZED, reason=f"{started} {time.monotonic()}")


def overlaps(outcomes: Iterable[Outcome]) -> int:
    """Count the jobs that began before the one that began before them had ended."""
    times = sorted(tuple(map(float, outcome.reason.split())) for outcome in outcomes)
    return sum(later[0] < earlier[1] for earlier, later in pairwise(times))


def note_company_and_die_at_13(jobs: Sequence[Job]) -> Iterator[Event]:
    for job in jobs:
        if job.number == 13:
            os._exit(9)
        yield Outcome(job=job, status=Status.COLORIZED, pages=len(jobs), reason=str(os.getpid()))


def die_before_telling(jobs: Sequence[Job]) -> Iterator[Event]:
    for job in jobs:
        if job.target.exists():
            yield Outcome(job=job, status=Status.SKIPPED, reason="its result is there already", files=job.results)
            continue
        job.target.touch()
        if job.number == 0:
            os._exit(9)
        yield done(job)


def die_while_writing(jobs: Sequence[Job]) -> Iterator[Event]:
    for job in jobs:
        with atomic_write(job.target) as file:
            file.write(b"half")
            if job.number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        yield done(job)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let later processes be forked, too: others would have to find this module by its name."""
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: real_context("fork"))


def run(
    jobs: list[Job], work: RunChunk, size: int = 0, is_done: Callable[[Job], bool] = lambda _: False
) -> dict[int, Outcome]:
    with WorkerPool(2) as pool:
        events = pool.run(jobs, work, lambda _: size, is_done=is_done)
        found = [event for event in events if isinstance(event, Outcome)]
    by_number = {outcome.job.number: outcome for outcome in found}
    assert len(by_number) == len(found)  # nothing twice
    return by_number


class TestWorkerPool:
    def test_every_job_is_done_once_by_another_process(self) -> None:
        outcomes = run(make_jobs(50), run_chunk)
        assert sorted(outcomes) == list(range(50))
        assert str(os.getpid()) not in {outcome.reason for outcome in outcomes.values()}

    def test_lots_are_small_in_memory(self) -> None:
        assert {outcome.pages for outcome in run(make_jobs(200), count).values()} == {16, 8}
        assert {outcome.pages for outcome in run(make_jobs(20), count, size=100 << 20).values()} == {1}

    def test_huge_ones_wait_for_each_other(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("colorgan.colorization.worker_pool._affordable_bytes", lambda: 1 << 30)
        small = run(make_jobs(8, tmp_path), note_times, size=100 << 20)
        large = run(make_jobs(8, tmp_path), note_times, size=600 << 20)
        assert overlaps(small.values()) > 0
        assert overlaps(large.values()) == 0

    def test_a_job_that_kills_its_process_fails_alone(self, forked: None) -> None:
        outcomes = run(make_jobs(40), die_at_13)
        assert sorted(outcomes) == list(range(40))
        assert [n for n, outcome in outcomes.items() if outcome.status is Status.FAILED] == [13]
        assert "memory" in outcomes[13].reason

    def test_only_what_a_dead_process_had_at_hand_is_done_by_itself(self, forked: None) -> None:
        """The other process lives on, a new one takes the place of the dead one, what was told stays as it was told."""
        outcomes = run(make_jobs(160), note_company_and_die_at_13)
        assert [n for n, outcome in outcomes.items() if outcome.status is Status.FAILED] == [13]
        alone = sorted(n for n, outcome in outcomes.items() if outcome.pages == 1)
        assert alone == [14, 15]  # the others of its chunk of sixteen were told of before
        assert len({outcome.reason for n, outcome in outcomes.items() if n > 15}) <= 3

    def test_what_a_dead_process_had_done_is_not_called_skipped(self, forked: None, tmp_path: Path) -> None:
        """But what was there before the run is."""
        jobs = make_jobs(8, tmp_path)
        jobs[7].target.touch()
        outcomes = run(jobs, die_before_telling, is_done=lambda job: job.target.exists())
        assert {n: o.status for n, o in outcomes.items()} == dict.fromkeys(range(7), Status.COLORIZED) | {
            7: Status.SKIPPED
        }
        assert outcomes[0].reason == ""

    def test_what_a_dead_process_had_half_written_is_removed(self, forked: None, tmp_path: Path) -> None:
        assert run(make_jobs(8, tmp_path), die_while_writing)[3].status is Status.FAILED
        assert sorted(path.name for path in tmp_path.iterdir()) == [f"out-{n}.png" for n in range(8) if n != 3]

    def test_processes_that_die_while_they_wait_are_replaced(self, forked: None) -> None:
        with WorkerPool(2) as pool:
            for worker in pool._processes:
                worker.process.kill()
                worker.process.join()
            found = list(pool.run(make_jobs(12), run_chunk, lambda _: 0))
        assert len(found) == 12

    def test_no_shared_memory_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Containers may have none, or none that can be written to."""

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("multiprocessing.synchronize.SemLock.__init__", refuse)
        assert sorted(run(make_jobs(12), run_chunk)) == list(range(12))

    def test_threads_do_where_no_process_can_be_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise BlockingIOError(11, "Resource temporarily unavailable")

        monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refuse)
        with start_worker_pool(make_jobs(12), "cpu", 2) as pool:
            assert pool is None

    def test_stops_when_it_is_asked(self, tmp_path: Path) -> None:
        stop: list[bool] = []
        told = []
        with WorkerPool(2) as pool:
            for event in pool.run(make_jobs(400, tmp_path), slowly, lambda _: 0, should_stop=lambda: bool(stop)):
                told.append(event)
                stop.append(True)
        assert [event.message for event in told if isinstance(event, Notice)] == [STOPPING]
        done = {event.job.target for event in told if isinstance(event, Outcome)}
        assert done == set(tmp_path.iterdir())  # all that was finished is told of
        assert len(done) < 100

    def test_a_photograph_that_hangs_its_process_fails_alone(self, forked: None) -> None:
        outcomes = run(make_jobs(40), hang_at_13)
        assert sorted(outcomes) == list(range(40))
        assert [n for n, outcome in outcomes.items() if outcome.status is Status.FAILED] == [13]
        assert "hung" in outcomes[13].reason

    def test_ends_when_it_is_closed(self, tmp_path: Path) -> None:
        with WorkerPool(2) as pool:
            events = pool.run(make_jobs(400, tmp_path), slowly, lambda _: 0)
            next(events)
            assert isinstance(events, Generator)
            events.close()
        assert multiprocessing.active_children() == []
        assert 0 < len(list(tmp_path.iterdir())) < 100

    def test_an_error_of_the_work_itself_is_raised(self) -> None:
        with pytest.raises(ValueError, match="a bug"):
            run(make_jobs(8), wrong)


_ENDLESS = """
import os, sys, time
from pathlib import Path
from colorgan.colorization import Job
from colorgan.colorization.worker_pool import WorkerPool

def endless(jobs):
    Path(sys.argv[1], str(os.getpid())).touch()
    while True:
        time.sleep(0.05)
    yield

with WorkerPool(2) as pool:
    list(pool.run([Job(n, Path("a"), Path("b")) for n in range(8)], endless, lambda _: 0))
"""


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def _heed_ctrl_c() -> None:
    """Undo what shells do to commands in the background, and to all that these start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _ENDLESS, tmp_path]) as parent:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        children = [int(path.name) for path in tmp_path.iterdir()]
        assert all(map(is_running, children))
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, children)), seconds=10)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(10):
        draw_photo(number, (60 + 9 * (number % 3), 48)).convert("L").save(folder / f"{number}.png")
    return folder


class TestCommand:
    def test_processes_give_what_threads_give(
        self, many: Path, tmp_path: Path, tiny_weights: Path, colorizer: Colorizer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (many / "bad.png").write_text("no picture")
        threads, processes = tmp_path / "threads", tmp_path / "processes"
        options = ColorizeOptions(render=colorizer.render)
        list(run_jobs(plan_paths([many], threads).jobs, colorizer, options, workers=1))
        command = [
            sys.executable,
            "-m",
            "colorgan",
            "colorize",
            str(many),
            "-o",
            str(processes),
            "--weights",
            str(tiny_weights),
        ]
        command += ["--device", "cpu", "--precision", "float32", "--workers", "2"]
        assert subprocess.run(command, check=False).returncode == 1
        assert "bad.png" in capfd.readouterr().err
        results = sorted(path.name for path in threads.iterdir())
        assert results == sorted(path.name for path in processes.iterdir())
        assert len(results) == 10
        assert all((threads / name).read_bytes() == (processes / name).read_bytes() for name in results)

    @pytest.mark.parametrize(
        ("name", "times", "code", "workers"),
        [("SIGINT", 10, 130, "2"), ("SIGTERM", 1, 143, "2"), ("SIGHUP", 1, 129, "1")],
    )
    def test_a_signal_keeps_what_was_finished(
        self, many: Path, tiny_weights: Path, tmp_path: Path, name: str, times: int, code: int, workers: str
    ) -> None:
        """Also ten quick Ctrl-C: no traceback, the sum, a report of just what is there, nothing half-written."""
        large = many / "10.png"  # the run must last until the signal comes
        draw_photo(10, (1200, 900)).convert("L").save(large)
        for number in range(11, 120):
            shutil.copy(large, many / f"{number}.png")
        out, report = tmp_path / "out", tmp_path / "report.html"
        command = [
            sys.executable,
            "-m",
            "colorgan",
            "colorize",
            str(many),
            "-o",
            str(out),
            "--weights",
            str(tiny_weights),
        ]
        command += ["--device", "cpu", "--precision", "float32", "--workers", workers, "--report", str(report)]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_heed_ctrl_c,  # noqa: PLW1509 - nothing else runs here
        ) as process:
            wait_until(lambda: out.exists() and len(list(out.glob("*.png"))) > 3)
            for _ in range(times):
                os.killpg(process.pid, getattr(signal, name))  # as a terminal does: to every process
                time.sleep(0.02)
            listed, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert "Traceback" not in said
        assert f"ended by {name}" in said
        results = sorted(path.name for path in out.iterdir())
        assert 3 < len(results) < 120
        assert sorted(Path(line).name for line in listed.splitlines()) == results
        assert f"{len(results)} colorized, {120 - len(results)} not reached" in said
        assert report.read_text().count('class="pair"') == len(results)
        for result in results:
            Image.open(out / result).load()
        assert not list(tmp_path.rglob("*.part"))
