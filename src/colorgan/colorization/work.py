"""One file at a time: what happens to a photograph between its source and its target.

A photograph is done when all that comes of it is there: its pages, the maps of uncertainty and the masks of what was
inpainted. Whatever a run that was broken off has left out, the next one makes; unless it is told to write over them, it
leaves the files that are there as they are.
"""

import dataclasses
import hashlib
import itertools
import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.damage import find_damage
from colorgan.colorization.masks import mask_of_page
from colorgan.colorization.palette import Palette
from colorgan.colorization.plan import Job, Side, page_path
from colorgan.colorization.products import (
    SmallPictures,
    beside_the_original,
    color_layer,
    lean_of,
    make_preview,
    uncertainty_map,
    variant_sheet,
)
from colorgan.colorization.reference import Reference
from colorgan.config import ColorInput, Existing, RenderConfig, SourceType
from colorgan.errors import ImageReadError, ImageWriteError
from colorgan.files import is_there, make_folder, printable
from colorgan.images import (
    FORMATS_WITH_DEPTH,
    Origin,
    Photo,
    PhotoKind,
    atomic_file,
    default_format,
    describe,
    format_of,
    iter_photos,
    seekable,
    write_image,
)
from colorgan.rendering import ChromaField, Compositor, NetworkInput, PredictedColor
from colorgan.request import STREAM, Product

__all__ = [
    "FOREIGN",
    "IN_COLOR",
    "STOPPING",
    "ColorizeOptions",
    "Event",
    "Notice",
    "OpenedJob",
    "Outcome",
    "Progress",
    "Status",
    "find_missing",
    "find_owner",
    "finish_job",
    "is_own",
    "open_job",
]

_SAMPLES = 512  # along a side, of a picture that is judged
_MOST_OF_IT = 0.995  # of its pixels

IN_COLOR = "it is in colour already"
"""Why a photograph is not coloured, or the beginning of why."""


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
    keywords: tuple[str, ...] = ()  # that results get beside those that the photograph has
    source_type: SourceType = SourceType.COMPOSITE  # of pictures of which nothing was inpainted; those are composites
    mute_uncertain: bool = False
    palette: Palette | None = None
    palette_name: str = ""  # what the note in results calls it
    warmth: float = 0.0  # added to b of every pixel, in Lab units
    look: str = ""  # the name under which these are kept, for the note
    strengths: tuple[float, ...] = ()  # that a sheet shows instead of the picture itself
    reference: Reference | None = None  # gives hints to photographs that it matches
    stream_format: str | None = None  # of a result on standard output; the photograph's own if left out
    product: Product = Product.PICTURE
    variants: int = 1  # how many renderings the network is asked for
    pick: int | None = None  # which of them (from 1) is written; the sheet of all if left out
    find_damage: bool = False  # whether damage is looked for in photographs without a mask
    previews: bool = False  # whether outcomes carry small pictures, for reports

    @property
    def renders(self) -> list[RenderConfig]:
        """The settings of which each gives a rendering, for every answer."""
        return [dataclasses.replace(self.render, strength=s) for s in self.strengths] or [self.render]

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
    out_of_gamut_fraction: float = 0.0  # of pixels whose chroma was shrunk to fit into sRGB
    inpainted_fraction: float = 0.0  # of pixels that were missing
    preview: SmallPictures | None = None
    files: tuple[Path, ...] = ()  # its results that are there now: one a page, or the copy
    left_out: tuple[str, ...] = ()  # what its file says beside the pixels and its results do not, in words
    source_sha256: str = ""  # of what was read, where that is known


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know while the run goes on."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a piece of work is that gives no outcomes on the way."""

    done: int  # photographs of an album, or frames of a film
    total: int  # about; 0 if nobody knows
    rate: float = 0.0  # a second, in this run; 0 if it is not measured
    job: Job | None = None  # the film


Event = Outcome | Notice

STOPPING = "stopping after the photographs at hand; once more ends the run at once"
"""What a run says when it is asked to stop."""


