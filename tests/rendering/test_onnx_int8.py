"""The graph in 8 bits colours as the one in float does, with whole numbers where it is meant to."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.config import ModelConfig, RenderConfig
from colorgan.errors import DataError, WeightsError
from colorgan.model import build_generator
from colorgan.rendering import Query, onnx_int8, predict_rendering
from colorgan.rendering.onnx_int8 import Int8Report, write_onnx_int8
from colorgan.weights.file import LoadedGenerator
from support import draw_photo

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def generator(tiny_config: ModelConfig) -> LoadedGenerator:
    torch.manual_seed(0)
    network = build_generator(tiny_config).eval()
    torch.nn.init.normal_(network.color.weight, std=0.1)
    assert network.color.bias is not None
    torch.nn.init.constant_(network.color.bias, 0.1)
    return LoadedGenerator(network, RenderConfig(size=64, chroma_gamma=1.5), {"name": "tiny"}, "")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(12):
        draw_photo(number, (70, 90)).save(folder / f"{number}.png")
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    return folder


@pytest.fixture(scope="module")
def written(
    generator: LoadedGenerator, photographs: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Int8Report]:
    path = tmp_path_factory.mktemp("onnx") / "int8.onnx"
    return path, write_onnx_int8(path, generator, photographs)


@pytest.mark.filterwarnings("ignore")  # of the exporter
class TestWriteOnnxInt8:
    def test_says_how_far_it_is_from_float(self, written: tuple[Path, Int8Report]) -> None:
        report = written[1]
        assert report.photographs == 4  # a third of those that can be read
        assert 0 < report.distance < 0.05 * report.chroma

    @pytest.mark.parametrize("size", [(64, 64), (45, 130), (300, 200)])
    def test_colours_as_colorgan_does(
        self, written: tuple[Path, Int8Report], generator: LoadedGenerator, size: tuple[int, int]
    ) -> None:
        grey = np.asarray(draw_photo(77, size).convert("L"), np.float32) / 2.55
        session = onnxruntime.InferenceSession(written[0], providers=["CPUExecutionProvider"])
        ab, confidence = session.run(["ab", "confidence"], {"luminance": grey[None, None]})
        with torch.no_grad():
            wanted = predict_rendering(
                generator.network, torch.from_numpy(grey)[None, None], generator.render, Query(confidence=True)
            )
        assert ab.shape == tuple(wanted.ab.shape)
        assert np.hypot(*(ab - wanted.ab.numpy())[0]).mean() < 0.1 * np.hypot(*wanted.ab.numpy()[0]).mean()
        assert wanted.confidence is not None
        assert np.abs(confidence - wanted.confidence.numpy()).max() < 0.1

    def test_what_is_whole_numbers_and_what_is_not(self, written: tuple[Path, Int8Report]) -> None:
        graph = onnx.load(written[0]).graph
        made_whole = {node.input[0]: node.input[2] for node in graph.node if node.op_type == "DequantizeLinear"}
        values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        weights = {node.input[1] for node in graph.node if node.op_type in ("Conv", "ConvTranspose")}
        left = {name for name in weights if name in values}
        assert left
        assert all(
            name.startswith(("network.color.", "network.bins.", *(f"network.encoder.features.{i}." for i in range(4))))
            for name in left
        )
        kernels = [values[name] for name in made_whole if name in values and values[name].ndim == 4]
        assert len(kernels) == len(weights) - len(left) > 40
        assert all(kernel.dtype == np.int8 and np.abs(kernel.astype(int)).max() <= 64 for kernel in kernels)

    def test_carries_the_header_too(self, written: tuple[Path, Int8Report]) -> None:
        session = onnxruntime.InferenceSession(written[0], providers=["CPUExecutionProvider"])
        assert '"name": "tiny"' in session.get_modelmeta().custom_metadata_map["colorgan"]

    def test_leaves_logging_as_it_was(self, written: tuple[Path, Int8Report]) -> None:
        assert logging.root.manager.disable == logging.NOTSET

    def test_colours_that_got_lost_are_not_written(
        self, generator: LoadedGenerator, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(onnx_int8, "build_onnx", lambda _: (None, 0.0))
        monkeypatch.setattr(onnx_int8, "_quantise", lambda *_: None)
        monkeypatch.setattr(onnx_int8, "open_session", lambda _: None)
        monkeypatch.setattr(onnx_int8, "_compare", lambda *_: Int8Report(4.0, 15.0, 16))
        with pytest.raises(WeightsError, match=r"4\.00, where the mean chroma is 15\.00; nothing was written"):
            write_onnx_int8(tmp_path / "x.onnx", generator, photographs)
        assert not (tmp_path / "x.onnx").exists()

    def test_too_few_photographs(self, generator: LoadedGenerator, tmp_path: Path) -> None:
        for number in range(7):
            Image.new("L", (9, 9), number).save(tmp_path / f"{number}.png")
        with pytest.raises(DataError, match="7 photographs that can be read"):
            write_onnx_int8(tmp_path / "x.onnx", generator, tmp_path)
