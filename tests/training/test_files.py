"""A full disk, or a folder that becomes closed, in the middle of a run."""

import errno
import os
import sys
from pathlib import Path

import pytest

from colorgan import cli, files
from colorgan.errors import CheckpointError, TrainingError
from colorgan.training import StepDone
from colorgan.training.checkpoint import load_latest
from colorgan.training.files import write_file
from colorgan.training.journal import read_journal
from colorgan.training.resume import RunState
from colorgan.weights.file import load_generator
from training_support import TINY

FILES = ("journal.jsonl", "checkpoint-", "best.safetensors", "last.safetensors", "sheet-", "curves.png")
REFUSALS = (errno.ENOSPC, errno.EACCES)


class FullFile:
    """An open file that takes nothing."""

    def __init__(self, file) -> None:
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, _):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def refuse(monkeypatch):
    """Refuse to write files whose name holds a word: `refuse(word, number, when=lambda: True)`."""
    opened, created = Path.open, files._create

    def start(word, number, when=lambda: True):
        def refuses(path):
            refused = word in path.name and when()
            if refused and number == errno.EACCES:
                raise PermissionError(number, os.strerror(number), str(path))
            return refused

        def append_or_refuse(path, mode="r", *args, **options):
            refused = mode == "a" and refuses(path)
            file = opened(path, mode, *args, **options)
            return FullFile(file) if refused else file

        def create_or_refuse(target):
            refused = refuses(target)
            file, temporary = created(target)
            return (FullFile(file) if refused else file), temporary

        monkeypatch.setattr(Path, "open", append_or_refuse)
        monkeypatch.setattr(files, "_create", create_or_refuse)

    return start


class TestWriteFile:
    def test_writes_the_parts_one_behind_the_other(self, tmp_path):
        write_file(tmp_path / "a", b"one", memoryview(b"two"))
        assert (tmp_path / "a").read_bytes() == b"onetwo"
        assert list(tmp_path.iterdir()) == [tmp_path / "a"]

    @pytest.mark.parametrize("number", REFUSALS)
    def test_keeps_what_was_there_and_leaves_nothing_else(self, tmp_path, refuse, number):
        path = tmp_path / "a"
        path.write_bytes(b"before")
        refuse("a", number)
        with pytest.raises(TrainingError, match=rf"a cannot be written: {os.strerror(number)}; .*--resume"):
            write_file(path, b"after")
        assert path.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [path]


class TestRun:
    @pytest.mark.parametrize("number", REFUSALS)
    @pytest.mark.parametrize("name", FILES)
    def test_ends_with_a_sentence_and_keeps_the_checkpoint_before(self, make_trainer, refuse, name, number):
        trainer = make_trainer("run.checkpoint_minutes=0", "run.eval_interval=100", steps=4)
        refuse(name, number, when=lambda: trainer.step >= 3)
        kind = CheckpointError if name == "checkpoint-" else TrainingError
        with pytest.raises(kind, match=rf"{name}.* cannot be written: {os.strerror(number)}"):
            list(trainer.run())
        state, _, damaged = load_latest(trainer.run_dir)
        # The journal and the checkpoint are refused at step 3, the others after the last step.
        assert (state["step"], damaged) == ({"journal.jsonl": 2, "checkpoint-": 2}.get(name, 4), [])
        assert not list(trainer.run_dir.glob(".*.part"))
        assert read_journal(trainer.journal.path)[-1]["kind"] == ("checkpoint" if name == "journal.jsonl" else "failed")

    def test_the_best_generator_before_stays(self, make_trainer, refuse):
        trainer = make_trainer("run.eval_interval=1", steps=3)
        events = trainer.run()
        next(event for event in events if isinstance(event, StepDone) and event.step == 2)
        before = (trainer.run_dir / "best.safetensors").read_bytes()
        trainer.best_score = -100.0  # so that there is a new best one
        refuse("best.safetensors", errno.ENOSPC)
        with pytest.raises(TrainingError, match=r"best\.safetensors cannot be written"):
            list(events)
        assert (trainer.run_dir / "best.safetensors").read_bytes() == before
        load_generator(trainer.run_dir / "best.safetensors")

    def test_goes_on_once_there_is_room(self, make_trainer, refuse):
        trainer = make_trainer("run.checkpoint_minutes=0", steps=4)
        full = [True]
        refuse("checkpoint-", errno.ENOSPC, when=lambda: full[0] and trainer.step >= 3)
        with pytest.raises(CheckpointError):
            list(trainer.run())
        full[0] = False
        resumed = make_trainer("run.checkpoint_minutes=0", steps=4)
        resumed.resume(RunState.from_checkpoint(load_latest(trainer.run_dir)[0]))
        assert [e.step for e in resumed.run() if isinstance(e, StepDone)] == [3, 4]


def test_the_command_says_one_sentence(photos, tmp_path, refuse, monkeypatch, capsys):
    settings = [part for change in TINY for part in ("--set", change)]
    command = ["train", "--data", photos, "--run-dir", tmp_path / "run", "--steps", 2, "--recipe", "debug"]
    command += ["--device", "cpu", "--precision", "float32", "--workers", 0, *settings]
    monkeypatch.setattr(sys, "argv", ["colorgan", *map(str, command)])
    refuse("sheet-", errno.ENOSPC)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err.replace("\n", " ")
    assert "cannot be written: No space left on device" in said
    assert "Traceback" not in said
