"""A generator as a folder in the layout of a Hugging Face repository: `model.safetensors` and a model card.

Nothing here knows the network: a person carries such a folder where it is to go, or clones one and loads it.
"""

import json
import re
from pathlib import Path
from typing import Any

from colorgan.config import config_to_mapping
from colorgan.errors import WeightsError
from colorgan.weights.file import LoadedGenerator, save_generator

__all__ = ["CARD_NAME", "MODEL_NAME", "make_card", "write_hub_folder"]

MODEL_NAME, CARD_NAME = "model.safetensors", "README.md"

_LICENCES = ("apache-2.0", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "cc0-1.0", "mit")
_TAGS = ("colorgan", "image-colorization", "photo-restoration", "black-and-white")


def write_hub_folder(folder: Path, generator: LoadedGenerator) -> Path:
    """Write a generator and its model card.

    Args:
        folder: Where to; made if need be. A model in it is replaced, a model card that is there stays as it is:
            a person may have written more into it.
        generator: What `load_generator` gave.

    Returns:
        The model's file.

    Raises:
        WeightsError: The folder cannot be written.
    """
    model, card = folder / MODEL_NAME, folder / CARD_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_generator(model, generator.network, render=generator.render, provenance=generator.provenance)
        if not card.exists():
            card.write_text(make_card(generator), encoding="utf-8")
    except OSError as error:
        raise WeightsError(f"{error.filename or folder} cannot be written: {error.strerror or error}") from error
    return model


def make_card(generator: LoadedGenerator) -> str:
    """Return a model card in Markdown, its front matter and its facts taken from the generator's file."""
    facts = {
        "license": _licence_of(generator.provenance),
        "library_name": "colorgan",
        "pipeline_tag": "image-to-image",
        "tags": list(_TAGS),
    }
    parameters = sum(parameter.numel() for parameter in generator.network.parameters())
    return "\n".join(
        [
            "---",
            *(f"{key}: {json.dumps(value)}" for key, value in facts.items() if value),  # JSON is YAML, too
            "---",
            "",
            f"# {generator.name or 'A generator'}",
            "",
            f"Colours black-and-white photographs. {parameters / 1e6:.1f} million parameters; the photograph's own",
            "luminance is kept. The colours are plausible, not historical truth.",
            "",
            "```python",
            "from PIL import Image",
            "from colorgan import Colorizer",
            "",
            'colorizer = Colorizer.load("path/to/this/folder")',
            'colorizer.colorize(Image.open("old.jpg")).save("coloured.jpg")',
            "```",
            "",
            *_section("Where it comes from", generator.provenance),
            *_section("The network", config_to_mapping(generator.network.config)),
            *_section("The settings that suit it", config_to_mapping(generator.render)),
        ]
    )


def _section(title: str, values: dict[str, Any]) -> list[str]:
    return [f"## {title}", "", "```json", json.dumps(values, indent=2), "```", ""] if values else []


def _licence_of(provenance: dict[str, Any]) -> str | None:
    """Return the hub's name for the licence that the file says it has; None if it says nothing."""
    said = str(provenance.get("licence", ""))
    words = re.findall(r"[a-z0-9.-]+", said.lower())
    return next((word for word in words if word in _LICENCES), "other") if words else None
