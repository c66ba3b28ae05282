"""Colours that stay: what the network said of some frames of a scene, averaged along what moves.

Each key frame's colours become a mean of those of the key frames around it in both directions, each carried along the
motion, each weighted by how far away it is in time and by how much it looks like this one there. That is a recursive
filter, run forwards and backwards: `sum_k = own + keep * likeness * carried(sum_(k-1))`, the weights likewise. Frames
between two key frames take both, carried to them and weighted in the same way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from colorgan.colorization import Palette
from colorgan.config import RenderConfig
from colorgan.film.motion import carry, estimate_motion, reverse_motion, trusted
from colorgan.rendering import chroma_factor

__all__ = ["Carried", "Key", "Tint", "interpolate", "measure_typical", "steady_keys"]

_KEEP = 0.85  # of what was remembered at the key frame before
_SURE = 0.5  # likeness from which on a hint is passed on in full
_LEAST_TRUST = 0.02  # in a neighbour that looks different, where there is no other


@dataclass(frozen=True, slots=True)
class Key:
    """A frame that the network was asked about."""

    number: int  # in the film
    thumb: Tensor  # L (1, 1, h, w)
    said: Tensor  # a, b as the network gave them, and how far they are to be trusted: (1, 3, h, w)


@dataclass(frozen=True, slots=True)
class Tint:
    """A key frame's steadied colours."""

    number: int
    thumb: Tensor
    ab: Tensor  # (1, 2, h, w)
    to_last: Tensor | None = None  # where its pixels lie in the key frame before
    to_next: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """What the next part of a scene has to know of those before it."""

    tint: Tint  # its last key frame
    total: Tensor  # the forward sum there (1, 3, h, w)
    weight: Tensor  # and its weight (1, 1, h, w)
    typical: float  # root-mean-square chroma that saturation is measured by
    advice: Tensor | None = None  # what hints said of it (1, 3, h, w): colours, and how far they are the hints'


def measure_typical(keys: Sequence[Key]) -> float:
    """Return the root-mean-square chroma of what the network said."""
    return float(torch.stack([key.said[:, :2].square().sum(1).mean() for key in keys]).mean().sqrt().clamp_min(1e-3))


@torch.inference_mode()
def steady_keys(
    keys: Sequence[Key],
    carried: Carried | None,
    config: RenderConfig,
    *,
    palette: Palette | None = None,
    advice: Mapping[int, Tensor] | None = None,
) -> tuple[list[Tint], Carried]:
    """Make the colours of key frames of one scene steady and give them their saturation, the same for all.

    Args:
        keys: In order, at least one.
        carried: From the part of the scene before; None begins a scene.
        config: For what is done to the chroma.
        palette: Colours that the scene leans towards.
        advice: What hints say of some of the key frames, by their numbers; it follows what moves through the scene.

    Returns:
        The colours of each, with that which was carried at their head, and what the next part has to know.
    """
    typical = measure_typical(keys) if carried is None else carried.typical
    thumbs = [key.thumb for key in keys] if carried is None else [carried.tint.thumb, *(key.thumb for key in keys)]
    back = [estimate_motion(here, there) for there, here in pairwise(thumbs)]
    forth = [
        estimate_motion(here, there, reverse_motion(motion), steps=2)
        for (here, there), motion in zip(pairwise(thumbs), back, strict=True)
    ]
    own = [_weighted(key.said) for key in keys]
    start = None if carried is None else torch.cat((carried.total, carried.weight), dim=1)
    sums = _remember(own, thumbs, back, start)
    ahead = _remember(own[::-1], thumbs[::-1][: len(own)], forth[::-1][: len(own) - 1], None)[::-1]
    means = torch.cat([past + future - alone for past, future, alone in zip(sums, ahead, own, strict=True)])
    said, trusted = means[:, :2] / means[:, 3:], means[:, 2:3] / means[:, 3:]
    ab = said * chroma_factor(said, config, torch.tensor(typical))  # (K, 2, h, w)
    ab = (ab if palette is None else _advise(palette, ab)) * trusted
    told = _spread_advice(keys, carried, advice or {}, thumbs, back, forth)
    ab = ab if told is None else torch.lerp(ab, told[:, :2], told[:, 2:])
    tints = [] if carried is None else [carried.tint]
    tints += [Tint(key.number, key.thumb, one[None]) for key, one in zip(keys, ab, strict=True)]
    tints = _with_motion(tints, back, forth)
    return tints, Carried(tints[-1], sums[-1][:, :3], sums[-1][:, 3:], typical, None if told is None else told[-1:])


