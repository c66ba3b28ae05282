"""Animated GIF, WebP and PNG: which files are, their frames as photographs, and writing them."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from colorgan.errors import ImageReadError, ImageWriteError
from colorgan.images.atomic import atomic_file
from colorgan.images.budget import Meter
from colorgan.images.files import open_source, unreadable
from colorgan.images.metadata import Metadata, quiet, read_metadata
from colorgan.images.photo import Photo
from colorgan.images.pillow_write import pillow_options
from colorgan.images.png_parts import is_png, png_chunks
from colorgan.images.provenance import Provenance
from colorgan.images.read import photo_from_image
from colorgan.images.texts import Texts

__all__ = [
    "ANIMATED",
    "Animation",
    "Painted",
    "check_held",
    "is_animated",
    "read_animation_metadata",
    "write_animation",
]

ANIMATED = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}
"""Suffixes of files whose pictures may move, and Pillow's names of their formats."""

_MOST_HELD = 2_000_000_000  # bytes of frames in memory, which Pillow's writers need all at once
_SCENE_SAMPLES = 1 << 18  # pixels that the colours of a scene of a GIF are chosen by


def is_animated(path: Path) -> bool:
    """Tell whether a file is an animation of two frames or more; its pixels are not decoded.

    Files that cannot be read are not: whoever reads them as photographs says why.
    """
    if path.suffix.lower() not in ANIMATED:
        return False
    try:
        with path.open("rb") as file:
            start = file.read(30)
            if start[:6] in (b"GIF87a", b"GIF89a"):
                return _count_gif(file) > 1
            if start[:4] == b"RIFF" and start[8:16] == b"WEBPVP8X":
                return bool(start[20] & 2)
            return is_png(start) and _is_moving_png(file)
    except (OSError, ImageReadError, IndexError):
        return False


def _count_gif(file: BinaryIO) -> int:
    """Count the pictures of a GIF, up to two (GIF89a specification, 1990)."""
    file.seek(10)
    flags = file.read(3)[0]
    file.seek(13 + _table(flags))
    found = 0
    while found < 2 and (kind := file.read(1)) in (b"!", b","):
        if kind == b",":
            file.seek(_table(file.read(9)[8]), io.SEEK_CUR)
            found += 1
        file.seek(1, io.SEEK_CUR)  # the extension's label, or the size of the codes
        while size := file.read(1)[0]:
            file.seek(size, io.SEEK_CUR)
    return found


def _table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 128 else 0


def _is_moving_png(file: BinaryIO) -> bool:
    """Look for an `acTL` chunk with two frames or more before the pixels (PNG, third edition, 11.3.6)."""
    for name, _, size in png_chunks(file):
        if name == b"IDAT":
            return False
        if name == b"acTL" and size == 8:
            return int.from_bytes(file.read(4), "big") > 1
    return False


@dataclass(slots=True)
class Animation:
    """An animated file; each look at its frames reads it again.

    Args:
        path: Of the file.
    """

    path: Path
    loop: int | None = None
    """How often it is shown, 0 for ever; None where the file does not say. Known after the first frame."""

    def frames(self) -> Iterator[tuple[Photo, float]]:
        """Yield each frame, whole, with how many milliseconds it is shown.

        Raises:
            ImageReadError: It cannot be read, or costs more than reading one file may.
        """
        meter = Meter()
        try:
            with open_source(self.path) as (file, _):
                meter.file_bytes = file.seek(0, io.SEEK_END)
                file.seek(0)
                yield from self._read(file, meter)
        except ImageReadError as error:
            prefix = "" if str(error).startswith(str(self.path)) else f"{self.path} cannot be read: "
            raise ImageReadError(f"{prefix}{error}") from error
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise unreadable(str(self.path), error) from error

    def _read(self, file: BinaryIO, meter: Meter) -> Iterator[tuple[Photo, float]]:
        _check_canvas(file, meter)
        with meter.running(), quiet():
            image: Any = Image.open(file, formats=("GIF", "PNG", "WEBP"))
        with image:
            first = int(bool(image.info.get("default_image")))  # a PNG's picture for programs that show no animations
            number = 0
            while True:
                with meter.running(), quiet():
                    try:
                        image.seek(number)
                    except EOFError:
                        return
                    meter.check_pages(number + 1)
                    meter.take_page(image.width, image.height, 4 * image.width * image.height)
                    photo = _as_photo(image)
                    self.loop = image.info.get("loop")
                if number >= first:
                    yield photo, float(image.info.get("duration") or 0)
                number += 1


def _check_canvas(file: BinaryIO, meter: Meter) -> None:
    """Refuse a WebP whose canvas is too large before Pillow reserves memory for it."""
    start = file.read(30)
    file.seek(0)
    if start[:4] == b"RIFF" and len(start) == 30:
        meter.check_size(int.from_bytes(start[24:27], "little") + 1, int.from_bytes(start[27:30], "little") + 1)


