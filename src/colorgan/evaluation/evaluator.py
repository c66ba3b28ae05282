"""Measuring colouring programs on photographs."""

import dataclasses
import io
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorgan.color import rgb_to_lab
from colorgan.config import RenderConfig
from colorgan.data import PhotoFile, find_photos, open_photo
from colorgan.data.augment import is_nearly_grey
from colorgan.errors import EvaluationError, ImageReadError, UsageError
from colorgan.evaluation.candidates import (
    Candidate,
    ForeignPictures,
    GreyBaseline,
    MeanColorBaseline,
    Model,
    match_names,
)
from colorgan.evaluation.inputs import EvaluationBatch, frame_picture, make_batch
from colorgan.evaluation.measures import (
    CORE_METRICS,
    Comparison,
    Measure,
    Metric,
    build_measures,
    choose_metrics,
    find_labels,
)
from colorgan.evaluation.protocol import Protocol
from colorgan.evaluation.report import CandidateScores, Example, Report
from colorgan.evaluation.statistics import Bootstrap, Values
from colorgan.evaluation.sweep import StrengthSweep, summarize_sweep
from colorgan.files import printable
from colorgan.metrics import psnr
from colorgan.model import prepare_for_inference
from colorgan.rendering.strength_sweep import STRENGTHS, SweepValues, sweep_strengths
from colorgan.runtime import Runtime, pick_runtime
from colorgan.version import __version__
from colorgan.weights.file import LoadedGenerator, load_generator
from colorgan.weights.store import resolve_weights

__all__ = ["EvaluationRequest", "OnProgress", "evaluate"]

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how many pictures are done, and how many there are."""

_BATCH_PIXELS = {"cpu": 4 * 256 * 256, "cuda": 64 * 256 * 256}
"""Large enough for the network, small enough for the cache."""
_SWEPT_STRENGTHS = (*STRENGTHS, 3.5, 4.0)


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What is measured on which photographs, and how."""

    data: Path | str | Sequence[PhotoFile]  # a folder or .tar file of photographs, or the photographs
    weights: Sequence[str | Path | LoadedGenerator] = ("default",)
    """Generators: registered names, files, or loaded ones. With several, all are compared to the first."""
    _: KW_ONLY
    metrics: Sequence[str] = CORE_METRICS  # which of `colorgan.evaluation.METRICS`
    protocol: Protocol = field(default_factory=Protocol)  # how pictures are prepared
    render_size: int | None = None  # overrides the size at which the networks see the pictures
    strength: float | None = None  # overrides the factor on chroma
    pairs: Path | None = None
    """A folder of pictures that any program coloured, named as the originals are; only pictures that it holds are
    measured, for all candidates."""
    front: bool = False  # whether the strength of each generator is swept, to compare at equal colourfulness
    examples: int = 0  # how many of the worst and of the best pictures are kept in the report
    labels: Mapping[str, int] | None = None  # the ImageNet class of each picture by name, for the metric `top5`
    backbones: Mapping[str, Path] | None = None  # files of backbones, instead of those in the store
    device: str = "auto"
    precision: str = "auto"  # of the networks' arithmetic


@torch.inference_mode()
def evaluate(request: EvaluationRequest, on_progress: OnProgress | None = None) -> Report:
    """Measure generators, baselines and coloured pictures on photographs.

    Args:
        request: What is measured on which photographs, and how.
        on_progress: Is told how far the work is.

    Raises:
        UsageError: A metric is unknown, or nothing would be measured.
        DataError: There are no photographs.
        EvaluationError: No photograph can be measured, or a metric lacks what it needs.
        WeightsError: A weights file is missing or cannot be used.
        DeviceError: The device or precision does not exist here.
    """
    tell = on_progress or (lambda *_: None)
    protocol, pairs = request.protocol, request.pairs
    if not request.weights and pairs is None:
        raise UsageError("there is nothing to measure: pass weights, or pictures with --pairs")
    runtime = pick_runtime(request.device, request.precision)
    photos = find_photos(Path(request.data)) if isinstance(request.data, Path | str) else list(request.data)
    chosen = choose_metrics(request.metrics, protocol.occlusion)
    if pairs is not None:
        _require_no_network(chosen)
    known = find_labels([p.name for p in photos], request.labels) if any(m.needs_labels for m in chosen) else None
    measures = build_measures(chosen, device=runtime.device, labels=known, backbones=request.backbones)
    models = [_load_model(w, n, runtime, request) for n, w in enumerate(request.weights, start=1)]
    _check_names([model.model.name for model in models])
    coloured = [] if pairs is None else find_photos(pairs)
    foreign = None if pairs is None else match_names(photos, coloured)

    survey = _survey(photos, protocol, foreign, tell)
    matched = set(foreign.values()) if foreign is not None else set()
    strangers = tuple(
        (photo.name, "coloured, but not among the photographs") for photo in coloured if photo not in matched
    )
    pictures = [] if foreign is None else [ForeignPictures(str(pairs), foreign, protocol.framing)]
    scorers = [
        _Scorer(GreyBaseline(), "baseline", {}, measures),
        _Scorer(MeanColorBaseline(survey.mean_ab), "baseline", {}, measures),
        *(_Scorer(model.model, "model", model.facts, measures) for model in models),
        *(_Scorer(picture, "pictures", {}, measures) for picture in pictures),
    ]
    session = _Session(survey.photos, protocol, runtime, tell)
    scores = _score_all(scorers, session, measures)
    report = Report(
        protocol=protocol,
        metrics=tuple(chosen),
        names=tuple(printable(photo.name) for photo in survey.photos),
        left_out=tuple((printable(name), printable(why)) for name, why in survey.left_out + strangers),
        photographs=scores.photographs,
        candidates=scores.candidates,
        environment=_describe_environment(runtime),
    )
    if request.front:
        swept = tuple(_sweep(model.model, session, report.bootstrap) for model in models)
        report = dataclasses.replace(report, sweeps=swept)
    if request.examples:
        first = models[0].model if models else pictures[0]
        report = dataclasses.replace(report, examples=_pick_examples(first, session, request.examples))
    return report


