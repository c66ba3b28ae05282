"""What is ancillary in a PNG never costs the picture."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from colorgan.errors import ImageReadError
from colorgan.images import Photo, read_photos
from colorgan.images.opening import open_image
from colorgan.images.png_parts import Spliced
from support import draw_photo

_rng = np.random.default_rng(0)
GREY = _rng.integers(0, 256, (24, 40), np.uint8)


def chunk(name: bytes, content: bytes, *, crc: int | None = None) -> bytes:
    checksum = zlib.crc32(name + content) if crc is None else crc
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def encode(pixels: NDArray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def insert(data: bytes, *chunks: bytes, behind: bool = False) -> bytes:
    """Put chunks behind the header, or behind the pixels."""
    place = data.rindex(b"IEND") - 4 if behind else 33
    return data[:place] + b"".join(chunks) + data[place:]


def read(data: bytes) -> Photo:
    (photo,) = read_photos(io.BytesIO(data))
    return photo


GREY16 = _rng.integers(0, 65536, (24, 40), np.uint16)
LONG = b"x" * 3_000_000


def compressed(text: bytes) -> bytes:
    return zlib.compress(text, 9)


class TestRemarks:
    @pytest.mark.parametrize("behind", [False, True])
    @pytest.mark.parametrize(
        "long",
        [
            chunk(b"zTXt", b"note\0\0" + compressed(LONG)),
            chunk(b"iTXt", b"note\0\1\0\0\0" + compressed(LONG)),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + compressed(LONG)),
            chunk(b"tEXt", b"note\0" + LONG),
            b"".join(chunk(b"zTXt", b"note%d\0\0" % n + compressed(LONG)) for n in range(30)),
        ],
        ids=["zTXt", "iTXt", "xmp", "tEXt", "many"],
    )
    def test_long_texts(self, long: bytes, behind: bool) -> None:
        with pytest.raises((ValueError, OSError)):  # what Pillow does with them
            Image.open(io.BytesIO(insert(encode(GREY), *[chunk(b"zTXt", b"a\0\0" + compressed(LONG))]))).load()
        photo = read(insert(encode(GREY), long, behind=behind))
        assert np.array_equal(photo.grey, GREY)
        if b"note\0" in long:
            assert photo.metadata.texts["note"] == LONG.decode()

    def test_a_text_that_would_fill_the_memory_is_left_out(self) -> None:
        bomb = chunk(b"zTXt", b"note\0\0" + compressed(bytes(100 << 20)))
        photo = read(insert(encode(GREY), bomb, chunk(b"tEXt", b"Title\0Anna")))
        assert np.array_equal(photo.grey, GREY)
        assert photo.metadata.texts == {"Title": "Anna"}

    def test_a_large_profile(self) -> None:
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        padded = icc + bytes(2_000_000)
        photo = read(insert(encode(np.stack([GREY] * 3, -1)), chunk(b"iCCP", b"sRGB\0\0" + compressed(padded))))
        assert np.array_equal(photo.grey, GREY)

    @pytest.mark.parametrize("name", [b"pHYs", b"tEXt", b"iCCP", b"eXIf", b"zTXt", b"iTXt", b"gAMA", b"tIME", b"prVt"])
    @pytest.mark.parametrize("deep", [False, True])
    def test_wrong_checksums(self, name: bytes, deep: bool) -> None:
        pixels = GREY16 if deep else GREY
        data = insert(encode(pixels), chunk(name, b"\0\0\0\1\0\0\0\1\1", crc=12345))
        assert np.array_equal(read(data).grey, pixels)
        assert read(data).metadata.dpi is None

    @pytest.mark.parametrize("name", [b"pHYs", b"tEXt", b"iCCP", b"eXIf", b"zTXt", b"iTXt", b"tRNS", b"acTL", b"fcTL"])
    @pytest.mark.parametrize("content", [b"", b"\0", b"a", b"a\0", b"a\0\1", b"a\0\0\0", b"\xff" * 9])
    def test_damaged_contents(self, name: bytes, content: bytes) -> None:
        if name == b"tRNS" and len(content) >= 2:
            pytest.skip("is a transparency")
        assert np.array_equal(read(insert(encode(GREY), chunk(name, content))).grey, GREY)

    @pytest.mark.parametrize("pixels", [GREY, GREY16, np.stack([GREY16] * 2, -1).view(np.uint8)])
    def test_a_wrong_checksum_of_the_header(self, pixels: NDArray) -> None:
        data = bytearray(encode(pixels))
        data[29] ^= 1
        with pytest.raises(ImageReadError):
            read(bytes(data))

    @pytest.mark.parametrize("deep", [False, True])
    def test_says_what_pillow_says(self, deep: bool) -> None:
        info = PngImagePlugin.PngInfo()
        info.add_text("Title", "Ännchen")
        info.add_text("Author", "Anna", zip=True)
        info.add_itxt("Comment", "Köln 1923", lang="de")
        exif = Image.Exif()
        exif[315] = "Anna"
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        data = encode(GREY16 if deep else GREY, pnginfo=info, exif=exif, dpi=(300, 600), icc_profile=icc)
        with Image.open(io.BytesIO(data)) as plain, open_image(io.BytesIO(data)) as image:
            plain.load()
            assert {k: plain.info[k] for k in image.info} == dict(image.info)
            assert set(plain.info) == set(image.info)

    def test_late_metadata_of_deep_pictures(self) -> None:
        data = insert(encode(GREY16), chunk(b"tEXt", b"Title\0late"), behind=True)
        assert read(data).metadata.texts == {"Title": "late"}


class TestTransparency:
    """One transparent colour, at every depth; judged by Pillow's own expansion where it has one."""

    def test_grey_of_sixteen_bits(self) -> None:
        grey = GREY16.copy()
        grey[:5, :7] = 1234
        grey[10, 10] = 1235  # its upper byte is the same
        photo = read(encode(grey, transparency=1234))
        assert np.array_equal(photo.grey, grey)
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, np.where(grey == 1234, 0, 65535))

    @pytest.mark.parametrize("interlaced", [False, True])
    def test_colour_of_sixteen_bits(self, interlaced: bool) -> None:
        rgb = _rng.integers(0, 65536, (24, 40, 3), np.uint16)
        rgb[:5, :7] = (1, 2, 3)
        rgb[9, 9] = (1, 2, 4)
        steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        passes = [rgb[y::dy, x::dx] for y, x, dy, dx in steps] if interlaced else [rgb]
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for part in passes for row in part)
        header = struct.pack(">IIBBBBB", 40, 24, 16, 2, 0, 0, int(interlaced))
        parts = [
            (b"IHDR", header),
            (b"tRNS", struct.pack(">3H", 1, 2, 3)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        ]
        photo = read(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
        assert photo.alpha is not None
        expected = np.full((24, 40), 65535, np.uint16)
        expected[:5, :7] = 0
        assert np.array_equal(photo.alpha, expected)

    @pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
    def test_of_eight_bits_and_less(self, mode: str) -> None:
        image = draw_photo(1, (40, 24)).convert(mode)
        where = image.getpixel((3, 3))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", transparency=255 if mode == "1" else where)
        photo = read(buffer.getvalue())
        with Image.open(buffer) as opened:
            assert photo.alpha is not None
            assert np.array_equal(photo.alpha, np.asarray(opened.convert("RGBA"))[..., 3])


class TestSpliced:
    def test_reads_as_the_pieces_do(self, tmp_path: Path) -> None:
        data = bytes(_rng.integers(0, 256, 1000, np.uint8))
        (tmp_path / "a").write_bytes(data)
        pieces = [(0, 8), (8, 5), (100, 1), (300, 200), (500, 0), (900, 100)]
        whole = b"".join(data[start : start + size] for start, size in pieces)
        with (tmp_path / "a").open("rb") as file:
            spliced = Spliced(file, pieces)
            assert spliced.read() == whole
            for _ in range(200):
                place, size = (int(n) for n in _rng.integers(0, 350, 2))
                spliced.seek(place)
                assert spliced.read(size) == whole[place : place + size]
                assert spliced.tell() == place + len(whole[place : place + size])
