"""Looking into a weights file before torch does: what it wants called, and how large its tensors claim to be.

A weights file is a pickle beside raw bytes. Here the pickle is first read opcode by opcode, which runs nothing, and
refused if it names anything but tensors; then it is unpickled with those names bound to stand-ins, which gives every
tensor's shape and type without allocating one. Claims that the file's own bytes do not back are refused. Only what
passes is given to `torch.load(weights_only=True)`, which stays the second guard.

The layouts: torch 1.6 and later write a zip archive of `data.pkl` and one stored (uncompressed) record a storage;
earlier ones, and torchvision's VGG files, a row of pickles followed by the storages.
"""

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from colorgan.errors import WeightsInvalidError

__all__ = ["LARGEST_FILE", "StoredTensor", "inspect_weights"]

LARGEST_FILE = 4 << 30
"""Bytes above which no weights file is read."""

LARGEST_PICKLE = 16 << 20
LARGEST_MEMO = 1 << 20  # entries; the C unpickler makes a table up to the highest number used
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

_STORAGES = {
    "BFloat16": ("bfloat16", 2), "Bool": ("bool", 1), "Byte": ("uint8", 1), "Char": ("int8", 1),
    "Double": ("float64", 8), "Float": ("float32", 4), "Half": ("float16", 2), "Int": ("int32", 4),
    "Long": ("int64", 8), "Short": ("int16", 2),
}  # fmt: skip

# What torch.save needs for named tensors and plain values: opcodes of protocols 0 to 2.
_OPCODES = frozenset([
    "PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1",
    "LONG4", "FLOAT", "BINFLOAT", "BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "EMPTY_LIST", "APPEND", "APPENDS",
    "LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS",
    "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "GLOBAL", "REDUCE", "BUILD", "BINPERSID",
])  # fmt: skip

# Harmless by themselves; let through so that the name of what a newer pickle wants to call can be given.
_PROTOCOL_4 = frozenset(["FRAME", "MEMOIZE", "SHORT_BINUNICODE", "BINUNICODE8"])


# Tuples, not dataclasses: a frozen dataclass with slots has a `__setstate__`, through which a pickle could change it.
class StoredTensor(NamedTuple):
    """What a file says of one of its tensors."""

    dtype: str  # torch's name for it: "float16"
    shape: tuple[int, ...]


class _Storage(NamedTuple):
    dtype: str
    itemsize: int
    numbers: int


def inspect_weights(data: bytes, name: str) -> Any:
    """Return what a weights file holds, with a `StoredTensor` in the place of each tensor.

    Args:
        data: The whole file.
        name: How messages call it.

    Raises:
        WeightsInvalidError: It is damaged, names something that is neither tensor nor plain value (which could run
            code), or claims more than its bytes hold.
    """
    inspector = _Inspector(data, name)
    try:
        return inspector.read_zip() if data[:4] == b"PK\x03\x04" else inspector.read_legacy()
    except WeightsInvalidError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise WeightsInvalidError(
            f"{name} is not a readable weights file: it may be damaged or incomplete; fetch it again"
        ) from error


