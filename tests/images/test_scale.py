"""What means white is found by what a file says and how its values are spread, never by one of them."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from colorgan.images import Photo, photo_from_image, read_photos
from colorgan.images.scale import Sample, Scale, find_scale

UNIT = np.random.default_rng(0).random((60, 80)) ** 1.5  # a photograph's tones, 0..1


def read_one(path: Path) -> Photo:
    (photo,) = read_photos(path)
    return photo


def assert_shows(photo: Photo, unit: NDArray, *, within: float = 2e-3) -> None:
    assert photo.depth == 16
    assert np.abs(photo.grey / 65535 - unit.clip(0, 1)).max() < within


class TestFloats:
    @pytest.mark.parametrize("white", [1.0, 255.0, 65535.0, 4095.0])
    @pytest.mark.parametrize("stray", [None, 1.001, 1.5, 1e9, -3.0, np.inf, -np.inf, np.nan])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_one_value_never_decides(self, tmp_path: Path, white: float, stray: float | None, dtype: type) -> None:
        values = UNIT.copy()
        if stray is not None:
            values[5, 7] = stray
        tifffile.imwrite(tmp_path / "a.tif", (values * white).astype(dtype))
        assert_shows(read_one(tmp_path / "a.tif"), np.nan_to_num(values, nan=0))

    def test_sharpened(self, tmp_path: Path) -> None:
        values = (UNIT * 1.3 - 0.1).astype(np.float32)  # a tenth is beyond black, a tenth beyond white
        tifffile.imwrite(tmp_path / "a.tif", values)
        assert_shows(read_one(tmp_path / "a.tif"), values)

    def test_a_hundredth_of_the_pixels_glares(self, tmp_path: Path) -> None:
        values = UNIT.astype(np.float32)
        values[:6, :8] = 200
        tifffile.imwrite(tmp_path / "a.tif", values)
        assert_shows(read_one(tmp_path / "a.tif"), values)

    def test_dark_levels_stay_dark(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 3, 9, 12]] * 20, np.float32))
        assert read_one(tmp_path / "a.tif").grey[0].tolist() == [0, 3 * 257, 9 * 257, 12 * 257]

    def test_black_stays_black(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.full((20, 20), 0.003, np.float32))
        assert_shows(read_one(tmp_path / "a.tif"), np.full((20, 20), 0.003))

    @pytest.mark.parametrize("white", [10.0, 1000.0, 1e6])
    def test_scales_of_their_own(self, tmp_path: Path, white: float) -> None:
        tifffile.imwrite(tmp_path / "a.tif", (UNIT * white).astype(np.float32), extratags=[(341, 11, 1, white, True)])
        assert_shows(read_one(tmp_path / "a.tif"), UNIT)

    def test_around_zero(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", (UNIT * 2 - 1).astype(np.float32))
        assert_shows(read_one(tmp_path / "a.tif"), UNIT)

    def test_what_a_file_says_is_the_scale_where_it_is_one(self, tmp_path: Path) -> None:
        dim = (UNIT * 100).astype(np.float32)
        tifffile.imwrite(tmp_path / "a.tif", dim, extratags=[(341, 11, 1, 1023.0, True)])
        assert_shows(read_one(tmp_path / "a.tif"), dim / 1023)

    @pytest.mark.parametrize("white", [1000.0, 10_000.0])
    def test_scales_of_their_own_of_which_the_file_says_nothing(self, tmp_path: Path, white: float) -> None:
        tifffile.imwrite(tmp_path / "a.tif", (UNIT * white).astype(np.float32))
        assert_shows(read_one(tmp_path / "a.tif"), UNIT, within=0.02)

    def test_ten_bits(self, tmp_path: Path) -> None:
        values = (UNIT * 1023).round().astype(np.float32)
        tifffile.imwrite(tmp_path / "a.tif", values)
        assert_shows(read_one(tmp_path / "a.tif"), values / 1023)

    @pytest.mark.parametrize("said", [255.0, 4095.0, 65535.0])
    def test_what_a_file_says_in_vain(self, tmp_path: Path, said: float) -> None:
        tifffile.imwrite(tmp_path / "a.tif", UNIT.astype(np.float32), extratags=[(341, 11, 1, said, True)])
        assert_shows(read_one(tmp_path / "a.tif"), UNIT)

    @pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
    def test_in_memory(self, white: float) -> None:
        values = UNIT.copy()
        values[0, 0] = 1.1
        assert_shows(photo_from_image(Image.fromarray((values * white).astype(np.float32))), values)


class TestIntegers:
    @pytest.mark.parametrize(
        ("dtype", "white"),
        [
            (np.int16, 255), (np.int16, 4095), (np.int16, 2**15 - 1),
            (np.int32, 255), (np.int32, 65535), (np.int32, 2**31 - 1),
            (np.uint32, 255), (np.uint32, 4095), (np.uint32, 65535), (np.uint32, 2**32 - 1),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("stray", [False, True])
    def test_narrow_levels(self, tmp_path: Path, dtype: type, white: int, stray: bool) -> None:
        values: NDArray[Any] = (UNIT * white).round().astype(dtype)
        if stray:
            values[3, 3] = min(white + 1, np.iinfo(dtype).max)
        tifffile.imwrite(tmp_path / "a.tif", values)
        assert_shows(read_one(tmp_path / "a.tif"), values / white)

    @pytest.mark.parametrize(("dtype", "said"), [(np.uint32, 65535), (np.int32, 65535), (np.int16, 16383)])
    def test_what_a_file_says_in_vain(self, tmp_path: Path, dtype: type, said: int) -> None:
        values: NDArray[Any] = (UNIT * 255).round().astype(dtype)
        tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(281, 3, 1, said, True)])
        assert_shows(read_one(tmp_path / "a.tif"), values / 255)

    def test_one_negative_value_does_not_move_black(self, tmp_path: Path) -> None:
        values = (UNIT * 32767).astype(np.int16)
        values[0, 0] = -9
        tifffile.imwrite(tmp_path / "a.tif", values)
        assert_shows(read_one(tmp_path / "a.tif"), values / 32767)

    @pytest.mark.parametrize("lowest", [0, -128])
    def test_signed_bytes(self, tmp_path: Path, lowest: int) -> None:
        values = (UNIT * (127 - lowest) + lowest).round().astype(np.int8)
        tifffile.imwrite(tmp_path / "a.tif", values)
        photo = read_one(tmp_path / "a.tif")
        assert photo.depth == 8
        assert np.abs(photo.grey / 65535 - (values.astype(float) - lowest) / (127 - lowest)).max() < 1e-4

    def test_signed_levels(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", (UNIT * 65535 - 32768).round().astype(np.int16))
        assert_shows(read_one(tmp_path / "a.tif"), UNIT)

    @pytest.mark.parametrize("bits", [10, 12, 14])
    def test_a_depth_that_the_file_says(self, tmp_path: Path, bits: int) -> None:
        white = 2**bits - 1
        values = (UNIT * white).round().astype(np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(281, 3, 1, white, True)])
        assert_shows(read_one(tmp_path / "a.tif"), values / white)

    @pytest.mark.parametrize("said", [None, 3000, 60000, 65535])
    def test_sixteen_bits_stay_bit_for_bit(self, tmp_path: Path, said: int | None) -> None:
        dark = (UNIT * 3000).astype(np.uint16)  # statistics are no scale
        tags = [] if said is None else [(281, 3, 1, said, True)]
        tifffile.imwrite(tmp_path / "a.tif", dark, extratags=tags)
        assert np.array_equal(read_one(tmp_path / "a.tif").grey, dark)

    @pytest.mark.parametrize("white", [255, 4095, 65535, 2**31 - 1])
    def test_in_memory(self, white: int) -> None:
        values = (UNIT * white).round().astype(np.int32)
        values[0, 0] = min(white + 1, 2**31 - 1)
        assert_shows(photo_from_image(Image.fromarray(values)), values / white)

    def test_a_dark_pgm_is_what_its_header_says(self) -> None:
        dark = (UNIT * 200).astype(">u2")
        (photo,) = read_photos(io.BytesIO(b"P5 80 60 65535\n" + dark.tobytes()))
        assert np.array_equal(photo.grey, dark)


def packed_tiff(values: NDArray, bits: int, *, white: bool = False, order: str = "<", tile: int = 0) -> bytes:
    """Write samples of 9 to 15 bits, most significant bit first, each row from a byte of its own, as TIFF 6.0 says."""
    height, width = values.shape[:2]
    samples = values.shape[2] if values.ndim == 3 else 1
    wide = -(-width // tile) * tile if tile else width
    padded = np.zeros((-(-height // tile) * tile if tile else height, wide, samples), np.int64)
    padded[:height, :width] = values.reshape(height, width, samples)
    parts = [padded[y : y + tile, x : x + tile] for y in range(0, height, tile) for x in range(0, width, tile)] \
        if tile else [padded]  # fmt: skip
    data = b""
    offsets = []
    for part in parts:
        offsets.append(8 + len(data))
        for row in part.reshape(len(part), -1):
            text = "".join(f"{value:0{bits}b}" for value in row)
            text += "0" * (-len(text) % 8)
            data += int(text, 2).to_bytes(len(text) // 8, "big")
    data += bytes(len(data) % 2)
    sizes = [b - a for a, b in zip(offsets, [*offsets[1:], 8 + len(data)], strict=True)]
    where = [(322, [tile]), (323, [tile]), (324, offsets), (325, sizes)] if tile else [
        (273, offsets), (278, [height]), (279, sizes)]  # fmt: skip
    kind = 0 if white else samples // 2 + 1
    tags = [
        (256, [width]),
        (257, [height]),
        (258, [bits] * samples),
        (259, [1]),
        (262, [kind]),
        (277, [samples]),
        *where,
    ]
    start = 8 + len(data)
    behind = start + 2 + 12 * len(tags) + 4
    entries = values_behind = b""
    for tag, numbers in sorted(tags):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            entries += struct.pack(f"{order}HHII", tag, 4, len(numbers), behind + len(values_behind))
            values_behind += packed
        else:
            entries += struct.pack(f"{order}HHI", tag, 4, 1) + packed
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", start)
    return head + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + values_behind


class TestPacked:
    """Samples of 9 to 15 bits, one behind the other."""

    @pytest.mark.parametrize("bits", [9, 10, 11, 12, 13, 14, 15])
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("width", [1, 7, 80])
    def test_grey(self, bits: int, order: str, width: int) -> None:
        values = (UNIT[:, :width] * (2**bits - 1)).round().astype(np.uint16)
        (photo,) = read_photos(io.BytesIO(packed_tiff(values, bits, order=order)))
        assert np.array_equal(photo.grey, np.round(values / (2**bits - 1) * 65535))
        assert photo.depth == 16

    def test_as_pillow_unpacks_it(self) -> None:
        values = (UNIT * 4095).round().astype(np.uint16)
        data = packed_tiff(values, 12)
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), values)
            assert_shows(photo_from_image(image), values / 4095)
        assert_shows(read_photos(io.BytesIO(data))[0], values / 4095)

    def test_colour_white_as_zero_and_tiles(self) -> None:
        grey = (UNIT * 1023).round().astype(np.uint16)
        (photo,) = read_photos(io.BytesIO(packed_tiff(1023 - grey, 10, white=True)))
        assert_shows(photo, grey / 1023)
        (photo,) = read_photos(io.BytesIO(packed_tiff(np.stack([grey] * 3, -1), 10)))
        assert_shows(photo, grey / 1023)
        (photo,) = read_photos(io.BytesIO(packed_tiff(grey, 10, tile=32)))
        assert_shows(photo, grey / 1023)

    def test_bits_in_the_other_order(self) -> None:
        values = (UNIT * 4095).round().astype(np.uint16)
        data = bytearray(packed_tiff(values, 12))
        end = struct.unpack_from("<I", data, 4)[0]
        data[8:end] = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data[8:end])
        count = struct.unpack_from("<H", data, end)[0]
        for place in range(end + 2, end + 2 + 12 * count, 12):
            if data[place : place + 2] == struct.pack("<H", 259):  # Compression 1, as it is by default
                data[place : place + 12] = struct.pack("<HHII", 266, 3, 1, 2)
        assert_shows(read_photos(io.BytesIO(bytes(data)))[0], values / 4095)


class TestFindScale:
    def test_of_nothing(self) -> None:
        for values in (np.empty(0, np.float32), np.full(9, np.nan, np.float32), np.full(9, -np.inf)):
            assert find_scale(values, bits=32) == Scale(0, 1)

    def test_flat_pictures(self) -> None:
        for level in (-3.0, 0.0, 0.5, 1.0, 7.0, 7.5, 255.0, 1e30):
            scale = find_scale(np.full(100, level, np.float32), bits=32)
            assert scale.white > scale.black
            assert np.isfinite([scale.black, scale.white]).all()

    def test_samples_are_spread_evenly(self) -> None:
        sample = Sample(1 << 22)
        for start in range(0, 1 << 22, 1000):
            sample.add(np.arange(start, min(start + 1000, 1 << 22))[None])
        assert np.array_equal(sample.values, np.arange(0, 1 << 22, 4))
