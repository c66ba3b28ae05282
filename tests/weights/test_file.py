"""The generator file: what goes in comes out, and nothing else gets in."""

import hashlib
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from colorgan.config import EncoderName, ModelConfig, RenderConfig, config_to_mapping
from colorgan.errors import WeightsInvalidError, WeightsNotFoundError
from colorgan.model import Generator
from colorgan.weights import tensors as tensors_module
from colorgan.weights.file import holds_generator, load_generator, load_tensors, save_generator
from weights_support import read_content, write_content


@pytest.fixture(params=[".safetensors", ".pt"])
def saved(request: pytest.FixtureRequest, tmp_path: Path, tiny_generator: Generator) -> Path:
    path = tmp_path / f"tiny{request.param}"
    save_generator(
        path,
        tiny_generator,
        render=RenderConfig(size=64, flip=True),
        provenance={"name": "tiny", "pictures": 3},
    )
    return path


def change(path: Path, **changes: object) -> None:
    """Rewrite a generator file with parts of its content changed."""
    write_content(path, {**read_content(path), **changes})


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

    def test_the_network_owns_its_memory(self, saved: Path, tiny_generator: Generator) -> None:
        network = load_generator(saved).network.train()
        network(torch.rand(2, 1, 32, 32) * 100).coarse_ab.square().sum().backward()
        torch.optim.SGD(network.parameters(), 0.1).step()
        assert all(not tensor.is_meta and tensor.isfinite().all() for tensor in network.state_dict().values())
        for name, tensor in load_generator(saved).network.state_dict().items():
            torch.testing.assert_close(tensor, tiny_generator.state_dict()[name], rtol=1e-3, atol=1e-6)

    def test_draws_no_random_numbers(self, saved: Path) -> None:
        before = torch.get_rng_state()
        load_generator(saved)
        assert torch.equal(torch.get_rng_state(), before)

    def test_keeps_settings_and_provenance(self, saved: Path) -> None:
        loaded = load_generator(saved)
        assert loaded.render == RenderConfig(size=64, flip=True)
        assert loaded.provenance == {"name": "tiny", "pictures": 3}

    def test_tells_its_hash(self, saved: Path, tiny_generator: Generator) -> None:
        told = save_generator(saved, tiny_generator)
        assert told == hashlib.sha256(saved.read_bytes()).hexdigest()
        assert load_generator(saved).sha256 == told

    def test_both_layouts_hold_the_same(self, tmp_path: Path, tiny_generator: Generator) -> None:
        for name in ("a.pt", "a.safetensors"):
            save_generator(tmp_path / name, tiny_generator, provenance={"name": "ä", "n": 0.1})
        one, two = load_generator(tmp_path / "a.pt"), load_generator(tmp_path / "a.safetensors")
        assert (one.render, one.provenance, one.network.config) == (two.render, two.provenance, two.network.config)
        weights = two.network.state_dict()
        assert all(torch.equal(tensor, weights[name]) for name, tensor in one.network.state_dict().items())
        (tmp_path / "a.safetensors").rename(tmp_path / "b.pt")  # the content tells, not the name
        assert load_generator(tmp_path / "b.pt").sha256 == two.sha256

    @pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
    def test_settings_by_the_names_of_earlier_versions(
        self, tmp_path: Path, tiny_generator: Generator, suffix: str
    ) -> None:
        saved = tmp_path / f"tiny{suffix}"
        save_generator(saved, tiny_generator)
        change(saved, render={"size": 96, "vividness": 2.05, "evenness": 0.3})
        wanted = RenderConfig(size=96, chroma_scale=2.05, chroma_equalization=0.3)
        assert load_generator(saved).render == wanted  # without a warning: whoever has the file cannot help it

    def test_settings_by_both_names_are_refused(self, saved: Path) -> None:
        change(saved, render={"vividness": 2.0, "chroma_scale": 2.0})
        with pytest.raises(WeightsInvalidError, match="unknown key 'vividness'"):
            load_generator(saved)

    @pytest.mark.parametrize("name", ["plain", "line\nfeed\x1b[2J", "\ud800", 3, None, "x" * 9999])
    def test_a_name_fit_to_be_printed(self, tmp_path: Path, tiny_generator: Generator, name: object) -> None:
        save_generator(tmp_path / "a.pt", tiny_generator, provenance={"name": name})
        told = load_generator(tmp_path / "a.pt").name
        assert told.isprintable()
        assert len(told) <= 80
        assert told[:4] == str(name)[:4].replace("\ud800", "")

    def test_large_tensors_are_halved_and_small_ones_kept(self, saved: Path) -> None:
        weights = read_content(saved)["weights"]
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
        assert list(saved.parent.iterdir()) == [saved]


