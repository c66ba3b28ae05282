"""One trainer in a run's folder at a time."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from colorgan.errors import TrainingError, UsageError
from colorgan.runs import RunFolder
from colorgan.training import begin_run, prepare_training
from colorgan.training.lock import RunLock


def _hold(folder: Path, ready, *, with_child: bool) -> None:
    lock = RunLock(folder)
    lock.acquire()
    if with_child and os.fork() == 0:  # as the processes that decode are
        signal.pause()
    ready.set()
    signal.pause()


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds the lock of `tmp_path`: `holder()`."""
    context = multiprocessing.get_context("fork")
    started = []

    def start(*, with_child: bool = False):
        ready = context.Event()
        process = context.Process(target=_hold, args=(tmp_path, ready), kwargs={"with_child": with_child})
        process.start()
        started.append(process)
        assert ready.wait(20)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


class TestRunLock:
    def test_refuses_a_second_process_and_says_who_holds_it(self, tmp_path, holder):
        process = holder()
        words = rf"process {process.pid} on .*, since 20.*, trains in .* already; .*--run-dir"
        with pytest.raises(TrainingError, match=words):
            RunLock(tmp_path).acquire()
        assert process.is_alive()

    def test_ends_with_its_holder_however_that_ends(self, tmp_path, holder):
        """A forked process of the holder that lives on does not keep it."""
        process = holder(with_child=True)
        child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        process.kill()
        process.join()
        try:
            RunLock(tmp_path).acquire()
        finally:
            os.kill(child, signal.SIGKILL)

    def test_refuses_a_second_one_of_the_same_process(self, tmp_path):
        first, second = RunLock(tmp_path), RunLock(tmp_path)
        first.acquire()
        first.acquire()
        with pytest.raises(TrainingError, match=f"process {os.getpid()}, this one, trains"):
            second.acquire()
        first.release()
        second.acquire()
        second.release()
        assert RunFolder(tmp_path).lock.read_bytes() == b""

    def test_goes_on_where_there_are_no_locks(self, tmp_path, monkeypatch):
        def refuse(*_: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr("fcntl.lockf", refuse)
        RunLock(tmp_path).acquire()


class TestTrainer:
    def test_a_run_holds_its_folder_until_it_is_over(self, make_trainer, tmp_path):
        trainer = make_trainer(steps=2)
        events = trainer.run()
        next(events)
        with pytest.raises(TrainingError, match="already"):
            next(make_trainer(steps=2).run())
        list(events)
        again = RunLock(trainer.run_dir)
        again.acquire()
        again.release()

    def test_another_process_at_work_is_left_alone(self, make_trainer, tmp_path, holder):
        holder()
        trainer = make_trainer(steps=2, name=".")
        with pytest.raises(TrainingError, match="trains in"):
            next(trainer.run())
        assert not (tmp_path / "journal.jsonl").exists()

    def test_what_happened_since_it_was_prepared_is_seen(self, photos, tmp_path):
        from training_support import make_options

        folder = tmp_path / "run"
        setup = prepare_training(make_options(photos, folder, steps=1))
        folder.mkdir()
        RunFolder(folder).checkpoint(7).write_bytes(b"of another trainer, which has ended")
        with pytest.raises(UsageError, match="holds a run already"):
            begin_run(setup)
        assert len(RunFolder(folder).find_checkpoints()) == 1
