"""A picture has its name once it is complete."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageWriteError
from colorgan.images import (
    write_image,
)
from image_support import noise


class TestAtomic:
    def sentence(self, target: Path, **options: Any) -> str:
        with pytest.raises(ImageWriteError) as caught:
            write_image(target, noise(), **({"format": "PNG"} | options))
        assert "\n" not in str(caught.value)
        assert str(target) in str(caught.value)
        return str(caught.value)

    def test_folder(self, tmp_path: Path) -> None:
        assert "it is a folder" in self.sentence(tmp_path)

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert "folder does not exist" in self.sentence(tmp_path / "none" / "a.png")

    @pytest.mark.parametrize(
        ("number", "words"),
        [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
    )
    def test_what_the_system_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
    ) -> None:
        def fail(descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fail)
        (tmp_path / "a.png").write_bytes(b"old")
        assert words in self.sentence(tmp_path / "a.png")
        assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
        assert (tmp_path / "a.png").read_bytes() == b"old"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    @pytest.mark.parametrize(("kind", "depth"), [("JPEG", 8), ("PNG", 16), ("TIFF", 16)])
    @pytest.mark.parametrize("buffered", [0, 1 << 20])  # Python's own choice differs from version to version
    def test_a_full_device(self, kind: str, depth: int, buffered: int) -> None:
        full = Path("/dev/full").open("wb", buffering=buffered)  # noqa: SIM115 - closing it fails as well
        try:
            with pytest.raises(ImageWriteError, match="disk is full"):
                write_image(full, noise(), format=kind, depth=depth)
        finally:
            with suppress(OSError):  # it tries once more
                full.close()

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
    def test_a_failing_source(self, tmp_path: Path, kind: str) -> None:
        def bands() -> Iterator[NDArray]:
            yield noise((5, 10, 3))
            raise RuntimeError("out of memory")

        with pytest.raises(RuntimeError, match="out of memory"):
            write_image(tmp_path / "a", bands(), shape=(10, 10), format=kind)
        assert not list(tmp_path.iterdir())

    def test_invisible_until_complete(self, tmp_path: Path) -> None:
        def bands() -> Iterator[NDArray]:
            yield noise((5, 10, 3))
            assert not (tmp_path / "a.tif").exists()
            assert all(path.name.startswith(".") for path in tmp_path.iterdir())
            yield noise((5, 10, 3))

        write_image(tmp_path / "a.tif", bands(), shape=(10, 10), format="TIFF")
        assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]

    def test_replaces(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"old")
        write_image(tmp_path / "a.png", noise(), format="PNG")
        with Image.open(tmp_path / "a.png") as image:
            image.load()

    def test_long_names(self, tmp_path: Path) -> None:
        path = tmp_path / f"{'ä' * 125}.png"  # 254 bytes, one less than file systems take
        write_image(path, noise(), format="PNG")
        assert path.exists()
