"""Where one scene of a film ends and the next begins."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.film.motion import carry, estimate_motion, likeness

__all__ = ["CutFinder", "Glance", "Verdict", "glance"]

_SHAPE = (18, 32)  # of the copy that is compared first
_BINS = 16
_BLANK = 1.5  # deviation of L below which there is nothing to be seen
_ALIKE = 0.9  # correlation above which two frames are of one scene without looking closer
_ONE_SCENE = 0.75  # correlation of the frames around one that is out of line
_MOST_LIKENESS = 0.45  # mean likeness, motion taken into account, of frames of two scenes
_LEAST_CHANGE = 0.12  # of the histogram of L, between frames of two scenes
_OUTSTANDING = 1.6  # a cut is by so much a greater change than those around it


@dataclass(frozen=True, slots=True)
class Glance:
    """A frame at a glance: what cuts are found by."""

    small: Tensor  # L, its mean taken away and its deviation made 1, flat
    histogram: Tensor  # of L, levelled
    luminance: Tensor  # (1, 1, h, w)
    blank: bool  # whether nothing can be seen: black, white, a fade's end


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became clear of a frame."""

    begins: bool  # a scene
    stray: bool  # out of line with its neighbours, which are alike: a flash, a damaged frame, a splice


def glance(luminance: Tensor) -> Glance:
    """Look at a frame, L `(1, 1, h, w)`."""
    small = F.interpolate(luminance, size=_SHAPE, mode="bilinear", align_corners=False, antialias=True).flatten()
    centred = small - small.mean()
    std = centred.square().mean().sqrt()
    levels = ((luminance - luminance.mean()) / luminance.std().clamp_min(1) * 3 + _BINS / 2).clamp(0, _BINS - 1)
    histogram = torch.bincount(levels.flatten().long(), minlength=_BINS).float() / luminance.numel()
    return Glance(centred / std.clamp_min(1e-3), histogram, luminance, bool(std < _BLANK))


def _correlate(one: Glance, other: Glance) -> float:
    return float((one.small * other.small).mean())


@dataclass(slots=True)
class CutFinder:
    """Decides on frames two behind the last that it was shown.

    A cut is where two frames differ even if what moves is followed, by more than those around them do, and where the
    next frames do not go back to what was before. Blank frames are of the scene before them.
    """

    seen: list[Glance] = field(default_factory=list)  # frame before the next verdict, that frame, those after it
    count: int = 0
    before: Glance | None = None  # the last frame that was not blank
    recent: float = 0.0  # the change before that of the next verdict

    def show(self, frame: Glance) -> Verdict | None:
        """Take the next frame; return the verdict on the one that is now clear, if any."""
        self.seen.append(frame)
        return self._decide() if len(self.seen) > 2 else None

    def finish(self) -> Iterator[Verdict]:
        """Return the verdicts that are still due."""
        while self.seen:
            yield self._decide()

    def _decide(self) -> Verdict:
        frame, after = self.seen[0], self.seen[1:]
        verdict = self._judge(frame, after)
        if not frame.blank and not verdict.stray:
            self.before = frame
        self.count += 1
        self.seen.pop(0)
        return verdict

    def _judge(self, frame: Glance, after: list[Glance]) -> Verdict:
        before = self.before
        if self.count == 0:
            return Verdict(begins=True, stray=False)
        if frame.blank:
            return Verdict(begins=False, stray=True)
        if before is None:
            return Verdict(begins=False, stray=False)
        likewise = _correlate(before, frame)
        change, self.recent = 1 - likewise, self.recent
        recent, self.recent = self.recent, change
        if likewise > _ALIKE:
            return Verdict(begins=False, stray=False)
        if any(not other.blank and _correlate(before, other) > max(_ONE_SCENE, likewise + 0.1) for other in after):
            return Verdict(begins=False, stray=True)
        next_change = 1 - _correlate(frame, after[0]) if after and not after[0].blank else 0.0
        stands_out = change > _OUTSTANDING * max(recent, next_change)
        return Verdict(begins=stands_out and _differ(before, frame), stray=False)


def _differ(one: Glance, other: Glance) -> bool:
    """Compare two frames closely."""
    motion = estimate_motion(other.luminance, one.luminance)
    like = float(likeness(other.luminance, carry(one.luminance, motion)).mean())
    turned = float((one.histogram - other.histogram).abs().sum()) / 2
    return like < _MOST_LIKENESS or (like < 1.5 * _MOST_LIKENESS and turned > _LEAST_CHANGE)
