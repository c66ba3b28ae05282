"""`colorgan train` as a person runs it, in a process of its own."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from colorgan.cli import app
from colorgan.commands import train
from colorgan.data.dataset import leave_signals_alone
from colorgan.runs import RunFolder
from colorgan.training import Trainer
from colorgan.training.checkpoint import load_checkpoint
from colorgan.training.distributed import Processes
from colorgan.training.journal import read_journal
from colorgan.training.recipe import recipe_names
from support import draw_photo, run_colorgan
from training_support import TINY

SETTINGS = [
    part for change in (*TINY, "run.checkpoint_minutes=0", "run.checkpoints_kept=99") for part in ("--set", change)
]
FIXED = ["--recipe", "debug", "--device", "cpu", "--precision", "float32", "--workers", "1"]
LOSSES = ("smooth_l1", "bins", "luminance", "adversarial", "discriminator", "total", "gradient_norm")


def start(photos: Path, run_dir: Path, steps: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "colorgan", "train", "--data", photos, "--run-dir", run_dir, "--steps", steps]
    return subprocess.Popen(
        [*map(str, command), *FIXED, *SETTINGS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_checkpoints(run_dir: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while len(RunFolder(run_dir).find_checkpoints()) < count:
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.02)


def steps_of(run_dir: Path) -> dict[int, list[float]]:
    entries = [e for e in read_journal(run_dir / "journal.jsonl") if e["kind"] == "step"]
    return {e["step"]: [e[name] for name in LOSSES] for e in entries}


@pytest.mark.usefixtures("one_thread")
class TestKilled:
    STEPS = 8

    def test_resumes_bit_for_bit_after_kill_9(self, photos, tmp_path, make_trainer):
        changes = ("run.checkpoint_minutes=100",)
        whole = make_trainer(*changes, steps=self.STEPS, name="whole")
        for _ in whole.run():
            pass

        killed = tmp_path / "killed"
        process = start(photos, killed, self.STEPS)
        wait_for_checkpoints(killed, 3)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        newest = RunFolder(killed).find_checkpoints()[-1]
        assert newest.name < f"checkpoint-{self.STEPS:08}.pt", "killed too late to show anything"
        newest.write_bytes(newest.read_bytes()[:-1])  # as if the kill had torn it

        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = run_colorgan("train", "--resume", killed, "--device", "cpu", "--precision", "float32", env=env)
        assert done.returncode == 0, done.stderr
        assert f"passes over {newest}, which is torn or damaged" in done.stderr
        assert steps_of(killed) == steps_of(whole.run_dir)
        last = f"checkpoint-{self.STEPS:08}.pt"
        one, two = load_checkpoint(whole.run_dir / last), load_checkpoint(killed / last)
        for part in ("generator", "average", "discriminator"):
            assert all(bool((tensor == two[part][name]).all()) for name, tensor in one[part].items()), part

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_request_to_stop_saves_and_exits_130(self, photos, tmp_path, number):
        run_dir = tmp_path / "run"
        process = start(photos, run_dir, 10_000)
        wait_for_checkpoints(run_dir, 2)
        for _ in range(2):  # torchrun passes on what the terminal has sent already
            os.killpg(process.pid, number)  # to the decoding processes too, as terminals and batch systems do
        _, talk = process.communicate(timeout=60)
        assert process.returncode == 130, talk
        assert "Traceback" not in talk
        last = json.loads((run_dir / "journal.jsonl").read_text().splitlines()[-1])
        assert (last["kind"], last["stopped"]) == ("finished", True)
        assert load_checkpoint(RunFolder(run_dir).find_checkpoints()[-1])["step"] == last["step"]
        assert f"go on with --resume {run_dir}" in talk


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_request_ends_what_is_stuck(monkeypatch, number):
    """A run that waits for a process that decodes, and that process, which hears no request itself."""
    monkeypatch.setattr(train, "_SAME_REQUEST_SECONDS", 0.0)
    before = signal.getsignal(signal.SIGCHLD)
    stuck = multiprocessing.get_context("fork").Process(target=_sleep_deaf, daemon=True)
    stuck.start()
    trainer = SimpleNamespace(stop_requested=False, processes=Processes())
    trainer.request_stop = lambda: setattr(trainer, "stop_requested", True)
    try:
        with train._gentle_interrupts(cast("Trainer", trainer)):
            os.kill(os.getpid(), number)
            assert trainer.stop_requested
            time.sleep(0.1)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
        stuck.join(5)
        assert not stuck.is_alive()
    finally:
        signal.signal(signal.SIGCHLD, before)


def _sleep_deaf() -> None:
    leave_signals_alone(0)
    time.sleep(60)


def invoke(*arguments: object):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


class TestLooking:
    @pytest.mark.parametrize("name", recipe_names())
    def test_help_and_documents_name_every_recipe(self, name):
        group = get_command(app)
        assert isinstance(group, TyperGroup)
        recipe = next(option for option in group.commands["train"].params if option.name == "recipe")
        assert name in str(recipe.metavar).split("|")
        root = Path(__file__).parents[2]
        for document in ("README.md", "docs/train.md"):
            assert f"`{name}`" in (root / document).read_text(), document

    def test_prints_a_recipe_that_can_be_used(self, tmp_path):
        printed = invoke("--recipe", "paper", "--set", "loss.adversarial=0.02", "--print-recipe")
        assert printed.exit_code == 0
        (tmp_path / "mine.toml").write_text(printed.stdout)
        again = invoke("--recipe", tmp_path / "mine.toml", "--print-recipe")
        assert again.stdout == printed.stdout
        assert "adversarial = 0.02" in printed.stdout

    @pytest.fixture
    def finished(self, make_trainer):
        trainer = make_trainer(steps=3)
        for _ in trainer.run():
            pass
        return trainer.run_dir

    def test_sums_a_run_up(self, finished):
        told = invoke("--status", finished).stdout
        for words in ("finished", "images/s", "best score", "checkpoint-00000003.pt", "total", "d_real"):
            assert words in told, told

    def test_draws_a_runs_curves(self, finished):
        (finished / "curves.png").unlink()
        told = invoke("--plots", finished)
        assert told.stdout.strip() == str(finished / "curves.png")
        assert (finished / "curves.png").exists()

    def test_dry_run_writes_nothing(self, photos, tmp_path):
        done = invoke("--data", photos, "--run-dir", tmp_path / "run", "--steps", 5, "--dry-run", *FIXED, *SETTINGS)
        assert done.exit_code == 0
        assert not (tmp_path / "run").exists()
        for words in ("23 photographs to train on", "0 are unreadable", "s a step", "GB free"):
            assert words in done.stderr, done.stderr


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            ([], 2, "pass a folder of photographs with --data"),
            (["--data", "nowhere"], 2, "there is no nowhere"),
            (["--data", "{photos}", "--device", "cuda:9"], 2, "cuda:9 was asked for"),
            (["--data", "{photos}", "--recipe", "papre"], 2, "there is no recipe 'papre'"),
            (["--data", "{photos}", "--set", "loss.bin=1"], 2, "did you mean 'bins'"),
            (["--data", "{photos}", "--batch-size", "99"], 2, "fewer than the 99 of one step"),
            (["--data", "{photos}", "--batch-size", "1"], 2, "leaves one value for batch norm"),
            (["--data", "{photos}", "--minutes", "1", "--steps", "1"], 2, "give one of them"),
            (["--data", "{photos}", "--resume", "gone.pt"], 1, "gone.pt cannot be read"),
            (["--data", "{photos}", "--init-from", "gone.pt"], 1, "gone.pt"),
            (["--data", "{photos}", "--run-dir", "{photos}/photo000.png/run"], 1, "cannot be written"),
            (["--status", "nowhere"], 1, "is this the folder of a run?"),
            (["--plots", "nowhere"], 1, "is this the folder of a run?"),
        ],
    )
    def test_one_sentence_and_the_right_exit_code(self, photos, monkeypatch, capsys, arguments, code, words):
        from colorgan import cli

        given = [argument.format(photos=photos) for argument in arguments]
        options = [*FIXED, *SETTINGS] if "--recipe" not in given else []
        monkeypatch.setattr(sys, "argv", ["colorgan", "train", *options, *given])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        assert ended.value.code == code, told.err
        last = told.err.strip().splitlines()[-1]
        assert last.startswith("colorgan: ")
        assert words in last
        assert told.out == ""

    def test_tensorboard_that_is_missing(self, photos, tmp_path, monkeypatch, capsys):
        from colorgan import cli

        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
        options = ["--data", str(photos), "--run-dir", str(tmp_path / "run"), "--tensorboard", *FIXED, *SETTINGS]
        monkeypatch.setattr(sys, "argv", ["colorgan", "train", *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        assert "pip install 'colorgan[tensorboard]'" in capsys.readouterr().err


@pytest.mark.privileged
def test_ends_where_little_can_be_shared(tmp_path: Path) -> None:
    mount = "mount -t tmpfs -o size=64m tmpfs /dev/shm"
    try:
        subprocess.run(["unshare", "-m", "sh", "-c", mount], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this user may not mount anything")
    (tmp_path / "data").mkdir()
    for number in range(40):
        draw_photo(number, (150, 140)).save(tmp_path / "data" / f"{number}.png")
    command = [sys.executable, "-m", "colorgan", "train", "--recipe", "debug", "--data", tmp_path / "data"]
    command += ["--run-dir", tmp_path / "run", "--device", "cpu", "--workers", "4"]
    command += ["--steps", "2", "--size", "128", "--batch-size", "32"]
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            f'{mount} && exec "$@"',
            "sh",
            *map(str, command),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "so they come through pipes" in done.stderr
    assert "unable to allocate" not in done.stderr
    assert (tmp_path / "run" / "best.safetensors").is_file()
