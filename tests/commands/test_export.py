from pathlib import Path

import pytest

from colorgan.cli import app
from colorgan.errors import UsageError, WeightsError
from colorgan.model import Generator
from colorgan.weights.file import load_generator, save_generator


@pytest.fixture
def weights(tmp_path: Path, tiny_generator: Generator) -> Path:
    save_generator(tmp_path / "old.pt", tiny_generator, provenance={"name": "tiny"})
    return tmp_path / "old.pt"


def test_an_old_file_becomes_a_new_one(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new.safetensors"
    app(["export", str(target), "--to", "safetensors", "--weights", str(weights)], standalone_mode=False)
    assert capsys.readouterr().out == f"{target}\n"
    old, new = load_generator(weights), load_generator(target)
    one, two = old.network.state_dict(), new.network.state_dict()
    assert one.keys() == two.keys()
    assert all(tensor.equal(two[name]) for name, tensor in one.items())
    assert (old.render, old.provenance) == (new.render, new.provenance)


def test_a_folder_for_the_hub(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["export", str(tmp_path / "hub"), "--to", "hub", "--weights", str(weights)], standalone_mode=False)
    assert capsys.readouterr().out == f"{tmp_path / 'hub' / 'model.safetensors'}\n"
    assert (tmp_path / "hub" / "README.md").read_text().startswith("---\n")


@pytest.mark.parametrize("form", ["safetensors", "hub"])
def test_a_place_that_cannot_be_written(weights: Path, tmp_path: Path, form: str) -> None:
    target = weights / "below-a-file"
    with pytest.raises(WeightsError, match="cannot be written"):
        app(["export", str(target), "--to", form, "--weights", str(weights)], standalone_mode=False)


@pytest.mark.parametrize("form", ["safetensors", "hub"])
def test_only_graphs_are_quantised(tmp_path: Path, form: str) -> None:
    with pytest.raises(UsageError, match=f"--int8 is for --to onnx, not for --to {form}"):
        app(["export", str(tmp_path / "x"), "--to", form, "--int8", str(tmp_path)], standalone_mode=False)
    assert not (tmp_path / "x").exists()


def test_int8_says_what_it_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, weights: Path) -> None:
    from colorgan.rendering import onnx_int8

    monkeypatch.setattr(onnx_int8, "write_onnx_int8", lambda *_: onnx_int8.Int8Report(0.441, 15.52, 16))
    target = tmp_path / "x.onnx"
    app(["export", str(target), "--to", "onnx", "--int8", "p", "--weights", str(weights)], standalone_mode=False)
    printed = capsys.readouterr()
    assert printed.out == f"{target}\n"
    assert "distance of 0.44, on 16 photographs whose mean chroma is 15.5" in printed.err
