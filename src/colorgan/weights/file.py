"""The generator file: one file that rebuilds its network without any other.

It holds `{"format": 1, "model": ModelConfig, "render": RenderConfig, "provenance": {...}, "weights": state_dict}`,
configurations as plain values, tensors of two or more dimensions in half precision. It is written by `torch.save`,
looked into by `colorgan.weights.inspection`, and only then read with `weights_only=True`: nothing in it is ever
executed, and nothing is allocated for tensors that it does not hold or that its network does not need.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorgan.config import ModelConfig, RenderConfig, config_from_mapping, config_to_mapping
from colorgan.errors import ColorganError, WeightsInvalidError, WeightsNotFoundError
from colorgan.files import write_whole
from colorgan.model import Generator, build_generator
from colorgan.weights.inspection import LARGEST_FILE, StoredTensor, inspect_weights

__all__ = ["FORMAT", "LoadedGenerator", "load_generator", "load_tensors", "save_generator"]

FORMAT = 1
"""The version of the file's layout."""


@dataclass(frozen=True, slots=True)
class LoadedGenerator:
    """A generator read from a file, in eval mode, and what the file says of it."""

    network: Generator
    render: RenderConfig  # the settings that suit it
    provenance: dict[str, Any]  # who made it, from what, with what result
    sha256: str  # of the whole file


def save_generator(
    path: Path,
    network: Generator,
    *,
    render: RenderConfig | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> str:
    """Write a generator file, atomically, and return its sha256.

    Args:
        path: Where to; an existing file is replaced only once the new one is complete.
        network: The generator.
        render: The settings that suit it; the defaults if left out.
        provenance: Plain values that say where it comes from.
    """
    content = {
        "format": FORMAT,
        "model": config_to_mapping(network.config),
        "render": config_to_mapping(render or RenderConfig()),
        "provenance": dict(provenance or {}),
        "weights": {name: _shrink(tensor) for name, tensor in network.state_dict().items()},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(path, buffer.getbuffer())
    return hashlib.sha256(buffer.getbuffer()).hexdigest()


def _shrink(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if tensor.is_floating_point() and tensor.dim() >= 2 else tensor


def load_generator(path: Path, device: torch.device | str = "cpu") -> LoadedGenerator:
    """Read a generator file and rebuild its network, in float32, on `device`.

    Raises:
        WeightsNotFoundError: There is no such file.
        WeightsInvalidError: It is damaged, holds code, or its tensors are not those that its header implies.
    """
    data = _read(path)
    outline = inspect_weights(data, str(path))
    if not _is_generator(outline):
        raise WeightsInvalidError(f"{path} is not a colorgan generator file; train one with `colorgan train`")
    if outline["format"] != FORMAT:
        raise WeightsInvalidError(
            f"{path} has layout {outline['format']!r}, this colorgan reads layout {FORMAT}: install a newer colorgan"
        )
    try:
        config = config_from_mapping(ModelConfig, outline["model"], where="[model]")
        render = config_from_mapping(RenderConfig, outline.get("render", {}), where="[render]")
        provenance = dict(outline.get("provenance", {}))
    except (ColorganError, TypeError, AttributeError, ValueError) as error:
        raise WeightsInvalidError(f"{path} has a header that cannot be meant: {error}") from error
    expected = _imply_tensors(path, config, outline["weights"])
    weights = _load(path, data)["weights"]
    for name in expected:
        if not bool(torch.isfinite(weights[name]).all()):
            raise WeightsInvalidError(f"{path}: {name} holds values that are not numbers")
    network = build_generator(config)
    network.load_state_dict({name: weights[name].to(tensor.dtype) for name, tensor in expected.items()})
    sha256 = hashlib.sha256(data).hexdigest()
    return LoadedGenerator(network.to(device).eval(), render, provenance, sha256)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a plain file of named tensors (an ImageNet backbone), in float32.

    Raises:
        WeightsNotFoundError: There is no such file.
        WeightsInvalidError: It is damaged, holds code, or holds something other than named tensors.
    """
    data = _read(path)
    outline = inspect_weights(data, str(path))
    if (
        not isinstance(outline, dict)
        or not outline
        or not all(isinstance(k, str) and isinstance(v, StoredTensor) for k, v in outline.items())
    ):
        what = "a colorgan generator file" if _is_generator(outline) else "something else"
        raise WeightsInvalidError(
            f"{path} is {what}, expected a plain file of named tensors such as torchvision's; "
            "`colorgan download-weights --list` names some"
        )
    return {name: v.float() if v.is_floating_point() else v for name, v in _load(path, data).items()}


def _is_generator(outline: Any) -> bool:
    return isinstance(outline, dict) and {"format", "model", "weights"} <= outline.keys()


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise WeightsInvalidError(
                f"{path} has {size:,} bytes, more than any weights file that colorgan reads ({LARGEST_FILE:,})"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise WeightsNotFoundError(f"there is no weights file {path}") from None
    except OSError as error:
        raise WeightsInvalidError(f"{path} cannot be read: {error.strerror}") from error


def _load(path: Path, data: bytes) -> dict[str, Any]:
    """Read an inspected file."""
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no error type of its own for a damaged file
        raise WeightsInvalidError(
            f"{path} is not a readable weights file ({type(error).__name__}): it may be damaged "
            "or incomplete; fetch it again"
        ) from error
    return content


def _imply_tensors(path: Path, config: ModelConfig, outline: Any) -> dict[str, Tensor]:
    """Return the tensors that a header implies, without storage, if the file has each of them in its shape."""
    if not isinstance(outline, dict):
        raise WeightsInvalidError(f"{path} holds no named weights")
    with torch.device("meta"):
        expected: dict[str, Tensor] = nn.Module.state_dict(build_generator(config))
    for name, tensor in expected.items():
        given = outline.get(name)
        if not isinstance(given, StoredTensor):
            raise WeightsInvalidError(
                f"{path} lacks the tensor {name} that its header ({config.encoder} encoder) implies: it is damaged, "
                "or made for another network"
            )
        if given.shape != tensor.shape:
            raise WeightsInvalidError(
                f"{path}: {name} has shape {given.shape}, its header ({config.encoder} encoder) implies "
                f"{tuple(tensor.shape)}: it is made for another network"
            )
    return expected
