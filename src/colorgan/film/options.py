"""How films are coloured and written, beside what holds for photographs too."""

from dataclasses import dataclass
from fractions import Fraction

from colorgan.errors import UsageError
from colorgan.film.encode import VideoCodec

__all__ = ["FilmOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmOptions:
    """What the options of the panel "Film" say.

    Raises:
        UsageError: One is out of range, or they do not go together.
    """

    codec: VideoCodec = VideoCodec.AUTO
    crf: int | None = None  # quality, lower is better; what suits the codec if left out
    key_frames: int | None = None  # the network is asked about every how many-th frame; chosen by the rate if left out
    begin: Fraction | None = None  # seconds
    end: Fraction | None = None
    deinterlace: bool = False
    steady: bool = True  # False: every frame on its own, as a photograph, to measure what steadiness is worth

    def __post_init__(self) -> None:
        """Refuse values that are out of range or do not go together."""
        if self.key_frames is not None and self.key_frames < 1:
            raise UsageError(f"--key-frames must be auto or 1 and more, got {self.key_frames}")
        if self.begin is not None and self.end is not None and self.begin >= self.end:
            raise UsageError(f"--start must lie before --end, got {float(self.begin):g} and {float(self.end):g} s")
