"""Answers although memory is short."""

import dataclasses
from pathlib import Path

import pytest
import torch

from colorgan.colorization import (
    Colorizer,
    Notice,
    Outcome,
    Status,
)
from colorgan.rendering import PredictedColor
from colorgan.session import colorize_paths
from colorization_support import hashes, run


class TestOutOfMemory:
    def test_smaller_and_smaller(
        self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Colorizer.predict

        def tight(self: Colorizer, inputs: list, config: object, query: object) -> list[PredictedColor]:
            if config.size > 64:  # type: ignore[attr-defined]
                raise torch.OutOfMemoryError("CUDA out of memory")
            return real(self, inputs, config, query)  # type: ignore[arg-type]

        monkeypatch.setattr(Colorizer, "predict", tight)
        colorizer.render = dataclasses.replace(colorizer.render, size=256)
        events = list(colorize_paths([grey_folder], tmp_path / "out", colorizer=colorizer))
        assert {e.status for e in events if isinstance(e, Outcome)} == {Status.COLORIZED}
        assert any("trying 128" in e.message for e in events if isinstance(e, Notice))

    def test_nothing_fits(
        self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none(*_: object, **__: object) -> list[PredictedColor]:
            raise MemoryError

        monkeypatch.setattr(Colorizer, "predict", none)
        outcomes = run(grey_folder, tmp_path / "out", colorizer)
        assert {o.status for o in outcomes} == {Status.FAILED}
        assert all("memory" in o.reason for o in outcomes)
        assert hashes(tmp_path / "out") == {}
