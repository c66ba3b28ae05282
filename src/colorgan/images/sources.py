"""Where pixels come from, apart from deep TIFFs: Pillow, arrays, and the 16-bit files that Pillow cuts to 8 bits."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images.grey import BAND, PixelSource
from colorgan.images.newer_formats import deep_heif_levels
from colorgan.images.opening import decode
from colorgan.images.photo import Levels
from colorgan.images.png_read import DeepPngPixels, is_deep_png
from colorgan.images.profiles import convert_to_srgb, lab_profile, profile_space
from colorgan.images.scale import Sample, Scale, find_scale

__all__ = ["ArrayPixels", "PillowPixels", "array_pixels", "open_pixels"]

Piece = tuple[slice, slice, Levels, Levels | None]


@dataclass
class ArrayPixels:
    """A picture in an array. See `grey.PixelSource`."""

    colors: Levels  # (H, W) or (H, W, 3)
    alpha: Levels | None  # (H, W)

    def __post_init__(self) -> None:
        """Say what the array's shape and type mean."""
        self.shape: tuple[int, int] = (int(self.colors.shape[0]), int(self.colors.shape[1]))
        self.channels = 1 if self.colors.ndim == 2 else 3
        self.levels = 256 if self.colors.dtype == np.uint8 else 65536
        self.depth = 8 if self.levels == 256 else 16

    def pieces(self) -> Iterator[Piece]:
        """Yield bands."""
        for rows, columns in bands(self.shape):
            yield rows, columns, self.colors[rows], None if self.alpha is None else self.alpha[rows]


