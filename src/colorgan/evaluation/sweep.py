"""A model's sweep of the strength over a whole data set, with intervals."""

from dataclasses import dataclass

import numpy as np
import torch

from colorgan.evaluation.statistics import Bootstrap, Interval, summarize
from colorgan.rendering.strength_sweep import SweepValues

__all__ = ["SHARES", "StrengthSweep", "summarize_sweep"]

SHARES = (0.56, 0.98)
"""Where sweeps are read: the colourfulness of published dull and vivid models, as shares of the photographs'."""


@dataclass(frozen=True, slots=True)
class StrengthSweep:
    """PSNR gain over grey against colourfulness, as the strength of the colours is swept."""

    name: str
    strengths: tuple[float, ...]  # 0 first
    gains: tuple[float, ...]  # mean gain in dB at each strength
    shares: tuple[float, ...]  # mean colourfulness over the photographs' mean at each strength
    at_shares: dict[float, Interval | None]  # gain where a share of `SHARES` is reached; None: it is not
    best: Interval  # the largest gain at any strength


def summarize_sweep(name: str, values: SweepValues, bootstrap: Bootstrap) -> StrengthSweep:
    """Put the values of single pictures together.

    Args:
        name: The model's.
        values: Of the N pictures.
        bootstrap: The resamples.
    """
    curve = values.curve()
    resampled = [
        values.curve(torch.from_numpy(np.bincount(row, minlength=bootstrap.count)).double())
        for index in bootstrap.indices()
        for row in index
    ]
    at_shares: dict[float, Interval | None] = {}
    for share in SHARES:
        here, there = curve.gain_at(share), [other.gain_at(share) for other in resampled]
        reached = np.array([gain for gain in there if gain is not None])
        at_shares[share] = None if here is None else summarize(np.asarray(here), [reached])
    best = summarize(np.asarray(curve.best), [np.array([other.best for other in resampled])])
    return StrengthSweep(name, values.strengths, curve.gains, curve.fractions, at_shares, best)
