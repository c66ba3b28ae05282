"""Writing pictures: whole or in bands, at the source's depth, with its metadata, atomically."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from colorgan.errors import ImageWriteError
from colorgan.images.atomic import atomic_file, unwritable
from colorgan.images.depth import to_depth
from colorgan.images.grey import BAND
from colorgan.images.metadata import Metadata
from colorgan.images.photo import Levels, Photo
from colorgan.images.pillow_write import encode_by_pillow
from colorgan.images.png_write import write_png
from colorgan.images.provenance import Provenance
from colorgan.images.texts import Texts
from colorgan.images.tiff_write import write_tiff

__all__ = [
    "FORMATS",
    "FORMATS_WITH_ALPHA",
    "FORMATS_WITH_DEPTH",
    "SUFFIX_OF",
    "default_format",
    "format_of",
    "write_image",
]

SUFFIX_OF = {
    "JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "AVIF": ".avif", "BMP": ".bmp", "PPM": ".ppm",
}  # fmt: skip
"""The usual suffix of each format that can be written."""

FORMATS = frozenset(SUFFIX_OF)
"""The formats that can be written, by Pillow's names."""

FORMATS_WITH_ALPHA = frozenset({"PNG", "TIFF", "WEBP", "AVIF"})
"""The formats that keep transparency; the others are laid on white."""

FORMATS_WITH_DEPTH = frozenset({"PNG", "TIFF"})
"""The formats that hold 16 bits a component."""

_SUFFIXES = {
    **{suffix: name for name, suffix in SUFFIX_OF.items()},
    ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".tiff": "TIFF", ".dib": "BMP", ".pnm": "PPM", ".apng": "PNG",
}  # fmt: skip
_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383, "AVIF": 65536}
_LARGE = 1 << 25  # pixels from which PNG is written in bands


def format_of(path: Path) -> str | None:
    """Return the format that a file's suffix asks for, None if none is known for it."""
    return _SUFFIXES.get(path.suffix.lower())


def default_format(photo: Photo) -> str:
    """Return the format that loses nothing of a photo: its own if that holds colour, its alpha and its depth."""
    fits = (
        photo.format in FORMATS
        and photo.format != "PPM"
        and (photo.alpha is None or photo.format in FORMATS_WITH_ALPHA)
        and (photo.depth == 8 or photo.format in FORMATS_WITH_DEPTH)
    )
    return photo.format if fits else "PNG"


def write_image(
    target: Path | BinaryIO,
    pixels: Levels | Iterable[Levels],
    *,
    format: str,  # noqa: A002 - Pillow's word for it
    shape: tuple[int, int] | None = None,
    alpha: Levels | None = None,
    depth: int = 8,
    quality: int = 95,
    metadata: Metadata | None = None,
    provenance: Provenance | None = None,
) -> tuple[str, ...]:
    """Write a coloured picture, in sRGB and tagged as such.

    Args:
        target: A file, which appears only once it is complete, or a stream.
        pixels: sRGB levels `(H, W, 3)`, uint8 or uint16, or bands of rows of such from the top, which lets large
            TIFF and PNG files be written without holding them.
        format: One of `FORMATS`.
        shape: Height and width; needed with bands.
        alpha: Opacity `(H, W)`, uint8 or uint16. Formats without it get the picture laid on white.
        depth: 8 or 16 bits a component, whatever the type of `pixels`.
        quality: Of JPEG (always 4:4:4), WebP and AVIF, 1 to 100.
        metadata: What to keep of the source; None keeps nothing.
        provenance: The note to leave of how the picture was coloured; None leaves none.

    Returns:
        What `metadata` says and the result does not, in words: the format has no room for it.

    Raises:
        ImageWriteError: The format cannot hold the picture, or the system does not let it be written. Nothing is
            left behind, as after any exception.
    """
    source = _Bands(pixels, shape, alpha if format in FORMATS_WITH_ALPHA else None, depth)
    _check(target, format, source.shape, depth)
    if alpha is not None and source.alpha is None:
        source.matte = alpha
    metadata = metadata or Metadata()
    if isinstance(target, Path):
        with atomic_file(target, times=metadata.times) as file:
            return _encode(file, source, format, quality, metadata, provenance)
    buffer = io.BytesIO()
    left_out = _encode(buffer, source, format, quality, metadata, provenance)
    try:
        target.write(buffer.getbuffer())
        target.flush()
    except OSError as error:
        raise unwritable(getattr(target, "name", "standard output"), error) from error
    return left_out


