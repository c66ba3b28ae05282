"""Answers although memory is short."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from colorgan.colorization import (
    Colorizer,
    Notice,
    Outcome,
    Status,
)
from colorgan.colorization.memory import is_out_of_memory, predict_within_memory
from colorgan.config import RenderConfig
from colorgan.images import photo_from_image
from colorgan.rendering import NetworkInput, PredictedColor, Query
from colorgan.session import colorize_paths
from colorization_support import hashes, run
from support import draw_photo


class TestOutOfMemory:
    def test_smaller_and_smaller(
        self, grey_folder: Path, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Colorizer.predict

        def tight(
            self: Colorizer, inputs: list[NetworkInput], config: RenderConfig, query: Query | None = None
        ) -> list[PredictedColor]:
            if config.size > 64:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return real(self, inputs, config, query)

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


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_says_that_memory_has_run_out(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


class TestPredictWithinMemory:
    @pytest.fixture
    def inputs(self, colorizer: Colorizer) -> list[NetworkInput]:
        photos = [photo_from_image(draw_photo(n).convert("L")) for n in range(5)]
        return [colorizer.prepare(photo, colorizer.render) for photo in photos]

    def tell(self, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch, most: int) -> list[tuple[int, int]]:
        """Let memory be short for more than `most` pictures at once; return what is asked for from now on."""
        asked, real = list[tuple[int, int]](), colorizer.predict

        def predict(inputs: list[NetworkInput], config: RenderConfig, query: Query | None = None) -> list[Any]:
            count = max(len(inputs), 0 if query is None else query.pad_to)
            asked.append((count, config.size))
            if count > most:
                raise MemoryError
            return real(inputs, config, query)

        monkeypatch.setattr(colorizer, "predict", predict)
        return asked

    def test_fewer_at_once_give_the_same(
        self, colorizer: Colorizer, inputs: list[NetworkInput], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = colorizer.predict(inputs, colorizer.render)
        asked, said = self.tell(colorizer, monkeypatch, 2), list[str]()
        parts = predict_within_memory(colorizer, inputs, colorizer.render, on_notice=said.append)
        assert asked[:3] == [(5, 64), (2, 64), (2, 64)]
        assert said == ["memory ran out with 5 pictures at once; trying half of them"]
        for one, other in zip(whole, parts, strict=True):
            torch.testing.assert_close(one.ab, other.ab, atol=1e-3, rtol=1e-3)

    def test_padding_counts(
        self, colorizer: Colorizer, inputs: list[NetworkInput], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = self.tell(colorizer, monkeypatch, 2)
        assert len(predict_within_memory(colorizer, inputs[:1], colorizer.render, Query(pad_to=8))) == 1
        assert asked == [(8, 64), (4, 64), (2, 64)]

    def test_on_the_cpu_there_is_an_end(
        self, colorizer: Colorizer, inputs: list[NetworkInput], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = dataclasses.replace(colorizer.render, size=300)
        asked = self.tell(colorizer, monkeypatch, 0)
        with pytest.raises(MemoryError, match="even for a small picture"):
            predict_within_memory(colorizer, inputs[:1], config)
        assert asked == [(1, 300), (1, 150), (1, 75)]

    def test_other_errors_are_none_of_memory(
        self, colorizer: Colorizer, inputs: list[NetworkInput], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def wrong(*_: object) -> None:
            raise RuntimeError("size mismatch")

        monkeypatch.setattr(colorizer, "predict", wrong)
        with pytest.raises(RuntimeError, match="size mismatch"):
            predict_within_memory(colorizer, inputs, colorizer.render)
