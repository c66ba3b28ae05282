from pathlib import Path

import pytest

from colorgan.cli import app
from colorgan.errors import WeightsError
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
