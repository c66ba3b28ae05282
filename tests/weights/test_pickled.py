"""Weights files that lie, that would run code, or that mean different things to different readers."""

import io
import os
import pickle
import struct
import time
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from colorgan.errors import WeightsInvalidError
from colorgan.weights.pickled import read_pickled


def save(content: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def rewrite(data: bytes, change: dict[str, bytes | None], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Copy a torch archive with some of its records changed or left out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            record = change.get(name.partition("/")[2], old.read(name))
            if record is not None:
                new.writestr(name, record)
    return buffer.getvalue()


def pickle_of(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("archive/data.pkl")


def with_pickle(data: bytes, old: bytes, new: bytes) -> bytes:
    """Change the pickle of a torch archive; the place must be found exactly once."""
    pickled = pickle_of(data)
    assert pickled.count(old) == 1
    return rewrite(data, {"data.pkl": pickled.replace(old, new)})


class MarkerMaker:
    """Pickles as a call that makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.marker),)


class TestHonest:
    @pytest.mark.parametrize("legacy", [False, True])
    @pytest.mark.parametrize("kind", [dict, OrderedDict])
    def test_tensors_are_told_with_shape_and_type(self, kind: type, legacy: bool) -> None:
        content = kind(a=torch.zeros(2, 3), b=torch.zeros(4).half(), c=torch.tensor(1), d=torch.zeros(0, 2))
        data = save(content, _use_new_zipfile_serialization=not legacy)
        assert {name: (v.dtype, v.shape) for name, v in read_pickled(data, "x").items()} == {
            "a": ("float32", (2, 3)),
            "b": ("float16", (4,)),
            "c": ("int64", ()),
            "d": ("float32", (0, 2)),
        }

    @pytest.mark.parametrize("legacy", [False, True])
    def test_a_state_dict_with_its_metadata(self, legacy: bool) -> None:
        network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        data = save(network.state_dict(), _use_new_zipfile_serialization=not legacy)
        told = read_pickled(data, "x")
        assert {k: v.shape for k, v in told.items()} == {k: tuple(v.shape) for k, v in network.state_dict().items()}

    def test_parameters_and_views(self) -> None:
        base = torch.zeros(4, 6)
        data = save({"p": nn.Parameter(torch.zeros(3)), "left": base[:, :3].t(), "right": base[:, 3:]})
        told = read_pickled(data, "x")
        assert [v.shape for v in told.values()] == [(3,), (3, 4), (4, 3)]

    def test_plain_values(self) -> None:
        content = {"a": [1, -2.5, "drei", None, True, (), (1,), 2**70, {}], "b": {"c": "ä" * 300}}
        assert read_pickled(save(content), "x") == content


class TestCode:
    @pytest.mark.parametrize("legacy", [False, True])
    def test_is_refused_by_name_and_not_run(self, tmp_path: Path, legacy: bool) -> None:
        marker = tmp_path / "marker"
        data = save({"format": 1, "weights": MarkerMaker(marker)}, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(
            WeightsInvalidError, match=r"evil.pt would call (posix|nt).mkdir when loaded.*nothing in it"
        ):
            read_pickled(data, "evil.pt")
        assert not marker.exists()

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_in_a_bare_pickle_of_any_protocol(self, tmp_path: Path, protocol: int) -> None:
        marker = tmp_path / "marker"
        with pytest.raises(WeightsInvalidError, match="nothing in it was run"):
            read_pickled(pickle.dumps(MarkerMaker(marker), protocol), "x")
        assert not marker.exists()

    @pytest.mark.parametrize(
        "name",
        ["builtins eval", "os system", "torch load", "builtins bytearray", "_codecs encode", "functools partial",
         "torch._utils _rebuild_wrapper_subclass", "collections Counter"],
    )  # fmt: skip
    def test_no_other_name_is_known(self, name: str) -> None:
        module, _, function = name.partition(" ")
        pickled = b"\x80\x02c" + f"{module}\n{function}\n".encode() + b"X\x01\x00\x00\x00x\x85R."
        with pytest.raises(WeightsInvalidError, match=f"would call {module}.{function}"):
            read_pickled(rewrite(save({}), {"data.pkl": pickled}), "x")

    @pytest.mark.parametrize("name", [b"torch\nFloatStorage\n", b"torch._utils\n_rebuild_tensor_v2\n"])
    @pytest.mark.parametrize("used", [b".", b"}X\x08\x00\x00\x00itemsizeK\x00sb."], ids=["alone", "changed"])
    def test_even_a_known_name_is_no_value(self, name: bytes, used: bytes) -> None:
        with pytest.raises(WeightsInvalidError, match="something other than tensors and plain values"):
            read_pickled(rewrite(save({}), {"data.pkl": b"\x80\x02c" + name + used}), "x")


class TestLies:
    """Files that claim more than they hold."""

    data = save({"a": torch.zeros(4)})

    def test_a_storage_larger_than_its_record(self) -> None:
        lie = with_pickle(self.data, b"K\x04tq", b"J\x00\x00\x00\x7ftq")
        with pytest.raises(WeightsInvalidError, match="says that storage '0' has 2130706432 numbers, which it has not"):
            read_pickled(lie, "x")

    def test_a_record_that_is_missing(self) -> None:
        with pytest.raises(WeightsInvalidError, match="which it has not"):
            read_pickled(rewrite(self.data, {"data/0": None}), "x")

    def test_a_shape_larger_than_its_storage(self) -> None:
        lie = with_pickle(self.data, b"K\x00K\x04\x85", b"K\x00J\x00\x00\x00\x7f\x85")
        with pytest.raises(WeightsInvalidError, match=r"shape \(2130706432,\), but holds fewer numbers"):
            read_pickled(lie, "x")

    def test_a_shape_blown_up_by_strides_of_zero(self) -> None:
        with pytest.raises(WeightsInvalidError, match="claims larger tensors than it has bytes"):
            read_pickled(save({"a": torch.zeros(1).expand(1_000_000_000)}), "x")

    def test_an_offset_behind_its_storage(self) -> None:
        lie = with_pickle(self.data, b"QK\x00K\x04", b"QK\x01K\x04")
        with pytest.raises(WeightsInvalidError, match="but holds fewer numbers"):
            read_pickled(lie, "x")

    def test_a_negative_shape(self) -> None:
        lie = with_pickle(self.data, b"K\x00K\x04\x85", b"K\x00J\xff\xff\xff\xff\x85")
        with pytest.raises(WeightsInvalidError, match="a shape that cannot be"):
            read_pickled(lie, "x")

    def test_a_legacy_storage_larger_than_the_file(self) -> None:
        data = save({"a": torch.zeros(4)}, _use_new_zipfile_serialization=False)
        lie = data.replace(b"K\x04N", b"J\x00\x00\x00\x7fN")
        assert lie != data
        with pytest.raises(WeightsInvalidError, match="which it has not"):
            read_pickled(lie, "x")

    def test_legacy_storages_larger_than_the_file_together(self) -> None:
        honest = save({str(i): torch.zeros(200) for i in range(20)}, _use_new_zipfile_serialization=False)
        count = len(honest) // 4 // 2
        lie = honest.replace(b"K\xc8N", b"M" + struct.pack("<H", count) + b"N")
        with pytest.raises(WeightsInvalidError, match="numbers, which it has not"):
            read_pickled(lie, "x")

    def test_a_compressed_bomb(self) -> None:
        bomb = rewrite(save({"a": torch.zeros(1_000_000)}), {}, zipfile.ZIP_DEFLATED)
        assert len(bomb) < 20_000
        with pytest.raises(WeightsInvalidError, match="compressed record"):
            read_pickled(bomb, "x")

    @pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "archive/../../evil"])
    def test_a_record_outside_the_archive(self, name: str) -> None:
        buffer = io.BytesIO(self.data)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(name, b"x")
        with pytest.raises(WeightsInvalidError, match="unsafe name"):
            read_pickled(buffer.getvalue(), "x")

    def test_a_second_archive_behind_the_first(self) -> None:
        # Readers that look for the directory from the front and from the back see different records. Python's own, from
        # 3.14 on, refuses such files too.
        with pytest.raises(WeightsInvalidError, match=r"bytes that belong to no record|not a readable weights file"):
            read_pickled(self.data + save({"a": torch.ones(4)}), "x")

    def test_a_second_directory(self) -> None:
        begin = self.data.index(b"PK\x01\x02")
        refusals = r"bytes that belong to no record|unsafe name|not a readable weights file"
        with pytest.raises(WeightsInvalidError, match=refusals):
            read_pickled(self.data[:begin] + self.data[begin:-22] + self.data[begin:], "x")

    @pytest.mark.parametrize("place", ["front", "end", "comment"])
    def test_bytes_around_the_archive(self, place: str) -> None:
        changed = {
            "front": self.data[:4] + bytes(96) + self.data,
            "end": self.data + bytes(100),
            "comment": self.data[:-2] + struct.pack("<H", 3) + b"abc",
        }[place]
        with pytest.raises(WeightsInvalidError):
            read_pickled(changed, "x")

    def test_records_that_share_bytes(self) -> None:
        data = bytearray(save({"a": torch.zeros(4), "b": torch.ones(4)}))
        first, second = (data.index(b"archive/data/" + n, data.index(b"PK\x01\x02")) for n in (b"0", b"1"))
        data[second - 4 : second] = data[first - 4 : first]  # the offset of the local header stands before the name
        with pytest.raises(WeightsInvalidError, match="bytes that belong to no record, or to two"):
            read_pickled(bytes(data), "x")

    def test_a_local_header_that_names_another_record(self) -> None:
        data = self.data.replace(b"archive/data/0", b"archive/data/7", 1)
        with pytest.raises(WeightsInvalidError, match="two names for its record"):
            read_pickled(data, "x")

    @pytest.mark.parametrize("name", ["archive/DATA.PKL", "archive/Data/0"])
    def test_a_name_that_shadows_another_where_case_does_not_count(self, name: str) -> None:
        buffer = io.BytesIO(self.data)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(name, b"x")
        with pytest.raises(WeightsInvalidError, match="unsafe name"):
            read_pickled(buffer.getvalue(), "x")

    def test_a_name_twice_in_a_dictionary(self) -> None:
        pickled = b"\x80\x02}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00aK\x02u."
        with pytest.raises(WeightsInvalidError, match="two values of the name 'a'"):
            read_pickled(rewrite(save({}), {"data.pkl": pickled}), "x")

    def test_a_wrong_byte_in_a_tensor(self) -> None:
        data = bytearray(save({"a": torch.zeros(1000)}))
        data[len(data) // 2] ^= 1
        with pytest.raises(WeightsInvalidError, match="damaged record 'archive/data/0'"):
            read_pickled(bytes(data), "x")

    def test_bytes_behind_a_legacy_file(self) -> None:
        data = save({"a": torch.zeros(4)}, _use_new_zipfile_serialization=False)
        with pytest.raises(WeightsInvalidError, match="bytes behind its last tensor"):
            read_pickled(data + b"x", "x")

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_record_twice(self) -> None:
        buffer = io.BytesIO(self.data)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        with pytest.raises(WeightsInvalidError, match="unsafe name"):
            read_pickled(buffer.getvalue(), "x")


class TestFloods:
    """Small files that would take hours, or gigabytes. Each is refused within a second of an idle machine."""

    @pytest.fixture(autouse=True)
    def soon(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        assert time.monotonic() - began < 20

    def refuse(self, pickled: bytes, message: str) -> None:
        with pytest.raises(WeightsInvalidError, match=message):
            read_pickled(rewrite(save({}), {"data.pkl": pickled}), "x")

    def test_lists_that_double(self) -> None:
        double = b"q\x00](h\x00h\x00e" * 40  # each holds the one before twice
        self.refuse(b"\x80\x02]" + double + b".", "unfolds to more than any weights file needs")

    def test_a_long_text_many_times(self) -> None:
        text = b"X" + struct.pack("<I", 100_000) + b"x" * 100_000
        self.refuse(b"\x80\x02](" + text + b"q\x00" + b"h\x00" * 10_000 + b"e.", "unfolds to more than")

    def test_a_list_in_itself(self) -> None:
        self.refuse(b"\x80\x02]q\x00h\x00a.", "unfolds to more than")

    def test_deep_lists(self) -> None:
        self.refuse(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "unfolds to more than")

    def test_a_tensor_many_times(self) -> None:
        tensor = torch.zeros(1000)
        with pytest.raises(WeightsInvalidError, match="claims larger tensors than it has bytes"):
            read_pickled(save([tensor] * 1000), "x")

    def test_keys_that_meet_in_one_place_of_a_table(self) -> None:
        keys = b"".join(pickle.dumps(n * (2**61 - 1), 2)[2:-1] + b"N" for n in range(1, 50_000))
        self.refuse(b"\x80\x02}(" + keys + b"u.", "has a key of type int, expected names")

    def test_a_number_of_a_million_digits(self) -> None:
        self.refuse(pickle.dumps({"format": 1 << 4_000_000}, 2), "other than tensors and plain values")

    def test_a_memo_of_gigabytes(self) -> None:
        pickled = b"\x80\x02}r\xff\xff\xff\x7f."
        assert read_pickled(rewrite(save({}), {"data.pkl": pickled}), "x") == {}

    def test_as_many_storages_as_fit(self) -> None:
        claims = b"".join(
            b"(X\x07\x00\x00\x00storagectorch\nByteStorage\nX\x05\x00\x00\x00%05dX\x03\x00\x00\x00cpuK\x00tQ" % n
            for n in range(10_000)
        )
        self.refuse(b"\x80\x02](" + claims + b"e.", "other than tensors and plain values")

    def test_a_header_of_megabytes(self) -> None:
        self.refuse(b"\x80\x02" + b"N0" * 3_000_000 + b"N.", "header of more than 4 MB|tensors and plain values")


class TestDamage:
    data = save({"a": torch.zeros(4)})

    @pytest.mark.parametrize("legacy", [False, True])
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6])
    def test_a_truncated_file(self, share: float, legacy: bool) -> None:
        data = save({"a": torch.zeros(4)}, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(WeightsInvalidError):
            read_pickled(data[: int(share * len(data))], "x")

    @pytest.mark.parametrize("data", [b"<html>not found</html>", b"\x89PNG\r\n\x1a\n", b"PK", b"\x80\x02N."])
    def test_another_kind_of_file(self, data: bytes) -> None:
        with pytest.raises(WeightsInvalidError, match=r"^photo\.png "):
            read_pickled(data, "photo.png")

    def test_another_zip(self) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("readme.txt", b"x")
        with pytest.raises(WeightsInvalidError, match=r"not one that torch\.save wrote"):
            read_pickled(buffer.getvalue(), "x")

    def test_any_wrong_byte_of_the_pickle_ends_in_one_sentence_at_most(self) -> None:
        pickled = bytearray(pickle_of(self.data))
        for place in range(len(pickled)):
            for flip in (1, 128):
                changed = bytes(pickled[:place] + bytes([pickled[place] ^ flip]) + pickled[place + 1 :])
                try:
                    read_pickled(rewrite(self.data, {"data.pkl": changed}), "x")
                except WeightsInvalidError:
                    continue
