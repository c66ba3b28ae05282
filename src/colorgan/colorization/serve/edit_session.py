"""What the page asks for, without the web: the photographs of a plan, small, in any colouring, and written."""

import dataclasses
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.hints import Hint, hints_to_json
from colorgan.colorization.palette import Palette
from colorgan.colorization.plan import Job, Plan, Side
from colorgan.colorization.serve.edit_request import EditRequest
from colorgan.colorization.serve.views import LONGEST, Bounded, View, Views, as_jpeg, read_thumbnail, shrink_jpeg
from colorgan.colorization.work import (
    FOREIGN,
    ColorizeOptions,
    OpenedJob,
    Outcome,
    Status,
    find_owner,
    finish_job,
    is_own,
    open_job,
)
from colorgan.config import LOOKS, ColorInput, Existing, LookConfig, suggest
from colorgan.errors import ImageReadError, UsageError
from colorgan.files import is_there, printable
from colorgan.images import atomic_file, read_size
from colorgan.rendering import PredictedColor, Query
from colorgan.request import STREAM, STRENGTHS

__all__ = ["EditSession"]

_VARIANTS = 6
_CHOICE = 240  # pixels of the longer side of a picture that stands for a choice
_MOST_THUMBNAILS = 1000  # of some 6 kB
_MASK_SUFFIX, _HINTS_SUFFIX = ".mask.png", ".hints.json"