class _Inspector:
    """One file under inspection."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self.storage_bytes: dict[str, int] = {}  # that its storages claim, by key
        self.tensor_bytes = 0  # that its tensors claim together

    def refuse(self, reason: str) -> WeightsInvalidError:
        return WeightsInvalidError(f"{self.name} {reason}; it was refused and nothing in it was run")

    def read_zip(self) -> Any:
        """Read an archive of a pickle and storages."""
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            records = self._check_records(archive)
            main = [record for record in records if record.endswith("/data.pkl") and record.count("/") == 1]
            if len(main) != 1:
                raise self.refuse("is a zip archive, but not one that torch.save wrote")
            folder = main[0].removesuffix("data.pkl")

            def find_size(key: str) -> int:
                return records.get(f"{folder}data/{key}", -1)

            return self._unpickle(archive.read(main[0]), find_size)

    def _check_records(self, archive: zipfile.ZipFile) -> dict[str, int]:
        """Return the sizes of an archive's records, which must be stored as they are, once, and inside it."""
        records: dict[str, int] = {}
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise self.refuse(f"has a compressed record {info.filename}, which torch.save never writes")
            if info.filename in records or info.filename.startswith("/") or ".." in info.filename.split("/"):
                raise self.refuse(f"has a record with the unsafe name {info.filename!r}")
            records[info.filename] = info.file_size
        if sum(records.values()) > len(self.data):
            raise self.refuse("claims larger records than it has bytes")
        return records

    def read_legacy(self) -> Any:
        """Read a row of pickles: a magic number, a version, the writer's machine, the content, the storages' keys."""
        stream = io.BytesIO(self.data)
        if self._unpickle(self._cut_pickle(stream)) != LEGACY_MAGIC:
            raise self.refuse("is not a file that torch.save wrote")
        for _ in range(2):
            self._unpickle(self._cut_pickle(stream))
        return self._unpickle(self._cut_pickle(stream), lambda _: len(self.data))

    def _cut_pickle(self, stream: io.BytesIO) -> bytes:
        start = stream.tell()
        self._scan(stream)
        return self.data[start : stream.tell()]

    def _scan(self, stream: io.BytesIO) -> None:
        """Go through a pickle's opcodes, executing none, up to its end; refuse any that tensors do not need."""
        start = stream.tell()
        strings: list[str] = []
        for opcode, argument, position in pickletools.genops(stream):
            if (position or 0) - start > LARGEST_PICKLE:
                raise self.refuse(f"has a header of more than {LARGEST_PICKLE >> 20} MB")
            if opcode.name == "STACK_GLOBAL":
                raise self._refuse_name(".".join(strings[-2:]))
            if opcode.name in ("GLOBAL", "INST"):
                if argument not in _GLOBALS or opcode.name == "INST":
                    raise self._refuse_name(str(argument).replace(" ", "."))
            elif "PUT" in opcode.name and isinstance(argument, int) and argument > LARGEST_MEMO:
                raise self.refuse("asks for more memory than it has bytes")
            elif opcode.name not in _OPCODES and opcode.name not in _PROTOCOL_4:
                raise self.refuse(f"holds something other than tensors and plain values ({opcode.name})")
            if isinstance(argument, str):
                strings.append(argument)

    def _refuse_name(self, name: str) -> WeightsInvalidError:
        return self.refuse(f"would call {name} when loaded, and could run any code")

    def _unpickle(self, pickled: bytes, find_size: Callable[[str], int] | None = None) -> Any:
        self._scan(io.BytesIO(pickled))
        return _StandInUnpickler(pickled, self, find_size).load()

    def make_storage(self, key: Any, find_size: Callable[[str], int] | None) -> _Storage:
        """Check a storage's claim: `("storage", type, key, device, count, ...)`."""
        tag, storage, record, _device, count = key[:5]
        if tag != "storage" or not isinstance(storage, _Storage) or find_size is None:
            raise self.refuse("refers to something other than a tensor's bytes")
        if not isinstance(count, int) or not 0 <= count * storage.itemsize <= find_size(str(record)):
            raise self.refuse(f"says that storage {record} has {count} numbers, which it has not")
        self.storage_bytes[str(record)] = count * storage.itemsize
        if sum(self.storage_bytes.values()) > len(self.data):
            raise self.refuse("claims larger storages than it has bytes")
        return _Storage(storage.dtype, storage.itemsize, count)

    def make_tensor(self, storage: Any, offset: int, shape: Any, stride: Any, *_: Any) -> StoredTensor:
        """Check a tensor's claim against its storage, and all claims together against the file."""
        if not isinstance(storage, _Storage) or not all(n >= 0 for n in (offset, *shape, *stride)):
            raise self.refuse("has a tensor of a shape that cannot be")
        last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if math.prod(shape) and last >= storage.numbers:
            raise self.refuse(f"says that a tensor has shape {tuple(shape)}, but holds fewer numbers")
        self.tensor_bytes += math.prod(shape) * storage.itemsize
        if self.tensor_bytes > len(self.data):
            raise self.refuse("claims larger tensors than it has bytes")
        return StoredTensor(storage.dtype, tuple(shape))


class _StandInUnpickler(pickle.Unpickler):  # only behind _scan: it can find nothing but stand-ins
    def __init__(self, pickled: bytes, inspector: _Inspector, find_size: Callable[[str], int] | None) -> None:
        super().__init__(io.BytesIO(pickled))
        self._inspector = inspector
        self._find_size = find_size

    def find_class(self, module: str, name: str) -> Any:
        stand_in = _GLOBALS.get(f"{module} {name}")
        if stand_in is None:
            raise self._inspector.refuse(f"names {module}.{name}")
        return self._inspector.make_tensor if stand_in is StoredTensor else stand_in

    def persistent_load(self, pid: Any) -> _Storage:
        return self._inspector.make_storage(pid, self._find_size)


def _take_first(value: Any, *_: Any) -> Any:
    return value


_GLOBALS: Mapping[str, Any] = {
    "collections OrderedDict": OrderedDict,
    "torch._utils _rebuild_tensor": StoredTensor,
    "torch._utils _rebuild_tensor_v2": StoredTensor,
    "torch._utils _rebuild_parameter": _take_first,
} | {f"torch {kind}Storage": _Storage(dtype, size, 0) for kind, (dtype, size) in _STORAGES.items()}