def bands(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Cut a picture into bands of whole rows, about `BAND` pixels each."""
    height, width = shape
    step = max(1, BAND // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height)), slice(0, width)


def array_pixels(array: NDArray[Any]) -> ArrayPixels:
    """Take an array `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)` of uint8, uint16, bool or floats in 0..1.

    Raises:
        TypeError: It is of another type.
        ValueError: It has another shape, or floats of another range.
    """
    shape = array.shape
    if array.ndim not in (2, 3) or 0 in shape or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise ValueError(f"an array of shape {shape} is no picture; expected (H, W), (H, W, 3) or (H, W, 4)")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype.kind == "f":
        sample = Sample(shape[0] * shape[1])
        sample.add(array)
        if not np.isfinite(sample.values).any():
            raise ValueError(f"an array of {array.dtype} without a number is no picture")
        if find_scale(sample.values, bits=8 * array.itemsize) != Scale(0, 1):
            raise ValueError(
                f"an array of {array.dtype} must be in 0..1, got {np.nanmin(array):g} to {np.nanmax(array):g}; divide "
                "it by its white, or turn it into uint8 or uint16"
            )
        array = Scale(0, 1).to_levels(array)
    elif array.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"an array of {array.dtype} is no picture; expected uint8, uint16 or floats in 0..1")
    channels = array.reshape(*shape[:2], -1)
    alpha = channels[..., 3] if channels.shape[2] == 4 else None
    return ArrayPixels(channels[..., 0] if channels.shape[2] == 1 else channels[..., :3], alpha)


_BITS_PER_SAMPLE = 258
_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"})
_DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N", "F"})


class PillowPixels:
    """A loaded Pillow image of any mode, converted band by band. See `grey.PixelSource`.

    CMYK and Lab come out as sRGB already; the levels of other modes are still those of the picture's profile.
    """

    def __init__(self, image: Image.Image, *, depth: int | None = None) -> None:
        self._image = image
        self._profile = image.info.get("icc_profile")
        self.shape = (image.height, image.width)
        self.channels = 1 if image.mode in _GREY_MODES else 3
        self.levels = 65536 if image.mode in _DEEP_MODES else 256
        self.depth = depth or (16 if self.levels == 65536 else 8)
        self._transparent = image.info.get("transparency") if image.mode == "I;16" else None
        self._scale = self._find_scale()

    @property
    def is_srgb(self) -> bool:
        """Whether the profile has been applied already."""
        return self._image.mode in ("CMYK", "LAB")

    def _find_scale(self) -> Scale | None:
        """Find which values mean black and white where the mode does not say; None where it does."""
        if self._image.mode == "I;16" and (bits := _tiff_bits(self._image)) < 16:
            return Scale(0, 2**bits - 1)
        if self._image.mode not in ("I", "F"):
            return None
        if self._image.format == "PPM" and self._image.mode == "I":  # Pillow has applied what the header says
            return Scale(0, 65535)
        sample = Sample(self.shape[0] * self.shape[1])
        for rows, _ in bands(self.shape):
            sample.add(np.asarray(self._image.crop((0, rows.start, self._image.width, rows.stop))))
        return find_scale(sample.values, bits=32)

    def pieces(self) -> Iterator[Piece]:
        """Yield bands."""
        for rows, columns in bands(self.shape):
            band = self._image.crop((0, rows.start, self._image.width, rows.stop))
            yield rows, columns, *self._convert(band)

    def _convert(self, band: Image.Image) -> tuple[Levels, Levels | None]:
        """Return levels `(h, w)` or `(h, w, 3)` and alpha of one band."""
        if self._scale is not None:
            return self._scale.to_levels(np.asarray(band)), None
        if band.mode in _DEEP_MODES:
            levels = np.asarray(band).astype(np.uint16)
            hidden = self._transparent
            return levels, None if not isinstance(hidden, int) else np.where(
                levels == hidden, np.uint16(0), np.uint16(65535)
            )
        if band.mode in ("CMYK", "LAB"):
            return np.asarray(self._flatten(band)), None
        if band.mode in ("La", "RGBa") or band.mode == "PA" or "transparency" in band.info:
            band = band.convert("LA" if band.mode in ("1", "L", "La") else "RGBA")
        if band.mode in ("LA", "RGBA"):
            channels = np.asarray(band)
            return channels[..., 0] if band.mode == "LA" else channels[..., :3], channels[..., -1]
        return np.asarray(band.convert("L" if band.mode in ("1", "L") else "RGB")), None

    def _flatten(self, band: Image.Image) -> Image.Image:
        if band.mode == "LAB":
            return convert_to_srgb(band, lab_profile())
        if self._profile and profile_space(self._profile) == "CMYK":
            try:
                return convert_to_srgb(band, self._profile)
            except ValueError:  # a damaged profile is worth no more than none
                self._profile = None
        return band.convert("RGB")


def _tiff_bits(image: Image.Image) -> int:
    """Return the bits a sample of what was opened as a TIFF, 16 of all others."""
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
    return int(bits[0]) if isinstance(bits, tuple) and bits else 16


def open_pixels(file: BinaryIO, image: Image.Image) -> PixelSource:
    """Load the pixels of a picture just opened, by another reader where Pillow would lose depth."""
    file.seek(0)
    start = file.read(_HEADER)
    if is_deep_png(start):
        return DeepPngPixels(file, image.info.get("transparency"))
    if image.format == "PPM" and (header := _ppm_header(start)) is not None:
        return _read_deep_ppm(file, *header)
    if (levels := deep_heif_levels(file, image)) is not None:
        return array_pixels(levels)
    decode(image)
    return PillowPixels(image)


_HEADER = 4096  # bytes in which the header of a PPM ends, comments and all
_COMMENT = re.compile(rb"#[^\r\n]*")


def _ppm_header(start: bytes) -> tuple[int, int, int, int] | None:
    """Return width, height and white of a PPM of more than 8 bits, and where its pixels begin; None of any other."""
    plain = _COMMENT.sub(lambda found: b" " * len(found[0]), start)  # so that places stay
    words = re.finditer(rb"\S+", plain)
    found = [word for word, _ in zip(words, range(4), strict=False)]
    numbers = [word[0] for word in found[1:]]
    if start[:2] != b"P6" or len(numbers) < 3 or not all(n.isdigit() and len(n) < 12 for n in numbers):
        return None
    width, height, white = (int(number) for number in numbers)
    return (width, height, white, found[3].end() + 1) if white > 255 else None


def _read_deep_ppm(file: BinaryIO, width: int, height: int, white: int, place: int) -> ArrayPixels:
    file.seek(place)
    data = file.read(6 * width * height)
    if len(data) < 6 * width * height or white > 65535:
        raise ImageReadError("it ends too early")
    levels = np.frombuffer(data, ">u2").reshape(height, width, 3)
    if white == 65535:
        return ArrayPixels(levels.astype(np.uint16), None)
    return ArrayPixels((levels.astype(np.float32) * (65535 / white)).round().clip(0, 65535).astype(np.uint16), None)
