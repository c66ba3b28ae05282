"""Numbers for TensorBoard, with a stand-in for it."""

import sys
import types
from pathlib import Path

import pytest

from colorgan.errors import UsageError
from colorgan.training import StepDone, Validated
from colorgan.training.score import ColorScore
from colorgan.training.tensorboard import TensorBoardLog


class Writer:
    written: list[tuple[str, float, int]] = []  # noqa: RUF012 - the tests' own

    def __init__(self, folder: str) -> None:
        self.written.clear()

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.written.append((name, value, step))

    def close(self) -> None:
        self.written.append(("closed", 0.0, 0))


def step(number: int) -> StepDone:
    return StepDone(number, 0.5, 1.0, 20.0, 0.1, {"total": 3.0}, ())


class TestTensorBoardLog:
    def test_writes_steps_and_validations(self, monkeypatch, tmp_path):
        module = types.ModuleType("torch.utils.tensorboard")
        module.__dict__["SummaryWriter"] = Writer
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
        monkeypatch.setattr("torch.utils.tensorboard", module, raising=False)
        log = TensorBoardLog(tmp_path, every=2)
        score = ColorScore(22.0, 21.0, 10.0, 40.0, 1.0, 0.5, None, 0.5)
        for event in (step(1), step(2), Validated(2, score, True, Path("sheet.png"))):
            log.take(event)
        log.close()
        assert ("train/total", 3.0, 2) in Writer.written
        assert ("train/images_per_second", 20.0, 2) in Writer.written
        assert ("validation/psnr", 22.0, 2) in Writer.written
        assert not [entry for entry in Writer.written if entry[2] == 1]
        assert Writer.written[-1][0] == "closed"

    def test_says_how_to_get_it(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
        monkeypatch.delattr("torch.utils.tensorboard", raising=False)
        with pytest.raises(UsageError, match="pip install"):
            TensorBoardLog(tmp_path, every=2)