@dataclass(slots=True)
class _Tally:
    """What was counted of a job so far."""

    seconds: float = 0.0
    out_of_gamut: int = 0  # pixels whose chroma was shrunk
    inpainted: int = 0  # pixels
    pixels: int = 0
    width: int = 0  # of the first page
    height: int = 0
    preview: SmallPictures | None = None  # of the first page
    left_out: dict[str, None] = field(default_factory=dict)  # what results do not say, each once, in order


@dataclass(slots=True)
class OpenedJob:
    """A job of which some pages were read: all of them, or, of a file with much in it, as many as memory shall hold."""

    job: Job
    photos: list[Photo]  # one a page
    inputs: list[NetworkInput]
    colors: list[list[PredictedColor] | None]  # of each page, an answer for each variant; filled in by the network
    kept: frozenset[Path] = frozenset()  # files that are there already and stay as they are
    notes: tuple[str, ...] = ()  # what a person should know of it
    tally: _Tally = field(default_factory=_Tally)
    rest: "Iterator[OpenedJob | Outcome] | None" = None  # reads the pages behind these, if there are any

    @property
    def size(self) -> int:
        """Bytes held in memory, roughly."""
        return sum(map(_size, self.photos))


_MOST_HELD = 128 << 20  # bytes of one job's pages in memory, as they were read; a single page may be larger


def _size(photo: Photo) -> int:
    return sum(levels.nbytes for levels in (photo.grey, photo.original, photo.alpha) if levels is not None)


def open_job(job: Job, colorizer: Colorizer, options: ColorizeOptions) -> OpenedJob | Outcome:
    """Read a job's photograph, or say why there is nothing to colour.

    Raises:
        ImageReadError: It cannot be read.
    """
    if options.existing is Existing.SKIP and job.is_done:
        return Outcome(job=job, status=Status.SKIPPED, reason="its result is there already", files=job.results)
    return _next_part(_open_parts(job, colorizer, options), _Tally())


