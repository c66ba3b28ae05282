"""Reading bytes that may never come."""

import os
import time
from pathlib import Path

import pytest

from colorgan.data import PhotoFile, open_photo
from colorgan.data import bytes as reading
from colorgan.data.bytes import leave_time_to_others, read_part
from colorgan.errors import DataError, ImageReadError
from support import draw_photo


class TestReadPart:
    def test_reads_all_or_a_part(self, tmp_path):
        path = tmp_path / "a"
        path.write_bytes(b"0123456789")
        assert read_part(path) == b"0123456789"
        assert read_part(path, 3, 4) == b"3456"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
    def test_refuses_what_is_no_file_at_once(self, tmp_path):
        os.mkfifo(tmp_path / "photo.jpg")
        begin = time.monotonic()
        for path in (tmp_path / "photo.jpg", tmp_path, Path("/dev/zero")):
            with pytest.raises(ImageReadError, match=r"seen\.jpg cannot be read: .*(pipe|Is a directory|folder)"):
                open_photo(PhotoFile("seen.jpg", path))
        assert time.monotonic() - begin < 5

    def test_names_what_the_system_refuses(self, tmp_path):
        with pytest.raises(ImageReadError, match=r"a\.jpg cannot be read: there is no such file"):
            read_part(tmp_path / "gone", name="a.jpg")

    def test_says_the_same_where_others_look_at_the_time(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reading, "_others_look_at_time", False)
        leave_time_to_others()
        (tmp_path / "a").write_bytes(b"0123456789")
        assert read_part(tmp_path / "a", 3, 4) == b"3456"
        for path, words in ((tmp_path / "gone", "there is no such file"), (Path("/dev/zero"), "a device")):
            with pytest.raises(ImageReadError, match=rf"a\.jpg cannot be read: .*{words}"):
                read_part(path, name="a.jpg")


class TestDeadDrive:
    @pytest.fixture
    def dead(self, monkeypatch):
        """A drive that does not answer."""
        monkeypatch.setattr(reading, "_PATIENCE", 0.05)
        monkeypatch.setattr(reading, "_stalls", 0)
        real = reading._read

        def read(path, offset, size):
            if "dead" in str(path):
                time.sleep(1)
            return real(path, offset, size)

        monkeypatch.setattr(reading, "_read", read)

    def test_passes_over_one_photograph_and_goes_on(self, tmp_path, dead):
        draw_photo(1).save(tmp_path / "good.png")
        for _ in range(5):
            with pytest.raises(ImageReadError, match="did not come within"):
                read_part(tmp_path / "dead.png")
            assert open_photo(PhotoFile("good.png", tmp_path / "good.png")).size == (80, 64)

    def test_ends_when_nothing_comes_any_more(self, tmp_path, dead):
        for _ in range(2):
            with pytest.raises(ImageReadError):
                read_part(tmp_path / "dead.png")
        with pytest.raises(DataError, match=r"the last 3 photographs did not come .* see to the drive"):
            read_part(tmp_path / "dead.png")

    def test_reads_in_a_forked_process(self, tmp_path):
        """Threads do not come along there."""
        (tmp_path / "a").write_bytes(b"x")
        read_part(tmp_path / "a")
        child = os.fork()
        if child == 0:
            os._exit(0 if read_part(tmp_path / "a") == b"x" else 1)
        assert os.waitpid(child, 0)[1] == 0
