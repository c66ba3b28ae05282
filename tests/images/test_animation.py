"""Animations: which files are, judged by Pillow, and what is read of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import is_animated
from colorgan.images.animation import Animation, Painted, write_animation
from support import draw_photo

SUFFIXES = [".gif", ".webp", ".png"]


def save(path: Path, count: int, *, duration: object = 120, **options: Any) -> Path:
    frames = [draw_photo(n, (40, 30)).convert("L") for n in range(count)]
    if path.suffix == ".webp":
        options["lossless"] = True
    frames[0].save(path, save_all=count > 1, append_images=frames[1:], duration=duration, **options)
    return path


class TestIsAnimated:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_as_pillow_says(self, tmp_path: Path, suffix: str, count: int) -> None:
        path = save(tmp_path / f"a{suffix}", count)
        with Image.open(path) as image:
            assert is_animated(path) is bool(getattr(image, "is_animated", False)) is (count > 1)

    @pytest.mark.parametrize("suffix", [*SUFFIXES, ".jpg"])
    @pytest.mark.parametrize(
        "content", [b"", b"GIF89a", b"GIF89a" + bytes(7), b"RIFF....WEBPVP8X", b"\x89PNG\r\n\x1a\n"]
    )
    def test_what_is_cut_off_is_not(self, tmp_path: Path, suffix: str, content: bytes) -> None:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(content)
        assert not is_animated(path)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_every_cut(self, tmp_path: Path, suffix: str) -> None:
        content = save(tmp_path / f"a{suffix}", 2).read_bytes()
        path = tmp_path / f"b{suffix}"
        for length in range(0, len(content), max(1, len(content) // 60)):
            path.write_bytes(content[:length])
            assert is_animated(path) in (True, False)


class TestAnimation:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_frames_and_durations(self, tmp_path: Path, suffix: str) -> None:
        path = save(tmp_path / f"a{suffix}", 3, duration=[40, 200, 70], loop=3)
        animation = Animation(path)
        frames = list(animation.frames())
        assert [duration for _, duration in frames] == [40, 200, 70]
        assert animation.loop == 3
        for number, (photo, _) in enumerate(frames):
            grey = photo.grey if photo.grey.dtype == np.uint8 else photo.grey // 257
            assert np.abs(grey.astype(int) - np.asarray(draw_photo(number, (40, 30)).convert("L"))).max() <= 2

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_the_budget_holds(self, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
        path = save(tmp_path / f"a{suffix}", 4)
        monkeypatch.setenv("COLORGAN_MAX_PAGES", "3")
        with pytest.raises(ImageReadError, match=r"a\.\w+ cannot be read: it has more than 3 pages"):
            list(Animation(path).frames())
        monkeypatch.setenv("COLORGAN_MAX_PIXELS", "1000")
        with pytest.raises(ImageReadError, match="40 x 30 pixels, more than the limit"):
            list(Animation(path).frames())

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_cut_off(self, tmp_path: Path, suffix: str) -> None:
        path = save(tmp_path / f"a{suffix}", 3)
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(ImageReadError, match=rf"a{suffix} is (damaged or cut off|not a picture)"):
            list(Animation(path).frames())


class TestWriteAnimation:
    def test_a_scene_of_a_gif_has_one_palette(self, tmp_path: Path) -> None:
        frames = [
            Painted(np.asarray(draw_photo(5 if n < 3 else 9, (40 + n, 30)))[:, n:], None, 100.0, n in (0, 3))
            for n in range(6)
        ]
        write_animation(tmp_path / "a.gif", frames, format="GIF", loop=0)
        with Image.open(tmp_path / "a.gif") as image:
            assert (getattr(image, "n_frames", 1), image.info["loop"]) == (6, 0)
            for number, frame in enumerate(frames):
                image.seek(number)
                assert np.abs(np.asarray(image.convert("RGB")).astype(int) - frame.rgb).mean() < 8
