"""Reading what `torch.save` wrote, without a pickle machine that could call anything, and without torch.

Such a file is a pickle beside raw bytes. The pickle is carried out opcode by opcode by a machine that knows plain
values, tensors and nothing else: there is no way from a file to a function. What comes out is shown to be plain and
small before anybody walks through it. Every tensor is a view of bytes that the file really has, so a small file never
becomes a large one. Torch is given no part of the file to read: there is one reader, and no second one that could
see another archive in the same bytes.

The layouts: torch 1.6 and later write a zip archive of `data.pkl` and one stored (uncompressed) record a storage;
earlier ones, and torchvision's VGG files, a row of pickles followed by the storages.
"""

import io
import math
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from colorgan.errors import WeightsInvalidError

__all__ = ["LARGEST_FILE", "StoredTensor", "read_pickled"]

LARGEST_FILE = 4 << 30
"""Bytes above which no weights file is read."""

LARGEST_PICKLE = 4 << 20  # bytes
MOST_VALUES = 1 << 19  # plain values and characters that a pickle unfolds to
DEEPEST = 50  # lists in lists
LARGEST_NUMBER = 1 << 127
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

_TYPES = {
    "BFloat16": ("bfloat16", 2), "Bool": ("bool", 1), "Byte": ("uint8", 1), "Char": ("int8", 1),
    "Double": ("float64", 8), "Float": ("float32", 4), "Half": ("float16", 2), "Int": ("int32", 4),
    "Long": ("int64", 8), "Short": ("int16", 2),
}  # fmt: skip

_REBUILD = ("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2")
_PARAMETER, _ORDERED = "torch._utils _rebuild_parameter", "collections OrderedDict"
_NAMES = {*_REBUILD, _PARAMETER, _ORDERED, *(f"torch {kind}Storage" for kind in _TYPES)}

_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_STRINGS = ("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict,
}  # fmt: skip


class StoredTensor(NamedTuple):
    """One of a file's tensors, not yet one of torch's."""

    dtype: str  # torch's name for it: "float16"
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int  # of its first number in the storage
    storage: "_Storage"


class _Storage:
    """The bytes behind tensors; those of the legacy layout are known last."""

    def __init__(self, dtype: str, itemsize: int, count: int) -> None:
        self.dtype = dtype
        self.itemsize = itemsize
        self.count = count
        self.data = memoryview(b"")


class _Name(NamedTuple):
    """The name of something callable, which is never looked up."""

    text: str


def read_pickled(data: bytes, name: str) -> Any:
    """Return what a file holds: plain values, with a `StoredTensor` in the place of each tensor.

    Args:
        data: The whole file; the tensors are views of it.
        name: How messages call it.

    Raises:
        WeightsInvalidError: It is damaged, names something that is neither tensor nor plain value (which could run
            code), or claims more than its bytes hold.
    """
    reader = _Reader(data, name)
    try:
        content = reader.read_zip() if data[:4] == b"PK\x03\x04" else reader.read_legacy()
        return _Plain(reader).copy(content)
    except WeightsInvalidError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise WeightsInvalidError(
            f"{name} is not a readable weights file: it may be damaged or incomplete; fetch it again"
        ) from error


