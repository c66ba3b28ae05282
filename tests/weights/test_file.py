"""The generator file: what goes in comes out, and nothing else gets in."""

import hashlib
import os
from pathlib import Path

import pytest
import torch

from colorgan.config import EncoderName, ModelConfig, RenderConfig, config_to_mapping
from colorgan.errors import WeightsInvalidError, WeightsNotFoundError
from colorgan.model import Generator
from colorgan.weights import tensors as tensors_module
from colorgan.weights.file import load_generator, load_tensors, save_generator


@pytest.fixture
def saved(tmp_path: Path, tiny_generator: Generator) -> Path:
    path = tmp_path / "tiny.pt"
    save_generator(
        path,
        tiny_generator,
        render=RenderConfig(size=64, flip=True),
        provenance={"name": "tiny", "pictures": 3},
    )
    return path


def change(path: Path, **changes: object) -> None:
    """Rewrite a generator file with parts of its content changed."""
    content = torch.load(path, weights_only=True)
    torch.save({**content, **changes}, path)


class MarkerMaker:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.marker),)


class TestRoundTrip:
    def test_rebuilds_the_network(self, saved: Path, tiny_generator: Generator) -> None:
        loaded = load_generator(saved)
        assert loaded.network.config == tiny_generator.config
        assert not loaded.network.training
        assert {p.dtype for p in loaded.network.parameters()} == {torch.float32}
        luminance = torch.rand(1, 1, 40, 48) * 100
        with torch.no_grad():
            wanted, got = tiny_generator(luminance).coarse_ab, loaded.network(luminance).coarse_ab
        torch.testing.assert_close(got, wanted, rtol=0.02, atol=0.02 * wanted.abs().max().item())

    def test_keeps_settings_and_provenance(self, saved: Path) -> None:
        loaded = load_generator(saved)
        assert loaded.render == RenderConfig(size=64, flip=True)
        assert loaded.provenance == {"name": "tiny", "pictures": 3}

    def test_tells_its_hash(self, tmp_path: Path, tiny_generator: Generator) -> None:
        told = save_generator(tmp_path / "a.pt", tiny_generator)
        assert told == hashlib.sha256((tmp_path / "a.pt").read_bytes()).hexdigest()
        assert load_generator(tmp_path / "a.pt").sha256 == told

    def test_large_tensors_are_halved_and_small_ones_kept(self, saved: Path) -> None:
        weights = torch.load(saved, weights_only=True)["weights"]
        assert {t.dtype for t in weights.values() if t.dim() >= 2} == {torch.float16}
        assert {t.dtype for t in weights.values() if t.dim() == 1} == {torch.float32}

    def test_saving_replaces_atomically(
        self, saved: Path, tiny_generator: Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = saved.read_bytes()

        def fail(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            save_generator(saved, tiny_generator)
        assert saved.read_bytes() == before
        assert [p.name for p in saved.parent.iterdir()] == ["tiny.pt"]


class TestRefusals:
    def test_code_is_not_run(self, saved: Path, tmp_path: Path) -> None:
        marker = tmp_path / "marker"
        change(saved, provenance={"name": MarkerMaker(marker)})
        with pytest.raises(WeightsInvalidError, match=r"would call (posix|nt).mkdir when loaded"):
            load_generator(saved)
        with pytest.raises(WeightsInvalidError, match=r"would call (posix|nt).mkdir when loaded"):
            load_tensors(saved)
        assert not marker.exists()

    def test_torch_reads_no_file(self, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        weights = torch.load(saved, weights_only=True)["weights"]
        name = next(name for name, tensor in weights.items() if tensor.dim() == 4)
        change(saved, weights=weights | {name: torch.zeros(1).expand(10**6, 10**6)})
        monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch.load was called"))
        with pytest.raises(WeightsInvalidError, match="claims larger tensors than it has bytes"):
            load_generator(saved)

    def test_a_header_that_claims_a_giant_is_refused_before_it_is_built(self, saved: Path) -> None:
        model = torch.load(saved, weights_only=True)["model"]
        change(saved, model=model | {"bottleneck_width": 1_000_000})
        with pytest.raises(WeightsInvalidError, match=r"has shape \(16, .*implies \(1000000, "):
            load_generator(saved)

    def test_another_architecture_is_named(self, saved: Path) -> None:
        config = ModelConfig(
            encoder=EncoderName.VGG16_BN,
            bottleneck_width=16,
            decoder_widths=(8,),
            attention_stages=(),
            attention_heads=2,
        )
        change(saved, model=config_to_mapping(config))
        with pytest.raises(WeightsInvalidError, match=r"features.*\(vgg16_bn encoder\) implies.*another network"):
            load_generator(saved)

    def test_an_unknown_architecture_is_named(self, saved: Path) -> None:
        model = torch.load(saved, weights_only=True)["model"]
        change(saved, model=model | {"encoder": "resnet9000"})
        with pytest.raises(WeightsInvalidError, match=r"encoder must be one of .* got 'resnet9000'"):
            load_generator(saved)

    def test_a_missing_tensor_is_named(self, saved: Path) -> None:
        weights = torch.load(saved, weights_only=True)["weights"]
        name = list(weights)[-1]
        del weights[name]
        change(saved, weights=weights)
        with pytest.raises(WeightsInvalidError, match=f"lacks the tensor {name}"):
            load_generator(saved)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_values_that_are_not_numbers(self, saved: Path, value: float) -> None:
        weights = torch.load(saved, weights_only=True)["weights"]
        name = next(name for name, tensor in weights.items() if tensor.dim() == 4)
        weights[name].view(-1)[0] = value
        change(saved, weights=weights)
        with pytest.raises(WeightsInvalidError, match=f"{name} holds values that are not numbers"):
            load_generator(saved)

    def test_a_later_layout(self, saved: Path) -> None:
        change(saved, format=2)
        with pytest.raises(WeightsInvalidError, match="has layout 2, this colorgan reads layout 1: install a newer"):
            load_generator(saved)

    @pytest.mark.parametrize("part", ["model", "render", "provenance", "weights"])
    @pytest.mark.parametrize("value", [None, 3, "x", [1]])
    def test_parts_of_another_kind(self, saved: Path, part: str, value: object) -> None:
        change(saved, **{part: value})
        with pytest.raises(WeightsInvalidError):
            load_generator(saved)

    def test_a_backbone_is_no_generator(self, tmp_path: Path) -> None:
        torch.save({"features.0.weight": torch.zeros(2, 3, 3, 3)}, tmp_path / "vgg.pth")
        with pytest.raises(WeightsInvalidError, match="is not a colorgan generator file"):
            load_generator(tmp_path / "vgg.pth")

    def test_a_file_too_large_to_read(self, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tensors_module, "LARGEST_FILE", 1000)
        with pytest.raises(WeightsInvalidError, match="more than any weights file"):
            load_generator(saved)

    @pytest.mark.parametrize("load", [load_generator, load_tensors])
    def test_a_file_that_is_not_there(self, tmp_path: Path, load) -> None:
        with pytest.raises(WeightsNotFoundError, match="no weights file"):
            load(tmp_path / "gone.pt")

    @pytest.mark.parametrize("load", [load_generator, load_tensors])
    def test_a_folder(self, tmp_path: Path, load) -> None:
        with pytest.raises(WeightsInvalidError, match="cannot be read"):
            load(tmp_path)


class TestLoadTensors:
    @pytest.mark.parametrize("legacy", [False, True])
    def test_gives_float32_by_name(self, tmp_path: Path, legacy: bool) -> None:
        path = tmp_path / "backbone.pth"
        content = {"a": torch.ones(2, 2).half(), "n": torch.tensor(3)}
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        tensors = load_tensors(path)
        assert {name: (t.dtype, t.tolist()) for name, t in tensors.items()} == {
            "a": (torch.float32, [[1.0, 1.0], [1.0, 1.0]]),
            "n": (torch.int64, 3),
        }

    def test_a_generator_is_no_backbone(self, saved: Path) -> None:
        with pytest.raises(WeightsInvalidError, match="is a colorgan generator file, expected a plain file"):
            load_tensors(saved)

    @pytest.mark.parametrize("content", [{}, [], 3, {"a": 1}, {1: torch.zeros(1)}, {"a": {"b": torch.zeros(1)}}])
    def test_something_else(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "x.pth")
        with pytest.raises(WeightsInvalidError, match="is something else, expected a plain file of named tensors"):
            load_tensors(tmp_path / "x.pth")
