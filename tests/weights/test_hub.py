"""A generator as a folder in the layout of a Hugging Face repository."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from colorgan.colorization import Colorizer
from colorgan.config import RenderConfig
from colorgan.errors import WeightsError, WeightsNotFoundError
from colorgan.model import Generator
from colorgan.weights.file import LoadedGenerator, load_generator
from colorgan.weights.hub import make_card, write_hub_folder
from colorgan.weights.store import resolve_weights


@pytest.fixture
def generator(tiny_generator: Generator) -> LoadedGenerator:
    provenance = {"name": "tiny", "licence": "MIT for the file", "pictures": 3, "said": "``` # --- \n x"}
    return LoadedGenerator(tiny_generator, RenderConfig(size=64, strength=1.5), provenance, "")


def front_matter(card: str) -> dict[str, Any]:
    """Read the front matter, each value of which is JSON on one line (and so YAML)."""
    start, matter, _ = card.split("---\n", 2)
    assert start == ""
    return {key: json.loads(value) for key, _, value in (line.partition(": ") for line in matter.splitlines())}


class TestFolder:
    def test_comes_back_as_it_was(self, generator: LoadedGenerator, tmp_path: Path) -> None:
        path = write_hub_folder(tmp_path / "a" / "b", generator)
        assert path == tmp_path / "a" / "b" / "model.safetensors"
        assert sorted(p.name for p in path.parent.iterdir()) == ["README.md", "model.safetensors"]
        loaded = load_generator(resolve_weights(str(path.parent)))
        assert (loaded.render, loaded.provenance) == (generator.render, generator.provenance)
        weights = loaded.network.state_dict()
        assert all(torch.allclose(t, weights[n], atol=1e-3) for n, t in generator.network.state_dict().items())

    def test_colours(self, generator: LoadedGenerator, tmp_path: Path) -> None:
        write_hub_folder(tmp_path, generator)
        assert Colorizer.load(tmp_path, device="cpu").name == "tiny"

    def test_a_card_that_is_there_stays(self, generator: LoadedGenerator, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("mine")
        write_hub_folder(tmp_path, generator)
        assert (tmp_path / "README.md").read_text() == "mine"

    def test_a_place_that_cannot_be_written(self, generator: LoadedGenerator, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(WeightsError, match="file cannot be written"):
            write_hub_folder(tmp_path / "file", generator)

    def test_a_folder_without_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsNotFoundError, match=r"is a folder without model\.safetensors"):
            resolve_weights(tmp_path)


class TestCard:
    def test_front_matter_comes_from_the_file(self, generator: LoadedGenerator) -> None:
        matter = front_matter(make_card(generator))
        assert matter["license"] == "mit"
        assert matter["library_name"] == "colorgan"
        assert matter["pipeline_tag"] == "image-to-image"
        assert "image-colorization" in matter["tags"]

    @pytest.mark.parametrize(
        ("said", "expected"),
        [("CC-BY-NC-4.0", "cc-by-nc-4.0"), ("Our own terms", "other"), ("", None), (None, "other")],
    )
    def test_licences(self, generator: LoadedGenerator, said: object, expected: str | None) -> None:
        generator.provenance["licence"] = said
        assert front_matter(make_card(generator)).get("license") == expected

    def test_says_what_the_header_says(self, generator: LoadedGenerator) -> None:
        card = make_card(generator)
        blocks = [json.loads(part.partition("\n```\n")[0]) for part in card.split("\n```json\n")[1:]]
        assert blocks[0] == generator.provenance
        assert blocks[1]["encoder"] == "mobilenet_v2"
        assert blocks[2]["strength"] == 1.5