def _spread_advice(
    keys: Sequence[Key],
    carried: Carried | None,
    advice: Mapping[int, Tensor],
    thumbs: Sequence[Tensor],
    back: Sequence[Tensor],
    forth: Sequence[Tensor],
) -> Tensor | None:
    """Carry what hints say from key frame to key frame, `(K, 3, h, w)`; None where there are none."""
    before = None if carried is None else carried.advice
    if not advice and before is None:
        return None
    silent = torch.zeros(1, 3, *keys[0].thumb.shape[-2:])
    own = [advice.get(key.number, silent) for key in keys]
    own = own if carried is None else [silent if before is None else before, *own]
    past = _pass_on(own, thumbs, back)
    future = _pass_on(own[::-1], thumbs[::-1], forth[::-1])[::-1]
    both = [_louder(one, other) for one, other in zip(past, future, strict=True)]
    return torch.cat(both[-len(keys) :])


def _pass_on(own: Sequence[Tensor], thumbs: Sequence[Tensor], motions: Sequence[Tensor]) -> list[Tensor]:
    passed = [own[0]]
    for here, (last, thumb), motion in zip(own[1:], pairwise(thumbs), motions, strict=True):
        moved = carry(passed[-1], motion)
        fraction = moved[:, 2:] * (trusted(thumb, last, motion) / _SURE).clamp(max=1)
        passed.append(_louder(here, torch.cat((moved[:, :2], fraction), dim=1)))
    return passed


def _louder(one: Tensor, other: Tensor) -> Tensor:
    return torch.where(one[:, 2:] >= other[:, 2:], one, other)


def _advise(palette: Palette, ab: Tensor) -> Tensor:
    """Let a whole scene `(K, 2, h, w)` lean towards a palette, each of its frames in the same way."""
    return palette.advise(ab.movedim(0, 1)).movedim(1, 0)


def _weighted(said: Tensor) -> Tensor:
    return torch.cat((said, torch.ones_like(said[:, :1])), dim=1)


def _remember(
    own: Sequence[Tensor], thumbs: Sequence[Tensor], motions: Sequence[Tensor], start: Tensor | None
) -> list[Tensor]:
    """Add up, with weights in the last channel; if there is a start, it belongs to the first of the thumbs."""
    sums: list[Tensor] = [] if start is None else [start]
    for index, said in enumerate(own, start=len(sums)):
        if index == 0:
            sums.append(said)
            continue
        motion, last = motions[index - 1], thumbs[index - 1]
        fraction = _KEEP * trusted(thumbs[index], last, motion)
        sums.append(said + fraction * carry(sums[-1], motion, sharp=True))
    return sums if start is None else sums[1:]


def _with_motion(tints: list[Tint], back: list[Tensor], forth: list[Tensor]) -> list[Tint]:
    last = [None, *back]
    following = [*forth, None]
    return [
        Tint(tint.number, tint.thumb, tint.ab, to_last, to_next)
        for tint, to_last, to_next in zip(tints, last, following, strict=True)
    ]


@torch.inference_mode()
def interpolate(thumb: Tensor, number: int, before: Tint, after: Tint, *, stray: bool = False) -> Tensor:
    """Return the colours `(1, 2, h, w)` of a frame between two key frames.

    Args:
        thumb: L of the frame.
        number: Its place in the film.
        before: The key frame before it, or it itself.
        after: The key frame after it; the same as `before` where there is none.
        stray: Whether the frame is out of line, so that nothing can be followed into it.
    """
    if number <= before.number or before.number == after.number:
        return before.ab
    if number >= after.number:
        return after.ab
    fraction = (number - before.number) / (after.number - before.number)
    if stray or before.to_next is None or after.to_last is None:
        return torch.lerp(before.ab, after.ab, fraction)
    back = estimate_motion(thumb, before.thumb, after.to_last * fraction, steps=1)
    forth = estimate_motion(thumb, after.thumb, before.to_next * (1 - fraction), steps=1)
    past = (1 - fraction) * (trusted(thumb, before.thumb, back) + _LEAST_TRUST)
    future = fraction * (trusted(thumb, after.thumb, forth) + _LEAST_TRUST)
    return (past * carry(before.ab, back) + future * carry(after.ab, forth)) / (past + future)
