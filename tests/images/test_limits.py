"""Small files that claim or cause much: each is a photograph or an error, in little time and memory."""

import io
import json
import os
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorgan.errors import ImageReadError, UsageError
from colorgan.images import ReadLimits, count_pages, read_photos
from colorgan.images.budget import Meter
from support import draw_photo

Tags = dict[int, tuple[int, ...]]


def tiff(*directories: Tags, data: bytes = b"") -> bytes:
    """Write a TIFF by hand: `data` from byte 8 on, then the directories in a chain, numbers as LONG."""
    result = bytearray(b"II*\0" + bytes(4) + data + bytes(len(data) % 2))
    pointer = 4
    for tags in directories:
        result[pointer : pointer + 4] = struct.pack("<I", len(result))
        behind = len(result) + 2 + 12 * len(tags) + 4
        pointer = behind - 4
        entries, values = struct.pack("<H", len(tags)), b""
        for tag, numbers in sorted(tags.items()):
            packed = struct.pack(f"<{len(numbers)}I", *numbers)
            if len(numbers) > 1:
                entries += struct.pack("<HHII", tag, 4, len(numbers), behind + len(values))
                values += packed
            else:
                entries += struct.pack("<HHI", tag, 4, 1) + packed
        result += entries + bytes(4) + values
    return bytes(result)


def page(
    width: int, height: int, *, bits: int = 8, compression: int = 1, size: int = 0, **more: tuple[int, ...]
) -> Tags:
    tags = {256: (width,), 257: (height,), 258: (bits,), 259: (compression,), 262: (1,), 273: (8,), 277: (1,),
            278: (height,), 279: (size,)}  # fmt: skip
    return tags | {int(tag.removeprefix("t")): value for tag, value in more.items()}


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, color: int, bits: int, rows: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header), *more, png_chunk(b"IDAT", rows), png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def blank_webp(width: int, height: int) -> bytes:
    """Write a WebP of one colour: each of its codes has a single symbol, so that pixels take no bits at all."""
    bits = f"{0x2F:08b}"[::-1] + f"{width - 1:014b}"[::-1] + f"{height - 1:014b}"[::-1] + "0000"
    bits += "000"  # no transform, no colour cache, one group of codes
    bits += "1000" * 5  # five codes: simple, one symbol, of one bit, 0
    bits += "0" * (-len(bits) % 8)
    payload = bytes(int(bits[n : n + 8][::-1], 2) for n in range(0, len(bits), 8)) + bytes(8)
    payload += bytes(len(payload) % 2)
    body = b"WEBPVP8L" + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_with_exif(exif: bytes) -> bytes:
    buffer = io.BytesIO()
    draw_photo(1).save(buffer, "JPEG")
    segment = b"Exif\0\0" + exif
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + buffer.getvalue()[2:]


def attacks() -> Iterator[tuple[str, bytes]]:
    """Draw files that broke readers, each by another way to say much with little."""
    zeros = zlib.compress(bytes(1 << 26), 9)  # 65 KB that inflate to 64 MB
    yield "sparse-tile.tif", tiff(page(8, 8, bits=16, t322=(8,), t323=(1 << 30,), t324=(8,), t325=(0,)))
    yield "wide-tile.tif", tiff(page(8, 8, bits=16, t322=(1 << 30,), t323=(16,), t324=(8,), t325=(0,)))
    yield "samples.tif", tiff(page(1000, 1000, bits=16, t277=(1000,), t338=(0,)))
    yield (
        "samples-apart.tif",
        tiff(page(1000, 1000, bits=16, t277=(1000,), t284=(2,), t273=(8,) * 1000, t279=(0,) * 1000)),
    )
    yield "shared-strip.tif", tiff(*[page(8000, 8000, compression=8, size=len(zeros))] * 400, data=zeros)
    yield "shared-deep-strip.tif", tiff(*[page(8000, 4000, bits=16, compression=8, size=len(zeros))] * 400, data=zeros)
    yield "behind-the-last-row.tif", tiff(page(8, 8, bits=16, compression=8, size=len(zeros)), data=zeros)
    yield "many-strips.tif", tiff(page(8, 60_000, bits=16, t278=(1,), t273=(8,) * 60_000, t279=(0,) * 60_000))
    yield "no-rows.tif", tiff(page(8, 8, bits=16, t278=(0,)))
    yield "no-tiles.tif", tiff(page(8, 8, bits=16, t322=(0,), t323=(0,), t324=(8,), t325=(8,)))
    yield "circle.tif", tiff(page(4, 4, size=16), data=bytes(16))[:-4] + struct.pack("<I", 24)
    yield "all-its-bytes.tif", tiff(page(4, 4, size=16, t330=tuple(range(8, 4008, 2))), data=bytes(5000))
    yield "behind-the-last-row.png", png(8, 8, 0, 8, zeros)
    yield "behind-the-last-row-deep.png", png(8, 8, 2, 16, zeros)
    yield "texts.png", png(8, 8, 0, 8, zlib.compress(bytes(72)), *[png_chunk(b"zTXt", b"a\0\0" + zeros)] * 40)
    yield "profile.png", png(8, 8, 0, 8, zlib.compress(bytes(72)), png_chunk(b"iCCP", b"a\0\0" + zeros))
    yield "blank.webp", blank_webp(16384, 16384)
    yield "blank.png", png(22_000, 22_000, 6, 16, zlib.compress(b""))
    yield "header.ppm", b"P6 4 " + b" " * 600 + b"#" * 1000 + b"\n4 255\n" + bytes(48)
    yield "comments.ppm", b"P6\n" + b"#\n" * 1500 + b"4 4 65535\n" + bytes(96)
    yield "digits.ppm", b"P6 " + b"9" * 3000 + b" 4 65535\n"
    entries = struct.pack("<H", 4000) + b"".join(struct.pack("<HHII", 0x9000 + n, 7, 40_000, 8) for n in range(4000))
    yield "shared-bytes.jpg", jpeg_with_exif((b"II*\0\x08\0\0\0" + entries)[:65_000])
    inner = b"".join(struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825))
    yield "recursive.jpg", jpeg_with_exif(b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + inner + bytes(4))


