"""How well and how steadily clips in colour are coloured again from their luma."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colorgan.colorization import Colorizer
from colorgan.config import RenderConfig
from colorgan.errors import EvaluationError
from colorgan.film.coloring import Coloring
from colorgan.film.encode import Encoding, make_frame
from colorgan.film.light import Levels, Light, compose_chroma
from colorgan.film.source import FilmFacts, FilmReader, Picture, decode_frames, open_film, probe_film
from colorgan.metrics import color_distribution_consistency, color_histograms, colorfulness, psnr
from colorgan.rendering import NetworkInput, PredictedColor, fit_color
from colorgan.request import VideoCodec

__all__ = ["ClipScores", "Score", "lay_over", "measure_clip", "recolor"]

_MOST_STRENGTH = 4.0
_TRIES = 5  # at a strength of equal colourfulness
_SAMPLED = 12  # frames that the search looks at
_CLOSE = 0.005  # fraction by which the colourfulness may be missed


@dataclass(frozen=True, slots=True)
class Score:
    """Of one way of colouring one clip."""

    cdc: float
    psnr: float  # dB, mean over the frames
    colorfulness: float  # mean over the frames
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class ClipScores:
    """Of one clip."""

    name: str
    frames: int
    own: Score  # its true colours
    grey: Score
    alone: Score  # frame by frame, at the true colourfulness
    steady: Score  # as films are coloured, at the true colourfulness


def measure_clip(path: Path, colorizer: Colorizer, render: RenderConfig, *, every: int | None = None) -> ClipScores:
    """Take a clip's colours away, colour it frame by frame and as a film, and compare.

    Both ways are given the strength at which the film is as colourful as it was. Nothing is encoded: compared are the
    frames as they would be given to the encoder, at the clip's own size and chroma resolution.

    Args:
        path: A clip in colour, short enough for its coarse colours to be held in memory.
        colorizer: The network.
        render: How it is asked.
        every: The network is asked about every how many-th frame of the film.

    Raises:
        ImageReadError: It cannot be read.
        EvaluationError: It has no colours.
    """
    facts = probe_film(path)
    light = Light(facts, colorizer, render)
    own = _score(_true_frames(path, facts), path, facts, 1.0)
    if own.colorfulness < 1:
        raise EvaluationError(f"{path} is not in colour (colourfulness {own.colorfulness:.1f}); give a clip that is")
    grey = _score(_laid_over(None, path, light, 0), path, facts, 0)
    scores = []
    for steady in (False, True):
        colors = recolor(path, facts, colorizer, render, steady=steady, every=every)
        strength = _match(colors, path, light, own.colorfulness)
        scores.append(_score(_laid_over(colors, path, light, strength), path, facts, strength))
    return ClipScores(path.name, len(colors), own, grey, *scores)


_Colors = Sequence[tuple[NetworkInput, Tensor]]  # of each frame what the network sees, and the coarse colours


def recolor(
    path: Path, facts: FilmFacts, colorizer: Colorizer, render: RenderConfig, *, steady: bool, every: int | None = None
) -> _Colors:
    """Return the coarse colours of all frames of a clip, and what the network saw of them."""
    coloring = Coloring(light=Light(facts, colorizer, render), every=every, steady=steady)
    frames = coloring.frames(FilmReader(path, facts), FilmReader(path, facts))
    return [(colored.network_input, colored.ab) for colored in frames]


def lay_over(picture: Picture, light: Light, colors: tuple[NetworkInput, Tensor] | None, strength: float) -> Levels:
    """Return a frame with colours, or grey, as a player shows it: sRGB `(H, W, 3)` uint8."""
    facts, grey = light.facts, light.grey(picture.luma)
    if colors is None:
        neutral = np.full(grey.shape, 1 << (facts.bits - 1), np.uint8 if facts.bits == 8 else np.uint16)
        chroma = neutral, neutral
    else:
        chroma = compose_chroma(grey, fit_color(colors[0], PredictedColor(colors[1])).at(strength), facts)
    frame = make_frame(picture.luma, chroma, _plain(facts), facts)
    return np.asarray(frame.to_ndarray(format="rgb24"))


def _plain(facts: FilmFacts) -> Encoding:
    name = f"yuv{facts.layout}p{'' if facts.bits == 8 else f'{facts.bits}le'}"
    return Encoding(VideoCodec.FFV1, "ffv1", name, facts.width, facts.height, ())


def _laid_over(colors: _Colors | None, path: Path, light: Light, strength: float, step: int = 1) -> Iterator[Levels]:
    for number, picture in enumerate(FilmReader(path, light.facts).pictures()):
        if number % step == 0:
            yield lay_over(picture, light, None if colors is None else colors[number], strength)


def _true_frames(path: Path, facts: FilmFacts) -> Iterator[Levels]:
    with open_film(path) as (container, stream):
        for frame in decode_frames(container, stream):
            frame.colorspace = facts.matrix
            yield np.asarray(frame.to_ndarray(format="rgb24"))


def _score(frames: Iterator[Levels], path: Path, facts: FilmFacts, strength: float) -> Score:
    histograms, noises, colors = [], [], []
    for frame, true in zip(frames, _true_frames(path, facts), strict=False):
        rgb, target = (torch.from_numpy(x.copy()).permute(2, 0, 1)[None] for x in (frame, true))
        histograms.append(color_histograms(rgb))
        noises.append(float(psnr(rgb / 255, target / 255)))
        colors.append(float(colorfulness(rgb / 255)))
    cdc = color_distribution_consistency(torch.cat(histograms))
    return Score(cdc, sum(noises) / len(noises), sum(colors) / len(colors), strength)


def _match(colors: _Colors, path: Path, light: Light, wanted: float) -> float:
    """Search the strength at which a clip is as colourful as it was, on some of its frames: regula falsi."""
    step = max(1, len(colors) // _SAMPLED)
    strength, best = 1.0, 1.0
    for _ in range(_TRIES):
        found = [
            float(colorfulness(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None] / 255))
            for frame in _laid_over(colors, path, light, strength, step)
        ]
        reached = sum(found) / len(found)
        best = strength
        if abs(reached / wanted - 1) < _CLOSE or strength >= _MOST_STRENGTH:
            break
        strength = min(strength * wanted / max(reached, 1e-3), _MOST_STRENGTH)
    return best
