"""One file at a time: what happens to a photograph between its source and its target."""

import dataclasses
import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from colorgan.colorization.colorizer import Colorizer, Colors, Sketch
from colorgan.colorization.damage import find_damage
from colorgan.colorization.masks import mask_of_page, mask_path
from colorgan.colorization.palette import Palette
from colorgan.colorization.plan import STREAM, Job, page_path
from colorgan.colorization.products import (
    Preview,
    beside_the_original,
    color_layer,
    doubt_map,
    lean_of,
    make_preview,
    variant_sheet,
)
from colorgan.config import ColorInput, Existing, RenderConfig, SourceType
from colorgan.errors import ImageReadError, ImageWriteError
from colorgan.images import (
    FORMATS_WITH_DEPTH,
    Origin,
    Photo,
    PhotoKind,
    atomic_file,
    default_format,
    format_of,
    read_photos,
    write_image,
)
from colorgan.rendering import ChromaField, Painting

__all__ = [
    "IN_COLOR",
    "ColorizeOptions",
    "Event",
    "Notice",
    "OpenedJob",
    "Outcome",
    "Product",
    "Status",
    "finish_job",
    "open_job",
]

IN_COLOR = "it is in colour already"
"""Why a photograph is not coloured, or the beginning of why."""


class Product(StrEnum):
    """What is written for a photograph."""

    PICTURE = "picture"  # the coloured picture
    COMPARISON = "comparison"  # the grey and the coloured one side by side
    LAYER = "layer"  # the colour alone, transparent


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
    source_type: SourceType = SourceType.COMPOSITE  # of pictures of which nothing was filled; those are composites
    mute_uncertain: bool = False
    palette: Palette | None = None
    palette_name: str = ""  # what the note in results calls it
    stream_format: str | None = None  # of a result on standard output; the photograph's own if left out
    product: Product = Product.PICTURE
    variants: int = 1  # how many renderings the network is asked for
    pick: int | None = None  # which of them (from 1) is written; the sheet of all if left out
    find_damage: bool = False  # whether damage is looked for in photographs without a mask
    mask_folder: Path | None = None  # where masks of what was filled go, mirrored like the photographs
    doubt_folder: Path | None = None  # where maps of doubt go, mirrored like the results
    output: Path | None = None  # the folder of the results, of which `doubt_folder` is the mirror
    previews: bool = False  # whether outcomes carry small pictures, for reports

    @property
    def needs_confidence(self) -> bool:
        """Whether the network has to say how sure it is."""
        return self.mute_uncertain or self.doubt_folder is not None

    @property
    def leans(self) -> list[tuple[float, float]]:
        """The directions in which the network is asked, one an answer."""
        wanted = range(self.variants) if self.pick is None else [self.pick - 1]
        return [lean_of(variant, self.variants) for variant in wanted]


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
    repaired_share: float = 0.0  # of pixels that were missing and filled
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know while the run goes on."""

    message: str


Event = Outcome | Notice


@dataclass(slots=True)
class OpenedJob:
    """A job whose photograph was read."""

    job: Job
    photos: list[Photo]  # one a page
    sketches: list[Sketch]
    colors: list[list[Colors] | None]  # of each page, an answer for each variant; filled in by the network
    seconds: float = 0.0

    @property
    def size(self) -> int:
        """Bytes held in memory, roughly."""
        return sum(photo.grey.nbytes + (photo.original is not None) * photo.grey.nbytes for photo in self.photos)


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
    photos = [fill_missing(photo, job, colorizer, options) for photo in photos]
    sketches = [colorizer.sketch(p, options.render, job.hints if p.page == 0 else ()) for p in photos]
    return OpenedJob(job, photos, sketches, [None] * len(photos), time.perf_counter() - started)


def fill_missing(photo: Photo, job: Job, colorizer: Colorizer, options: ColorizeOptions) -> Photo:
    """Return a page of a job's photograph with what is missing filled, and write down what that was, if asked.

    Raises:
        ImageReadError: Its mask cannot be read.
        ImageWriteError: The mask of what was taken cannot be written.
        UsageError: Its mask has another size.
    """
    if job.mask is not None:
        missing = mask_of_page(job.mask, photo)
    else:
        missing = find_damage(photo.grey) if options.find_damage else None
    if options.mask_folder is not None and (job.mask is not None or options.find_damage):
        path = mask_path(options.mask_folder, job.relative or PurePosixPath(job.source.name), photo.page)
        _make_folder(path)
        shown = np.zeros(photo.grey.shape, np.uint8) if missing is None else missing.astype(np.uint8) * np.uint8(255)
        write_image(path, np.repeat(shown[..., None], 3, axis=-1), format="PNG")
    return photo if missing is None else colorizer.repair(photo, missing)


def _pass_over(job: Job, photo: Photo, options: ColorizeOptions, started: float) -> Outcome:
    facts: dict[str, Any] = {"width": photo.width, "height": photo.height, "pages": photo.pages}
    reason = IN_COLOR
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
    try:
        with source.open("rb") as original:
            status = os.fstat(original.fileno())
            with atomic_file(target, times=(status.st_atime_ns, status.st_mtime_ns)) as copy:
                shutil.copyfileobj(original, copy)
    except OSError as error:
        raise ImageReadError(f"{source} cannot be read: {error.strerror or error}") from error


def finish_job(opened: OpenedJob, colorizer: Colorizer, options: ColorizeOptions) -> Outcome:
    """Colour the photograph of an opened job at full size and write it.

    Raises:
        ImageWriteError: It cannot be written; nothing is left behind.
    """
    started = time.perf_counter()
    moved, filled, pixels, preview = 0, 0, 0, None
    for photo, sketch, answers in zip(opened.photos, opened.sketches, opened.colors, strict=True):
        fields = [
            colorizer.fit(
                sketch,
                colors,
                options.render,
                mute_uncertain=options.mute_uncertain,
                adjustment=opened.job.adjustment,
                palette=options.palette,
            )
            for colors in _checked(answers)
        ]
        painting = Painting(photo.grey, fields[0], _depth(photo, opened.job.target, options))
        _write_page(opened.job, photo, painting, fields, colorizer, options)
        _write_doubt(opened.job.target, photo, _checked(answers)[0], options)
        moved, pixels = moved + painting.moved, pixels + painting.grey.size
        filled += _count_filled(photo)
        if options.previews and preview is None:
            preview = make_preview(photo, fields[0])
    return Outcome(
        job=opened.job,
        status=Status.COLORIZED,
        seconds=opened.seconds + time.perf_counter() - started,
        width=opened.photos[0].width,
        height=opened.photos[0].height,
        pages=len(opened.photos),
        moved_share=moved / max(pixels, 1),
        repaired_share=filled / max(pixels, 1),
        preview=preview,
    )


def _count_filled(photo: Photo) -> int:
    """Count the pixels that were filled with something else than what was there."""
    return 0 if photo.original is None else int(np.count_nonzero(photo.grey != photo.original))


def _checked(answers: list[Colors] | None) -> list[Colors]:
    """Refuse to go on without colours: an uncoloured picture is never written as a coloured one."""
    if not answers or not all(bool(colors.ab.isfinite().all()) for colors in answers):
        raise ImageWriteError("the network gave no usable colours; nothing was written")
    return answers


def _format(photo: Photo, target: Path, options: ColorizeOptions) -> str:
    if target != STREAM:
        found = format_of(target)
        if found is None:
            raise ImageWriteError(f"{target}: no format is known for this name; use .jpg, .png or .tif")
        return found
    asked = None if options.stream_format is None else format_of(Path("x." + options.stream_format))
    return asked or default_format(photo)


def _depth(photo: Photo, target: Path, options: ColorizeOptions) -> int:
    return photo.depth if _format(photo, target, options) in FORMATS_WITH_DEPTH else 8


def _write_page(
    job: Job,
    photo: Photo,
    painting: Painting,
    fields: list[ChromaField],
    colorizer: Colorizer,
    options: ColorizeOptions,
) -> None:
    target, hinted = job.target, {"hints": [str(hint) for hint in job.hints]} if job.hints else {}
    matched = {"album": dataclasses.asdict(job.adjustment)} if job.adjustment else {}
    repaired = {"repaired": round(_count_filled(photo) / photo.grey.size, 6)} if photo.original is not None else {}
    height, width = photo.grey.shape
    pixels: Any = painting.bands()
    alpha = photo.alpha
    if len(fields) > 1:
        pixels = variant_sheet(photo, fields)
        (height, width), alpha = pixels.shape[:2], None
    elif options.product is Product.COMPARISON:
        pixels = beside_the_original(pixels, photo.before)
        width, alpha = 2 * width, None if alpha is None else np.concatenate((alpha, alpha), axis=1)
    elif options.product is Product.LAYER:
        pixels, alpha = color_layer(pixels, photo.before)
    if target != STREAM:
        _make_folder(target)
    write_image(
        sys.stdout.buffer if target == STREAM else page_path(target, photo.page),
        pixels,
        format=_format(photo, target, options),
        shape=(height, width),
        alpha=alpha,
        depth=painting.depth if len(fields) == 1 else 8,
        quality=options.quality,
        metadata=None if options.strip_metadata else photo.metadata,
        provenance=colorizer.provenance(
            settings_of(options) | hinted | matched | repaired,
            origin=Origin(name=job.source.name, sha256=photo.sha256, page=photo.page),
            source_type=SourceType.COMPOSITE if repaired else options.source_type,
        ),
    )


def _write_doubt(target: Path, photo: Photo, colors: Colors, options: ColorizeOptions) -> None:
    if options.doubt_folder is None:
        return
    if colors.confidence is None:
        raise ImageWriteError("this network does not say how sure it is; leave --confidence out")
    within = target.relative_to(options.output) if options.output else Path(target.name)
    # The suffix is kept, since a.tif and a.png may lie side by side.
    path = page_path(options.doubt_folder / within.parent / f"{within.name}.png", photo.page)
    _make_folder(path)
    write_image(path, doubt_map(colors.confidence, photo.grey.shape), format="PNG")


def settings_of(options: ColorizeOptions) -> dict[str, Any]:
    """Return the settings that decide the colours, as plain values, for notes and reports."""
    settings: dict[str, Any] = {"strength": options.render.strength, "render_size": options.render.size}
    if options.mute_uncertain:
        settings["mute_uncertain"] = True
    if options.palette is not None:
        settings["palette"] = options.palette_name
    if options.pick is not None:
        settings |= {"variant": options.pick, "variants": options.variants}
    return settings
