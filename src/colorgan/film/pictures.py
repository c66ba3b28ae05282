"""Moving pictures that are no films: animated GIF, WebP and PNG, and folders of numbered frames.

They are looked at, made steady and coloured as films are, and written as photographs are, in the form that they had.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Job,
    Notice,
    Progress,
    settings_of,
)
from colorgan.colorization.products import Preview, beside_the_original, make_preview
from colorgan.config import Existing
from colorgan.errors import ImageReadError, UsageError
from colorgan.files import is_there, make_folder
from colorgan.film.coloring import Colored, Coloring
from colorgan.film.light import Levels, Light
from colorgan.film.outcome import Clock, FilmOutcome, colored_outcome, hints_of, pass_over_colored, pass_over_done
from colorgan.film.source import ColorTags, FilmFacts, Picture
from colorgan.images import (
    FORMATS_WITH_DEPTH,
    Origin,
    Photo,
    PhotoKind,
    Provenance,
    format_of,
    frame_path,
    number_of,
    read_photos,
    write_image,
)
from colorgan.images.animation import (
    ANIMATED,
    Animation,
    Painted,
    check_held,
    read_animation_metadata,
    write_animation,
)
from colorgan.images.atomic import unwritable
from colorgan.images.depth import to_16_bits
from colorgan.rendering import ChromaField, Compositor
from colorgan.request import FilmOptions, Product, VideoCodec

__all__ = ["color_pictures"]

_RATE = Fraction(24)  # at which folders of frames are taken to be shown
_MILLISECOND = Fraction(1, 1000)
_PROBES = 7  # frames of a folder that are looked at beforehand


@dataclass(slots=True)
class _Reader:
    """Reads frames, as `FilmReader` does films.

    Args:
        job: What is read.
        facts: Of it.
        begin: The first time stamp that is wanted; None begins at the beginning.
        end: The first that is not; None goes on to the end.
    """

    job: Job
    facts: FilmFacts
    begin: int | None = None
    end: int | None = None
    animation: Animation = field(init=False)

    def __post_init__(self) -> None:
        self.animation = Animation(self.job.source)

    def pictures(self) -> Iterator[Picture]:
        """Yield the frames in order.

        Raises:
            ImageReadError: One cannot be read, or has another size.
        """
        pts = 0
        for name, photo, length in self._photos():
            if (photo.width, photo.height) != (self.facts.width, self.facts.height):
                raise ImageReadError(
                    f"{name} has {photo.width} x {photo.height} pixels, and the frames before it have "
                    f"{self.facts.width} x {self.facts.height}; bring them to one size first"
                )
            duration = max(1, round(length))
            if self.end is not None and pts >= self.end:
                return
            if self.begin is None or pts >= self.begin:
                yield Picture(to_16_bits(photo.grey), pts, duration, photo, length)
            pts += duration

    def _photos(self) -> Iterator[tuple[Path, Photo, float]]:
        if not self.job.frames:
            yield from ((self.job.source, *frame) for frame in self.animation.frames())
            return
        for path in self.job.frames:
            yield path, read_photos(path)[0], 1.0


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known before colouring."""

    facts: FilmFacts
    loop: int | None = None


