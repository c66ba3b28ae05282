"""What a person asks of colourising, checked before any work; free of torch, so that a command can refuse at once."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from colorgan.config import (
    ColorInput,
    DeviceChoice,
    Existing,
    LookConfig,
    PrecisionChoice,
    RenderConfig,
    SourceType,
    shorten,
)
from colorgan.errors import UsageError
from colorgan.files import is_folder

if TYPE_CHECKING:
    from colorgan.colorization import Hint, Palette, Reference

__all__ = ["STREAM", "STRENGTHS", "ColorizeRequest", "FilmOptions", "Product", "Purpose", "VideoCodec"]

STREAM = Path("-")
"""Stands for standard input as a source, for standard output as a target."""

_LONGEST_KEYWORD = 64  # bytes, of IPTC-IIM
STRENGTHS = (0.4, 0.7, 1.0, 1.3, 1.6)
"""What a strip and the page show side by side."""

_QUALITY = 95
_BOUNDS = {"strength": (0, 2), "variants": (1, 16), "quality": (1, 100), "workers": (1, math.inf)}


class Product(StrEnum):
    """What is written for a photograph."""

    PICTURE = "picture"  # the coloured picture
    COMPARISON = "comparison"  # the grey and the coloured one side by side
    LAYER = "layer"  # the colour alone, transparent


class Purpose(StrEnum):
    """What a request is for."""

    RUN = "run"  # to colour what is there, once
    WATCH = "watch"  # to colour what arrives, too
    PAGE = "page"  # to be worked on by a person, photograph by photograph


class VideoCodec(StrEnum):
    """How films are written."""

    AUTO = "auto"  # h264; vp9 in WebM
    H264 = "h264"
    HEVC = "hevc"
    VP9 = "vp9"
    AV1 = "av1"
    FFV1 = "ffv1"  # without loss


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmOptions:
    """How films are coloured and written, beside what holds for photographs too.

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


