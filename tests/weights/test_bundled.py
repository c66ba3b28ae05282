"""The generator that comes with the package is the one that the registry describes."""

import dataclasses

import pytest
import torch

from colorgan.model.encoders import build_encoder, load_backbone
from colorgan.training import load_recipe
from colorgan.weights.file import load_generator, load_tensors
from colorgan.weights.registry import WeightsKind, read_registry
from colorgan.weights.store import WeightsStore, hash_file, resolve_weights
from weights_support import read_content

BUNDLED = [entry for entry in read_registry() if entry.bundled]
GENERATORS = [entry for entry in BUNDLED if entry.kind is WeightsKind.GENERATOR]


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)
def test_size_and_sha256_are_in_the_registry(entry) -> None:
    path = WeightsStore().path_of(entry)
    size, sha256 = path.stat().st_size, hash_file(path)
    assert (entry.size, entry.sha256) == (size, sha256), (
        f'in src/colorgan/weights/registry.toml, set [{entry.name}] to\nsize = {size}\nsha256 = "{sha256}"'
    )


@pytest.mark.parametrize("entry", GENERATORS, ids=lambda entry: entry.name)
def test_rebuilds_its_network(entry) -> None:
    loaded = load_generator(resolve_weights(entry.name))
    with torch.no_grad():
        prediction = loaded.network(torch.full((1, 1, 33, 40), 50.0))
    assert prediction.coarse_ab.isfinite().all()
    assert loaded.sha256 == entry.sha256
    assert loaded.provenance["name"] == entry.name
    assert loaded.provenance["version"] == entry.version


def test_the_recipe_default_begins_and_ends_with_what_ships() -> None:
    recipe = load_recipe("default")
    report = load_backbone(build_encoder(recipe.model.encoder), load_tensors(resolve_weights(recipe.model.encoder)))
    assert not report.missing
    shipped = load_generator(resolve_weights("default"))
    assert dataclasses.replace(shipped.network.config, repair_widths=()) == recipe.model
    assert shipped.render == recipe.render


def test_is_read_by_the_reader_of_its_layout() -> None:
    content = read_content(resolve_weights("default"))
    assert content.keys() == {"format", "model", "render", "provenance", "weights"}
    network = load_generator(resolve_weights("default")).network.state_dict()
    assert all(torch.equal(content["weights"][name].to(tensor.dtype), tensor) for name, tensor in network.items())
