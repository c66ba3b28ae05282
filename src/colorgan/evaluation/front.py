"""The front of a model over a whole data set, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colorgan.evaluation.statistics import Bootstrap, Interval, Values, summarize
from colorgan.rendering.front import best_gain, gain_at_share

__all__ = ["SHARES", "Front", "summarize_front"]

SHARES = (0.56, 0.98)
"""Where fronts are read: the colourfulness of published dull and vivid models, as shares of the photographs'."""


@dataclass(frozen=True, slots=True)
class Front:
    """PSNR gain over grey against colourfulness, as the strength of the colours is swept."""

    name: str
    strengths: tuple[float, ...]  # 0 first
    gains: tuple[float, ...]  # mean gain in dB at each strength
    shares: tuple[float, ...]  # mean colourfulness over the photographs' mean at each strength
    at_shares: dict[float, Interval | None]  # gain where a share of `SHARES` is reached; None: it is not
    best: Interval  # the largest gain at any strength


def summarize_front(
    name: str,
    strengths: Sequence[float],
    *,
    gains: Values,
    colours: Values,
    photographs: Values,
    bootstrap: Bootstrap,
) -> Front:
    """Put the values of single pictures together.

    Args:
        name: The model's.
        strengths: The S strengths, rising from 0.
        gains: PSNR gains `(S, N)` in dB.
        colours: Colourfulness `(S, N)`.
        photographs: Colourfulness of the photographs `(N,)`.
        bootstrap: The resamples.
    """
    mean_gains, shares = gains.mean(1), colours.mean(1) / max(photographs.mean(), 1e-9)
    resampled = []
    for index in bootstrap.indices():
        weights = np.stack([np.bincount(row, minlength=bootstrap.count) for row in index]) / bootstrap.count
        resampled += list(zip(weights @ gains.T, (weights @ colours.T) / (weights @ photographs)[:, None], strict=True))
    at_shares: dict[float, Interval | None] = {}
    for share in SHARES:
        here = gain_at_share(shares.tolist(), mean_gains.tolist(), share)
        there = [gain_at_share(s.tolist(), g.tolist(), share) for g, s in resampled]
        reached = np.array([gain for gain in there if gain is not None])
        at_shares[share] = None if here is None else summarize(np.asarray(here), [reached])
    best = [best_gain(g.tolist()) for g, _ in resampled]
    return Front(
        name,
        tuple(strengths),
        tuple(mean_gains.tolist()),
        tuple(shares.tolist()),
        at_shares,
        summarize(np.asarray(best_gain(mean_gains.tolist())), [np.array(best)]),
    )