def _require_no_network(metrics: Sequence[Metric]) -> None:
    asking = next((metric.name for metric in metrics if metric.asks_network), None)
    if asking is not None:
        raise UsageError(f"the metric {asking} asks networks twice; leave it out, or leave out --pairs")


@dataclass(frozen=True, slots=True)
class _NamedModel:
    model: Model
    facts: dict[str, str]


def _load_model(
    weights: str | Path | LoadedGenerator,
    number: int,
    runtime: Runtime,
    request: EvaluationRequest,
) -> _NamedModel:
    if isinstance(weights, LoadedGenerator):
        loaded, name = weights, str(weights.provenance.get("name", f"model {number}"))
    else:
        loaded, name = load_generator(resolve_weights(weights), runtime.device), str(weights)
    asked = {"size": request.render_size, "strength": request.strength}
    changes = {key: value for key, value in asked.items() if value is not None}
    render: RenderConfig = dataclasses.replace(loaded.render, **changes)  # type: ignore[arg-type]
    facts = {"sha256": loaded.sha256, "settings": _describe_render(render)}
    network = prepare_for_inference(loaded.network.to(runtime.device), runtime.dtype)  # as for colouring
    return _NamedModel(Model(name, network, render, runtime), facts)


def _describe_render(render: RenderConfig) -> str:
    parts = [
        f"render size {' + '.join(map(str, (render.size, *render.sizes)))}",
        f"strength {render.strength:g}",
    ]
    corrections = {"chroma scale": render.chroma_scale, "chroma gamma": render.chroma_gamma}
    parts += [f"{name} {value:g}" for name, value in corrections.items() if value != 1]
    if render.chroma_limit:
        parts.append(f"chroma limit {render.chroma_limit:g}")
    if render.chroma_equalization:
        parts.append(f"chroma equalization {render.chroma_equalization:g}")
    if render.flip:
        parts.append("averaged with the mirrored picture")
    if render.bins_share:
        parts.append(f"{render.bins_share:.0%} from the bins at temperature {render.temperature:g}")
    return ", ".join(parts)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"the weights {name} are given twice; compare different ones")


def _describe_environment(runtime: Runtime) -> dict[str, str]:
    versions = {package: version(package) for package in ("torch", "torchvision", "pillow")}
    return {"device": str(runtime), "colorgan": __version__, "python": platform.python_version(), **versions}


@dataclass(frozen=True, slots=True)
class _Survey:
    photos: list[PhotoFile]  # that can be measured
    left_out: tuple[tuple[str, str], ...]
    mean_ab: tuple[float, float]


def _survey(
    photos: Sequence[PhotoFile], protocol: Protocol, foreign: Mapping[str, PhotoFile] | None, tell: OnProgress
) -> _Survey:
    """Look at each photograph once: which can be measured, and what is their mean colour."""
    usable, left_out, mean_ab = [], [], torch.zeros(2, dtype=torch.float64)
    for number, photo in enumerate(photos):
        tell("looking at the photographs", number, len(photos))
        reason = "not among the coloured pictures" if foreign is not None and photo.name not in foreign else None
        try:
            image = None if reason else open_photo(photo)
        except ImageReadError as error:
            image, reason = None, f"cannot be read: {error}"
        if image is not None and is_nearly_grey(image):
            reason = "grey or nearly so: there is no colour to compare with"
        if image is None or reason:
            left_out.append((photo.name, reason or ""))
            continue
        usable.append(photo)
        sample = np.array(frame_picture(image, protocol.framing))[::4, ::4]  # a sixteenth is enough for a mean
        framed = torch.from_numpy(sample).permute(2, 0, 1).float() / 255
        mean_ab += rgb_to_lab(framed)[1:].mean((1, 2))
    if not usable:
        raise EvaluationError(
            f"none of {len(photos)} photographs can be measured; the first, {left_out[0][0]}: {left_out[0][1]}"
        )
    a, b = (mean_ab / len(usable)).tolist()
    return _Survey(usable, tuple(left_out), (a, b))


