"""One film: from its file to the coloured one."""

import dataclasses
import os
import time
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import torch

from colorgan.colorization import ColorizeOptions, Colorizer, Job, Notice, Progress, settings_of
from colorgan.colorization.products import Preview, make_preview
from colorgan.config import config_to_mapping
from colorgan.errors import ImageReadError, ImageWriteError
from colorgan.film.coloring import Colored, Coloring
from colorgan.film.encode import (
    choose_encoding,
    delay_of,
    make_frame,
    open_encoder,
    write_packet,
)
from colorgan.film.join import Span, check_container, join_film
from colorgan.film.light import Levels, Light
from colorgan.film.lookahead import Part
from colorgan.film.outcome import Clock, FilmOutcome, colored_outcome, hints_of, pass_over_colored, pass_over_done
from colorgan.film.source import FilmFacts, FilmReader, Picture, probe_film
from colorgan.film.steady import Carried
from colorgan.film.workspace import Segment, Workspace, fingerprint_of
from colorgan.images import Photo, PhotoKind, atomic_file
from colorgan.images.atomic import unwritable
from colorgan.request import FilmOptions, Product

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

__all__ = ["color_film"]

_SEGMENT = 240  # frames, at least: what a run that is broken off has to do again, at most that and a scene more


def color_film(
    job: Job, colorizer: Colorizer, options: ColorizeOptions, film: FilmOptions
) -> Iterator[Progress | Notice | FilmOutcome]:
    """Colour a film and write it; the last that is yielded is what became of it.

    Raises:
        ImageReadError: The film cannot be read.
        ImageWriteError: It cannot be written; finished segments are kept for the next run.
        UsageError: The options do not suit it.
    """
    started = time.monotonic()
    if (outcome := pass_over_done(job, options)) is not None:
        yield outcome
        return
    facts = probe_film(job.source)
    if (outcome := pass_over_colored(job, facts, options)) is not None:
        yield outcome
        return
    if film.deinterlace:
        facts = dataclasses.replace(facts, interlaced=False)
    run = _Run(job, colorizer, options, film, facts)
    yield from run.go()
    yield colored_outcome(job, facts, frames=run.frames, previews=run.previews, started=started)


