"""Looking ahead: the frames of a film are put into scenes, and the network is asked about some of them."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.colorization.colorizer import trust
from colorgan.config import RenderConfig
from colorgan.film.light import Light, thumb_of
from colorgan.film.scenes import CutFinder, Verdict, glance
from colorgan.film.source import Picture
from colorgan.film.steady import Key
from colorgan.rendering import NetworkInput, PredictedColor, Query

__all__ = ["Part", "look_ahead"]

_BATCH = 4  # frames that the network is asked about at once
_TOLD = 5.0  # units of ab by which hints change a colour that is theirs then
_MOST_FRAMES = 360  # of a part: what is remembered of one, and what is lost when a run is broken off


@dataclass(slots=True)
class Part:
    """Some frames in a row that belong to one scene: all of them, unless it is long."""

    first: int  # frame
    begins: bool  # a scene
    pts: int  # of its first frame
    last: int = -1  # frame, included
    ends: bool = True  # the scene
    keys: list[Key] = field(default_factory=list)
    advice: dict[int, Tensor] = field(default_factory=dict)  # what hints say of a key frame; see `_advise`
    strays: set[int] = field(default_factory=set)  # frames that are out of line


@dataclass(frozen=True, slots=True)
class _Seen:
    number: int
    pts: int
    network_input: NetworkInput
    thumb: Tensor
    points: Tensor | None  # hints at this frame


class _Builder:
    """Builds one part after the other."""

    def __init__(self, light: Light, every: int, *, goes_on: bool, confidence: bool) -> None:
        self.light = light
        self.every = every
        self.goes_on = goes_on  # whether the scene of the part before goes on
        self.confidence = confidence
        self.part: Part | None = None
        self.asked: deque[_Seen] = deque()  # key frames of the part that the network has not answered for yet
        self.newest: _Seen | None = None
        self.key = -1  # the newest key frame

    def add(self, seen: _Seen, verdict: Verdict) -> Part | None:
        """Add a frame; return the part that was complete before it, if any."""
        done = None
        if self.part is not None and (verdict.begins or self._is_full()):
            done = self.close(ends=verdict.begins)
        if self.part is None:
            self.part = Part(seen.number, not self.goes_on, seen.pts)
        self.newest = seen
        if seen.points is not None:
            self.part.advice[seen.number] = _advise(seen, seen.points, self.light)
            self._ask(seen)
        elif verdict.stray:
            self.part.strays.add(seen.number)
        elif self.key < self.part.first or seen.number - self.key >= self.every:
            self._ask(seen)
        return done

    def _is_full(self) -> bool:
        return (
            self.part is not None and self.newest is not None and self.newest.number - self.part.first >= _MOST_FRAMES
        )

    def _ask(self, seen: _Seen) -> None:
        self.asked.append(seen)
        self.key = seen.number
        if len(self.asked) == _BATCH:
            self._answer()

    def _answer(self) -> None:
        if not self.asked or self.part is None:
            return
        colors = self.light.colorizer.predict(
            [seen.network_input for seen in self.asked],
            _plain(self.light.config),
            Query(confidence=self.confidence, pad_to=_BATCH),
        )
        self.part.keys += [
            Key(seen.number, seen.thumb, _said(answer, seen.thumb))
            for seen, answer in zip(self.asked, colors, strict=True)
        ]
        self.asked.clear()

    def close(self, *, ends: bool) -> Part:
        """Return the part that was built. Its last frame is a key frame, so that every frame lies between two."""
        if self.part is None or self.newest is None:
            raise AssertionError("there is no part to close")
        if self.key < self.newest.number and (self.newest.number not in self.part.strays or self.key < self.part.first):
            self._ask(self.newest)
        self._answer()
        part, self.part = self.part, None
        part.last, part.ends = self.newest.number, ends
        self.goes_on = not ends
        return part


def look_ahead(
    pictures: Iterable[Picture],
    light: Light,
    *,
    every: int,
    start: int = 0,
    goes_on: bool = False,
    confidence: bool = False,
    hints: Sequence[tuple[int, Tensor]] = (),
) -> Iterator[Part]:
    """Look at frames and yield the parts of the film, each as soon as it is complete.

    Args:
        pictures: The frames.
        light: Of the film.
        every: The network is asked about every how many-th frame.
        start: The number of the first frame; one above 0 goes on within a film.
        goes_on: Whether the first frame belongs to the scene of the one before it.
        confidence: Whether colours that are a guess shall be trusted less.
        hints: Time stamps in order, and the hints of each as `colorgan.rendering.draw_hints` takes them.
    """
    finder, builder = CutFinder(), _Builder(light, every, goes_on=goes_on, confidence=confidence)
    waiting: deque[_Seen] = deque()
    due = deque(hints)
    for number, picture in enumerate(pictures, start=start):
        done = None
        with torch.inference_mode():
            network_input = light.prepare(light.grey(picture.luma))
            points = [due.popleft()[1] for _ in range(len(due)) if due[0][0] < picture.pts + picture.duration]
            told = torch.cat(points) if points else None
            waiting.append(_Seen(number, picture.pts, network_input, thumb_of(network_input.luminance), told))
            if (verdict := finder.show(glance(waiting[-1].thumb))) is not None:
                done = builder.add(waiting.popleft(), verdict)
        if done is not None:
            yield done
    for verdict in finder.finish():
        with torch.inference_mode():
            done = builder.add(waiting.popleft(), verdict)
        if done is not None:
            yield done
    if builder.part is not None:
        yield builder.close(ends=True)


def _plain(config: RenderConfig) -> RenderConfig:
    """Return settings under which the network's answer is left as it is: what strengthens it waits for the scene."""
    return dataclasses.replace(config, chroma_scale=1.0, chroma_equalization=0.0, chroma_gamma=1.0, chroma_limit=0.0)


def _advise(seen: _Seen, points: Tensor, light: Light) -> Tensor:
    """Return a frame's colours with hints, without strength, and how far they are the hints': `(1, 3, h, w)`.

    The frame is coloured with them and without, as a photograph would be.
    """
    hinted, config = dataclasses.replace(seen.network_input, points=points), light.config
    (told,), (plain,) = (light.colorizer.predict([one], config) for one in (hinted, seen.network_input))
    with_hints = light.colorizer.fit(hinted, told, config)
    without = light.colorizer.fit(seen.network_input, plain, config)
    colors, before = (
        (field.slope * hinted.luminance + field.offset) / max(config.strength, 1e-3) for field in (with_hints, without)
    )
    told_fraction = ((colors - before).norm(dim=0, keepdim=True) / _TOLD).clamp(max=1)
    both = torch.cat((colors, told_fraction))[None]
    return F.interpolate(both, size=seen.thumb.shape[-2:], mode="bilinear", align_corners=False, antialias=True)


def _said(answer: PredictedColor, thumb: Tensor) -> Tensor:
    """Put an answer together as a `Key` has it."""
    sure = torch.ones_like(answer.ab[:1]) if answer.confidence is None else trust(answer.confidence)
    both = torch.cat((answer.ab, sure))[None]
    return F.interpolate(both, size=thumb.shape[-2:], mode="bicubic", align_corners=False)
