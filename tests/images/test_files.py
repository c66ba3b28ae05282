"""Files and streams that cannot be read, or only once."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import (
    ReadLimits,
    count_pages,
    read_marks,
    read_photos,
    read_size,
)
from image_support import ramp, refused


class Endless(io.BytesIO):
    """A stream that never ends."""

    def __init__(self, part: bytes = bytes(1 << 16)) -> None:
        super().__init__()
        self.part, self.given = part, 0

    def seekable(self) -> bool:
        return False

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
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


class TestFiles:
    def test_missing(self, tmp_path: Path) -> None:
        assert "no such file" in refused(tmp_path / "none.jpg")

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").touch()
        assert "empty" in refused(tmp_path / "a.jpg")

    def test_folder(self, tmp_path: Path) -> None:
        assert "folder" in refused(tmp_path)

    def test_denied(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def deny(self: Path, *_: object) -> None:
            raise PermissionError(13, "Permission denied")

        (tmp_path / "a.jpg").touch()
        monkeypatch.setattr(Path, "open", deny)
        assert "permission denied" in refused(tmp_path / "a.jpg")

    def test_stream(self) -> None:
        buffer = io.BytesIO()
        Image.fromarray(ramp()).save(buffer, "PNG")
        buffer.seek(0)
        (photo,) = read_photos(buffer)
        assert photo.format == "PNG"
        assert photo.metadata.times is None

    def test_stream_that_cannot_seek(self, tmp_path: Path) -> None:
        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return False

        buffer = io.BytesIO()
        Image.fromarray(ramp()).save(buffer, "PNG")
        (photo,) = read_photos(Pipe(buffer.getvalue()))
        assert np.array_equal(photo.grey, ramp())


@pytest.mark.parametrize("read", [read_marks, read_size, read_photos, count_pages])
def test_what_cannot_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object]
) -> None:
    with pytest.raises(ImageReadError, match="cannot be read: its name is too long"):
        read(tmp_path / ("y" * 300 + ".jpg"))
    look = os.stat

    def refuse(path: Any, **options: Any) -> os.stat_result:
        if "closed" in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(ImageReadError, match="cannot be read: permission denied"):
        read(tmp_path / "closed" / "a.jpg")