@dataclass(frozen=True, slots=True)
class _Session:
    """What all passes over the photographs share."""

    photos: Sequence[PhotoFile]
    protocol: Protocol
    runtime: Runtime
    tell: OnProgress

    def batches(self, doing: str) -> Iterator[EvaluationBatch]:
        """Yield the photographs in order, neighbours of one size together, and tell how far that is."""
        most = _BATCH_PIXELS.get(self.runtime.device.type, 16 * 256 * 256)
        names: list[str] = []
        images: list[Image.Image] = []
        for number, photo in enumerate(self.photos):
            image = frame_picture(open_photo(photo), self.protocol.framing)
            pixels = image.width * image.height
            if images and (image.size != images[0].size or (len(images) + 1) * pixels > most):
                yield make_batch(names, images, self.protocol, self.runtime.device)
                self.tell(doing, number, len(self.photos))
                names, images = [], []
            names.append(photo.name)
            images.append(image)
        if images:
            yield make_batch(names, images, self.protocol, self.runtime.device)
        self.tell(doing, len(self.photos), len(self.photos))


class _Scorer:
    """Collects one candidate's values."""

    def __init__(self, candidate: Candidate, kind: str, facts: Mapping[str, str], measures: Sequence[Measure]) -> None:
        self.candidate, self.kind, self.facts, self.measures = candidate, kind, facts, measures
        self.collected: dict[str, list[Tensor]] = {measure.name: [] for measure in measures}

    def score(self, batch: EvaluationBatch) -> None:
        """Measure a batch."""
        candidate = self.candidate
        ask = partial(candidate.ask, batch) if isinstance(candidate, Model) else None
        comparison = Comparison(candidate.color(batch), batch, ask)
        for measure in self.measures:
            self.collected[measure.name].append(measure.compute(comparison).cpu())

    def finish(self, photographs: Mapping[str, Values]) -> CandidateScores:
        """Return all values; what compares sets is compared to those of the photographs."""
        values = {name: _join(parts) for name, parts in self.collected.items()}
        overall = {
            measure.name: compare(photographs[measure.name], values.pop(measure.name))
            for measure in self.measures
            if (compare := measure.metric.compare_sets) is not None
        }
        return CandidateScores(self.candidate.name, self.kind, self.facts, values, overall)


def _join(parts: Sequence[Tensor]) -> Values:
    joined: Values = torch.cat([part.double() for part in parts], dim=-1).numpy()
    return joined


@dataclass(frozen=True, slots=True)
class _Scores:
    candidates: tuple[CandidateScores, ...]
    photographs: dict[str, Values]


def _score_all(scorers: Sequence[_Scorer], session: _Session, measures: Sequence[Measure]) -> _Scores:
    alone = [measure for measure in measures if measure.metric.judges_photographs]
    photographs: dict[str, list[Tensor]] = {measure.name: [] for measure in alone}
    for batch in session.batches("measuring"):
        for measure in alone:
            photographs[measure.name].append(measure.compute(Comparison(batch.target, batch)).cpu())
        for scorer in scorers:
            scorer.score(batch)
    joined = {name: _join(parts) for name, parts in photographs.items()}
    candidates = tuple(scorer.finish(joined) for scorer in scorers)
    of_sets = {measure.name for measure in measures if measure.metric.compare_sets}
    return _Scores(candidates, {name: values for name, values in joined.items() if name not in of_sets})


def _sweep(model: Model, session: _Session, bootstrap: Bootstrap) -> StrengthSweep:
    parts = [
        sweep_strengths(model.predict(batch).compose, batch.target, _SWEPT_STRENGTHS)
        for batch in session.batches(f"sweeping the strength of {model.name}")
    ]
    return summarize_sweep(model.name, SweepValues.join(parts), bootstrap)


def _pick_examples(candidate: Candidate, session: _Session, count: int) -> dict[str, tuple[Example, ...]]:
    """Keep the pictures with the smallest and the largest gain over grey."""
    examples: list[Example] = []
    for batch in session.batches("choosing examples"):
        grey, coloured = GreyBaseline().color(batch), candidate.color(batch)
        gains = (psnr(coloured, batch.target) - psnr(grey, batch.target)).tolist()
        for name, gain, *pictures in zip(batch.names, gains, grey, coloured, batch.target, strict=True):
            examples.append(Example(printable(name), gain, *map(_encode_jpeg, pictures)))
        examples.sort(key=lambda example: example.gain)
        del examples[count : max(count, len(examples) - count)]
    half = (len(examples) + 1) // 2
    return {"worst": tuple(examples[:half][:count]), "best": tuple(examples[half:][::-1][:count])}


def _encode_jpeg(rgb: Tensor) -> bytes:
    image = Image.fromarray((rgb * 255).round().byte().permute(1, 2, 0).cpu().contiguous().numpy())
    image.thumbnail((512, 512))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