@dataclass(frozen=True, slots=True)
class ColorizeRequest:
    """What to colour, how, and what shall come of it: each field is the option of `colorgan colorize` of that name.

    Paths may be given as text. A field that is left out stays as the command line has it.

    Raises:
        UsageError: The fields do not go together, or one is not valid.
        TypeError: A single name is given where a list of them is meant.
    """

    inputs: Sequence[str | Path]  # files and folders; folders are searched recursively and mirrored below `output`
    output: str | Path  # the folder for the results; for a single file, a file; `STREAM`
    _: KW_ONLY
    # how it is coloured
    weights: str | Path = "default"
    device: str = DeviceChoice.AUTO
    precision: PrecisionChoice = PrecisionChoice.AUTO
    strength: float | None = None  # 0..2; what suits the network if left out
    render_size: int | None = None  # pixels; what suits the network if left out
    chroma_limit: float | None = None  # Lab units; likewise
    warmth: float = 0.0  # added to b of every pixel, in Lab units
    look: str = ""  # the name under which strength, limit, warmth and palette are kept; see `with_look`
    render: RenderConfig | None = None  # all settings of rendering at once, in place of strength, size and limit
    mute_uncertain: bool = False
    color_input: ColorInput = ColorInput.SKIP
    hints: "Sequence[Hint | str] | str | Path" = ()  # of the only photograph, or a file of them; see `parse_hint`
    palette: "Palette | str | None" = None  # colours, or a file; as `Palette.parse` reads it
    reference: "Reference | str | Path | None" = None
    album: bool = False
    repair: str | Path = "off"  # "off", "auto", a mask of the only photograph, or a folder of masks; see `add_masks`
    # what is written
    product: Product = Product.PICTURE
    variants: int = 1  # how many renderings; a sheet of them
    pick: int | None = None  # which of them (from 1) is written alone
    strength_strip: bool = False  # a sheet of several strengths
    uncertainty: str | Path | None = None  # a folder for maps that are bright where colour is a guess
    save_mask: str | Path | None = None  # a folder for masks of what was filled
    format: str | None = None  # of the results; each source's own, if it can hold colour, if left out
    quality: int = _QUALITY
    existing: Existing = Existing.SKIP
    suffix: str = ""  # of names, before the dot
    strip_metadata: bool = False
    keywords: Sequence[str] = ()
    source_type: SourceType = SourceType.COMPOSITE
    report: str | Path | None = None
    contact_sheet: str | Path | None = None
    manifest: str | Path | None = None
    # which files, and by whom
    include: Sequence[str] = ()  # patterns of which files in folders must match one
    exclude: Sequence[str] = ()  # of which they must match none
    films: bool = True  # whether films and animations are looked for, too
    film: FilmOptions = FilmOptions()
    shard: tuple[int, int] | None = None  # which part (from 1) of how many
    workers: int | None = None  # processes or threads; one a core if left out
    fail_fast: bool = False
    purpose: Purpose = Purpose.RUN

    def __post_init__(self) -> None:
        """Refuse values that are out of range or do not go together."""
        for name in ("inputs", "include", "exclude", "keywords"):
            given = getattr(self, name)
            if isinstance(given, str | bytes | PathLike):
                raise TypeError(f"{name} must be a list, got {given!r}; write [{given!r}]")
        for word in self.keywords:
            _check_keyword(word)
        self._check_numbers()
        self._check_results()
        self._check_repair()
        if self.purpose is Purpose.PAGE:
            self._check_page()
        elif self.purpose is Purpose.WATCH:
            self._check_watch()

    def with_look(self, name: str, look: LookConfig, *, keep: Sequence[str] = ()) -> "ColorizeRequest":
        """Return the request with the settings of a look.

        Args:
            name: What the look is called.
            look: Its settings; what it leaves out stays.
            keep: Fields, of strength and palette, that count for more than the look's.
        """
        said = {"strength": look.strength, "palette": look.palette}
        taken = {field: value for field, value in said.items() if value is not None and field not in keep}
        return dataclasses.replace(self, look=name, warmth=look.warmth, chroma_limit=look.limit, **taken)  # type: ignore[arg-type]

    @property
    def paths(self) -> list[Path]:
        """The inputs."""
        return [Path(given) for given in self.inputs]

    @property
    def target(self) -> Path:
        """The output."""
        return Path(self.output)

    @property
    def masks(self) -> Path | None:
        """The mask, or the folder of masks, of what is missing."""
        return None if self.repair in ("auto", "off") else Path(self.repair)

    @property
    def strengths(self) -> tuple[float, ...]:
        """The strengths that a sheet shows."""
        return STRENGTHS if self.strength_strip else ()

    @property
    def reports(self) -> dict[str, Path]:
        """The files that say what became of the run, by their options."""
        named = {"report": self.report, "contact_sheet": self.contact_sheet, "manifest": self.manifest}
        return {option: Path(path) for option, path in named.items() if path is not None}

    @property
    def read(self) -> dict[str, Path]:
        """The files that are read beside the photographs, by what they are."""
        named = {
            "file of hints": self.hints if isinstance(self.hints, str | Path) else None,
            "palette": self.palette if isinstance(self.palette, str) and self.palette[:1] != "#" else None,
            "reference": self.reference if isinstance(self.reference, str | Path) else None,
        }
        return {what: Path(path) for what, path in named.items() if path is not None}

    def of_photographs(self, *, films_only_video: bool) -> dict[str, bool]:
        """Return the options that hold for photographs alone, and whether each was given.

        Args:
            films_only_video: Whether none of the films is an animation or a folder of frames.
        """
        return {
            "--color-input copy": self.color_input is ColorInput.COPY,
            "--reference": self.reference is not None,
            "--album": self.album,
            "--repair": self.repair != "off",
            "--save-mask": self.save_mask is not None,
            "--chroma-only": self.product is Product.LAYER,
            "--uncertainty": self.uncertainty is not None,
            "--variants": self.variants > 1,
            "--quality": self.quality != _QUALITY and films_only_video,
            "--source-type": self.source_type is not SourceType.COMPOSITE and films_only_video,
            "--workers": self.workers is not None,
        }

    @property
    def of_bins(self) -> list[str]:
        """The options that were given and need a network that gives a distribution over colours."""
        return _given(
            {
                "--mute-uncertain": self.mute_uncertain,
                "--uncertainty": self.uncertainty is not None,
                "--variants": self.variants > 1,
            }
        )

    @property
    def of_films(self) -> dict[str, bool]:
        """The options that hold for films alone, and whether each was given."""
        return {
            "--video-codec": self.film.codec is not VideoCodec.AUTO,
            "--crf": self.film.crf is not None,
            "--key-frames": self.film.key_frames is not None,
            "--start": self.film.begin is not None,
            "--end": self.film.end is not None,
            "--deinterlace": self.film.deinterlace,
        }

    def _check_numbers(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                bounds = f"from {least} to {most}" if most < math.inf else f"at least {least}"
                raise UsageError(f"--{name} must be {bounds}, got {value}")
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            raise UsageError(f"--shard takes I/N with I from 1 to N, got {self.shard[0]}/{self.shard[1]}")

    def _check_results(self) -> None:
        asked = {
            "--compare": self.product is Product.COMPARISON,
            "--chroma-only": self.product is Product.LAYER,
            "--variants": self.variants > 1 and self.pick is None,
            "--strength-strip": self.strength_strip,
        }
        if len(chosen := _given(asked)) > 1:
            raise UsageError(f"{' and '.join(chosen)} ask for different results; give one of them")
        if self.pick is not None and not 1 <= self.pick <= self.variants:
            raise UsageError(f"--pick {self.pick} needs --variants of at least {self.pick}, got {self.variants}")

    def _check_repair(self) -> None:
        if self.save_mask is not None and self.repair == "off":
            raise UsageError("--save-mask writes what --repair filled; give --repair auto, a mask or a folder of masks")
        if self.repair != "off" and self.source_type is not SourceType.COMPOSITE:
            raise UsageError(
                f"--source-type {self.source_type} says that nothing was made up, and --repair makes up what is "
                "missing; leave one of them out"
            )

    def _check_page(self) -> None:
        unfit = {
            "--compare": self.product is Product.COMPARISON,
            "--chroma-only": self.product is Product.LAYER,
            "--variants": self.variants > 1,
            "--strength-strip": self.strength_strip,
            "--save-mask": self.save_mask is not None,
            **{f"--{option.replace('_', '-')}": True for option in self.reports},
            "--shard": self.shard is not None,
            "--reference": self.reference is not None,
        }
        if names := _given(unfit):
            raise UsageError(f"--serve writes one plain result whenever it is saved; leave {', '.join(names)} out")

    def _check_watch(self) -> None:
        unfit = {
            "--album": self.album,
            "--hint": not isinstance(self.hints, str | Path) and bool(self.hints),
            "--hints": isinstance(self.hints, str | Path),
            **{f"--{option.replace('_', '-')}": True for option in self.reports},
            "--shard": self.shard is not None,
            "--repair with masks": self.masks is not None,
        }
        if names := _given(unfit):
            raise UsageError(f"--watch does not know what will arrive; leave {', '.join(names)} out")
        for folder in self.paths:
            if not is_folder(folder):
                raise UsageError(f"--watch takes folders that are there, got {folder}")
        if self.target == STREAM or (self.target.exists() and not is_folder(self.target)):
            raise UsageError(f"--watch needs a folder for the results, got {self.target}")
        if self.target.resolve() in {folder.resolve() for folder in self.paths}:
            raise UsageError(
                f"the results would arrive in {self.target}, which is watched; give another folder with -o"
            )


def _given(options: Mapping[str, bool]) -> list[str]:
    return [name for name, is_given in options.items() if is_given]


def _check_keyword(word: str) -> None:
    if not word.isprintable() or not 1 <= len(word.encode("utf-8", "replace")) <= _LONGEST_KEYWORD:
        raise UsageError(f"--keyword takes a word of 1 to {_LONGEST_KEYWORD} bytes, as IPTC does, got {shorten(word)}")
