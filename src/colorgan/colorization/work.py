"""One file at a time: what happens to a photograph between its source and its target."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from colorgan.colorization.colorizer import Colorizer, Colors, Sketch
from colorgan.colorization.plan import STREAM, Job
from colorgan.config import ColorInput, Existing, RenderConfig
from colorgan.errors import ImageWriteError
from colorgan.images import (
    FORMATS_WITH_DEPTH,
    Photo,
    PhotoKind,
    default_format,
    format_of,
    read_photos,
    write_image,
)
from colorgan.rendering import Painting

__all__ = ["ColorizeOptions", "OpenedJob", "Outcome", "Status", "finish_job", "open_job"]


class Status(StrEnum):
    """What became of a photograph."""

    COLORIZED = "colorized"
    COPIED = "copied"  # it was in colour already
    SKIPPED = "skipped"  # its result was there already, or it was in colour already
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorizeOptions:
    """How photographs are coloured and written."""

    render: RenderConfig = field(default_factory=RenderConfig)
    quality: int = 95
    existing: Existing = Existing.SKIP
    color_input: ColorInput = ColorInput.SKIP
    strip_metadata: bool = False
    mute_uncertain: bool = False
    stream_format: str | None = None  # of a result on standard output; the photograph's own if left out

    @property
    def needs_confidence(self) -> bool:
        """Whether the network has to say how sure it is."""
        return self.mute_uncertain


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one photograph."""

    job: Job
    status: Status
    reason: str = ""  # why it was not coloured
    seconds: float = 0.0  # of work on this photograph, on all threads; its share of the network's batch included
    width: int = 0
    height: int = 0
    pages: int = 0
    moved_share: float = 0.0  # of pixels whose chroma was shrunk to fit into sRGB


@dataclass(slots=True)
class OpenedJob:
    """A job whose photograph was read."""

    job: Job
    photos: list[Photo]  # one a page
    sketches: list[Sketch]
    colors: list[Colors | None] = field(default_factory=list)  # filled in as the network answers
    seconds: float = 0.0

    @property
    def size(self) -> int:
        """Bytes held in memory, roughly."""
        return sum(photo.grey.nbytes for photo in self.photos)


def open_job(job: Job, colorizer: Colorizer, options: ColorizeOptions) -> OpenedJob | Outcome:
    """Read a job's photograph, or say why there is nothing to colour.

    Raises:
        ImageReadError: It cannot be read.
    """
    started = time.perf_counter()
    if options.existing is Existing.SKIP and job.target != STREAM and job.target.exists():
        return Outcome(job=job, status=Status.SKIPPED, reason="its result is there already")
    photos = read_photos(sys.stdin.buffer if job.source == STREAM else job.source)
    if options.color_input is not ColorInput.RECOLOR and any(p.kind is PhotoKind.COLOR for p in photos):
        return _pass_over(job, photos[0], options, started)
    sketches = [colorizer.sketch(photo, options.render) for photo in photos]
    return OpenedJob(job, photos, sketches, [None] * len(photos), time.perf_counter() - started)


def _pass_over(job: Job, photo: Photo, options: ColorizeOptions, started: float) -> Outcome:
    facts: dict[str, Any] = {"width": photo.width, "height": photo.height, "pages": photo.pages}
    reason = "it is in colour already"
    if options.color_input is ColorInput.SKIP:
        return Outcome(job=job, status=Status.SKIPPED, reason=reason, **facts)
    if job.target.suffix.lower() != job.source.suffix.lower():
        reason += f"; copied as {job.source.suffix}, its own format"
    _copy(job.source, job.target.with_suffix(job.source.suffix))
    return Outcome(job=job, status=Status.COPIED, reason=reason, seconds=time.perf_counter() - started, **facts)


def _make_folder(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageWriteError(
            f"{target} cannot be written: the folder {target.parent} cannot be made ({error.strerror})"
        ) from error


def _copy(source: Path, target: Path) -> None:
    _make_folder(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copy2(source, temporary)
        temporary.replace(target)
    except OSError as error:
        raise ImageWriteError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def finish_job(opened: OpenedJob, colorizer: Colorizer, options: ColorizeOptions) -> Outcome:
    """Colour the photograph of an opened job at full size and write it.

    Raises:
        ImageWriteError: It cannot be written; nothing is left behind.
    """
    started = time.perf_counter()
    paintings = [
        colorizer.paint(photo, sketch, colors, options.render, mute_uncertain=options.mute_uncertain)
        for photo, sketch, colors in zip(opened.photos, opened.sketches, _all(opened.colors), strict=True)
    ]
    _write(opened, paintings, colorizer, options)
    pixels = sum(painting.grey.size for painting in paintings)
    first = opened.photos[0]
    return Outcome(
        job=opened.job,
        status=Status.COLORIZED,
        seconds=opened.seconds + time.perf_counter() - started,
        width=first.width,
        height=first.height,
        pages=len(opened.photos),
        moved_share=sum(painting.moved for painting in paintings) / max(pixels, 1),
    )


def _all(colors: Sequence[Colors | None]) -> Iterator[Colors]:
    """Refuse to go on without colours: an uncoloured picture is never written as a coloured one."""
    for answer in colors:
        if answer is None or not bool(answer.ab.isfinite().all()):
            raise ImageWriteError("the network gave no usable colours; nothing was written")
        yield answer


def _write(opened: OpenedJob, paintings: list[Painting], colorizer: Colorizer, options: ColorizeOptions) -> None:
    note = colorizer.provenance(settings_of(options))
    for photo, painting in zip(opened.photos, paintings, strict=True):
        target = opened.job.target
        image_format = stream_format(photo, options) if target == STREAM else format_of(target)
        if image_format is None:
            raise ImageWriteError(f"{target}: no format is known for this name; use .jpg, .png or .tif")
        if target != STREAM:
            _make_folder(target)
        write_image(
            sys.stdout.buffer if target == STREAM else page_path(target, photo.page),
            painting.bands(),
            format=image_format,
            shape=photo.grey.shape,
            alpha=photo.alpha,
            depth=photo.depth if image_format in FORMATS_WITH_DEPTH else 8,
            quality=options.quality,
            metadata=None if options.strip_metadata else photo.metadata,
            provenance=note,
        )


def page_path(target: Path, page: int) -> Path:
    """Return where a page goes: the first to the target, `scan.tif`, the second to `scan-page2.tif`, and so on."""
    return target if page == 0 else target.with_name(f"{target.stem}-page{page + 1}{target.suffix}")


def stream_format(photo: Photo, options: ColorizeOptions) -> str:
    """Return the format for standard output: the one asked for, else the photograph's own."""
    asked = None if options.stream_format is None else format_of(Path("x." + options.stream_format))
    return asked or default_format(photo)


def settings_of(options: ColorizeOptions) -> dict[str, Any]:
    """Return the settings that decide the colours, as plain values, for notes and reports."""
    settings: dict[str, Any] = {"strength": options.render.strength, "render_size": options.render.size}
    return settings | ({"mute_uncertain": True} if options.mute_uncertain else {})
