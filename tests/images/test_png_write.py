"""PNG of 16 bits, written band by band."""

from pathlib import Path

import numpy as np
import pytest
import torch

from colorgan.images import (
    Metadata,
    read_photos,
    write_image,
)
from image_support import noise
from metadata_support import write


class TestPixels:
    @pytest.mark.parametrize("channels", [3, 4])
    @pytest.mark.filterwarnings("ignore:.*TorchVision are deprecated:DeprecationWarning")
    def test_sixteen_bit_png(self, tmp_path: Path, channels: int) -> None:
        from torchvision.io import ImageReadMode, decode_png

        pixels = noise((300, 41, channels), np.uint16)
        pixels[100:200] //= 512  # smooth enough for the other filter
        alpha = pixels[..., 3] if channels == 4 else None
        write_image(tmp_path / "a.png", pixels[..., :3], format="PNG", depth=16, alpha=alpha)
        data = torch.frombuffer(bytearray((tmp_path / "a.png").read_bytes()), dtype=torch.uint8)
        read = decode_png(data, ImageReadMode.UNCHANGED).movedim(0, -1).numpy()  # libpng
        assert read.dtype == np.uint16
        assert np.array_equal(read, pixels)


class TestTexts:
    @pytest.mark.parametrize("late", [False, True])
    def test_deep_png_texts_before_and_behind_the_pixels(self, tmp_path: Path, late: bool) -> None:
        path = tmp_path / "a.png"
        write(path, "PNG", Metadata(texts={"Title": "Großmutter"}), depth=16)
        if late:
            data = path.read_bytes()
            start = data.index(b"iTXtTitle") - 4
            end = start + 12 + int.from_bytes(data[start : start + 4], "big")
            path.write_bytes(data[:start] + data[end:-12] + data[start:end] + data[-12:])
        (photo,) = read_photos(path)
        assert photo.metadata.texts["Title"] == "Großmutter"
