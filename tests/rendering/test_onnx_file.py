"""The ONNX graph, asked by onnxruntime alone, answers as colorgan does."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from colorgan.config import EncoderName, ModelConfig, RenderConfig
from colorgan.errors import UsageError, WeightsError
from colorgan.model import build_generator
from colorgan.rendering import Query, onnx_file, predict_rendering
from colorgan.rendering.onnx_file import write_onnx
from colorgan.weights.file import LoadedGenerator

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def generator() -> LoadedGenerator:
    torch.manual_seed(0)
    model = ModelConfig(
        encoder=EncoderName.VGG16_BN, bottleneck_width=16, bottleneck_kernels=(1,), decoder_widths=(8,),
        attention_stages=(), attention_heads=2,
    )  # fmt: skip
    render = RenderConfig(
        size=64, flip=True, strength=1.2, chroma_limit=30.0, chroma_gamma=1.2, bins_share=0.5, chroma_equalization=0.3
    )
    return LoadedGenerator(build_generator(model).eval(), render, {"name": "tiny"}, "")


@pytest.fixture(scope="module")
def file(generator: LoadedGenerator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    assert write_onnx(path, generator) < 0.1
    return path


@pytest.mark.filterwarnings("ignore")  # of the exporter
class TestWriteOnnx:
    @pytest.mark.parametrize("shape", [(64, 64), (1, 1), (7, 300), (333, 222), (48, 80)])
    def test_answers_as_colorgan_does(self, file: Path, generator: LoadedGenerator, shape: tuple[int, int]) -> None:
        luminance = np.random.default_rng(0).uniform(0, 100, (1, 1, *shape)).astype(np.float32)
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        ab, confidence = session.run(["ab", "confidence"], {"luminance": luminance})
        with torch.no_grad():
            wanted = predict_rendering(
                generator.network, torch.from_numpy(luminance), generator.render, Query(confidence=True)
            )
        assert wanted.confidence is not None
        assert ab.shape == tuple(wanted.ab.shape)
        assert np.hypot(*(ab - 1.2 * wanted.ab.numpy())[0]).mean() < 0.1
        assert np.abs(confidence - wanted.confidence.numpy()).max() < 1e-3
        assert np.ptp(ab) > 1

    def test_carries_the_header(self, file: Path) -> None:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        header = json.loads(session.get_modelmeta().custom_metadata_map["colorgan"])
        assert header["provenance"] == {"name": "tiny"}
        assert header["render"]["size"] == 64

    def test_a_graph_that_differs_is_not_written(
        self, generator: LoadedGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
    ) -> None:
        import onnx

        class Session:
            def __init__(self, *_: object, **__: object) -> None:
                pass

            def run(self, _: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
                return [np.full((1, 2, 1, 1), math.inf, np.float32)]

        whole = onnx.load(file)
        monkeypatch.setattr(onnx_file, "_export", lambda _: whole)
        monkeypatch.setattr(onnx.compose, "merge_models", lambda *_, **__: whole)
        monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
        with pytest.raises(WeightsError, match="differs from torch"):
            write_onnx(tmp_path / "x.onnx", generator)
        assert not (tmp_path / "x.onnx").exists()

    def test_says_what_is_missing(
        self, generator: LoadedGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "onnxscript", None)
        with pytest.raises(UsageError, match=r"onnxscript is not installed; run `pip install 'colorgan\[onnx\]'`"):
            write_onnx(tmp_path / "x.onnx", generator)

    def test_several_sizes_are_no_single_graph(self, generator: LoadedGenerator, tmp_path: Path) -> None:
        several = LoadedGenerator(generator.network, RenderConfig(sizes=(96,)), {}, "")
        with pytest.raises(UsageError, match="several render sizes"):
            write_onnx(tmp_path / "x.onnx", several)
