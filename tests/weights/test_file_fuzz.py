"""Mutants of weights files: each gives one sentence or a network that works, within a few times the file's size.

`COLORGAN_MUTANTS=500 python -m pytest -s tests/weights/test_file_fuzz.py` makes more of them and prints the figures of
docs/security.md.
"""

import io
import json
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save as save_safetensors

from colorgan.config import ModelConfig
from colorgan.errors import WeightsInvalidError
from colorgan.model import Generator, build_generator
from colorgan.weights.file import load_generator, load_tensors, save_generator
from fuzz_support import Findings, mutate_bytes, mutate_pickle, mutate_values, seeded
from weights_support import pack_safetensors, read_content

MUTANTS = int(os.environ.get("COLORGAN_MUTANTS", "15"))  # of each kind
MOST_MEMORY = 128 << 20  # bytes, for files of 4 MB


def pack(content: Any, *, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    torch.manual_seed(0)
    config = ModelConfig(bottleneck_width=16, decoder_widths=(8,), attention_stages=(), attention_heads=2)
    path = tmp_path_factory.mktemp("fuzz") / "tiny.safetensors"
    save_generator(path, build_generator(config), provenance={"name": "tiny", "validation": {"psnr": 23.5}})
    return read_content(path)


def pack_tree(content: dict[str, Any], rng: random.Random) -> bytes:
    return pack(mutate_values(content, rng), legacy=rng.random() < 0.3)


def pack_metadata(content: dict[str, Any], rng: random.Random) -> bytes:
    """Change values of our part of a safetensors header."""
    header = mutate_values({key: value for key, value in content.items() if key != "weights"}, rng)
    try:
        said = json.dumps(header, default=str)
        return save_safetensors(content["weights"], {"colorgan": said})
    except (SafetensorError, UnicodeEncodeError):
        return mutate_bytes(save_safetensors(content["weights"]), rng)


def pack_header(content: dict[str, Any], rng: random.Random) -> bytes:
    """Change values of the format's own part of a safetensors header."""
    data = pack_whole(content)
    size = int.from_bytes(data[:8], "little")
    header = mutate_values(json.loads(data[8 : 8 + size]), rng)
    return pack_safetensors(json.dumps(header, default=str).encode(), data[8 + size :])


def pack_whole(content: dict[str, Any]) -> bytes:
    header = {key: value for key, value in content.items() if key != "weights"}
    return save_safetensors(content["weights"], {"colorgan": json.dumps(header)})


Mutate = Callable[[dict[str, Any], random.Random], bytes]
KINDS: dict[str, Mutate] = {
    "safetensors bytes": lambda c, rng: mutate_bytes(pack_whole(c), rng),
    "safetensors metadata": pack_metadata,
    "safetensors header": pack_header,
    "pt bytes": lambda c, rng: mutate_bytes(pack(c), rng),
    "pt pickle": lambda c, rng: mutate_pickle(pack(c), rng),
    "pt legacy bytes": lambda c, rng: mutate_bytes(pack(c, legacy=True), rng),
    "pt values": pack_tree,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sentence_or_a_network(kind: str, content: dict[str, Any], tmp_path: Path) -> None:
    mutants = [KINDS[kind](content, seeded(kind, number)) for number in range(MUTANTS)]
    path, findings = tmp_path / "mutant", Findings(kind)
    for data in mutants:
        path.write_bytes(data)
        with findings.mutant():
            check_network(load_generator(path).network)
        with suppress(WeightsInvalidError):
            load_tensors(path)
    findings.judge(MOST_MEMORY)


@torch.no_grad()
def check_network(network: Generator) -> None:
    assert network(torch.full((1, 1, 16, 16), 50.0)).coarse_ab.shape[:2] == (1, 2)
