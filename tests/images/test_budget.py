"""What reading may cost, and that it costs no more."""

import io
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorgan.errors import ImageReadError, UsageError
from colorgan.images import ReadLimits, count_pages, read_photos
from colorgan.images.budget import Meter
from image_support import blank_webp
from support import draw_photo


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