def _is_nearly_black(photo: Photo) -> bool:
    """Tell whether a picture of 16 bits makes use of 12 at most, which may be all that it was meant to have."""
    step = max(1, max(photo.grey.shape) // _SAMPLES)
    return photo.depth == 16 and bool(
        np.quantile(photo.before[::step, ::step], _MOST_OF_IT) <= np.iinfo(photo.grey.dtype).max // 16
    )


def _next_part(parts: "Iterator[OpenedJob | Outcome]", tally: _Tally) -> OpenedJob | Outcome:
    """Read the next pages of a job, and take the time of it."""
    started = time.perf_counter()
    opened = next(parts)
    tally.seconds += time.perf_counter() - started
    if isinstance(opened, Outcome):
        return dataclasses.replace(opened, seconds=tally.seconds if opened.status is Status.COPIED else 0.0)
    opened.tally = tally
    if (last := opened.photos[-1]).page + 1 < last.pages:
        opened.rest = parts
    return opened


def _open_parts(job: Job, colorizer: Colorizer, options: ColorizeOptions) -> Iterator[OpenedJob | Outcome]:
    """Read a job in parts that memory holds; all pages are looked at before the first part is given."""
    with seekable(_standard_input()) if job.source == STREAM else nullcontext(job.source) as source:
        pages = iter_photos(source)
        photos = _take_part(pages)
        job = _with_all_pages(job, photos[0].pages)
        in_color = any(photo.kind is PhotoKind.COLOR for photo in itertools.chain(photos, pages))
        if in_color and options.color_input is not ColorInput.RECOLOR:
            yield _pass_over(job, source, photos[0], options)
            return
        kept = frozenset(filter(is_there, job.results)) if options.existing is Existing.SKIP else frozenset[Path]()
        sha256, marked, is_dark, is_alike = photos[0].sha256, False, False, options.reference is None
        if not isinstance(source, Path):
            source.seek(0)
        pages = iter_photos(source, first=len(photos))
        while photos:
            if any(photo.sha256 != sha256 for photo in photos):
                raise ImageReadError("it was changed while it was read; run again")
            photos = [inpaint_missing(photos.pop(0), job, colorizer, options) for _ in range(len(photos))]
            inputs = [colorizer.prepare(p, options.render, job.hints if p.page == 0 else ()) for p in photos]
            if options.reference is not None:
                plain, inputs = inputs, [colorizer.match(network_input, options.reference) for network_input in inputs]
                is_alike |= any(one is not other for one, other in zip(plain, inputs, strict=True))
            marked |= any(photo.original is not None for photo in photos)
            is_dark |= any(map(_is_nearly_black, photos))
            is_last = photos[-1].page + 1 == photos[-1].pages
            notes = _notes(job, marked=marked, is_dark=is_dark, is_alike=is_alike) if is_last else ()
            opened = OpenedJob(job, photos, inputs, [None] * len(photos), kept, notes)
            photos, inputs = [], []  # whoever has it may let go of them
            yield opened
            del opened
            photos = [] if is_last else _take_part(pages)


def _notes(job: Job, *, marked: bool, is_dark: bool, is_alike: bool) -> tuple[str, ...]:
    """Say what a person should know of a photograph that was read."""
    notes = []
    if job.mask is not None and not marked:
        notes.append(f"the mask {job.mask} marks nothing; nothing of {job.source} was filled")
    if not is_alike:
        notes.append(f"{job.source} has nothing in common with the reference, and is coloured without it")
    if is_dark:
        notes.append(
            f"{job.source} is nearly black, and so is its result; if its levels end at 1023, 4095 or 16383, let its "
            "MaxSampleValue say so"
        )
    return tuple(notes)


def _standard_input() -> BinaryIO:
    if sys.stdin is None:  # it was closed before this program began
        raise ImageReadError("standard input is closed; pipe a picture into it, or pass a file")
    return sys.stdin.buffer


def _take_part(pages: Iterator[Photo]) -> list[Photo]:
    """Read on until memory shall hold no more, or there is no more."""
    photos: list[Photo] = []
    held = 0
    while held < _MOST_HELD and (photo := next(pages, None)) is not None:
        photos.append(photo)
        held += _size(photo)
    return photos


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
    for page, path in enumerate(job.results[1:], start=1):
        if (other := find_owner(path, job.source, page)) is not None:
            raise ImageWriteError(
                f"page 2 and those behind it cannot be written: {path} is there, {other}; remove it, or give another "
                "folder with -o"
            )
    return job


FOREIGN = "a file that colorgan did not make"


def find_owner(path: Path, source: Path, page: int | None) -> str | None:
    """Say what a file is that lies where something that comes of a page of a photograph goes.

    Args:
        path: The file.
        source: The photograph.
        page: The page whose result goes there; None for what has no note of where it comes from, a mask for example.

    Returns:
        In words, what it is; None if it is not there, or the page's own.
    """
    if not is_there(path):
        return None
    try:
        note = describe(path)
    except (ImageReadError, OSError):
        note = None
    if note is None:
        return FOREIGN
    origin = note.origin
    if page is None or origin is None or (origin.page == page and _is_of(origin, source)):
        return None
    return f"the result of {f'page {origin.page + 1} of ' if origin.page else ''}{printable(origin.name)}"


def _is_of(origin: Origin, source: Path) -> bool:
    """Tell whether a note means a photograph: by its name or, where that changed or cannot be noted, its content."""
    if unicodedata.normalize("NFC", origin.name) == unicodedata.normalize("NFC", source.name):
        return True
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == origin.sha256
    except OSError:
        return False


def is_own(path: Path) -> bool:
    """Tell whether a file says of itself that colorgan made it."""
    return is_there(path) and find_owner(path, path, None) is None


def inpaint_missing(photo: Photo, job: Job, colorizer: Colorizer, options: ColorizeOptions) -> Photo:
    """Return a page of a job's photograph with what is missing inpainted, and write down what that was, if asked.

    Raises:
        ImageReadError: Its mask cannot be read.
        ImageWriteError: The mask of what was taken cannot be written.
        UsageError: Its mask has another size.
    """
    missing = find_missing(photo, job, options)
    if (mask_path := job.sides.get(Side.MASK)) is not None:
        shown = np.zeros(photo.grey.shape, np.uint8) if missing is None else missing.astype(np.uint8) * np.uint8(255)
        _write_aside(page_path(mask_path, photo.page), shown, colorizer, options, "mask of what was filled")
    return photo if missing is None else colorizer.inpaint(photo, missing)


def find_missing(photo: Photo, job: Job, options: ColorizeOptions) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    """Say what is missing of a page of a job's photograph, `(H, W)`; None where nobody says anything of it.

    Raises:
        ImageReadError: Its mask cannot be read.
        UsageError: Its mask has another size.
    """
    if job.drawn is not None and photo.page == 0:
        return job.drawn.scale_to(photo.grey.shape)
    if job.mask is not None:
        return mask_of_page(job.mask, photo)
    return find_damage(photo.grey) if options.find_damage else None


def _write_aside(
    path: Path, levels: np.ndarray[Any, Any], colorizer: Colorizer, options: ColorizeOptions, what: str
) -> None:
    """Write a grey picture (H, W) that stands beside a result, with a note by which it is known again."""
    if options.existing is Existing.SKIP and is_there(path):
        return
    _make_folder(path)
    note = colorizer.provenance({"what": what})
    write_image(path, np.repeat(levels[..., None], 3, axis=-1), format="PNG", provenance=note)


def _pass_over(job: Job, source: Path | BinaryIO, photo: Photo, options: ColorizeOptions) -> Outcome:
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
    return Outcome(job=job, status=Status.COPIED, reason=reason, **facts)


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


def finish_job(opened: OpenedJob, colorizer: Colorizer, options: ColorizeOptions) -> Outcome | OpenedJob:
    """Colour the pages of an opened job at full size and write them.

    Returns:
        What became of the job; or, if there are more pages, the job with the next of them.

    Raises:
        ImageReadError: The pages behind these cannot be read.
        ImageWriteError: These cannot be written; nothing half written is left behind.
    """
    started = time.perf_counter()
    for photo, network_input, answers in zip(opened.photos, opened.inputs, opened.colors, strict=True):
        _finish_page(opened, photo, network_input, answers, colorizer, options)
    tally, job = opened.tally, opened.job
    tally.seconds += time.perf_counter() - started
    if opened.rest is not None:
        rest = opened.rest
        opened.photos.clear()  # before the next are read
        return _next_part(rest, tally)
    last = opened.photos[-1]
    return Outcome(
        job=job,
        status=Status.COLORIZED,
        seconds=tally.seconds,
        width=tally.width,
        height=tally.height,
        pages=last.pages,
        out_of_gamut_fraction=tally.out_of_gamut / max(tally.pixels, 1),
        inpainted_fraction=tally.inpainted / max(tally.pixels, 1),
        preview=tally.preview,
        files=job.results,
        left_out=tuple(tally.left_out),
        source_sha256=last.sha256,
    )


def _finish_page(
    opened: OpenedJob,
    photo: Photo,
    network_input: NetworkInput,
    answers: list[PredictedColor] | None,
    colorizer: Colorizer,
    options: ColorizeOptions,
) -> None:
    fields = [
        colorizer.fit(
            network_input,
            colors,
            render,
            mute_uncertain=options.mute_uncertain,
            adjustment=opened.job.adjustment,
            palette=options.palette,
            warmth=options.warmth,
        )
        for colors in _checked(answers)
        for render in options.renders
    ]
    compositor = Compositor(photo.grey, fields[0], _depth(photo, opened.job.target, options))
    # The page itself comes last: by the time it is there, so is all that belongs to it.
    _write_uncertainty(opened.job, photo, _checked(answers)[0], colorizer, options)
    if page_path(opened.job.target, photo.page) not in opened.kept:
        left_out = _write_page(opened.job, photo, compositor, fields, colorizer, options)
        opened.tally.left_out |= dict.fromkeys(left_out)
    tally = opened.tally
    tally.out_of_gamut, tally.pixels = tally.out_of_gamut + compositor.out_of_gamut, tally.pixels + compositor.grey.size
    tally.inpainted += _count_inpainted(photo)
    if photo.page == 0:
        tally.width, tally.height = photo.width, photo.height
        tally.preview = make_preview(photo, fields[len(options.strengths) // 2]) if options.previews else None


def _count_inpainted(photo: Photo) -> int:
    """Count the pixels that were inpainted with something else than what was there."""
    return 0 if photo.original is None else int(np.count_nonzero(photo.grey != photo.original))


def _checked(answers: list[PredictedColor] | None) -> list[PredictedColor]:
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
    compositor: Compositor,
    fields: list[ChromaField],
    colorizer: Colorizer,
    options: ColorizeOptions,
) -> tuple[str, ...]:
    """Write a page, and return what of its metadata is left out."""
    target = job.target
    inpainted = {"repaired": round(_count_inpainted(photo) / photo.grey.size, 6)} if photo.original is not None else {}
    height, width = photo.grey.shape
    pixels: Any = compositor.bands()
    alpha = photo.alpha
    if len(fields) > 1:
        pixels = variant_sheet(photo, fields, [f"--strength {strength:g}" for strength in options.strengths])
        (height, width), alpha = pixels.shape[:2], None
    elif options.product is Product.COMPARISON:
        pixels = beside_the_original(pixels, photo.before)
        width, alpha = 2 * width, None if alpha is None else np.concatenate((alpha, alpha), axis=1)
    elif options.product is Product.LAYER:
        pixels, alpha = color_layer(pixels, photo.before)
    if target != STREAM:
        _make_folder(target)
    return write_image(
        sys.stdout.buffer if target == STREAM else page_path(target, photo.page),
        pixels,
        format=_format(photo, target, options),
        shape=(height, width),
        alpha=alpha,
        depth=compositor.depth if len(fields) == 1 else 8,
        quality=options.quality,
        metadata=None if options.strip_metadata else photo.metadata,
        provenance=colorizer.provenance(
            settings_of(options, job) | inpainted,
            origin=Origin(name=job.source.name, sha256=photo.sha256, page=photo.page),
            source_type=SourceType.COMPOSITE if inpainted else options.source_type,
            keywords=options.keywords,
        ),
    )


def _write_uncertainty(
    job: Job, photo: Photo, colors: PredictedColor, colorizer: Colorizer, options: ColorizeOptions
) -> None:
    map_path = job.sides.get(Side.UNCERTAINTY)
    if map_path is None:
        return
    if colors.confidence is None:
        raise ImageWriteError("this network does not say how sure it is; leave --uncertainty out")
    shown = uncertainty_map(colors.confidence, photo.grey.shape)
    _write_aside(page_path(map_path, photo.page), shown, colorizer, options, "map of where colours are a guess")


def settings_of(options: ColorizeOptions, job: Job | None = None) -> dict[str, Any]:
    """Return the settings that decide the colours, as plain values, for notes and reports: of a run, or of a job."""
    settings: dict[str, Any] = {"strength": options.render.strength, "render_size": options.render.size}
    if options.strengths:
        settings["strength"] = list(options.strengths)
    if options.look:
        settings |= {"look": options.look, "chroma_limit": options.render.chroma_limit, "warmth": options.warmth}
    if options.mute_uncertain:
        settings["mute_uncertain"] = True
    if options.palette is not None:
        settings["palette"] = options.palette_name
    if options.reference is not None:
        settings["reference"] = options.reference.name
    if options.pick is not None:
        settings |= {"variant": options.pick, "variants": options.variants}
    if job is not None and job.hints:
        settings["hints"] = [str(hint) for hint in job.hints]
    if job is not None and job.adjustment is not None:
        settings["album"] = dataclasses.asdict(job.adjustment)
    return settings
