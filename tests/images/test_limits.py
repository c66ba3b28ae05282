"""Small files that claim or cause much: each is a photograph or an error, in little time and memory."""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_support import blank_webp, page, png, png_chunk, tiff
from support import draw_photo


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
