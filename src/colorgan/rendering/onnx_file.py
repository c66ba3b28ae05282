"""A generator with its rendering as one ONNX graph, for programs that have no torch.

In: `luminance`, L in 0..100, `(1, 1, H, W)`, any size. Out: `ab` in Lab units, with the strength of the settings, and
`confidence`, 0..1, both at the render size divided by the generator's output stride. Bring `ab` to the photograph's
size bilinearly and keep the photograph's own L.

Resampling to the render size is part of the graph, written in ONNX itself (`_FIT`); the rest is exported by torch.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from colorgan.config import config_to_mapping
from colorgan.errors import UsageError, WeightsError
from colorgan.files import write_whole
from colorgan.model import Generator, prepare_for_inference
from colorgan.rendering.predict import predict_rendering, render_small
from colorgan.weights.file import LoadedGenerator

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["build_onnx", "open_session", "save_onnx", "write_onnx"]

_OPSET = 18
_MOST_DISTANCE = 0.1  # mean ab distance between the two programs' answers
_SHAPES = ((192, 256), (201, 99), (37, 50), (600, 413), (64, 900))  # on which the graph is checked

# As `render_shape` and `resample` do it: sides of about `size` squared pixels, multiples of `stride`; each pixel the
# mean of those around it, weighed by a triangle. ONNX has an operator for it, but onnxruntime treats edges otherwise.
_FIT = """
<ir_version: 9, opset_import: ["" : {opset}]>
fit (float[1, 1, H, W] luminance) => (float[1, 1, h, w] small)
<float size = {{{size}.0}}, float stride = {{{stride}.0}}, float most = {{{most}.0}}, float zero = {{0.0}},
 float half = {{0.5}}, float unit = {{1.0}}, int64 first = {{0}}, int64 second = {{1}}, int64[1] last = {{1}}>
{{
  shape = Shape <start: int = 2> (luminance)
  sides = Cast <to: int = 1> (shape)
  area = ReduceProd <keepdims: int = 0> (sides)
  root = Sqrt (area)
  scale = Div (size, root)
  scaled = Mul (sides, scale)
  counted = Div (scaled, stride)
  rounded = Round (counted)
  wanted = Mul (rounded, stride)
  wide = Max (wanted, stride)
  fitted = Min (wide, most)
  {rows}
  {columns}
  shorter = MatMul (y_weights, luminance)
  turned = Transpose <perm = [1, 0]> (x_weights)
  small = MatMul (shorter, turned)
}}
"""

_WEIGHTS = """
  {axis}_from = Gather (sides, {which})
  {axis}_to = Gather (fitted, {which})
  {axis}_scale = Div ({axis}_from, {axis}_to)
  {axis}_reach = Max ({axis}_scale, unit)
  {axis}_numbers = Range (zero, {axis}_to, unit)
  {axis}_middles = Add ({axis}_numbers, half)
  {axis}_centres = Mul ({axis}_middles, {axis}_scale)
  {axis}_column = Unsqueeze ({axis}_centres, last)
  {axis}_given = Range (zero, {axis}_from, unit)
  {axis}_places = Add ({axis}_given, half)
  {axis}_offsets = Sub ({axis}_places, {axis}_column)
  {axis}_distances = Abs ({axis}_offsets)
  {axis}_shares = Div ({axis}_distances, {axis}_reach)
  {axis}_slopes = Sub (unit, {axis}_shares)
  {axis}_triangles = Relu ({axis}_slopes)
  {axis}_sums = ReduceSum ({axis}_triangles, last)
  {axis}_weights = Div ({axis}_triangles, {axis}_sums)
