"""One file at a time: what happens to a photograph between its source and its target.

A photograph is done when all that comes of it is there: its pages, the maps of doubt and the masks of what was
filled. Whatever a run that was broken off has left out, the next one makes; unless it is told to write over them, it
leaves the files that are there as they are.
"""

import dataclasses
import io
import os
import shutil
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from colorgan.colorization.colorizer import Colorizer, Colors, Sketch
from colorgan.colorization.damage import find_damage
from colorgan.colorization.masks import mask_of_page
from colorgan.colorization.palette import Palette
from colorgan.colorization.plan import Job, page_path
from colorgan.colorization.products import (
    SmallPictures,
    beside_the_original,
    color_layer,
    doubt_map,
    lean_of,
    make_preview,
    variant_sheet,
)
from colorgan.colorization.reference import Reference
from colorgan.colorization.search import STREAM
from colorgan.config import ColorInput, Existing, RenderConfig, SourceType
from colorgan.errors import ImageReadError, ImageWriteError
from colorgan.files import is_there, make_folder
from colorgan.images import (
    FORMATS_WITH_DEPTH,
    Origin,
    Photo,
    PhotoKind,
    atomic_file,
    default_format,
    describe,
    format_of,
    read_photos,
    write_image,
)
from colorgan.rendering import ChromaField, Painting