def _as_photo(image: Image.Image) -> Photo:
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA"):
        frame = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    else:
        frame = image.copy()
    if frame.mode == "RGBA" and frame.getchannel("A").getextrema() == (255, 255):
        frame = frame.convert("RGB")
    frame.info = {} if profile is None else {"icc_profile": profile}
    return photo_from_image(frame)


def read_animation_metadata(path: Path) -> Metadata:
    """Return what a file says beside its frames."""
    with open_source(path) as (file, _), quiet(), Image.open(file, formats=("GIF", "PNG", "WEBP")) as image:
        return read_metadata(image, file)[0]


@dataclass(frozen=True, slots=True)
class Painted:
    """A coloured frame of an animation."""

    rgb: np.ndarray[Any, Any]  # (H, W, 3) uint8
    alpha: np.ndarray[Any, Any] | None
    duration: float  # milliseconds
    begins: bool = False  # a scene


def check_held(path: Path, frames: int, width: int, height: int) -> None:
    """Refuse an animation of which all frames do not fit into memory.

    Raises:
        ImageReadError: It is one.
    """
    if frames * width * height * 4 > _MOST_HELD:
        raise ImageReadError(
            f"{path} has {frames} frames of {width} x {height} pixels, too many to be written as one picture; make a "
            "film or a folder of numbered frames of it first"
        )


def write_animation(
    target: Path,
    frames: Sequence[Painted],
    *,
    format: str,  # noqa: A002 - Pillow's word for it
    loop: int | None,
    quality: int = 95,
    metadata: Metadata | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Write an animation.

    Args:
        target: The file, which appears once it is complete.
        frames: At least one.
        format: "GIF", "WEBP" or "PNG".
        loop: How often it is shown, 0 for ever; None leaves that open.
        quality: Of WebP.
        metadata: What to keep of the source.
        provenance: The note of how it was coloured.

    Raises:
        ImageWriteError: It cannot be written.
    """
    texts = Texts.of(metadata or Metadata(), provenance, variety=f"{format} {len(frames)}").fit(format)
    images = _in_palettes(frames) if format == "GIF" else [_joined(frame) for frame in frames]
    options: dict[str, Any] = {} if format == "GIF" else pillow_options(format, quality, texts)
    if format == "GIF":
        options = {"comment": str(provenance).encode()} if provenance else {}
        options |= {"optimize": False, "disposal": 2 if any(image.mode == "RGBA" for image in images) else 1}
    if format == "PNG":
        options |= {"blend": 0, "disposal": 0}
    if loop is not None:
        options["loop"] = loop
    durations = [round(frame.duration) if format == "WEBP" else frame.duration for frame in frames]
    buffer = io.BytesIO()  # Pillow hides what the system says when it writes to a file by itself
    try:
        images[0].save(
            buffer, format, save_all=True, append_images=images[1:], duration=durations, **options
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise ImageWriteError(f"{target} cannot be written as an animated {format.lower()}: {error}") from error
    with atomic_file(target, times=None if metadata is None else metadata.times) as file:
        file.write(buffer.getbuffer())


def _joined(frame: Painted) -> Image.Image:
    rgb = Image.fromarray(np.ascontiguousarray(frame.rgb))
    if frame.alpha is not None:
        rgb.putalpha(Image.fromarray(frame.alpha))
    return rgb


def _in_palettes(frames: Sequence[Painted]) -> list[Image.Image]:
    """Bring frames to 256 colours, the same ones for a whole scene, so that colours do not change from frame to frame.

    Frames with transparency are left to Pillow.
    """
    if any(frame.alpha is not None for frame in frames):
        return [_joined(frame) for frame in frames]
    starts = [0, *(n for n, frame in enumerate(frames) if n and frame.begins), len(frames)]
    images: list[Image.Image] = []
    for start, stop in pairwise(starts):
        scene = frames[start:stop]
        palette = _palette_of([frame.rgb for frame in scene])
        images += [_joined(frame).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for frame in scene]
    return images


def _palette_of(scene: Sequence[np.ndarray[Any, Any]]) -> Image.Image:
    pixels = sum(frame.shape[0] * frame.shape[1] for frame in scene)
    step = max(1, pixels // _SCENE_SAMPLES)
    chosen = np.concatenate([frame.reshape(-1, 3)[n % step :: step] for n, frame in enumerate(scene)])
    if not len(chosen):
        chosen = scene[0].reshape(-1, 3)
    return Image.fromarray(chosen[None]).quantize(256, method=Image.Quantize.MEDIANCUT)
