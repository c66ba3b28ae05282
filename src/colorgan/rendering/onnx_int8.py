"""The ONNX graph of a generator in 8 bits: a quarter of the bytes, and quicker on a CPU.

Weights and activations of most convolutions become whole numbers ("static quantisation", QDQ form, a scale for each
channel), as onnxruntime does it. The ranges of the activations are measured on photographs. What stays float:

- the rendering, which strengthens colours and so all that was rounded before it;
- the heads, for which a step of 8 bits is visible;
- the encoder up to a quarter of the picture's size: few weights, and what it loses is lost to all that follows.

Weights have 7 bits: with 8, processors without integer dot products (AVX2) overflow and answer otherwise than others.
"""

import copy
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from colorgan.color import rgb_to_lab
from colorgan.data import PhotoFile, find_photos, open_photo
from colorgan.errors import DataError, ImageReadError, WeightsError
from colorgan.rendering.onnx_file import build_onnx, open_session, save_onnx
from colorgan.weights.file import LoadedGenerator

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Int8Report", "write_onnx_int8"]

_FLOAT_STRIDE = 4  # of the encoder's stages that stay float
_MEASURED, _JUDGED = 32, 16  # photographs on which ranges are measured, and others on which the result is
_FEWEST = 8  # photographs in all
_LONG_SIDE = 512  # at which they are looked at; the graph shrinks them further
_MOST_SHARE = 0.25  # of the colours' mean chroma, by which the graph may differ from that in float

Picture = NDArray[np.float32]  # L, (1, 1, H, W)


class Int8Report(NamedTuple):
    """How the 8-bit graph answers, beside the one in float, on photographs whose ranges were not measured."""

    distance: float  # mean ab distance between the two
    chroma: float  # mean chroma of the float one's colours
    photographs: int


def write_onnx_int8(path: Path, generator: LoadedGenerator, photographs: Path) -> Int8Report:
    """Write a generator with its rendering as one graph in 8 bits, once it is shown to colour as the float one does.

    Args:
        path: Where to.
        generator: What `load_generator` gave; its settings become part of the graph.
        photographs: A folder or `.tar` file of some of the kind that will be coloured, in colour or not; 48 are used.

    Raises:
        DataError: There are too few photographs.
        UsageError, WeightsError: As `write_onnx`; also if the colours of the two graphs differ much.
    """
    measured, judged = _read_pictures(photographs)
    model, _ = build_onnx(generator)
    small = _quantise(model, _float_layers(generator), measured)
    report = _compare(open_session(small), open_session(model), judged)
    if not report.distance <= _MOST_SHARE * report.chroma:
        raise WeightsError(
            f"in 8 bits the graph differs from itself in float by an ab distance of {report.distance:.2f}, where the "
            f"mean chroma is {report.chroma:.2f}; nothing was written, leave --int8 out"
        )
    save_onnx(path, small)
    return report


def _read_pictures(path: Path) -> tuple[list[Picture], list[Picture]]:
    """Read the luminance of photographs from all over the set: those to measure ranges on, and those to judge by."""
    photos = find_photos(path)
    wanted = min(_MEASURED + _JUDGED, len(photos))
    spread = [photos[number * len(photos) // wanted] for number in range(wanted)]
    pictures = [picture for photo in spread if (picture := _read_luminance(photo)) is not None]
    if len(pictures) < _FEWEST:
        raise DataError(
            f"{len(pictures)} photographs that can be read in {path} are too few to measure 8-bit ranges on; "
            f"give {_FEWEST} or more, best {_MEASURED + _JUDGED}"
        )
    return [p for i, p in enumerate(pictures) if i % 3], pictures[::3]


def _read_luminance(photo: PhotoFile) -> Picture | None:
    try:
        image = open_photo(photo, short_side=_LONG_SIDE)
    except ImageReadError:
        return None
    image.thumbnail((_LONG_SIDE, _LONG_SIDE))
    rgb = torch.from_numpy(np.array(image)).movedim(-1, 0).float() / 255
    return rgb_to_lab(rgb)[None, :1].numpy()


def _float_layers(generator: LoadedGenerator) -> tuple[str, ...]:
    """Return what the names of weights that stay float begin with."""
    encoder = generator.network.encoder
    early = len(encoder.layers_to_stride(_FLOAT_STRIDE))
    return ("network.color.", "network.bins.", *(f"network.encoder.features.{index}." for index in range(early)))


def _quantise(model: "ModelProto", float_layers: tuple[str, ...], pictures: Sequence[Picture]) -> "ModelProto":
    import onnx
    from onnxruntime.quantization import QuantType, quantize_static

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "int8.onnx"
        quantize_static(
            copy.deepcopy(model),
            target,
            _Pictures(pictures),
            nodes_to_quantize=_nodes_to_quantise(model, float_layers),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(target)


def _nodes_to_quantise(model: "ModelProto", float_layers: tuple[str, ...]) -> list[str]:
    """Return the names of the network's convolutions, but those to leave, and of what cuts their answers off.

    A convolution's own range is then that of what is left of its answer: 0..6 where without it -60..60 was to be kept.
    """
    chosen: list[str] = []
    answers: set[str] = set()
    for node in model.graph.node:
        if node.op_type in ("Conv", "ConvTranspose") and not node.input[1].startswith(float_layers):
            chosen.append(node.name)
            answers.update(node.output)
        elif node.op_type in ("Clip", "Relu") and node.input[0] in answers:
            chosen.append(node.name)
    return chosen


class _Pictures:
    """What onnxruntime calls a data reader."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._rest: Iterator[Picture] = iter(pictures)

    def get_next(self) -> dict[str, Picture] | None:
        picture = next(self._rest, None)
        return None if picture is None else {"luminance": picture}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep onnxruntime's advice to those who call it from those who call us."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _compare(small: Any, whole: Any, pictures: Sequence[Picture]) -> Int8Report:
    distances, chromas = [], []
    for picture in pictures:
        wanted = whole.run(["ab"], {"luminance": picture})[0]
        found = small.run(["ab"], {"luminance": picture})[0]
        distances.append(np.hypot(*(found - wanted)[0]).mean())
        chromas.append(np.hypot(*wanted[0]).mean())
    return Int8Report(float(np.mean(distances)), float(np.mean(chromas)), len(pictures))