class TestRefusals:
    def test_code_is_not_run(self, tmp_path: Path, tiny_generator: Generator) -> None:
        saved, marker = tmp_path / "tiny.pt", tmp_path / "marker"
        save_generator(saved, tiny_generator)
        change(saved, provenance={"name": MarkerMaker(marker)})
        with pytest.raises(WeightsInvalidError, match=r"would call (posix|nt).mkdir when loaded"):
            load_generator(saved)
        with pytest.raises(WeightsInvalidError, match=r"would call (posix|nt).mkdir when loaded"):
            load_tensors(saved)
        assert not marker.exists()

    def test_torch_reads_no_file(self, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch.load was called"))
        assert load_generator(saved).provenance["name"] == "tiny"

    def test_a_header_that_claims_a_giant_is_refused_before_it_is_built(self, saved: Path) -> None:
        model = read_content(saved)["model"]
        change(saved, model=model | {"bottleneck_width": 8_000})
        with pytest.raises(WeightsInvalidError, match=r"has shape \(16, .*implies \(8000, "):
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
        model = read_content(saved)["model"]
        change(saved, model=model | {"encoder": "resnet9000"})
        with pytest.raises(WeightsInvalidError, match=r"encoder must be one of .* got 'resnet9000'"):
            load_generator(saved)

    def test_a_missing_tensor_is_named(self, saved: Path) -> None:
        weights = read_content(saved)["weights"]
        name = list(weights)[-1]
        del weights[name]
        change(saved, weights=weights)
        with pytest.raises(WeightsInvalidError, match=f"lacks the tensor {name}"):
            load_generator(saved)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_values_that_are_not_numbers(self, saved: Path, value: float) -> None:
        weights = read_content(saved)["weights"]
        name = next(name for name, tensor in weights.items() if tensor.dim() == 4)
        weights[name].view(-1)[0] = value
        change(saved, weights=weights)
        with pytest.raises(WeightsInvalidError, match=f"{name} holds values that are not numbers"):
            load_generator(saved)

    def test_a_later_layout(self, saved: Path) -> None:
        change(saved, format=2)
        with pytest.raises(WeightsInvalidError, match="has layout 2, this colorgan reads 1: install a newer"):
            load_generator(saved)

    @pytest.mark.parametrize("part", ["model", "render", "provenance", "weights"])
    @pytest.mark.parametrize("value", [None, 3, "x", [1], {"a": 10**5000}])
    def test_parts_of_another_kind(self, tmp_path: Path, tiny_generator: Generator, part: str, value: object) -> None:
        saved = tmp_path / "tiny.pt"
        save_generator(saved, tiny_generator)
        change(saved, **{part: value})
        with pytest.raises(WeightsInvalidError) as caught:
            load_generator(saved)
        assert len(str(caught.value)) < 1000

    @pytest.mark.parametrize("part", ["model", "render"])
    @pytest.mark.parametrize("value", [3, "x", [1], ["x" * 9999], {"size": 9**99, "y" * 9999: 1}])
    def test_parts_of_another_kind_in_safetensors(
        self, tmp_path: Path, tiny_generator: Generator, part: str, value: object
    ) -> None:
        saved = tmp_path / "tiny.safetensors"
        save_generator(saved, tiny_generator)
        change(saved, **{part: value})
        with pytest.raises(WeightsInvalidError) as caught:
            load_generator(saved)
        assert len(str(caught.value)) < 1000

    @pytest.mark.parametrize(
        "model",
        [
            {"bottleneck_width": 2**62},
            {"repair_widths": [4] * 10_000},
            {"attention_heads": 0},
            {"bottleneck_kernels": []},
        ],
    )
    def test_a_network_that_cannot_be_built(self, saved: Path, model: dict[str, object]) -> None:
        change(saved, model=read_content(saved)["model"] | model)
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

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[" * 100_000, '{"format": 1, "format": 1, "model": {}}', "[]", '{"format": ' + "9" * 5000 + "}"],
    )
    def test_a_header_that_is_no_json_of_ours(self, tmp_path: Path, text: str) -> None:
        save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", {"colorgan": text})
        with pytest.raises(WeightsInvalidError, match="is not a colorgan generator file"):
            load_generator(tmp_path / "a.safetensors")

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

    def test_a_backbone_as_safetensors(self, tmp_path: Path) -> None:
        save_file({"a": torch.ones(2, 2).half()}, tmp_path / "backbone.safetensors")
        tensors = load_tensors(tmp_path / "backbone.safetensors")
        assert (tensors["a"].dtype, tensors["a"].tolist()) == (torch.float32, [[1.0, 1.0], [1.0, 1.0]])

    def test_a_generator_is_no_backbone(self, saved: Path) -> None:
        with pytest.raises(WeightsInvalidError, match="is a colorgan generator file, expected a plain file"):
            load_tensors(saved)

    @pytest.mark.parametrize("content", [{}, [], 3, {"a": 1}, {1: torch.zeros(1)}, {"a": {"b": torch.zeros(1)}}])
    def test_something_else(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "x.pth")
        with pytest.raises(WeightsInvalidError, match="is something else, expected a plain file of named tensors"):
            load_tensors(tmp_path / "x.pth")


def test_a_generator_file_is_told_from_a_backbone(saved: Path, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "backbone.safetensors")
    torch.save({"a": torch.zeros(1)}, tmp_path / "backbone.pth")
    assert holds_generator(saved)
    assert not holds_generator(tmp_path / "backbone.safetensors")
    assert not holds_generator(tmp_path / "backbone.pth")
