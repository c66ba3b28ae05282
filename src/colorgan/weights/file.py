"""The generator file: one file that rebuilds its network without any other.

It is a safetensors file: the tensors of the state dict, those of two or more dimensions in half precision, and JSON
in the header's metadata, `{"format": 1, "model": ModelConfig, "render": RenderConfig, "provenance": {...}}`. Nothing in
such a file can be executed. Files of colorgan 0.1, written by `torch.save`, are read too (`colorgan.weights.pickled`).
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import torch as safetensors_torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from colorgan.config import RENAMED_RENDER_KEYS, ModelConfig, RenderConfig, config_from_mapping, config_to_mapping
from colorgan.errors import WeightsInvalidError
from colorgan.files import write_whole
from colorgan.model import Generator, build_generator
from colorgan.weights.tensors import brief, is_safetensors, parse_json, read_file, unpack_pickled, unpack_safetensors

__all__ = [
    "FORMAT",
    "LoadedGenerator",
    "holds_generator",
    "load_generator",
    "load_tensors",
    "save_generator",
]

FORMAT = 1
"""The version of the file's layout."""

HEADER_KEY = "colorgan"
"""The name of our JSON in a safetensors file's metadata."""

_MOST_LAYERS = 100


@dataclass(frozen=True, slots=True)
class LoadedGenerator:
    """A generator read from a file, in eval mode, and what the file says of it."""

    network: Generator
    render: RenderConfig  # the settings that suit it
    provenance: dict[str, Any]  # who made it, from what, with what result
    sha256: str  # of the whole file

    @property
    def name(self) -> str:
        """What the file calls itself, fit to be printed; empty if it does not."""
        return "".join(c for c in str(self.provenance.get("name", ""))[:80] if c.isprintable())


