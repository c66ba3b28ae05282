"""Frames in, frames with their colours out: looking ahead in one thread while what was seen is coloured in another."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from colorgan.colorization import Palette
from colorgan.errors import ImageReadError
from colorgan.film.ahead import Ahead
from colorgan.film.light import Levels, Light, compose_chroma, thumb_of
from colorgan.film.lookahead import Part, look_ahead
from colorgan.film.source import Picture
from colorgan.film.steady import Carried, Tint, interpolate, steady_keys
from colorgan.rendering import ChromaField, NetworkInput, PredictedColor, fit_color

__all__ = ["Colored", "Coloring"]

_PARTS_AHEAD = 2
_KEYS_A_SECOND = 4


class Reader(Protocol):
    """Reads frames."""

    def pictures(self) -> Iterator[Picture]:
        """Yield them in order."""
        ...


@dataclass(frozen=True, slots=True)
class Colored:
    """A frame and its colours."""

    number: int
    part: Part  # that it belongs to
    after: Carried | None  # what the next part has to know of this one
    picture: Picture
    grey: Levels  # at the size of the chroma planes
    network_input: NetworkInput  # upright
    ab: Tensor  # (2, h, w), upright, coarse, without strength

    def field(self, strength: float, warmth: float = 0.0) -> ChromaField:
        """Fit the colours to the frame's edges."""
        return fit_color(self.network_input, PredictedColor(self.ab)).at(strength, warmth=warmth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coloring:
    """How the frames of a film are coloured."""

    light: Light
    every: int | None = None  # how many-th frame the network is asked about; what suits the rate if left out
    steady: bool = True  # False: each frame on its own
    palette: Palette | None = None
    confidence: bool = False  # whether colours that are a guess are muted
    hints: tuple[tuple[int, Tensor], ...] = ()  # time stamps in order, and the hints of each

    def frames(
        self, looking: Reader, painting: Reader, start: int = 0, carried: Carried | None = None
    ) -> Generator[Colored]:
        """Yield the frames in order, with their colours.

        Args:
            looking: Reads ahead.
            painting: Reads the same frames once more, so that they need not be kept.
            start: The number of the first of them.
            carried: What has to be known of its scene, where that began before.

        Raises:
            ImageReadError: The film cannot be read.
        """
        every = self.every or max(1, round(self.light.facts.rate / _KEYS_A_SECOND))
        parts = look_ahead(
            looking.pictures(),
            self.light,
            every=every if self.steady else 1,
            start=start,
            goes_on=carried is not None,
            confidence=self.confidence,
            hints=self.hints,
        )
        pictures = painting.pictures()
        with Ahead(parts, _PARTS_AHEAD) as ahead:
            for part in ahead:
                tints, carried = self._tint(part, carried)
                yield from self._color(part, tints, carried, pictures)

    def paint(self, colored: Colored, strength: float, warmth: float = 0.0) -> tuple[Levels, Levels]:
        """Return Cb and Cr of a frame."""
        return compose_chroma(colored.grey, colored.field(strength, warmth), self.light.facts)

    def _tint(self, part: Part, carried: Carried | None) -> tuple[list[Tint], Carried | None]:
        before, config = None if part.begins else carried, self.light.config
        if self.steady:
            return steady_keys(part.keys, before, config, palette=self.palette, advice=part.advice)
        alone = [steady_keys([key], None, config, palette=self.palette)[0] for key in part.keys]
        return [tint for tints in alone for tint in tints], None

    def _color(
        self, part: Part, tints: list[Tint], after: Carried | None, pictures: Iterator[Picture]
    ) -> Iterator[Colored]:
        place = 0  # of the last tint at or before the frame
        for number in range(part.first, part.last + 1):
            picture = next(pictures, None)
            if picture is None:
                raise ImageReadError("it gave fewer frames when it was read once more; did it change?")
            while place + 1 < len(tints) and tints[place + 1].number <= number:
                place += 1
            grey = self.light.grey(picture.luma)
            network_input = self.light.prepare(grey)
            following = tints[min(place + 1, len(tints) - 1)]
            with torch.inference_mode():
                thumb = thumb_of(network_input.luminance)
            ab = interpolate(thumb, number, tints[place], following, stray=number in part.strays)
            yield Colored(number, part, after, picture, grey, network_input, ab[0])