def _check(target: Path | BinaryIO, name: str, shape: tuple[int, int], depth: int) -> None:
    where = target if isinstance(target, Path) else "the result"
    if name == "GIF":
        raise ImageWriteError(f"{where} cannot be a GIF: 256 colours are too few for a photograph; choose png")
    if name not in FORMATS:
        known = ", ".join(sorted(FORMATS)).lower()
        raise ImageWriteError(f"{where} cannot be written as {name.lower()}; choose one of {known}")
    if depth not in (8, 16) or (depth == 16 and name not in FORMATS_WITH_DEPTH):
        raise ImageWriteError(f"{where} cannot hold {depth} bits as {name.lower()}; choose tiff or png, or 8 bits")
    longest = _LONGEST_SIDE.get(name)
    if longest is not None and max(shape) > longest:
        raise ImageWriteError(
            f"{where} cannot be written as {name.lower()}, which ends at {longest} pixels a side, "
            f"and this picture has {shape[1]} x {shape[0]}; choose png or tiff"
        )


class _Bands:
    """The bands of a picture `(h, W, 3 or 4)`, brought to one depth, with its alpha."""

    def __init__(
        self, pixels: Levels | Iterable[Levels], shape: tuple[int, int] | None, alpha: Levels | None, depth: int
    ) -> None:
        if isinstance(pixels, np.ndarray):
            shape = (int(pixels.shape[0]), int(pixels.shape[1]))
        if shape is None:
            raise ValueError("bands need a shape")
        self._pixels, self.shape, self.alpha, self.depth = pixels, shape, alpha, depth
        self.matte: Levels | None = None  # opacity over white, for formats without alpha
        self.channels = 3 if alpha is None else 4

    def __iter__(self) -> Iterator[Levels]:
        top = 0
        for band in self._cut():
            rows = slice(top, top + len(band))
            levels = to_depth(band, self.depth)
            if self.alpha is not None:
                levels = np.concatenate((levels, to_depth(self.alpha[rows], self.depth)[..., None]), axis=-1)
            elif self.matte is not None:
                levels = _lay_on_white(levels, self.matte[rows])
            yield levels
            top = rows.stop
        if top != self.shape[0]:
            raise ValueError(f"bands of {top} rows were given for a picture of {self.shape[0]}")

    def _cut(self) -> Iterable[Levels]:
        if not isinstance(self._pixels, np.ndarray):
            return self._pixels
        step = max(1, BAND // self.shape[1])
        return (self._pixels[top : top + step] for top in range(0, self.shape[0], step))

    def image(self) -> Image.Image:
        """Join the bands to one 8-bit picture."""
        height, width = self.shape
        result = Image.new("RGB" if self.channels == 3 else "RGBA", (width, height), None)  # not filled: bands follow
        top = 0
        for band in self:
            result.paste(_as_image(band), (0, top))
            top += len(band)
        return result


def _as_image(band: Levels) -> Image.Image:
    planes = band.transpose(2, 0, 1)
    if not planes.flags.c_contiguous:
        return Image.fromarray(np.ascontiguousarray(band))
    # Colouring makes planes, and Pillow joins planes several times faster than numpy interleaves them.
    size = (band.shape[1], band.shape[0])
    parts = [Image.frombuffer("L", size, plane, "raw", "L", 0, 1) for plane in planes]
    return Image.merge("RGB" if len(parts) == 3 else "RGBA", parts)


def _lay_on_white(levels: Levels, opacity: Levels) -> Levels:
    white = np.float32(np.iinfo(levels.dtype).max)
    share = (opacity / np.float32(np.iinfo(opacity.dtype).max))[..., None]
    return (levels * share + white * (1 - share)).round().astype(levels.dtype)


def _encode(
    file: BinaryIO, source: _Bands, name: str, quality: int, metadata: Metadata, provenance: Provenance | None
) -> tuple[str, ...]:
    variety = f"{name} {quality} {source.shape} {source.channels} {source.depth}"
    texts = Texts.of(metadata, provenance, variety=variety).fit(name)
    if name == "TIFF":
        write_tiff(file, source, source.shape, depth=source.depth, channels=source.channels, texts=texts)
    elif name == "PNG" and (source.depth == 16 or source.shape[0] * source.shape[1] > _LARGE):
        write_png(file, source, source.shape, depth=source.depth, channels=source.channels, texts=texts)
    else:
        file.write(encode_by_pillow(source.image(), name, quality=quality, texts=texts))
    return texts.left_out
