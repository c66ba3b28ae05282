"""One picture at a time: a trained generator that colours photographs."""

import dataclasses
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from colorgan.color import grey_to_luminance
from colorgan.colorization.color_stats import Adjustment, adjust
from colorgan.colorization.hints import Hint, hints_to_points
from colorgan.colorization.masks import check_shape, mask_from_image
from colorgan.colorization.palette import Palette
from colorgan.colorization.reference import Reference
from colorgan.config import RenderConfig, SourceType
from colorgan.errors import ConfigError, UsageError
from colorgan.images import Origin, Photo, Provenance, photo_from_image
from colorgan.images.depth import to_8_bits
from colorgan.model import Generator, prepare_for_inference
from colorgan.rendering import (
    ChromaField,
    Compositor,
    NetworkInput,
    PredictedColor,
    Query,
    describe_places,
    fit_color,
    inpaint_grey,
    match_places,
    mostly_known,
    predict_colors,
    render_shapes,
    resample,
)
from colorgan.runtime import Runtime, pick_runtime
from colorgan.weights.file import load_generator
from colorgan.weights.store import resolve_weights

__all__ = ["Colorizer", "reduce_grey", "trust"]

_MOST_STRENGTH = 2.0
_MOST_SIZE = 4096


class Colorizer:
    """Colours black-and-white photographs; make one with `Colorizer.load`.

    Args:
        network: A generator in eval mode, on the runtime's device.
        render: The settings to ask it with.
        runtime: Where it runs and how precisely.
        name: What to call it in notes and reports.
        sha256: Of its file.
        source: Its file; None if it has none.
    """

    def __init__(
        self,
        network: Generator,
        render: RenderConfig,
        runtime: Runtime,
        *,
        name: str = "unnamed",
        sha256: str = "",
        source: Path | None = None,
    ) -> None:
        self.network = network
        self.render = render
        self.runtime = runtime
        self.name = name
        self.sha256 = sha256
        self.source = source

    @classmethod
    def load(cls, weights: str | Path = "default", *, device: str = "auto", precision: str = "auto") -> "Colorizer":
        """Load a trained generator.

        Args:
            weights: A registered name ("default" comes with colorgan), or the path of a generator file.
            device: "auto", "cpu", "cuda", "cuda:1", "mps".
            precision: "auto", "float32", "bfloat16", "float16".

        Raises:
            WeightsError: There is no such file, or it is not a generator.
            DeviceError: This machine lacks the device or the precision.
        """
        runtime = pick_runtime(device, precision)
        source = resolve_weights(weights)
        loaded = load_generator(source, runtime.device)
        name = loaded.name or Path(weights).stem
        network = prepare_for_inference(loaded.network, runtime.dtype, in_place=True)
        return cls(network, loaded.render, runtime, name=name, sha256=loaded.sha256, source=source)

    def __repr__(self) -> str:
        return f"Colorizer({self.name} {self.sha256[:12]}, {self.runtime})"

    def colorize(
        self,
        image: Image.Image | np.ndarray[Any, Any],
        *,
        strength: float | None = None,
        render_size: int | None = None,
        mask: Image.Image | np.ndarray[Any, Any] | None = None,
        hints: Sequence[Hint] = (),
        palette: Palette | None = None,
        reference: Reference | None = None,
    ) -> Image.Image:
        """Colour one picture.

        Args:
            image: Any mode; colours that it already has are looked past. Or an array `(H, W)`, `(H, W, 3)` or
                `(H, W, 4)` of uint8, uint16, bool, or floats in 0..1.
            strength: Factor on the colours' chroma, 0 (grey) to 2; None takes what suits the network.
            render_size: The network sees the picture with sides of about this many pixels; None takes what suits it.
            mask: Where the picture is damaged: of its size, upright, white there (or True, or 1). What is missing is
                inpainted first, luminance and colour.
            hints: Colours that are known, by place; the objects around them follow.
            palette: Colours that the whole picture leans towards.
            reference: A coloured picture of the same things; where it matches, it gives hints.

        Returns:
            An "RGB" picture of the same size, "RGBA" if `image` has transparency, with the luminance of `image` but
            where it was missing.

        Raises:
            TypeError: `image` is no picture: a path, for example; or `hints` are no hints.
            ValueError: It has no pixels, it was closed, or the array has another shape or range.
            ConfigError: An argument is out of range.
            UsageError: A hint lies outside the picture, the mask has another size, or the network cannot inpaint.
        """
        if not all(isinstance(hint, Hint) for hint in hints):
            raise TypeError(f"hints must be a list of Hint, got {hints!r}; make them by parse_hint")
        config = self.settings(strength=strength, render_size=render_size)
        photo = photo_from_image(image)
        if mask is not None:
            photo = self.inpaint(photo, mask_from_image(mask))
        network_input = self.prepare(photo, config, hints)
        network_input = network_input if reference is None else self.match(network_input, reference)
        (colors,) = self.predict([network_input], config)
        compositor = Compositor(photo.grey, self.fit(network_input, colors, config, palette=palette))
        result = Image.new("RGB", (photo.width, photo.height))
        top = 0
        for band in compositor.bands():
            result.paste(Image.fromarray(np.ascontiguousarray(band)), (0, top))
            top += len(band)
        if photo.alpha is not None:
            alpha = to_8_bits(photo.alpha)
            result.putalpha(Image.fromarray(alpha))
        return result

    def require_inpainting(self) -> None:
        """Refuse to inpaint with a network that has no part for it.

        Raises:
            UsageError: This one has none.
        """
        if self.network.repair is None:
            raise UsageError(
                f"the network {self.name} cannot fill what is missing: it has no repair part; use another with "
                "--weights, or give it one with `colorgan train --recipe repair --init-from FILE`"
            )

    def require_bins(self, *wanted: str) -> None:
        """Refuse options that rest on a distribution over colours, of a network that gives none.

        Args:
            *wanted: What the options are called; without any, nothing is refused.

        Raises:
            UsageError: This one gives a single colour for each place.
        """
        if wanted and not self.network.config.bins:
            raise UsageError(
                f"the network {self.name} gives one colour for each place and does not say how sure it is; leave "
                f"{' and '.join(wanted)} out, or use another with --weights"
            )

    def inpaint(self, photo: Photo, missing: np.ndarray[Any, np.dtype[np.bool_]]) -> Photo:
        """Inpaint what is missing of a photograph; safe to call from several threads.

        Args:
            photo: The photograph.
            missing: Where, `(H, W)`.

        Returns:
            The photograph with new grey levels there and the given ones, bit for bit, elsewhere; `photo` itself where
            nothing is missing.

        Raises:
            UsageError: The mask has another size, or the network cannot inpaint.
        """
        check_shape(missing, photo.grey.shape, "the mask", "the photograph")
        self.require_inpainting()
        if self.network.repair is None or not missing.any():
            return photo
        with self.runtime.autocast():
            grey = inpaint_grey(self.network.repair, photo.grey, missing)
        return dataclasses.replace(photo, grey=grey, original=photo.grey)

    def settings(
        self, *, strength: float | None = None, render_size: int | None = None, chroma_limit: float | None = None
    ) -> RenderConfig:
        """Return the network's own settings with those given in their place.

        Raises:
            ConfigError: One is out of range.
        """
        config = self.render
        if strength is not None:
            if not 0 <= strength <= _MOST_STRENGTH:
                raise ConfigError(f"strength must be in 0..2, got {strength}")
            config = dataclasses.replace(config, strength=float(strength))
        if render_size is not None:
            if not 16 <= render_size <= _MOST_SIZE:
                raise ConfigError(f"the render size must be in 16..{_MOST_SIZE} pixels, got {render_size}")
            config = dataclasses.replace(config, size=render_size, sizes=())
        if chroma_limit is not None:
            config = dataclasses.replace(config, chroma_limit=float(chroma_limit))
        return config

    def provenance(
        self,
        settings: dict[str, Any],
        *,
        origin: Origin | None = None,
        source_type: SourceType = SourceType.COMPOSITE,
        keywords: tuple[str, ...] = (),
    ) -> Provenance:
        """Return what is noted in a coloured file: the settings, what it was made from, and what it is called."""
        from colorgan.version import __version__

        return Provenance(
            version=__version__,
            model=self.name,
            hash=self.sha256,
            settings=settings,
            origin=origin,
            source_type=source_type,
            keywords=keywords,
        )

    def prepare(self, photo: Photo, config: RenderConfig, hints: Sequence[Hint] = ()) -> NetworkInput:
        """Make the small copy of a photograph that the network sees; safe to call from several threads.

        Raises:
            UsageError: A hint lies outside the picture.
        """
        H, W = photo.grey.shape
        shapes = render_shapes((H, W), config, self.network.config)
        largest = max(shapes)
        with torch.inference_mode():
            luminance = _reduced_luminance(photo.grey, max(1, min(H // (2 * largest[0]), W // (2 * largest[1]))))
            points = hints_to_points(hints, W, H) if hints else None
            luminance = resample(luminance[None], largest)[0]
            return NetworkInput(luminance, (H, W), shapes, _known(photo, largest), points)

    def match(self, network_input: NetworkInput, reference: Reference) -> NetworkInput:
        """Return an input with what a reference knows of its colours, as hints before those that it has.

        Safe to call from several threads. Nothing changes if the pictures have nothing in common.
        """
        with torch.inference_mode(), self.runtime.autocast():
            device = self.runtime.device
            views = reference.views(self.network, round(math.sqrt(math.prod(max(network_input.render_shapes)))), device)
            places = describe_places(self.network, network_input.luminance[None].to(device)).cpu()
            points = match_places(places, views)
        if not len(points):
            return network_input
        both = points if network_input.points is None else torch.cat((points, network_input.points))
        return dataclasses.replace(network_input, points=both)

    def predict(
        self, inputs: Sequence[NetworkInput], config: RenderConfig, query: Query | None = None
    ) -> list[PredictedColor]:
        """Ask the network for the colours of pictures with equal render shapes, as one batch.

        Args:
            inputs: What to colour.
            config: The settings.
            query: What is asked beside the plain colours.

        Returns:
            The colours of each, on the CPU.
        """
        answers = predict_colors(self.network, inputs, config, query, runtime=self.runtime)
        return [PredictedColor(a.ab.cpu(), None if a.confidence is None else a.confidence.cpu()) for a in answers]

    def fit(
        self,
        network_input: NetworkInput,
        colors: PredictedColor,
        config: RenderConfig,
        *,
        mute_uncertain: bool = False,
        adjustment: Adjustment | None = None,
        palette: Palette | None = None,
        warmth: float = 0.0,
    ) -> ChromaField:
        """Fit the network's colours to the edges of the photograph; `Compositor` lays the result over it.

        Args:
            network_input: What the network saw.
            colors: What it said.
            config: For its strength.
            mute_uncertain: Whether colours that are a guess are muted.
            adjustment: What brings it nearer to its album.
            palette: Colours that the picture leans towards.
            warmth: Added to b of every pixel, in Lab units, after all but hints.
        """
        ab = colors.ab if adjustment is None else adjust(colors.ab, adjustment)
        ab = ab if palette is None else palette.advise(ab)
        if mute_uncertain and colors.confidence is not None:
            ab = ab * trust(colors.confidence)
        with torch.inference_mode():
            return fit_color(network_input, dataclasses.replace(colors, ab=ab)).at(config.strength, warmth=warmth)


def _known(photo: Photo, shape: tuple[int, int]) -> Tensor | None:
    """Say where a photograph was not inpainted, `(1, *shape)`; None where nothing was."""
    if photo.original is None:
        return None
    inpainted = (photo.grey != photo.original).view(np.uint8)
    inpainted *= 255
    H, W = inpainted.shape
    fraction = reduce_grey(inpainted, max(1, min(H // (2 * shape[0]), W // (2 * shape[1]))))
    return mostly_known(1 - fraction[None], shape)[0]


def reduce_grey(grey: np.ndarray[Any, Any], factor: int) -> Tensor:
    """Average grey levels over squares of `factor` pixels: `(1, h, w)`, 0..1."""
    if grey.dtype == np.uint8:
        return torch.from_numpy(_reduce_bytes(grey, factor).astype(np.float32) / 255)[None]
    rows = max(factor, (1 << 20) // max(grey.shape[1], 1) // factor * factor)
    pieces = []
    for top in range(0, grey.shape[0], rows):
        piece = torch.from_numpy(grey[top : top + rows].astype(np.float32) / 65535)[None]
        pieces.append(F.avg_pool2d(piece, factor, ceil_mode=True) if factor > 1 else piece)
    return torch.cat(pieces, dim=1)


def _reduce_bytes(grey: np.ndarray[Any, Any], factor: int) -> np.ndarray[Any, Any]:
    if factor == 1:
        return grey
    H, W = grey.shape
    image = Image.frombuffer("L", (W, H), np.ascontiguousarray(grey), "raw", "L", 0, 1)
    return np.asarray(image.reduce(factor))  # a tenth of the time that torch takes


def _reduced_luminance(grey: np.ndarray[Any, Any], factor: int) -> Tensor:
    """Return L (0..100) of grey levels averaged over squares of `factor` pixels: `(1, h, w)`."""
    if grey.dtype == np.uint8:
        return torch.from_numpy(_luminance_table()[_reduce_bytes(grey, factor)])[None]
    return grey_to_luminance(reduce_grey(grey, factor))


@cache
def _luminance_table() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return L of the 256 grey levels."""
    table: np.ndarray[Any, np.dtype[np.float32]] = grey_to_luminance(torch.arange(256) / 255).numpy()
    return table


def trust(confidence: Tensor) -> Tensor:
    """Turn confidence into a factor on chroma: nothing below 0.1, all from 0.5."""
    return ((confidence - 0.1) / 0.4).clamp(0, 1)