class _Reader:
    """One file: where its pickles and storages are."""

    def __init__(self, data: bytes, name: str) -> None:
        self.raw = data
        self.data = memoryview(data)
        self.name = name

    def refuse(self, reason: str) -> WeightsInvalidError:
        return WeightsInvalidError(f"{self.name} {reason}; it was refused and nothing in it was run")

    def read_zip(self) -> Any:
        """Read an archive of a pickle and storages."""
        with zipfile.ZipFile(io.BytesIO(self.raw)) as archive:
            records = dict(self._records(archive))
        main = [record for record in records if record.endswith("/data.pkl") and record.count("/") == 1]
        if len(main) != 1:
            raise self.refuse("is a zip archive, but not one that torch.save wrote")
        folder = main[0].removesuffix("data.pkl")
        if records.get(f"{folder}byteorder", b"little") != b"little":
            raise self.refuse("was written on a big-endian machine")

        def find(key: str, storage: _Storage) -> None:
            storage.data = records.get(f"{folder}data/{key}", storage.data)
            if len(storage.data) != storage.count * storage.itemsize:
                raise self._refuse_storage(key, storage)

        return _Machine(self, find).run(io.BytesIO(records[main[0]]))

    def _records(self, archive: zipfile.ZipFile) -> Iterator[tuple[str, memoryview]]:
        """Return an archive's records, which must lie one behind the other, uncompressed, from the first byte on."""
        position, seen = 0, set[str]()
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise self.refuse(f"has a compressed record {info.filename!r}, which torch.save never writes")
            key = info.filename.casefold()
            if key in seen or key.startswith("/") or ".." in key.split("/"):
                raise self.refuse(f"has a record with the unsafe name {info.filename!r}")
            seen.add(key)
            if info.header_offset != position:
                raise self.refuse("is an archive with bytes that belong to no record, or to two")
            begin = position + self._header_size(info)
            record = self.data[begin : begin + info.file_size]
            if len(record) != info.file_size or zlib.crc32(record) != info.CRC:
                raise self.refuse(f"has a damaged record {info.filename!r}")
            yield info.filename, record
            position = begin + info.file_size + self._descriptor_size(info, begin + info.file_size)
        if position != archive.start_dir or self.raw[-22:-18] != b"PK\x05\x06":  # the directory's end, without comment
            raise self.refuse("is an archive with bytes that belong to no record")

    def _header_size(self, info: zipfile.ZipInfo) -> int:
        """Return how many bytes lie before a record, whose local header must name it as the directory does."""
        header = self.raw[info.header_offset : info.header_offset + 30]
        *_, name, extra = struct.unpack("<4s5H3I2H", header)
        begin = info.header_offset + 30
        if header[:4] != b"PK\x03\x04" or self.data[begin : begin + name] != info.orig_filename.encode():
            raise self.refuse(f"has two names for its record {info.filename!r}")
        return int(30 + name + extra)

    def _descriptor_size(self, info: zipfile.ZipInfo, end: int) -> int:
        """Return how many bytes behind a record repeat its size."""
        if not info.flag_bits & 0x08:
            return 0
        for layout in ("<4sIII", "<4sIQQ"):
            wanted = struct.pack(layout, b"PK\x07\x08", info.CRC, info.compress_size, info.file_size)
            if self.data[end : end + len(wanted)] == wanted:
                return len(wanted)
        raise self.refuse(f"has two sizes for its record {info.filename!r}")

    def read_legacy(self) -> Any:
        """Read a row of pickles: a magic number, a version, the writer's machine, the content, the storages' keys."""
        stream = io.BytesIO(self.raw)
        if _Machine(self).run(stream) != LEGACY_MAGIC:
            raise self.refuse("is not a file that torch.save wrote")
        _version, machine = _Machine(self).run(stream), _Machine(self).run(stream)
        if machine["little_endian"] is not True:
            raise self.refuse("was written on a big-endian machine")
        storages: dict[str, _Storage] = {}
        claimed = 0

        def remember(key: str, storage: _Storage) -> None:
            nonlocal claimed
            storages[key] = storage
            claimed += storage.count * storage.itemsize
            if claimed > len(self.data):
                raise self._refuse_storage(key, storage)

        content, keys = _Machine(self, remember).run(stream), _Machine(self).run(stream)
        self._take_storages(stream.tell(), [str(key) for key in keys], storages)
        return content

    def _take_storages(self, position: int, keys: list[str], storages: dict[str, _Storage]) -> None:
        """Give the storages of a legacy file their bytes: its last part, a count and the numbers for each key."""
        if sorted(keys) != sorted(storages):
            raise self.refuse("holds other storages than its tensors need")
        for key in keys:
            storage = storages[key]
            (count,) = struct.unpack("<q", self.data[position : position + 8])
            end = position + 8 + storage.count * storage.itemsize
            if count != storage.count or end > len(self.data):
                raise self._refuse_storage(key, storage)
            storage.data, position = self.data[position + 8 : end], end
        if position != len(self.data):
            raise self.refuse("has bytes behind its last tensor")

    def _refuse_storage(self, key: str, storage: _Storage) -> WeightsInvalidError:
        return self.refuse(f"says that storage {key[:40]!r} has {storage.count} numbers, which it has not")