_PROBE = """
import json, resource, sys, time
from pathlib import Path
from colorgan.errors import ImageReadError
from colorgan.images import read_photos

resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
read_photos(Path(sys.argv[1]))  # what is loaded only once
for name in sys.argv[1:]:
    started, found = time.process_time(), ""
    try:
        found = f"{len(read_photos(Path(name)))} photographs"
    except ImageReadError as error:
        found = str(error)
    status = Path("/proc/self/status").read_text()  # ru_maxrss would begin with what the process that forked had
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    print(json.dumps([name, found, time.process_time() - started, peak]), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits on memory that hold")
class TestAttacks:
    def test_each_is_a_photograph_or_an_error(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "0.png")
        for name, data in attacks():
            (tmp_path / name).write_bytes(data)
        paths = [tmp_path / "0.png", *(tmp_path / name for name, _ in attacks())]
        probe = _PROBE.replace("MEMORY", str(4 << 30))
        done = subprocess.run(
            [sys.executable, "-c", probe, *map(str, paths)], capture_output=True, text=True, check=False, timeout=900
        )
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert [Path(name).name for name, *_ in results] == [path.name for path in paths], done.stderr[-2000:]
        for name, found, seconds, megabytes in results:
            assert found.endswith("photographs") or found.startswith(name), found
            assert "memory" not in found, found
            assert seconds < 15, (name, seconds)  # a tenth of that on a machine that does nothing else
            assert megabytes < 900, (name, megabytes)
        outcome = {Path(name).name: found for name, found, *_ in results}
        read = {name for name, found in outcome.items() if found.endswith("photographs")}
        assert read >= {
            "behind-the-last-row.tif", "behind-the-last-row.png", "behind-the-last-row-deep.png", "texts.png",
            "profile.png", "header.ppm", "comments.ppm", "shared-bytes.jpg", "recursive.jpg", "circle.tif",
            "many-strips.tif",
        }  # fmt: skip
        claim = {name for name, found in outcome.items() if "bytes of pixels" in found and "COLORGAN_MAX_" in found}
        assert claim >= {
            "sparse-tile.tif",
            "wide-tile.tif",
            "samples.tif",
            "shared-strip.tif",
            "blank.webp",
            "blank.png",
        }


class TestLimits:
    def test_the_blank_webp_is_one(self) -> None:
        (photo,) = read_photos(io.BytesIO(blank_webp(300, 200)))
        assert photo.grey.shape == (200, 300)
        assert (photo.grey == photo.grey[0, 0]).all()

    @pytest.mark.parametrize(
        ("limits", "words"),
        [
            (ReadLimits(pixels=599), r"claims 30 x 20 pixels.*--max-pixels or COLORGAN_MAX_PIXELS"),
            (ReadLimits(total_pixels=1799), "COLORGAN_MAX_TOTAL_PIXELS"),
            (ReadLimits(pages=2), "COLORGAN_MAX_PAGES"),
            (ReadLimits(bytes=1800), "COLORGAN_MAX_BYTES"),
            (ReadLimits(seconds=1e-9), "COLORGAN_MAX_SECONDS"),
        ],
    )
    def test_say_what_to_raise(self, tmp_path: Path, limits: ReadLimits, words: str) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for _ in range(3):
                writer.write(np.zeros((20, 30), np.uint8))
        assert len(read_photos(tmp_path / "a.tif", limits=ReadLimits(pixels=600, total_pixels=1800, pages=3))) == 3
        with pytest.raises(ImageReadError, match=words):
            read_photos(tmp_path / "a.tif", limits=limits)

    @pytest.mark.parametrize(
        ("suffix", "options"),
        [(".webp", {"lossless": True}), (".webp", {"exif": b"Exif\0\0II*\0"}), *(
            (suffix, {}) for suffix in (".png", ".jpg", ".webp", ".gif", ".bmp", ".ppm", ".avif", ".jp2")
        )],
    )  # fmt: skip
    def test_hold_for_every_format(self, tmp_path: Path, suffix: str, options: dict) -> None:
        draw_photo(1, (30, 20)).save(tmp_path / f"a{suffix}", **options)
        assert len(read_photos(tmp_path / f"a{suffix}", limits=ReadLimits(pixels=600))) == 1
        with pytest.raises(ImageReadError, match="30 x 20"):
            read_photos(tmp_path / f"a{suffix}", limits=ReadLimits(pixels=599))

    def test_come_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        draw_photo(1, (30, 20)).save(tmp_path / "a.png")
        monkeypatch.setenv("COLORGAN_MAX_PIXELS", "599")
        with pytest.raises(ImageReadError, match="limit of 599"):
            read_photos(tmp_path / "a.png")
        monkeypatch.setenv("COLORGAN_MAX_SECONDS", "2.5")
        assert ReadLimits.from_environment() == ReadLimits(pixels=599, seconds=2.5)

    @pytest.mark.parametrize("text", ["many", "-1", "0", "1.5", "nan", "9" * 6000])
    def test_environments_that_cannot_be_meant(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv("COLORGAN_MAX_PIXELS", text)
        with pytest.raises(UsageError, match="COLORGAN_MAX_PIXELS must be"):
            ReadLimits.from_environment()

    def test_a_sheet_of_paper_may_be_blank(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for _ in range(20):
                writer.write(np.full((3508, 2480), 255, np.uint8), compression="zlib")
        assert count_pages(tmp_path / "a.tif") == 20

    def test_large_tiffs_raise_no_warning_of_pillow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # as 179 megapixels are without
        for compression in (None, "zlib"):
            tifffile.imwrite(tmp_path / "a.tif", np.zeros((30, 40), np.uint8), compression=compression)
            assert read_photos(tmp_path / "a.tif")[0].grey.shape == (30, 40)
        assert Image.MAX_IMAGE_PIXELS == 100


class TestDamagedMetadata:
    """What a TIFF says beside its pixels never costs them."""

    @pytest.mark.parametrize("orientation", [1, 6])
    def test_tags_of_every_kind(self, orientation: int) -> None:
        rng = np.random.default_rng(orientation)
        tags = [34665, 34853, 40965, 270, 315, 700, 33723, 34377, 34675, 36867, 282, 283, 296, 306, 330, 532, 320, 301]
        pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
        upright = np.rot90(pixels, -1) if orientation == 6 else pixels
        for _ in range(100):
            some = {int(tag): tuple(rng.choice([8, 100, 0, 5000, 0xFFFFFFFF], rng.integers(1, 4)).tolist())
                    for tag in rng.choice(tags, 4, replace=False)}  # fmt: skip
            data = bytearray(
                tiff(page(6, 4, size=24) | {274: (orientation,)} | some, data=pixels.tobytes() + bytes(100))
            )
            (place,) = struct.unpack_from("<I", data, 4)
            for entry in range(place + 2, place + 2 + 12 * struct.unpack_from("<H", data, place)[0], 12):
                if struct.unpack_from("<H", data, entry)[0] in some:
                    struct.pack_into("<H", data, entry + 2, int(rng.choice([1, 2, 3, 4, 5, 7, 12, 13, 99])))
            (photo,) = read_photos(io.BytesIO(bytes(data)))
            assert np.array_equal(photo.grey, upright), some

    def test_a_thumbnail_whose_photograph_is_lost_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").write_bytes(tiff(page(4, 4, size=16) | {254: (1,), 330: (9000,)}, data=bytes(16)))
        with pytest.raises(ImageReadError, match="the picture is not"):
            read_photos(tmp_path / "a.tif")


class TestTime:
    def test_counts_reading_alone(self) -> None:
        meter = Meter(ReadLimits(seconds=0.2))
        with meter.running():
            meter.check_time()
        time.sleep(0.3)  # the colours are being found
        with meter.running():
            meter.check_time()
            time.sleep(0.3)
            with pytest.raises(ImageReadError, match=r"longer than 0\.2 seconds"):
                meter.check_time()

    def test_ends_a_process_that_hangs_without_letting_python_run(self) -> None:
        hangs = """
            import re, sys, time
            from colorgan.images.budget import Meter, ReadLimits, let_overtime_end_process

            let_overtime_end_process()
            with Meter(ReadLimits(seconds=0.1)).running():
                pass
            time.sleep(1.5)
            print("alive", flush=True)
            with Meter(ReadLimits(seconds=0.1)).running():
                re.match("(a+)+b", "a" * 64)
        """
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(hangs)], capture_output=True, text=True, check=False, timeout=100
        )
        assert (done.stdout, done.stderr, done.returncode) == ("alive\n", "", 1)
        assert time.monotonic() - started < 60

    @pytest.mark.parametrize("hang", ["time.sleep(99)", "re.match('(a+)+b', 'a' * 64)"])
    def test_says_why_where_that_is_possible(self, hang: str) -> None:
        """In a run by threads, of which others read sound photographs meanwhile."""
        hangs = f"""
            import re, sys, threading, time
            from colorgan.images.budget import Meter, ReadLimits, let_overtime_end_process

            let_overtime_end_process(lambda why: print(why, flush=True))

            def read(name, seconds, what):
                meter = Meter(ReadLimits(seconds=seconds))
                meter.name = name
                with meter.running():
                    what()

            threading.Thread(target=read, args=("c.jpg", 100, lambda: time.sleep(99)), daemon=True).start()
            threading.Thread(target=read, args=("a.jpg", 0.1, lambda: {hang}), daemon=True).start()
            for _ in range(400):
                read("b.jpg", 1, lambda: time.sleep(0.1))
        """
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(hangs)], capture_output=True, text=True, check=False, timeout=100
        )
        said = "" if hang.startswith("re") else "reading a.jpg does not end, and so this run does; give --exclude for "
        assert done.stdout.startswith(said)
        assert (done.stderr, done.returncode) == ("", 1)
        assert time.monotonic() - started < 39


class Endless(io.RawIOBase):
    """A stream that never ends."""

    def __init__(self, part: bytes = bytes(1 << 16)) -> None:
        self.part, self.given = part, 0

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "asked for all of it"
        self.given += len(self.part)
        return self.part


class TestStreams:
    def test_without_an_end(self) -> None:
        stream = Endless()
        with pytest.raises(ImageReadError, match=r"standard input cannot be read: it is longer than 10,000,000 bytes"):
            read_photos(stream, limits=ReadLimits(bytes=10_000_000))
        assert stream.given < 12_000_000

    def test_with_a_full_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Full(io.BytesIO):
            def write(self, _: object) -> int:
                raise OSError(28, os.strerror(28))

        monkeypatch.setattr("tempfile.TemporaryFile", Full)
        with pytest.raises(ImageReadError, match="No space left"):
            read_photos(Endless())


class TestStandardError:
    @pytest.mark.parametrize("compression", ["tiff_lzw", "group4", "jpeg", "tiff_adobe_deflate"])
    def test_damaged_tiffs_print_nothing(
        self, tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        image = draw_photo(1, (200, 300)).convert("1" if compression == "group4" else "L")
        image.save(tmp_path / "a.tif", compression=compression)
        whole = (tmp_path / "a.tif").read_bytes()
        rng = np.random.default_rng(0)
        refused = 0
        for _ in range(20):
            data = bytearray(whole)
            for place in rng.integers(8, len(data), 30):
                data[place] = rng.integers(256)
            (tmp_path / "a.tif").write_bytes(data)
            try:
                read_photos(tmp_path / "a.tif")
            except ImageReadError:
                refused += 1
        assert refused > 0
        assert capfd.readouterr() == ("", "")

    def test_odd_tiffs_print_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").write_bytes(tiff(page(4, 4, size=16, t277=(50_000,)), data=bytes(16)))
        code = "import sys, pathlib, colorgan.images as i; i.read_photos(pathlib.Path(sys.argv[1]))"
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "a.tif")],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        lines = done.stderr.splitlines()
        assert lines[0].startswith("Traceback")  # of the error that this reader raises, and nothing before it
        assert "ImageReadError" in lines[-1]
