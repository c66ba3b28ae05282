"""From a weights file to tensors, for every layout that colorgan reads: safetensors, and what `torch.save` writes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import torch as safetensors_torch
from torch import Tensor

from colorgan.errors import WeightsInvalidError, WeightsNotFoundError
from colorgan.weights.pickled import LARGEST_FILE, StoredTensor, read_pickled

__all__ = ["brief", "is_safetensors", "parse_json", "read_file", "unpack_pickled", "unpack_safetensors"]

LARGEST_HEADER = 4 << 20
"""Bytes of a safetensors file's header above which it is not read."""


_LONGEST_REASON = 300  # characters


def brief(reason: object) -> str:
    """Return what a message may repeat of what a file says: little, and nothing that a terminal would carry out."""
    return "".join(c if c.isprintable() else "?" for c in str(reason)[:_LONGEST_REASON])


def read_file(path: Path) -> bytes:
    """Return a weights file's bytes, all that is ever read of it.

    Raises:
        WeightsNotFoundError: There is no such file.
        WeightsInvalidError: It cannot be read, or is too large.
    """
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


def unpack_pickled(data: bytes, name: str) -> Any:
    """Return what a file of `torch.save` holds, which may be nothing but tensors and plain values.

    Args:
        data: The whole file.
        name: How messages call it.

    Raises:
        WeightsInvalidError: It is damaged, unsafe, or claims more than its bytes hold.
    """
    return _Unpacked().convert(read_pickled(data, name))


class _Unpacked:
    """Makes tensors of the storages of one file, each of which is copied once."""

    def __init__(self) -> None:
        self._flat: dict[int, Tensor] = {}

    def convert(self, value: Any) -> Any:
        if isinstance(value, StoredTensor):
            return self._make_tensor(value)
        if isinstance(value, dict):
            return {key: self.convert(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.convert(item) for item in value)
        return value

    def _make_tensor(self, stored: StoredTensor) -> Tensor:
        key, dtype = id(stored.storage), getattr(torch, stored.dtype)
        if key not in self._flat:
            copied = bytearray(stored.storage.data)
            self._flat[key] = torch.frombuffer(copied, dtype=dtype) if copied else torch.empty(0, dtype=dtype)
        return self._flat[key].as_strided(stored.shape, stored.stride, stored.offset)


def is_safetensors(data: bytes) -> bool:
    """Say whether a file has the layout of safetensors: eight bytes of length, then JSON."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def unpack_safetensors(data: bytes, name: str) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """Return the metadata and the tensors of a safetensors file.

    Args:
        data: The whole file.
        name: How messages call it.

    Raises:
        WeightsInvalidError: It is damaged: its header is too long, says a name twice, or does not give each byte to
            exactly one tensor.
    """
    size = int.from_bytes(data[:8], "little")
    if size > LARGEST_HEADER:
        raise WeightsInvalidError(f"{name} has a header of more than {LARGEST_HEADER >> 20} MB, which no network needs")
    try:
        metadata = parse_json(data[8 : 8 + size]).get("__metadata__", {})
        if not isinstance(metadata, dict):
            raise TypeError  # noqa: TRY301 - said below, as everything that a damaged file can be
        return metadata, safetensors_torch.load(data)
    except Exception as error:  # whatever a damaged header makes of the two readers
        raise WeightsInvalidError(
            f"{name} is not a readable safetensors file ({brief(repr(error))}): it may be damaged or incomplete; "
            "fetch it again"
        ) from error


def parse_json(text: str | bytes) -> Any:
    """Read JSON in which no object has a name twice.

    Raises:
        ValueError: It is not such JSON.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_without_doubles)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name has two values")
    return found