class _Run:
    """The state of one film's run."""

    def __init__(
        self, job: Job, colorizer: Colorizer, options: ColorizeOptions, film: FilmOptions, facts: FilmFacts
    ) -> None:
        self.job, self.options, self.film, self.facts = job, options, film, facts
        self.colorizer = colorizer
        self.coloring = Coloring(
            light=Light(facts, colorizer, options.render),
            every=film.key_frames,
            steady=film.steady,
            palette=options.palette,
            confidence=options.mute_uncertain,
            hints=hints_of(job, facts),
        )
        self.encoding = choose_encoding(
            facts, film.codec, film.crf, job.target.suffix, double=options.product is Product.COMPARISON
        )
        check_container(job.target, self.encoding.encoder)
        self.before = _identity(job.source)
        self.workspace = Workspace(job.target, fingerprint_of(self._decisive()))
        self.previews: list[Preview] = []

    @property
    def frames(self) -> int:
        return sum(segment.frames for segment in self.workspace.segments)

    def _decisive(self) -> dict[str, object]:
        """Return all that decides what segments look like."""
        return {
            "source": (str(self.job.source.absolute()), self.before),
            "network": self.colorizer.sha256,
            "precision": str(self.colorizer.runtime),
            "render": config_to_mapping(self.options.render),
            "options": settings_of(self.options),
            "palette": None if self.options.palette is None else self.options.palette.mean.tolist(),
            "hints": [str(hint) for hint in self.job.hints],
            "film": dataclasses.asdict(self.film),
            "encoding": dataclasses.asdict(self.encoding),
            "libraries": av.library_versions,
        }

    def go(self) -> Iterator[Progress | Notice]:
        """Do what is missing."""
        try:
            self.job.target.parent.mkdir(parents=True, exist_ok=True)
            self.workspace.open()
        except OSError as error:
            raise unwritable(self.job.target, error) from error
        if self.options.previews:
            self.previews = self.workspace.previews(before=self.frames)
        if self.frames:
            yield Notice(f"{self.job.source}: going on after {self.frames} frames that are done already")
        if self.facts.interlaced:
            yield Notice(f"{self.job.source} is interlaced and stays so; --deinterlace makes it progressive")
        try:
            yield from self._make_segments()
            self._check()
            yield from map(Notice, self._join())
        except ImageReadError:
            self.workspace.remove()  # another run would fail likewise, or begin anew
            raise
        except OSError as error:
            raise unwritable(self.job.target, error) from error
        except av.FFmpegError:  # a muxer or an encoder gave up, and would again
            self.workspace.remove()
            raise
        self.workspace.remove()

    def _check(self) -> None:
        if not self.frames:
            raise ImageReadError(f"{self.job.source} has no frames between --start and --end")
        if _identity(self.job.source) != self.before:
            raise ImageReadError(f"{self.job.source} changed while it was being coloured; run again")

    def _reader(self) -> FilmReader:
        base, start = self.facts.time_base, self.workspace.segments
        begin = None if self.film.begin is None else round(self.film.begin / base)
        begin = start[-1].end + 1 if start else begin
        end = None if self.film.end is None else round(self.film.end / base)
        return FilmReader(self.job.source, self.facts, begin, end, deinterlace=self.film.deinterlace)

    def _make_segments(self) -> Iterator[Progress | Notice]:
        carried, number = self.workspace.carried(), self.frames
        looking, painting = self._reader(), self._reader()
        clock = Clock(self.job, self._expected(), number, before=number)
        segment: _SegmentWriter | None = None
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with closing(self.coloring.frames(looking, painting, number, carried)) as frames:
                for colored in frames:
                    segment = segment or _SegmentWriter(self, colored.part)
                    segment.add(
                        colored.picture, self.coloring.paint(colored, self.options.render.strength, self.options.warmth)
                    )
                    self._preview(colored)
                    if colored.number == colored.part.last and segment.count >= _SEGMENT:
                        segment.close(colored.after, ends=colored.part.ends)
                        segment = None
                    if (progress := clock.tick()) is not None:
                        yield progress
            if segment is not None:
                segment.close(None, ends=True)
                segment = None
        finally:
            torch.set_num_threads(threads)
            if segment is not None:
                segment.file.close()
        if painting.damaged:
            yield Notice(f"{self.job.source}: {painting.damaged} damaged pieces were passed over")

    def _preview(self, colored: Colored) -> None:
        """Keep a small copy of the middle of each scene, for reports, and for those of a run that goes on from here."""
        part = colored.part
        if self.options.previews and part.begins and colored.number == (part.first + part.last) // 2:
            upright = np.ascontiguousarray(np.rot90(colored.grey, self.facts.turn))
            photo = Photo(grey=upright, depth=8, kind=PhotoKind.GREY)
            self.previews.append(make_preview(photo, colored.field(self.options.render.strength, self.options.warmth)))
            self.workspace.keep_preview(colored.number, self.previews[-1])

    def _expected(self) -> int:
        """Return about how many frames there will be."""
        begin, end = self.film.begin or Fraction(0), self.film.end
        total = self.facts.frames
        if end is not None:
            total = min(total or 1 << 40, round(end * self.facts.rate))
        return max(0, total - round(begin * self.facts.rate))

    def _join(self) -> list[str]:
        parts = [(segment, self.workspace.path_of(segment.file)) for segment in self.workspace.segments]
        note = str(self.colorizer.provenance(settings_of(self.options, self.job)))
        with atomic_file(self.job.target) as file:
            return join_film(
                self.job.source,
                Path(file.name),
                self.job.target.name,
                parts,
                self.facts,
                self.encoding,
                Span(self.film.begin, self.film.end),
                note,
                strip=self.options.strip_metadata,
            )


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ImageReadError(f"{path} cannot be read: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns


class _SegmentWriter:
    """Encodes frames into the file of a segment."""

    def __init__(self, run: _Run, part: Part) -> None:
        self.run = run
        self.first = part.first
        self.name = f"{len(run.workspace.segments):06}.packets"
        self.path = run.workspace.path_of(self.name)
        self.encoder = open_encoder(run.encoding, run.facts)
        self.file = self.path.with_suffix(".part").open("wb")
        self.count, self.scenes = 0, 0
        self.times: list[int] = []
        self.begin, self.end, self.duration = part.pts, part.pts, 0

    def add(self, picture: Picture, chroma: tuple[Levels, Levels]) -> None:
        """Encode a frame."""
        luma, planes = picture.luma, chroma
        if self.run.encoding.width == 2 * self.run.facts.width:
            luma, planes = np.hstack((luma, luma)), (self._beside_grey(chroma[0]), self._beside_grey(chroma[1]))
        frame = make_frame(luma, planes, self.run.encoding, self.run.facts)
        frame.pts, frame.duration = picture.pts, picture.duration
        self.end, self.duration = picture.pts, picture.duration
        self.count += 1
        self._write(self.encoder.encode(frame))

    def _beside_grey(self, levels: Levels) -> Levels:
        return np.hstack((np.full_like(levels, 1 << (self.run.facts.bits - 1)), levels))

    def _write(self, packets: "list[Packet[VideoStream]]") -> None:
        for packet in packets:
            self.times.append(packet.pts or 0)
            write_packet(self.file, packet)

    def close(self, carried: Carried | None, *, ends: bool) -> None:
        """Complete the file; from now on the segment counts."""
        self._write(self.encoder.encode(None))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.path.with_suffix(".part").replace(self.path)
        workspace = self.run.workspace
        header = (self.encoder.extradata or b"").hex()
        if workspace.header not in ("", header):
            raise ImageWriteError("the encoder's header is another than it was; run again with --existing overwrite")
        workspace.header = header
        workspace.add(
            Segment(
                file=self.name,
                first=self.first,
                frames=self.count,
                begin=self.begin,
                end=self.end,
                duration=self.duration,
                delay=delay_of(self.times),
                ends=ends,
                scenes=self.scenes,
            ),
            carried,
        )