"""


def _fit_text(generator: LoadedGenerator) -> str:
    size, stride = generator.render.size, generator.network.config.stride
    rows, columns = (_WEIGHTS.format(axis=axis, which=which) for axis, which in (("y", "first"), ("x", "second")))
    most = 16 * max(size, stride)
    return _FIT.format(opset=_OPSET, size=size, stride=stride, most=most, rows=rows, columns=columns)


class _Rendered(nn.Module):
    """A generator with its settings, as torch exports it: from L at the render size to ab and confidence."""

    def __init__(self, generator: LoadedGenerator) -> None:
        super().__init__()
        self.network: Generator = prepare_for_inference(generator.network.cpu().float(), torch.float32)
        self.config = generator.render

    def forward(self, luminance: Tensor) -> tuple[Tensor, ...]:
        ab, confidence = render_small(self.network, luminance, self.config)
        return (ab,) if confidence is None else (ab, confidence)


def write_onnx(path: Path, generator: LoadedGenerator) -> float:
    """Write a generator with its rendering as one graph, once it is shown to answer as torch does.

    Args:
        path: Where to.
        generator: What `load_generator` gave; its settings become part of the graph.

    Returns:
        The mean ab distance between the graph's answers and torch's, on noise of several sizes.

    Raises:
        UsageError: onnx, onnxscript or onnxruntime is not installed, or the settings average several sizes.
        WeightsError: The graph answers otherwise than torch, or the file cannot be written.
    """
    model, distance = build_onnx(generator)
    save_onnx(path, model)
    return distance


def build_onnx(generator: LoadedGenerator) -> tuple["ModelProto", float]:
    """Return the graph that `write_onnx` writes, and its distance from torch. Raises what that raises."""
    try:
        import onnx
        import onnxruntime  # noqa: F401 - asked below
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed; run `pip install 'colorgan[onnx]'`") from error
    if generator.render.sizes:
        raise UsageError("settings that average several render sizes cannot be one graph; leave render.sizes empty")
    rendered = _Rendered(generator).eval()
    pictures = [torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0)) * 100 for shape in _SHAPES]
    answers = [_answer(rendered, picture) for picture in pictures]  # first: what is cached meanwhile must hold numbers
    network = _export(rendered)
    model = onnx.compose.merge_models(_fit(generator, network.ir_version), network, io_map=[("fit/small", "fitted")])
    del model.opset_import[1:]  # that of either graph, which is the same
    onnx.helper.set_model_props(model, {"colorgan": json.dumps(_describe(generator))})
    onnx.checker.check_model(model)
    session = open_session(model)
    distance = max(_distance(session, *pair) for pair in zip(pictures, answers, strict=True))
    if not distance < _MOST_DISTANCE:
        raise WeightsError(f"the graph differs from torch by an ab distance of {distance:.3f}; nothing was written")
    return model, distance


def open_session(model: "ModelProto") -> Any:
    """Let onnxruntime read a graph, for the CPU."""
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def save_onnx(path: Path, model: "ModelProto") -> None:
    """Write a graph whole or not at all.

    Raises:
        WeightsError: It cannot be written.
    """
    try:
        write_whole(path, model.SerializeToString())
    except OSError as error:
        raise WeightsError(f"{path} cannot be written: {error.strerror or error}") from error


def _fit(generator: LoadedGenerator, ir_version: int) -> "ModelProto":
    """Return the graph that brings a luminance of any size to the render size."""
    from onnx import compose, parser

    model = parser.parse_model(_fit_text(generator))
    model.ir_version = ir_version
    return compose.add_prefix(model, "fit/", rename_inputs=False)


def _export(rendered: _Rendered) -> "ModelProto":
    """Return torch's graph, for sides that are multiples of the stride."""
    program = torch.onnx.export(
        rendered,
        (torch.linspace(0, 100, 192 * 256).view(1, 1, 192, 256),),
        dynamo=True,
        opset_version=_OPSET,
        dynamic_shapes={"luminance": {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}},
        input_names=["fitted"],
        output_names=["ab", "confidence"][: 1 + rendered.network.config.bins],
        verbose=False,
    )
    assert program is not None  # noqa: S101 - only for a given file name
    return program.model_proto


def _describe(generator: LoadedGenerator) -> dict[str, Any]:
    return {
        "model": config_to_mapping(generator.network.config),
        "render": config_to_mapping(generator.render),
        "provenance": generator.provenance,
    }


def _answer(rendered: _Rendered, luminance: Tensor) -> Tensor:
    """Return torch's ab, asked for as everywhere else."""
    with torch.inference_mode():
        return predict_rendering(rendered.network, luminance, rendered.config).ab * rendered.config.strength


def _distance(session: Any, luminance: Tensor, wanted: Tensor) -> float:
    """Return the mean ab distance between the graph's answer and torch's."""
    found = torch.from_numpy(session.run(None, {"luminance": luminance.numpy()})[0])
    return float((found - wanted).square().sum(1).sqrt().mean())
