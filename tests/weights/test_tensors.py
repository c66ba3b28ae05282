"""From bytes to tensors: the same as torch reads, and nothing from files that lie."""

import io
import json
import time

import pytest
import torch
from safetensors.torch import save as save_safetensors
from torch import nn

from colorgan.errors import WeightsInvalidError
from colorgan.weights.tensors import is_safetensors, parse_json, unpack_pickled, unpack_safetensors
from weights_support import pack_safetensors


def same(one: object, two: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return isinstance(two, dict) and list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


class TestUnpackPickled:
    @pytest.mark.parametrize("legacy", [False, True])
    def test_gives_what_torch_gives(self, legacy: bool) -> None:
        network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        optimizer = torch.optim.AdamW(network.parameters())
        network(torch.rand(2, 1, 5, 5)).sum().backward()
        optimizer.step()
        base = torch.arange(24.0).view(4, 6)
        content = {
            "network": network.state_dict(), "optimizer": optimizer.state_dict(), "parameter": nn.Parameter(base),
            "views": [base[:, :3].t(), base[1:, 3:]], "empty": torch.zeros(0, 2), "number": torch.tensor(3),
            "channels_last": torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last),
            "types": [torch.ones(3).to(kind) for kind in (torch.bfloat16, torch.half, torch.double, torch.bool)],
            "plain": [1, -2.5, "drei", None, True, (), (1,), (1, 2, 3, 4), 2**70, {}, -(2**31), 70000, "ä" * 300],
        }  # fmt: skip
        buffer = io.BytesIO()
        torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
        expected = torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
        found = unpack_pickled(buffer.getvalue(), "x")
        assert same(expected, found)
        assert found["channels_last"].is_contiguous(memory_format=torch.channels_last)

    def test_shares_no_bytes_with_the_file(self) -> None:
        buffer = io.BytesIO()
        torch.save({"a": torch.zeros(4)}, buffer)
        data = buffer.getvalue()
        unpack_pickled(data, "x")["a"].add_(1)
        assert unpack_pickled(data, "x")["a"].tolist() == [0, 0, 0, 0]


class TestUnpackSafetensors:
    def test_gives_tensors_and_metadata(self) -> None:
        tensors = {"a": torch.rand(2, 3), "b": torch.rand(4).half(), "n": torch.tensor(3)}
        data = save_safetensors(tensors, {"said": "ä"})
        assert is_safetensors(data)
        metadata, found = unpack_safetensors(data, "x")
        assert metadata == {"said": "ä"}
        assert found.keys() == tensors.keys()
        assert all(same(tensors[name], tensor) for name, tensor in found.items())

    def test_without_metadata(self) -> None:
        assert unpack_safetensors(save_safetensors({"a": torch.zeros(1)}), "x")[0] == {}

    @pytest.mark.parametrize(
        ("entries", "held"),
        [
            ({"a": [0, 16]}, 15),  # more than the file has
            ({"a": [0, 16]}, 17),  # bytes behind the last
            ({"a": [4, 20]}, 20),  # a gap before the first
            ({"a": [0, 16], "b": [20, 36]}, 36),  # a gap between
            ({"a": [0, 16], "b": [8, 24]}, 24),  # one over the other
            ({"a": [0, 16], "b": [0, 16]}, 16),  # twice the same bytes
            ({"a": [0, 15]}, 15),  # no multiple
            ({"a": [16, 0]}, 16),  # backwards
            ({"a": [0, 2**64]}, 16),
        ],
    )
    def test_offsets_that_lie(self, entries: dict[str, list[int]], held: int) -> None:
        header = {name: {"dtype": "F32", "shape": [4], "data_offsets": place} for name, place in entries.items()}
        with pytest.raises(WeightsInvalidError, match="is not a readable safetensors file"):
            unpack_safetensors(pack_safetensors(json.dumps(header).encode(), bytes(held)), "x")

    @pytest.mark.parametrize(
        "entry",
        [
            {"dtype": "F31", "shape": [4]}, {"dtype": "F32", "shape": [-4]}, {"dtype": "F32", "shape": [5]},
            {"dtype": "F32", "shape": [2**33, 2**33]}, {"dtype": "F32", "shape": "4"}, {"shape": [4]}, {},
        ],
    )  # fmt: skip
    def test_shapes_and_types_that_lie(self, entry: dict[str, object]) -> None:
        header = {"a": {**entry, "data_offsets": [0, 16]}}
        with pytest.raises(WeightsInvalidError, match="is not a readable safetensors file"):
            unpack_safetensors(pack_safetensors(json.dumps(header).encode(), bytes(16)), "x")

    @pytest.mark.parametrize("name", ["a", "__metadata__", "\\u0061"])
    def test_a_name_that_shadows_another(self, name: str) -> None:
        entry = '{"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}'
        first = "a" if name != "__metadata__" else name
        values = [entry, entry] if name != "__metadata__" else ['{"x": "1"}', '{"x": "2"}']
        header = f'{{"{first}": {values[0]}, "{name}": {values[1]}}}'
        with pytest.raises(WeightsInvalidError, match="a name has two values"):
            unpack_safetensors(pack_safetensors(header.encode(), bytes(16)), "x")

    @pytest.mark.parametrize(
        "header", [b"{", b"{}x", b"[" * 100_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b'{"\xff": 1}']
    )
    def test_headers_that_are_no_json(self, header: bytes) -> None:
        with pytest.raises(WeightsInvalidError, match="is not a readable safetensors file"):
            unpack_safetensors(pack_safetensors(header), "x")

    def test_a_header_without_end(self) -> None:
        data = pack_safetensors(b"{" + b" " * (5 << 20))
        began = time.monotonic()
        with pytest.raises(WeightsInvalidError, match="a header of more than 4 MB"):
            unpack_safetensors(data, "x")
        assert time.monotonic() - began < 1

    @pytest.mark.parametrize("data", [b"", b"{", bytes(8), b"\xff" * 8 + b"{}", bytes(8) + b"[]", b"\x80\x02}q\x00."])
    def test_other_files_are_not_taken_for_one(self, data: bytes) -> None:
        assert not is_safetensors(data)


def test_json_has_each_name_once() -> None:
    assert parse_json('{"a": {"b": 1}, "b": [1.5]}') == {"a": {"b": 1}, "b": [1.5]}
    with pytest.raises(ValueError, match="two values"):
        parse_json('{"c": {"a": 1, "a": 1}}')
