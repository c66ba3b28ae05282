"""Where pixels come from, apart from deep TIFFs: Pillow, arrays, and the 16-bit files that Pillow cuts to 8 bits."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images.grey import BAND, PixelSource
from colorgan.images.photo import Levels
from colorgan.images.png_read import DeepPngPixels, has_late_chunks, is_deep_png
from colorgan.images.profiles import convert_to_srgb, lab_profile, profile_space

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
        ImageReadError: It has another shape or type.
    """
    shape = array.shape
    if array.ndim not in (2, 3) or 0 in shape or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise ImageReadError(f"an array of shape {shape} is no picture; expected (H, W), (H, W, 3) or (H, W, 4)")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype.kind == "f":
        unit = np.nan_to_num(array, nan=0.0).clip(0, 1)
        array = (unit * 65535).round().astype(np.uint16)
    elif array.dtype not in (np.uint8, np.uint16):
        raise ImageReadError(f"an array of {array.dtype} is no picture; expected uint8, uint16 or floats in 0..1")
    channels = array.reshape(*shape[:2], -1)
    alpha = channels[..., 3] if channels.shape[2] == 4 else None
    return ArrayPixels(channels[..., 0] if channels.shape[2] == 1 else channels[..., :3], alpha)


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
        self._white = self._find_white()

    @property
    def is_srgb(self) -> bool:
        """Whether the profile has been applied already."""
        return self._image.mode in ("CMYK", "LAB")

    def _find_white(self) -> float:
        """Find which value means white where the mode does not say."""
        if self._image.mode not in ("I", "F"):
            return 65535.0
        highest = float(self._image.getextrema()[1])  # type: ignore[arg-type]
        if self._image.mode == "I":
            return 65535.0 if highest <= 65535 else float(2**31 - 1)
        return next((white for white in (1.0, 255.0, 65535.0) if highest <= white * 1.0001), highest)

    def pieces(self) -> Iterator[Piece]:
        """Yield bands."""
        for rows, columns in bands(self.shape):
            band = self._image.crop((0, rows.start, self._image.width, rows.stop))
            yield rows, columns, *self._convert(band)

    def _convert(self, band: Image.Image) -> tuple[Levels, Levels | None]:
        """Return levels `(h, w)` or `(h, w, 3)` and alpha of one band."""
        if band.mode in ("I", "F"):
            return self._stretch(np.asarray(band)), None
        if band.mode in _DEEP_MODES:
            return np.asarray(band).astype(np.uint16), None
        if band.mode in ("CMYK", "LAB"):
            return np.asarray(self._flatten(band)), None
        if band.mode in ("La", "RGBa") or band.mode == "PA" or "transparency" in band.info:
            band = band.convert("LA" if band.mode in ("1", "L", "La") else "RGBA")
        if band.mode in ("LA", "RGBA"):
            channels = np.asarray(band)
            return channels[..., 0] if band.mode == "LA" else channels[..., :3], channels[..., -1]
        return np.asarray(band.convert("L" if band.mode in ("1", "L") else "RGB")), None

    def _stretch(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        unit = np.nan_to_num(values.astype(np.float64) / self._white, nan=0.0, posinf=1.0, neginf=0.0)
        return (unit.clip(0, 1) * 65535).round().astype(np.uint16)

    def _flatten(self, band: Image.Image) -> Image.Image:
        if band.mode == "LAB":
            return convert_to_srgb(band, lab_profile())
        if self._profile and profile_space(self._profile) == "CMYK":
            try:
                return convert_to_srgb(band, self._profile)
            except ValueError:  # a damaged profile is worth no more than none
                self._profile = None
        return band.convert("RGB")


def open_pixels(file: BinaryIO, image: Image.Image) -> PixelSource:
    """Load the pixels of a picture just opened, by another reader where Pillow would lose depth."""
    reader = _deep_reader(file, image)
    if reader is not None:
        return reader()
    image.load()
    return PillowPixels(image)


def _deep_reader(file: BinaryIO, image: Image.Image) -> Callable[[], PixelSource] | None:
    file.seek(0)
    start = file.read(512)
    if is_deep_png(start):
        if has_late_chunks(file):
            image.load()  # wasteful, but only Pillow's loading makes it read the metadata behind the pixels
        return lambda: DeepPngPixels(file)
    if image.format == "PPM" and (header := _PPM.match(start)) and int(header[3]) > 255:
        return lambda: _read_deep_ppm(file, header)
    return None


_GAP = rb"(?:\s+|#[^\r\n]*[\r\n])+"
_PPM = re.compile(rb"P6" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")


def _read_deep_ppm(file: BinaryIO, header: re.Match[bytes]) -> ArrayPixels:
    width, height, white = (int(number) for number in header.groups())
    file.seek(header.end())
    data = file.read(6 * width * height)
    if len(data) < 6 * width * height or white > 65535:
        raise ImageReadError("it ends too early")
    levels = np.frombuffer(data, ">u2").reshape(height, width, 3)
    if white == 65535:
        return ArrayPixels(levels.astype(np.uint16), None)
    return ArrayPixels((levels.astype(np.float32) * (65535 / white)).round().clip(0, 65535).astype(np.uint16), None)