class EditSession:
    """The photographs of a plan, one of them open at a time; safe to use from several threads.

    Args:
        plan: The photographs and where their results go.
        colorizer: The network.
        options: How to colour and write.
        looks: What a person can choose from, by name.

    Raises:
        UsageError: The plan reads standard input or writes to standard output.
    """

    def __init__(
        self, plan: Plan, colorizer: Colorizer, options: ColorizeOptions, looks: Mapping[str, LookConfig] = LOOKS
    ) -> None:
        if any(STREAM in (job.source, job.target) for job in plan.jobs):
            raise UsageError("a page cannot be served with standard input or output; name files and a folder")
        self.jobs = plan.jobs
        self.names = [plan.sources.found[job.number].relative.as_posix() for job in plan.jobs]
        self.colorizer = colorizer
        self.options = dataclasses.replace(options, previews=True)
        self.looks = dict(looks)
        bins = colorizer.network.config.bins
        self.variants = (options.variants if options.variants > 1 else _VARIANTS) if bins else 1
        self._views = Views(colorizer, self.options)
        self._thumbnails: Bounded[int, bytes] = Bounded(_MOST_THUMBNAILS)
        self._saved: dict[int, Outcome] = {}
        self._lock = threading.Lock()  # of all but thumbnails, which a person shall not wait for
        self._thumbnail_lock = threading.Lock()

    def describe(self) -> dict[str, Any]:
        """Return the photographs and what can be chosen, as plain values."""
        return {
            "strengths": list(STRENGTHS),
            "looks": self._describe_looks(),
            "variants": self.variants,
            "repair": self.colorizer.network.repair is not None,
            "photographs": [self._describe(number) for number in range(len(self.jobs))],
        }

    def _describe(self, number: int) -> dict[str, Any]:
        job = self.jobs[number]
        saved = self._saved.get(number)
        return {
            "name": printable(self.names[number]),
            "strength": self.options.render.strength,
            "hints": _in_per_cent(job),
            "saved": None if saved is None else _describe_outcome(saved),
            "done": job.is_done,
        }

    def _describe_looks(self) -> list[dict[str, Any]]:
        """Return what can be chosen: first what the session began with, under no name."""
        options, own = self.options, self.colorizer.render
        is_plain = not options.palette and not options.warmth and options.render.chroma_limit == own.chroma_limit
        first = options.look or ("natural" if is_plain else "as started")
        looks = [{"name": "", "label": first, "strength": options.render.strength}]
        for name, look in self.looks.items():
            if name != first:
                strength = own.strength if look.strength is None else look.strength
                looks.append({"name": name, "label": name, "strength": strength})
        return looks

    def show_before(self, number: int) -> bytes:
        """Return a photograph without colour, at most 1600 pixels long, as a JPEG file.

        Raises:
            IndexError: There is no such photograph.
            ImageError: It cannot be read.
        """
        with self._lock:
            return as_jpeg(Image.fromarray(self._views.of(self._job(number)).before))

    def show_after(self, number: int, request: EditRequest, longest: int = LONGEST) -> bytes:
        """Return a photograph as asked for, with sides of at most `longest` pixels, as a JPEG file.

        Raises:
            IndexError: There is no such photograph.
            ImageError: It cannot be read.
            UsageError: What was asked for cannot be.
        """
        with self._lock:
            job, options = self._job(number, request), self._options(request)
            view = self._views.of(job)
            sketch = view.hinted(request.hints)
            field = self.colorizer.fit(
                sketch,
                self._answer(view, request, options),
                options.render,
                mute_uncertain=options.mute_uncertain,
                adjustment=job.adjustment,
                palette=options.palette,
                warmth=options.warmth,
            )
            return as_jpeg(view.paint(field, longest))

    def show_choice(self, number: int, request: EditRequest) -> bytes:
        """Return the same, as small as choices are shown beside each other."""
        return self.show_after(number, request, _CHOICE)

    def show_thumbnail(self, number: int) -> bytes:
        """Return a photograph's result if it is there, else the photograph, very small, as a JPEG file.

        Raises:
            IndexError: There is no such photograph.
            ImageReadError: It cannot be read.
        """
        job = self._job(number)
        with self._thumbnail_lock:
            paths = [job.target, job.source] if job.is_done else [job.source]
            return self._thumbnails.take(number, lambda: read_thumbnail(paths))

    def given_mask(self, number: int) -> Any:
        """Return what is missing of a photograph by the options of the session, as it would be drawn; None if nothing.

        Raises:
            IndexError: There is no such photograph.
            ImageError: It or its mask cannot be read.
        """
        with self._lock:
            return self._views.of(self._job(number)).given_mask

    def save(self, number: int, request: EditRequest) -> dict[str, Any]:
        """Write a photograph as asked for to its target, at full size, its hints and drawn mask beside it.

        Returns:
            What became of it, as plain values.

        Raises:
            IndexError: There is no such photograph.
            ImageError: It cannot be read or written.
            UsageError: What was asked for cannot be, or a file of somebody else is in the way.
        """
        with self._lock:
            job = _with_mask_beside(self._job(number, request))
            self._refuse_foreign(job, seen=request.seen)
            outcome = self._color(job, self._options(request), seen=request.seen)
            if outcome.status is Status.COLORIZED:
                self._write_hints(job, self.names[number])
                self._saved[number] = dataclasses.replace(outcome, preview=None)
                if outcome.preview is not None:
                    with self._thumbnail_lock:
                        self._thumbnails.keep(number, shrink_jpeg(outcome.preview.after))
            return _describe_outcome(outcome)

    def _job(self, number: int, request: EditRequest | None = None) -> Job:
        if not 0 <= number < len(self.jobs):
            raise IndexError(number)
        job = self.jobs[number]
        if request is None:
            return job
        return dataclasses.replace(job, hints=request.hints, drawn=request.mask)

    def _options(self, request: EditRequest) -> ColorizeOptions:
        """Return how to colour what is asked for."""
        if not 0 <= request.variant < self.variants:
            raise UsageError(f"there are the variants 0 to {self.variants - 1}, got {request.variant}")
        options = self._with_look(request.look)
        strength = self.colorizer.settings(strength=request.strength).strength
        return dataclasses.replace(
            options,
            render=dataclasses.replace(options.render, strength=strength),
            variants=self.variants if request.variant else 1,
            pick=request.variant + 1 if request.variant else None,
        )

    def _with_look(self, name: str) -> ColorizeOptions:
        if not name:
            return self.options
        if name not in self.looks:
            raise UsageError(f"there is no look {name[:50]!r}; {suggest(name[:50], self.looks, 'looks')}")
        look = self.looks[name]
        limit = self.colorizer.settings(chroma_limit=look.limit).chroma_limit
        return dataclasses.replace(
            self.options,
            render=dataclasses.replace(self.options.render, chroma_limit=limit),
            warmth=look.warmth,
            palette=None if look.palette is None else Palette.parse(look.palette),
            palette_name="" if look.palette is None else printable(Path(look.palette).name),
            look=name,
        )

    def _answer(self, view: View, request: EditRequest, options: ColorizeOptions) -> PredictedColor:
        """Return what the network says, which it is asked only if that is not known; strengths do not change it."""
        (lean,), sure = options.leans, options.mute_uncertain
        render = dataclasses.replace(options.render, strength=1.0)
        return view.answers.take(
            (request.hints, render, lean, sure),
            lambda: self.colorizer.predict([view.hinted(request.hints)], render, Query(confidence=sure, lean=lean))[0],
        )

    def _color(self, job: Job, options: ColorizeOptions, *, seen: bool) -> Outcome:
        """Do a job. If a person has looked at it, it is done whatever is there already and in colour already."""
        if seen:
            options = dataclasses.replace(options, color_input=ColorInput.RECOLOR, existing=Existing.OVERWRITE)
        (lean,), sure = options.leans, options.mute_uncertain or Side.UNCERTAINTY in job.sides
        opened = open_job(job, self.colorizer, options)
        while isinstance(opened, OpenedJob):
            for page, sketch in enumerate(opened.inputs):
                opened.colors[page] = self.colorizer.predict(
                    [sketch], options.render, Query(confidence=sure, lean=lean)
                )
            opened = finish_job(opened, self.colorizer, options)
        return opened

    def _refuse_foreign(self, job: Job, *, seen: bool) -> None:
        """Refuse to write over files that colorgan did not make, unless the session was begun with the word to."""
        masks = [job.sides[Side.MASK]] if job.drawn is not None and Side.MASK in job.sides else []
        targets = [job.target] if seen and self.options.existing is not Existing.OVERWRITE else []
        for path in (*targets, *masks):
            if find_owner(path, job.source, None) is not None:
                raise UsageError(
                    f"{path} is there, {FOREIGN}; begin with --existing overwrite or give another folder with -o"
                )

    @staticmethod
    def _write_hints(job: Job, name: str) -> None:
        path = job.target.with_name(job.target.name + _HINTS_SUFFIX)
        if job.hints or is_there(path):  # which may be of an earlier saving
            with atomic_file(path) as file:
                file.write(hints_to_json({name: job.hints}).encode())


def _with_mask_beside(job: Job) -> Job:
    """Return a job that writes its mask beside its result, if one was drawn now, or for what is saved there now."""
    beside = job.target.with_name(job.target.name + _MASK_SUFFIX)
    if job.drawn is None and not is_own(beside):
        return job
    return dataclasses.replace(job, sides={**job.sides, Side.MASK: beside})


def _in_per_cent(job: Job) -> list[dict[str, float | str]]:
    """Return a job's hints with their places in per cent; none where its photograph cannot be read."""
    if all(hint.percent for hint in job.hints):
        return [hint.to_mapping() for hint in job.hints]
    try:
        width, height = read_size(job.source)
    except ImageReadError:
        return []  # what is shown in its place says why
    places = [hint.shares(width, height) for hint in job.hints]
    return [
        Hint(100 * x, 100 * y, hint.color, percent=True).to_mapping()
        for hint, (x, y) in zip(job.hints, places, strict=True)
    ]


def _describe_outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": str(outcome.status),
        "reason": outcome.reason,
        "path": printable(str(outcome.job.target)),
        "files": [printable(str(path)) for path in outcome.files],
        "left_out": list(outcome.left_out),
    }