def _probe(job: Job) -> _Found:
    """Look at all frames of an animation, which is short, or at some of a folder.

    Raises:
        ImageReadError: One cannot be read.
    """
    animation = Animation(job.source)
    kinds: list[PhotoKind] = []
    width = height = count = 0
    shown = 0.0
    step = max(1, len(job.frames) // _PROBES)
    photos = ((read_photos(path)[0], 0.0) for path in job.frames[::step]) if job.frames else animation.frames()
    for photo, duration in photos:
        kinds.append(photo.kind)
        width, height = (photo.width, photo.height) if count == 0 else (width, height)
        count, shown = count + 1, shown + max(1.0, duration)
    if not count:
        raise ImageReadError(f"{job.source} holds no frames")
    rate = _RATE if job.frames else Fraction(round(count * 1000), max(1, round(shown)))
    color = kinds.count(PhotoKind.COLOR) * 2 > len(kinds)
    facts = FilmFacts(
        width=width,
        height=height,
        layout="444",
        bits=16,
        converted="",
        full_range=True,
        tags=ColorTags(2, 2, 2, 2),
        matrix=6,
        time_base=1 / _RATE if job.frames else _MILLISECOND,
        rate=rate,
        aspect=None,
        display=b"",
        turn=0,
        frames=len(job.frames) or count,
        interlaced=False,
        kind=PhotoKind.COLOR if color else PhotoKind.GREY,
    )
    return _Found(facts, animation.loop)


def color_pictures(
    job: Job, colorizer: Colorizer, options: ColorizeOptions, film: FilmOptions
) -> Iterator[Progress | Notice | FilmOutcome]:
    """Colour an animation or a folder of frames; the last that is yielded is what became of it.

    Raises:
        ImageReadError: It cannot be read.
        ImageWriteError: It cannot be written. Of a folder of frames those that are done stay.
        UsageError: The options do not suit it.
    """
    started = time.monotonic()
    if (outcome := pass_over_done(job, options)) is not None:
        yield outcome
        return
    if not job.frames and job.target.suffix.lower() not in ANIMATED:
        raise UsageError(
            f"{job.source} is an animation, and {job.target.name} cannot be one; give a name that ends in .gif, .webp "
            "or .png"
        )
    found = _probe(job)
    facts = found.facts
    if (outcome := pass_over_colored(job, facts, options)) is not None:
        yield outcome
        return
    if not job.frames:
        check_held(job.source, facts.frames, facts.width * (1 + (options.product is Product.COMPARISON)), facts.height)
    if film.codec is not VideoCodec.AUTO or film.crf is not None or film.deinterlace:
        yield Notice(f"{job.source} is no film but pictures; --video-codec, --crf and --deinterlace do nothing for it")
    run = _Run(job, colorizer, options, film, found)
    try:
        make_folder(job.target.parent)
    except OSError as error:
        raise unwritable(job.target, error) from error
    yield from run.go()
    if not run.count:
        raise ImageReadError(f"{job.source} has no frames between --start and --end")
    yield colored_outcome(job, facts, frames=run.count, previews=run.previews, started=started)


class _Run:
    """The state of one run."""

    def __init__(
        self, job: Job, colorizer: Colorizer, options: ColorizeOptions, film: FilmOptions, found: _Found
    ) -> None:
        self.job, self.options, self.film, self.found = job, options, film, found
        self.colorizer = colorizer
        self.coloring = Coloring(
            light=Light(found.facts, colorizer, options.render),
            every=film.key_frames,
            steady=film.steady,
            palette=options.palette,
            confidence=options.mute_uncertain,
            hints=hints_of(job, found.facts),
        )
        self.painted: list[Painted] = []
        self.previews: list[Preview] = []
        self.count = 0

    def go(self) -> Iterator[Progress]:
        """Colour and write."""
        clock = Clock(self.job, self.found.facts.frames)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with closing(self.coloring.frames(self._reader(), self._reader())) as frames:
                for colored in frames:
                    self._take(colored)
                    if (progress := clock.tick()) is not None:
                        yield progress
        finally:
            torch.set_num_threads(threads)
        if self.painted:
            self._write_animation()

    def _reader(self) -> _Reader:
        base = self.found.facts.time_base
        begin, end = (None if t is None else round(t / base) for t in (self.film.begin, self.film.end))
        return _Reader(self.job, self.found.facts, begin, end)

    def _take(self, colored: Colored) -> None:
        photo, options = colored.picture.photo, self.options
        if photo is None:
            raise AssertionError("frames that are no film's come with their photographs")
        colors = colored.field(options.render.strength)
        if options.previews and colored.part.begins and colored.number == (colored.part.first + colored.part.last) // 2:
            self.previews.append(make_preview(photo, colors))
        frame = self.job.frames[colored.picture.pts] if self.job.frames else None
        self.count += 1
        if frame is None:
            pixels, alpha = self._paint(photo, colors, 8)
            begins = colored.part.begins and colored.number == colored.part.first
            self.painted.append(Painted(np.concatenate(list(pixels)), alpha, colored.picture.length, begins))
            return
        target = frame_path(self.job.target, number_of(self.job.source, frame))
        if options.existing is Existing.SKIP and is_there(target):
            return
        name = format_of(target)
        if name is None:
            raise UsageError(f"{target}: no format is known for this name; use .png or .tif")
        pixels, alpha = self._paint(photo, colors, photo.depth if name in FORMATS_WITH_DEPTH else 8)
        write_image(
            target,
            pixels,
            format=name,
            shape=(photo.height, photo.width * (1 + self._doubles)),
            alpha=alpha,
            depth=photo.depth if name in FORMATS_WITH_DEPTH else 8,
            quality=options.quality,
            metadata=None if options.strip_metadata else photo.metadata,
            provenance=self._note(frame, photo.sha256),
        )

    @property
    def _doubles(self) -> bool:
        return self.options.product is Product.COMPARISON

    def _paint(self, photo: Photo, colors: ChromaField, depth: int) -> tuple[Iterator[Levels], Levels | None]:
        bands = Compositor(photo.grey, colors, depth).bands()
        alpha = photo.alpha
        if not self._doubles:
            return bands, alpha
        return beside_the_original(bands, photo.grey), None if alpha is None else np.hstack((alpha, alpha))

    def _note(self, source: Path, sha256: str = "") -> Provenance:
        hinted = {"hints": [str(hint) for hint in self.job.hints]} if self.job.hints else {}
        return self.colorizer.provenance(
            settings_of(self.options) | hinted,
            origin=Origin(name=source.name, sha256=sha256),
            source_type=self.options.source_type,
        )

    def _write_animation(self) -> None:
        strip = self.options.strip_metadata
        write_animation(
            self.job.target,
            self.painted,
            format=ANIMATED[self.job.target.suffix.lower()],
            loop=self.found.loop,
            quality=self.options.quality,
            metadata=None if strip else read_animation_metadata(self.job.source),
            provenance=self._note(self.job.source),
        )
