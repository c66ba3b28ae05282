"""What the page asks for, without the web: the photograph before, with hints, and written to its target."""

import dataclasses
import io
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.hints import Hint, hint_from_values, hints_to_json
from colorgan.colorization.plan import Job, Plan
from colorgan.colorization.products import paint_small
from colorgan.colorization.work import ColorizeOptions, OpenedJob, finish_job, inpaint_missing, open_job
from colorgan.config import ColorInput, Existing
from colorgan.errors import UsageError
from colorgan.images import Photo, atomic_file, iter_photos
from colorgan.rendering import Query
from colorgan.request import STREAM

__all__ = ["Desk", "Wish"]

_LONGEST = 1000  # pixels of the longer side of what the page shows
_QUALITY = 88
_MOST_HINTS = 1000  # of a wish: each takes its time, and the next wish waits for it
_OVER_STRENGTH = 1000  # what no strength is; which ones can be is for the colorizer to say


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks of a photograph."""

    hints: tuple[Hint, ...]
    strength: float

    @classmethod
    def from_mapping(cls, values: Any) -> "Wish":
        """Read what the page sends: `{"hints": [{"x": "50%", "y": "30%", "color": "#3355aa"}], "strength": 1}`.

        Raises:
            UsageError: It is not that.
        """
        if not isinstance(values, Mapping) or not isinstance(values.get("hints"), list):
            raise UsageError("a wish has hints and a strength")
        if not all(isinstance(hint, Mapping) and {"x", "y", "color"} <= hint.keys() for hint in values["hints"]):
            raise UsageError("a hint has x, y and color")
        if len(values["hints"]) > _MOST_HINTS:
            raise UsageError(f"a wish has up to {_MOST_HINTS} hints, got {len(values['hints']):,}; remove some")
        hints = (hint_from_values(h["x"], h["y"], h["color"], "hint") for h in values["hints"])
        strength = values.get("strength")
        if not isinstance(strength, int | float) or isinstance(strength, bool) or not abs(strength) < _OVER_STRENGTH:
            raise UsageError(f"the strength must be a number, got {str(strength)[:20]!r}")
        return cls(tuple(hints), float(strength))


class Desk:
    """The photographs of a plan, one of them open at a time; safe to use from several threads.

    Args:
        plan: The photographs and where their results go.
        colorizer: The network.
        options: How to colour and write.

    Raises:
        UsageError: The plan reads standard input or writes to standard output.
    """

    def __init__(self, plan: Plan, colorizer: Colorizer, options: ColorizeOptions) -> None:
        if any(STREAM in (job.source, job.target) for job in plan.jobs):
            raise UsageError("a page cannot be served with standard input or output; name files and a folder")
        self.jobs = plan.jobs
        self.names = [plan.sources.found[job.number].relative.as_posix() for job in plan.jobs]
        self.colorizer = colorizer
        self.options = dataclasses.replace(options, existing=Existing.OVERWRITE)  # a person who saves again means it
        self._lock = threading.Lock()
        self._open: tuple[int, Photo] | None = None

    def describe(self) -> list[dict[str, Any]]:
        """Return each photograph's name, strength and first hints, these in per cent, as plain values."""
        strength = self.options.render.strength
        with self._lock:
            return [
                {"name": name, "strength": strength, "hints": self._first_hints(number)}
                for number, name in enumerate(self.names)
            ]

    def _first_hints(self, number: int) -> list[dict[str, float | str]]:
        hints = self.jobs[number].hints
        if all(hint.percent for hint in hints):
            return [hint.to_mapping() for hint in hints]
        photo = self._photo(number)
        places = [hint.shares(photo.width, photo.height) for hint in hints]
        return [
            Hint(100 * x, 100 * y, hint.color, percent=True).to_mapping()
            for hint, (x, y) in zip(hints, places, strict=True)
        ]

    def show_before(self, number: int) -> bytes:
        """Return a photograph without colour, at most 1000 pixels long, as a JPEG file.

        Raises:
            IndexError: There is no such photograph.
            ImageReadError: It cannot be read.
        """
        with self._lock:
            photo = self._photo(number)
            return _as_jpeg(self._paint(number, photo, Wish((), 0.0))[0])

    def show_after(self, number: int, wish: Wish) -> bytes:
        """Return a photograph as wished, at most 1000 pixels long, as a JPEG file.

        Raises:
            IndexError: There is no such photograph.
            ImageReadError: It cannot be read.
            UsageError: The wish cannot be fulfilled.
        """
        with self._lock:
            return _as_jpeg(self._paint(number, self._photo(number), wish)[1])

    def save(self, number: int, wish: Wish) -> Path:
        """Write a photograph as wished to its target, at full size, with its hints as JSON beside it.

        Returns:
            Where the result is.

        Raises:
            IndexError: There is no such photograph.
            ImageError: It cannot be read or written.
            UsageError: The wish cannot be fulfilled.
        """
        with self._lock:
            if not 0 <= number < len(self.jobs):
                raise IndexError(number)
            job = dataclasses.replace(self.jobs[number], hints=wish.hints)
            self._color(job, self._options(wish))
            self._write_hints(job, self.names[number], wish.hints)
            return job.target

    def _color(self, job: Job, options: ColorizeOptions) -> None:
        """Do a job, whatever colours its photograph has: a person has looked at it."""
        options = dataclasses.replace(options, color_input=ColorInput.RECOLOR)
        sure = options.mute_uncertain or job.uncertainty is not None
        opened = open_job(job, self.colorizer, options)
        while isinstance(opened, OpenedJob):
            for page, network_input in enumerate(opened.inputs):
                opened.colors[page] = self.colorizer.predict([network_input], options.render, Query(confidence=sure))
            opened = finish_job(opened, self.colorizer, options)

    def _photo(self, number: int) -> Photo:
        """Return a photograph's first page, with what is missing filled; nothing is written by looking."""
        if not 0 <= number < len(self.jobs):
            raise IndexError(number)
        if self._open is None or self._open[0] != number:
            self._open = None  # before the next is read: two may not fit
            job = dataclasses.replace(self.jobs[number], saved_mask=None)
            with closing(iter_photos(job.source)) as pages:
                self._open = number, inpaint_missing(next(pages), job, self.colorizer, self.options)
        return self._open[1]

    def _options(self, wish: Wish) -> ColorizeOptions:
        strength = self.colorizer.settings(strength=wish.strength).strength
        return dataclasses.replace(self.options, render=dataclasses.replace(self.options.render, strength=strength))

    def _paint(self, number: int, photo: Photo, wish: Wish) -> tuple[Image.Image, Image.Image]:
        options = self._options(wish)
        network_input = self.colorizer.prepare(photo, options.render, wish.hints)
        (colors,) = self.colorizer.predict([network_input], options.render, Query(confidence=options.mute_uncertain))
        field = self.colorizer.fit(
            network_input,
            colors,
            options.render,
            mute_uncertain=options.mute_uncertain,
            adjustment=self.jobs[number].adjustment,
            palette=options.palette,
            warmth=options.warmth,
        )
        return paint_small(photo, field, _LONGEST)

    @staticmethod
    def _write_hints(job: Job, name: str, hints: Sequence[Hint]) -> None:
        path = job.target.with_name(job.target.name + ".hints.json")
        with atomic_file(path) as file:
            file.write(hints_to_json({name: hints}).encode())


def _as_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()