class _Machine:
    """Carries out one pickle of opcodes of protocols 0 to 2, as far as tensors and plain values need them.

    Args:
        reader: The file.
        add_storage: Told of each new storage and its key; None if the pickle may have none.
    """

    def __init__(self, reader: _Reader, add_storage: Callable[[str, _Storage], None] | None = None) -> None:
        self._reader = reader
        self._add_storage = add_storage
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._storages: dict[str, _Storage] = {}

    def run(self, stream: io.BytesIO) -> Any:
        """Return what the pickle at the stream's position makes, and leave the stream behind it."""
        start = stream.tell()
        for opcode, argument, position in pickletools.genops(stream):
            if (position or 0) - start > LARGEST_PICKLE:
                raise self._reader.refuse(f"has a header of more than {LARGEST_PICKLE >> 20} MB")
            if opcode.name != "STOP":
                self._step(opcode.name, argument)
        return self._stack.pop()

    def _step(self, opcode: str, argument: Any) -> None:
        stack, memo = self._stack, self._memo
        if opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode]())
        elif opcode in _NUMBERS or opcode in _STRINGS:
            stack.append(argument)
        elif opcode in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif opcode in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif opcode == "MARK":
            self._marks.append(len(stack))
        elif opcode in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack[-int(opcode[-1]) :] = [tuple(stack[-int(opcode[-1]) :])]
        elif opcode == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif opcode == "LIST":
            stack.append(self._since_mark())
        elif opcode == "DICT":
            stack.append(self._fill({}, self._since_mark()))
        elif opcode in ("APPEND", "APPENDS"):
            items = self._since_mark() if opcode == "APPENDS" else [stack.pop()]
            self._top(list).extend(items)
        elif opcode in ("SETITEM", "SETITEMS"):
            items = self._since_mark() if opcode == "SETITEMS" else [stack.pop(-2), stack.pop()]
            self._fill(self._top(dict), items)
        else:
            self._step_of_objects(opcode, argument)

    def _step_of_objects(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        if opcode in ("GLOBAL", "INST"):
            if argument not in _NAMES or opcode == "INST":
                raise self._refuse_name(str(argument).replace(" ", "."))
            stack.append(_Name(argument))
        elif opcode == "STACK_GLOBAL":
            raise self._refuse_name(".".join(part for part in stack[-2:] if isinstance(part, str)))
        elif opcode == "REDUCE":
            arguments = stack.pop()
            stack.append(self._make(stack.pop(), arguments))
        elif opcode == "BUILD":  # the versions of a state dict's modules; nothing here needs them
            stack.pop()
            self._top(dict)
        elif opcode == "BINPERSID":
            stack.append(self._make_storage(stack.pop()))
        elif opcode == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif opcode not in ("PROTO", "FRAME"):
            raise self._reader.refuse(f"holds something other than tensors and plain values ({opcode})")

    def _refuse_name(self, name: str) -> WeightsInvalidError:
        return self._reader.refuse(f"would call {name[:80]} when loaded, and could run any code")

    def _since_mark(self) -> list[Any]:
        begin = self._marks.pop()
        items = self._stack[begin:]
        del self._stack[begin:]
        return items

    def _top(self, kind: type) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise self._reader.refuse("holds something other than tensors and plain values")
        return self._stack[-1]

    def _fill(self, target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
        """Set keys and values in turn; keys that would all meet in one place of the table are no plain names."""
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str) and not (isinstance(key, int) and 0 <= key < 1 << 32):
                raise self._reader.refuse(f"has a key of type {type(key).__name__}, expected names")
            if key in target:
                raise self._reader.refuse(f"has two values of the name {str(key)[:80]!r}")
            target[key] = value
        return target

    def _make(self, callee: Any, arguments: Any) -> Any:
        """Do what a known name stands for."""
        name = callee.text if isinstance(callee, _Name) else ""
        if name in _REBUILD:
            return self._make_tensor(*arguments[:4])
        if name == _PARAMETER:
            return arguments[0]
        if name == _ORDERED:
            return self._fill({}, [part for pair in (arguments[0] if arguments else ()) for part in pair])
        raise self._reader.refuse("would call something that is neither a tensor nor plain")

    def _make_storage(self, claim: Any) -> _Storage:
        """Make a storage once: `("storage", type, key, device, count)`, in the legacy layout with a view, None."""
        tag, kind, key, _device, count, *view = claim
        if tag != "storage" or not isinstance(kind, _Name) or self._add_storage is None or view not in ([], [None]):
            raise self._reader.refuse("refers to something other than a tensor's bytes")
        dtype, itemsize = _TYPES[kind.text.removeprefix("torch ").removesuffix("Storage")]
        if not isinstance(key, str) or not isinstance(count, int) or count < 0:
            raise self._reader.refuse("refers to something other than a tensor's bytes")
        known = self._storages.get(key)
        if known is None:
            known = self._storages[key] = _Storage(dtype, itemsize, count)
            self._add_storage(key, known)
        if (known.dtype, known.count) != (dtype, count):
            raise self._reader.refuse(f"says two things of storage {key[:40]!r}")
        return known

    def _make_tensor(self, storage: Any, offset: Any, shape: Any, stride: Any) -> StoredTensor:
        """Check a tensor's claim against its storage."""
        numbers = (offset, *shape, *stride)
        if not isinstance(storage, _Storage) or not all(type(n) is int and 0 <= n < 1 << 63 for n in numbers):
            raise self._reader.refuse("has a tensor of a shape that cannot be")
        last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if len(shape) > DEEPEST or (math.prod(shape) and last >= storage.count):
            raise self._reader.refuse(f"says that a tensor has shape {str(tuple(shape))[:80]}, but holds fewer numbers")
        return StoredTensor(storage.dtype, tuple(shape), tuple(stride), offset, storage)


class _Plain:
    """Copies what a machine made, which may refer to itself and to one thing many times, into a plain tree."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._values = 0
        self._tensor_bytes = 0

    def copy(self, value: Any, depth: int = 0) -> Any:
        """Return a tree of plain values and tensors that together are no larger than the file's bytes."""
        self._values += 1 + (len(value) if isinstance(value, str) else 0)
        if self._values > MOST_VALUES or depth > DEEPEST:
            raise self._reader.refuse("unfolds to more than any weights file needs")
        if isinstance(value, StoredTensor):
            return self._count(value)
        if isinstance(value, dict):
            return {self.copy(key, depth): self.copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.copy(item, depth + 1) for item in value]
        if type(value) is tuple:
            return tuple([self.copy(item, depth + 1) for item in value])
        if value is None or isinstance(value, str | float) or (isinstance(value, int) and abs(value) < LARGEST_NUMBER):
            return value
        raise self._reader.refuse("holds something other than tensors and plain values")

    def _count(self, tensor: StoredTensor) -> StoredTensor:
        self._tensor_bytes += math.prod(tensor.shape) * tensor.storage.itemsize
        if self._tensor_bytes > len(self._reader.data):
            raise self._reader.refuse("claims larger tensors than it has bytes")
        return tensor
