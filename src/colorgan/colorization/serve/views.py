"""What is kept of photographs, so that the page can show them in one colouring after another without reading them anew.

A full-size photograph is held only while it is open; of those before it a small copy, what the network was shown of
it and its answers are left, so that going back is quick.
"""

import dataclasses
import io
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image

from colorgan.colorization.colorizer import Colorizer
from colorgan.colorization.hints import Hint, hints_to_points
from colorgan.colorization.masks import DrawnMask
from colorgan.colorization.plan import Job
from colorgan.colorization.products import paint, shrink_factor, shrink_grey
from colorgan.colorization.work import ColorizeOptions, find_missing
from colorgan.errors import ImageReadError
from colorgan.images import Photo, iter_photos
from colorgan.rendering import ChromaField, NetworkInput, PredictedColor

__all__ = ["LONGEST", "Bounded", "View", "Views", "as_jpeg", "read_thumbnail", "shrink_jpeg"]

LONGEST = 1600  # pixels of the longer side of what the page shows
_THUMBNAIL = 192
_MOST_VIEWS, _MOST_ANSWERS = 6, 64
_QUALITY = 88

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(OrderedDict[K, V]):
    """What was made last, by what it was made from.

    Args:
        most: How many are kept; those go first that were not asked for the longest.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def take(self, key: K, make: Callable[[], V]) -> V:
        """Return what is kept for a key, made if need be."""
        if key not in self:
            self.keep(key, make())
        self.move_to_end(key)
        return self[key]

    def keep(self, key: K, value: V) -> None:
        """Keep something, in place of what is kept for its key."""
        self[key] = value
        self.move_to_end(key)
        while len(self) > self._most:
            self.popitem(last=False)


@dataclass(slots=True)
class View:
    """One photograph with one mask, small."""

    before: np.ndarray[Any, Any]  # grey levels (h, w), uint8, of the file
    grey: np.ndarray[Any, Any]  # the same with what is missing filled
    sketch: NetworkInput  # without hints of the page
    given_mask: DrawnMask | None  # what is missing, where the page did not say it
    answers: Bounded[Hashable, PredictedColor] = field(default_factory=lambda: Bounded(_MOST_ANSWERS))

    def paint(self, colors: ChromaField, longest: int) -> Image.Image:
        """Return it in colour, with sides of at most `longest` pixels."""
        return paint(shrink_grey(self.grey, longest), colors)

    def hinted(self, hints: tuple[Hint, ...]) -> NetworkInput:
        """Return what the network is to see, hints included.

        Raises:
            UsageError: A hint lies outside the picture.
        """
        if not hints:
            return self.sketch
        height, width = self.sketch.shape
        points = hints_to_points(hints, width, height)
        known = self.sketch.points  # of a reference
        return dataclasses.replace(self.sketch, points=points if known is None else torch.cat((known, points)))


class Views:
    """The views of a session's photographs; not safe for several threads.

    Args:
        colorizer: Fills what is missing.
        options: For the render size, the reference, and whether damage is looked for.
    """

    def __init__(self, colorizer: Colorizer, options: ColorizeOptions) -> None:
        self._colorizer = colorizer
        self._options = options
        self._kept: Bounded[tuple[int, DrawnMask | None], View] = Bounded(_MOST_VIEWS)
        self._open: tuple[int, Photo] | None = None

    def of(self, job: Job) -> View:
        """Return the view of a job's first page; nothing is written by looking.

        Raises:
            ImageError: It cannot be read.
            UsageError: Its mask has another size, or the network cannot fill what it marks.
        """
        return self._kept.take((job.number, job.drawn), lambda: self._make(job))

    def _make(self, job: Job) -> View:
        photo = self._photo(job)
        missing = find_missing(photo, job, self._options)
        filled = photo if missing is None else self._colorizer.inpaint(photo, missing)
        sketch = self._colorizer.prepare(filled, self._options.render)
        if self._options.reference is not None:
            sketch = self._colorizer.match(sketch, self._options.reference)
        before = shrink_grey(photo.grey, LONGEST)
        grey = before if filled is photo else shrink_grey(filled.grey, LONGEST)
        return View(before, grey, sketch, None if job.drawn is not None else _as_drawn(missing))

    def _photo(self, job: Job) -> Photo:
        if self._open is None or self._open[0] != job.number:
            self._open = None  # before the next is read: two may not fit
            with closing(iter_photos(job.source)) as pages:
                self._open = job.number, next(pages)
        return self._open[1]


def _as_drawn(missing: np.ndarray[Any, np.dtype[np.bool_]] | None) -> DrawnMask | None:
    """Return a mask as it would be drawn over what the page shows; None where nothing is missing."""
    if missing is None or not missing.any():
        return None
    return DrawnMask.from_full(missing, shrink_factor(missing.shape, LONGEST))


def read_thumbnail(paths: list[Path]) -> bytes:
    """Return the first of some pictures that can be read, very small, as a JPEG file.

    Raises:
        ImageReadError: None can.
    """
    *others, last = paths
    for path in others:
        try:
            return _read_thumbnail(path)
        except ImageReadError:
            continue  # what an earlier run made was changed since
    return _read_thumbnail(last)


def _read_thumbnail(path: Path) -> bytes:
    with closing(iter_photos(path, keep_rgb=True)) as pages:
        rgb = next(pages).rgb
    if rgb is None:
        raise ImageReadError(f"{path} has no pixels that can be shown")
    return _shrink(Image.fromarray(np.ascontiguousarray(rgb)))


def shrink_jpeg(data: bytes) -> bytes:
    """Return a JPEG file of colorgan's own, very small."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return _shrink(image)


def _shrink(image: Image.Image) -> bytes:
    return as_jpeg(image.reduce(shrink_factor(image.size, _THUMBNAIL)))


def as_jpeg(image: Image.Image) -> bytes:
    """Return a picture as a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()
