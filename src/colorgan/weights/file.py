"""The generator file: one file that rebuilds its network without any other.

It holds `{"format": 1, "model": ModelConfig, "render": RenderConfig, "provenance": {...}, "weights": state_dict}`,
configurations as plain values, tensors of two or more dimensions in half precision. It is written by `torch.save` and
read with `weights_only=True`: nothing in it is ever executed.
"""

import hashlib
import io
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorgan.config import ModelConfig, RenderConfig, config_from_mapping, config_to_mapping
from colorgan.errors import ColorganError, WeightsInvalidError, WeightsNotFoundError
from colorgan.model import Generator, build_generator

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
    path: Path, network: Generator, *, render: RenderConfig | None = None, provenance: Mapping[str, Any] | None = None
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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
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
    content, sha256 = _read(path)
    if not isinstance(content, dict) or not {"format", "model", "weights"} <= content.keys():
        raise WeightsInvalidError(f"{path} is not a colorgan generator file; train one with `colorgan train`")
    if content["format"] != FORMAT:
        raise WeightsInvalidError(
            f"{path} has layout {content['format']!r}, this colorgan reads layout {FORMAT}: install a newer colorgan"
        )
    try:
        config = config_from_mapping(ModelConfig, content["model"], where="[model]")
        render = config_from_mapping(RenderConfig, content.get("render", {}), where="[render]")
    except (ColorganError, TypeError, AttributeError) as error:
        raise WeightsInvalidError(f"{path} has a header that cannot be meant: {error}") from error
    weights = _check_shapes(path, config, content["weights"])
    network = build_generator(config)
    network.load_state_dict(weights)
    return LoadedGenerator(network.to(device).eval(), render, dict(content.get("provenance", {})), sha256)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a plain file of named tensors (an ImageNet backbone), in float32.

    Raises:
        WeightsNotFoundError: There is no such file.
        WeightsInvalidError: It is damaged, holds code, or holds something other than named tensors.
    """
    content, _ = _read(path)
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()) or not content:
        raise WeightsInvalidError(f"{path} does not hold named tensors; expected a torchvision state dict")
    return {name: v.float() if v.is_floating_point() else v for name, v in content.items()}


def _read(path: Path) -> tuple[Any, str]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise WeightsNotFoundError(f"there is no weights file {path}") from None
    except OSError as error:
        raise WeightsInvalidError(f"{path} cannot be read: {error.strerror}") from error
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsInvalidError(
            f"{path} holds something other than tensors and plain values, which could run code when loaded; "
            "it was refused and nothing in it was run"
        ) from error
    except Exception as error:  # torch.load has no error type of its own for a damaged file
        raise WeightsInvalidError(f"{path} is not a readable weights file ({type(error).__name__}): it may be damaged "
                                  "or incomplete; fetch it again") from error
    return content, hashlib.sha256(data).hexdigest()


def _check_shapes(path: Path, config: ModelConfig, weights: Any) -> dict[str, Tensor]:
    """Compare the file's tensors with those that the header implies, before any of those is allocated."""
    with torch.device("meta"):
        expected: dict[str, Tensor] = nn.Module.state_dict(build_generator(config))
    if not isinstance(weights, dict):
        raise WeightsInvalidError(f"{path} holds no named weights")
    for name, tensor in expected.items():
        given = weights.get(name)
        if not isinstance(given, Tensor):
            raise WeightsInvalidError(f"{path} lacks the tensor {name} that its header implies: it is damaged")
        if given.shape != tensor.shape:
            raise WeightsInvalidError(
                f"{path}: {name} has shape {tuple(given.shape)}, its header implies {tuple(tensor.shape)}"
            )
        if not bool(torch.isfinite(given).all()):
            raise WeightsInvalidError(f"{path}: {name} holds values that are not numbers")
    return {name: weights[name].to(tensor.dtype) for name, tensor in expected.items()}