__all__ = [
    "IN_COLOR",
    "STOPPING",
    "ColorizeOptions",
    "Event",
    "Notice",
    "OpenedJob",
    "Outcome",
    "Product",
    "Status",
    "finish_job",
    "is_own",
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
    reference: Reference | None = None  # gives hints to photographs that it matches
    stream_format: str | None = None  # of a result on standard output; the photograph's own if left out
    product: Product = Product.PICTURE
    variants: int = 1  # how many renderings the network is asked for
    pick: int | None = None  # which of them (from 1) is written; the sheet of all if left out
    find_damage: bool = False  # whether damage is looked for in photographs without a mask
    previews: bool = False  # whether outcomes carry small pictures, for reports

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
    preview: SmallPictures | None = None
    files: tuple[Path, ...] = ()  # its results that are there now: one a page, or the copy


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know while the run goes on."""

    message: str


Event = Outcome | Notice

STOPPING = "stopping after the photographs at hand; once more ends the run at once"
"""What a run says when it is asked to stop."""


@dataclass(slots=True)
class OpenedJob:
    """A job whose photograph was read."""

    job: Job
    photos: list[Photo]  # one a page
    sketches: list[Sketch]
    colors: list[list[Colors] | None]  # of each page, an answer for each variant; filled in by the network
    seconds: float = 0.0
    kept: frozenset[Path] = frozenset()  # files that are there already and stay as they are
    notes: tuple[str, ...] = ()  # what a person should know of it

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
    if options.existing is Existing.SKIP and job.is_done:
        return Outcome(job=job, status=Status.SKIPPED, reason="its result is there already", files=job.results)
    source = _buffered_input(options) if job.source == STREAM else job.source
    photos = read_photos(source)
    job = _with_all_pages(job, len(photos))
    if options.color_input is not ColorInput.RECOLOR and any(p.kind is PhotoKind.COLOR for p in photos):
        return _pass_over(job, source, photos[0], options, started)
    unlike: tuple[str, ...] = ()
    kept = frozenset(filter(is_there, job.results)) if options.existing is Existing.SKIP else frozenset[Path]()
    photos = [fill_missing(photo, job, colorizer, options) for photo in photos]
    sketches = [colorizer.sketch(p, options.render, job.hints if p.page == 0 else ()) for p in photos]
    if options.reference is not None:
        plain, sketches = sketches, [colorizer.match(sketch, options.reference) for sketch in sketches]
        if all(one is other for one, other in zip(plain, sketches, strict=True)):
            unlike = (f"{job.source} has nothing in common with the reference, and is coloured without it",)
    in_vain = job.mask is not None and all(photo.original is None for photo in photos)
    notes = (f"the mask {job.mask} marks nothing; nothing of {job.source} was filled",) if in_vain else ()
    seconds = time.perf_counter() - started
    return OpenedJob(job, photos, sketches, [None] * len(photos), seconds, kept, notes + unlike)


def _buffered_input(options: ColorizeOptions) -> BinaryIO:
    """Return standard input; so that it can be read again where a photograph in colour is to be copied."""
    if options.color_input is not ColorInput.COPY or sys.stdin.buffer.seekable():
        return sys.stdin.buffer
    return io.BytesIO(sys.stdin.buffer.read())


def _with_all_pages(job: Job, pages: int) -> Job:
    """Return the job with as many pages as were read; only those of standard input are not known before.

    Raises:
        ImageReadError: A file has others than when the run was planned.
        ImageWriteError: They do not fit onto standard output.
    """
    if pages == job.pages:
        return job
    if job.source != STREAM:
        raise ImageReadError(f"it has {pages} pages, and had {job.pages} when the run began; run again")
    if job.target == STREAM:
        raise ImageWriteError(f"standard output takes one picture, and there are {pages} pages; give a folder with -o")
    job = dataclasses.replace(job, pages=pages)
    if foreign := [path for path in job.results[1:] if is_there(path) and not is_own(path)]:
        raise ImageWriteError(
            f"page 2 and those behind it cannot be written: colorgan did not make {foreign[0]}, which is there; remove "
            "it, or give another folder with -o"
        )
    return job


def is_own(path: Path) -> bool:
    """Tell whether a file says of itself that colorgan made it."""
    try:
        return describe(path) is not None
    except (ImageReadError, OSError):
        return False


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
    if job.filled is not None:
        shown = np.zeros(photo.grey.shape, np.uint8) if missing is None else missing.astype(np.uint8) * np.uint8(255)
        _write_aside(page_path(job.filled, photo.page), shown, colorizer, options, "mask of what was filled")
    return photo if missing is None else colorizer.repair(photo, missing)


def _write_aside(
    path: Path, levels: np.ndarray[Any, Any], colorizer: Colorizer, options: ColorizeOptions, what: str
) -> None:
    """Write a grey picture (H, W) that stands beside a result, with a note by which it is known again."""
    if options.existing is Existing.SKIP and is_there(path):
        return
    _make_folder(path)
    note = colorizer.provenance({"what": what})
    write_image(path, np.repeat(levels[..., None], 3, axis=-1), format="PNG", provenance=note)


def _pass_over(job: Job, source: Path | BinaryIO, photo: Photo, options: ColorizeOptions, started: float) -> Outcome:
    facts: dict[str, Any] = {"width": photo.width, "height": photo.height, "pages": photo.pages}
    reason = IN_COLOR
    if options.color_input is ColorInput.SKIP:
        return Outcome(job=job, status=Status.SKIPPED, reason=reason, **facts)
    target = job.target if job.copy is None else job.copy
    if STREAM == job.source != target and format_of(target) != photo.format:
        raise ImageWriteError(f"it is in colour already, and a copy of it is no {target.suffix}; give another name")
    facts["files"] = () if target == STREAM else (target,)
    if options.existing is Existing.SKIP and target != STREAM and is_there(target):
        return Outcome(job=job, status=Status.SKIPPED, reason=f"{reason}, and its copy is there", **facts)
    if target != job.target:
        reason += f"; copied as {target.suffix or 'it is'}, its own format"
    _copy(source, target)
    return Outcome(job=job, status=Status.COPIED, reason=reason, seconds=time.perf_counter() - started, **facts)


def _make_folder(target: Path) -> None:
    try:
        make_folder(target.parent)
    except OSError as error:
        raise ImageWriteError(
            f"{target} cannot be written: the folder {target.parent} cannot be made ({error.strerror})"
        ) from error


def _copy(source: Path | BinaryIO, target: Path) -> None:
    try:
        with source.open("rb") if isinstance(source, Path) else nullcontext(source) as original:
            original.seek(0)
            if target == STREAM:
                shutil.copyfileobj(original, sys.stdout.buffer)
                sys.stdout.buffer.flush()
                return
            _make_folder(target)
            status = os.fstat(original.fileno()) if isinstance(source, Path) else None
            with atomic_file(target, times=status and (status.st_atime_ns, status.st_mtime_ns)) as copy:
                shutil.copyfileobj(original, copy)
    except OSError as error:
        raise ImageReadError(f"{source} cannot be copied: {error.strerror or error}") from error


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
        # The page itself comes last: by the time it is there, so is all that belongs to it.
        _write_doubt(opened.job, photo, _checked(answers)[0], colorizer, options)
        if page_path(opened.job.target, photo.page) not in opened.kept:
            _write_page(opened.job, photo, painting, fields, colorizer, options)
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
        files=opened.job.results,
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


def _write_doubt(job: Job, photo: Photo, colors: Colors, colorizer: Colorizer, options: ColorizeOptions) -> None:
    if job.doubt is None:
        return
    if colors.confidence is None:
        raise ImageWriteError("this network does not say how sure it is; leave --confidence out")
    shown = doubt_map(colors.confidence, photo.grey.shape)
    _write_aside(page_path(job.doubt, photo.page), shown, colorizer, options, "map of where colours are a guess")


def settings_of(options: ColorizeOptions) -> dict[str, Any]:
    """Return the settings that decide the colours, as plain values, for notes and reports."""
    settings: dict[str, Any] = {"strength": options.render.strength, "render_size": options.render.size}
    if options.mute_uncertain:
        settings["mute_uncertain"] = True
    if options.palette is not None:
        settings["palette"] = options.palette_name
    if options.reference is not None:
        settings["reference"] = options.reference.name
    if options.pick is not None:
        settings |= {"variant": options.pick, "variants": options.variants}
    return settings