def save_generator(
    path: Path,
    network: Generator,
    *,
    render: RenderConfig | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> str:
    """Write a generator file, atomically, and return its sha256.

    Args:
        path: Where to; an existing file is replaced only once the new one is complete. A name that ends in .pt or
            .pth gets the layout of colorgan 0.1, every other name that of safetensors.
        network: The generator.
        render: The settings that suit it; the defaults if left out.
        provenance: Plain values that say where it comes from.
    """
    header = {
        "format": FORMAT,
        "model": config_to_mapping(network.config),
        "render": config_to_mapping(render or RenderConfig()),
        "provenance": dict(provenance or {}),
    }
    weights = {name: _shrink(tensor) for name, tensor in network.state_dict().items()}
    content = _pack_pickled(header, weights) if path.suffix in (".pt", ".pth") else _pack(header, weights)
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def _shrink(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if tensor.is_floating_point() and tensor.dim() >= 2 else tensor


def _pack(header: Mapping[str, Any], weights: dict[str, Tensor]) -> bytes:
    # "format": "pt" is what other readers of safetensors expect of a file of torch's tensors.
    metadata = {"format": "pt", HEADER_KEY: json.dumps(header, ensure_ascii=False)}
    return safetensors_torch.save(weights, metadata)


def _pack_pickled(header: Mapping[str, Any], weights: dict[str, Tensor]) -> memoryview:
    buffer = io.BytesIO()
    torch.save({**header, "weights": weights}, buffer)
    return buffer.getbuffer()


def load_generator(path: Path, device: torch.device | str = "cpu") -> LoadedGenerator:
    """Read a generator file and rebuild its network, in float32, on `device`.

    Raises:
        WeightsNotFoundError: There is no such file.
        WeightsInvalidError: It is damaged, holds code, or its tensors are not those that its header implies.
    """
    data = read_file(path)
    header, weights = _unpack(data, str(path))
    if header is None:
        raise WeightsInvalidError(f"{path} is not a colorgan generator file; train one with `colorgan train`")
    if not _are_tensors(weights):
        raise WeightsInvalidError(f"{path} holds no named weights")
    if header["format"] != FORMAT:
        raise WeightsInvalidError(
            f"{path} has layout {brief(header['format'])}, this colorgan reads {FORMAT}: install a newer one"
        )
    try:
        config = config_from_mapping(ModelConfig, header["model"], where="[model]")
        render = _read_render(header.get("render", {}))
        provenance = dict(header.get("provenance", {}))
        network = _build_without_values(config)
    except Exception as error:  # values that no network has can fail anywhere on the way to one
        raise WeightsInvalidError(f"{path} has a header that is not valid: {brief(error)}") from error
    expected = nn.Module.state_dict(network)
    for name, tensor in expected.items():
        _check_tensor(path, config, name, tensor, weights.get(name))
    network.load_state_dict({name: _own(weights[name], tensor.dtype) for name, tensor in expected.items()}, assign=True)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return LoadedGenerator(network.eval(), render, provenance, hashlib.sha256(data).hexdigest())


def _own(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a copy that shares no memory with the file's content, nor within itself."""
    return tensor.to(dtype, copy=True, memory_format=torch.contiguous_format)


def _read_render(mapping: Mapping[str, Any]) -> RenderConfig:
    """Return the settings of a header, which may have the names of an earlier version."""
    renamed = {old: new for old, new in RENAMED_RENDER_KEYS.items() if new not in mapping}
    return config_from_mapping(
        RenderConfig, {renamed.get(key, key): value for key, value in mapping.items()}, where="[render]"
    )


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a plain file of named tensors (an ImageNet backbone), in float32.

    Raises:
        WeightsNotFoundError: There is no such file.
        WeightsInvalidError: It is damaged, holds code, or holds something other than named tensors.
    """
    header, content = _unpack(read_file(path), str(path))
    if header is not None or not _are_tensors(content):
        what = "a colorgan generator file" if header is not None else "something else"
        raise WeightsInvalidError(
            f"{path} is {what}, expected a plain file of named tensors such as torchvision's; "
            "`colorgan download-weights --list` names some"
        )
    return {name: v.float() if v.is_floating_point() else v for name, v in content.items()}


def holds_generator(path: Path) -> bool:
    """Say whether a weights file is a generator file, as far as its header tells.

    Raises:
        WeightsNotFoundError: There is no such file.
        WeightsInvalidError: It is no weights file.
    """
    return _unpack(read_file(path), str(path))[0] is not None


def _unpack(data: bytes, name: str) -> tuple[dict[str, Any] | None, Any]:
    """Return header and content of a weights file, whichever its layout; the header of a generator file only."""
    if is_safetensors(data):
        metadata, content = unpack_safetensors(data, name)
        header = _parse_header(metadata.get(HEADER_KEY))
    else:
        content = header = unpack_pickled(data, name)
    if not isinstance(header, dict) or not {"format", "model"} <= header.keys():
        return None, content
    return header, header.get("weights") if header is content else content


def _parse_header(text: Any) -> Any:
    try:
        return parse_json(text)
    except (ValueError, TypeError, RecursionError):
        return None


def _are_tensors(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and len(content) > 0
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items())
    )


class _NoRandomValues(TorchFunctionMode):
    """Leaves out what fills new layers: without storage it has no effect, and takes most of the time of building."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if func in (Tensor.uniform_, Tensor.normal_) else func(*args, **(kwargs or {}))


def _build_without_values(config: ModelConfig) -> Generator:
    """Build the network that a header implies, without storage for its tensors."""
    if max(len(config.repair_widths), len(config.bottleneck_kernels)) > _MOST_LAYERS:
        raise WeightsInvalidError(f"it describes a network of more than {_MOST_LAYERS} layers in a row")
    with torch.device("meta"), _NoRandomValues():
        return build_generator(config)


def _check_tensor(path: Path, config: ModelConfig, name: str, expected: Tensor, given: Tensor | None) -> None:
    """Refuse a tensor that is not the one that the header implies."""
    if given is None:
        raise WeightsInvalidError(
            f"{path} lacks the tensor {name} that its header ({config.encoder} encoder) implies: it is damaged, "
            "or made for another network"
        )
    if given.shape != expected.shape:
        raise WeightsInvalidError(
            f"{path}: {name} has shape {tuple(given.shape)}, its header ({config.encoder} encoder) implies "
            f"{tuple(expected.shape)}: it is made for another network"
        )
    if given.is_floating_point() != expected.is_floating_point() or not bool(torch.isfinite(given).all()):
        raise WeightsInvalidError(f"{path}: {name} holds values that are not numbers")
