"""The metrics by name: which there are, what each needs, and how it is computed for a batch."""

import csv
import io
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.config import LossConfig, Occlusion, shorten
from colorgan.data.bytes import read_part
from colorgan.errors import DataError, EvaluationError, ImageReadError, UsageError, WeightsNotFoundError
from colorgan.evaluation.fid import build_inception, frechet_distance
from colorgan.evaluation.inputs import EvaluationBatch
from colorgan.evaluation.statistics import Columns, Statistic, Values, pooled_psnr
from colorgan.losses import PerceptualLoss
from colorgan.metrics import ab_rmse_of_lab, colorfulness, delta_e_2000, psnr, ssim
from colorgan.model.encoders import IMAGENET_MEAN, IMAGENET_STD
from colorgan.weights.file import load_tensors
from colorgan.weights.store import resolve_weights

__all__ = [
    "CORE_METRICS",
    "METRICS",
    "Comparison",
    "Measure",
    "Metric",
    "build_measures",
    "choose_metrics",
    "find_labels",
    "read_labels",
]

SIZES_COMPARED = (192, 384)
"""The render sizes, in pixels, between which `size-stability` is measured."""

T = TypeVar("T")


@dataclass(frozen=True)
class Comparison:
    """Coloured pictures beside their photographs."""

    coloured: Tensor  # (B, 3, H, W), 8-bit levels as 0..1
    batch: EvaluationBatch
    ask: Callable[[int], Tensor] | None = None  # a network's own colours of the batch, (B, 2, h, w), at a render size

    @cached_property
    def lab(self) -> Tensor:
        """The coloured pictures in Lab, for all metrics that need it."""
        return rgb_to_lab(self.coloured)


Compute = Callable[[Comparison], Tensor]
"""One value a picture, (B,); features of each, (D, B), where sets are compared."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What metrics are made ready with."""

    device: torch.device
    labels: Mapping[str, int] | None  # the ImageNet class of each picture
    backbones: Mapping[str, Path]  # files to take instead of those in the store, by name

    def load(self, backbone: str, metric: str) -> dict[str, Tensor]:
        """Read the weights of a network that a metric needs.

        Raises:
            WeightsNotFoundError: They are not on this machine.
        """
        try:
            return load_tensors(self.backbones.get(backbone) or resolve_weights(backbone))
        except WeightsNotFoundError as error:
            if backbone in self.backbones:
                raise
            raise WeightsNotFoundError(
                f"the metric {metric} needs the backbone {backbone}, which is not on this machine; run `colorgan "
                f"download-weights {backbone}`, or pass a file with --backbone {backbone}=FILE"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric, all of it: what it is called and shown as, what it needs, how it is computed."""

    name: str
    label: str  # of its row in the table
    unit: str
    better: str  # "higher", "lower", or what it should be near to
    digits: int = 2
    prepare: Callable[[Tools], Compute]
    further: tuple[Statistic, ...] = ()  # more figures made of the same values, in rows below its own
    is_core: bool = False  # whether it is measured if nothing is said: it needs no further files
    judges_photographs: bool = False  # whether the photographs have a value of their own
    asks_network: bool = False  # whether only a network can be measured: it is asked more than once
    needs_labels: bool = False
    beside: str | None = None  # the metric beside which it is measured wherever luminance is missing
    compare_sets: Callable[[Values, Values], float] | None = None
    """From all photographs' features (D, N) and all pictures' to one figure; None: each picture has a value."""

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Its rows in the table, its own first."""
        return (Statistic(self.name, self.label, self.unit, self.better, digits=self.digits), *self.further)


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric ready to be computed."""

    metric: Metric
    compute: Compute

    @property
    def name(self) -> str:
        """The metric's."""
        return self.metric.name


def choose_metrics(names: Sequence[str], occlusion: Occlusion = Occlusion.NONE) -> list[Metric]:
    """Return the metrics of these names, and where luminance is missing those that belong beside them.

    Raises:
        UsageError: There is no such metric.
    """
    unknown = next((name for name in names if name not in METRICS), None)
    if unknown is not None:
        near = get_close_matches(unknown, METRICS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? There" if near else "there"
        raise UsageError(f"unknown metric {unknown!r}; {hint} are {', '.join(METRICS)}")
    missing = [] if occlusion is Occlusion.NONE else [m.name for m in METRICS.values() if m.beside in names]
    return [METRICS[name] for name in dict.fromkeys([*names, *missing])]


def build_measures(
    metrics: Sequence[Metric],
    *,
    device: torch.device,
    labels: Mapping[str, int] | None = None,
    backbones: Mapping[str, Path] | None = None,
) -> list[Measure]:
    """Make metrics ready.

    Args:
        metrics: Which.
        device: Where their networks run.
        labels: The ImageNet class of each picture, for `top5`.
        backbones: Files to take instead of those in the store, by the backbone's name.

    Raises:
        UsageError: `top5` has no labels.
        WeightsNotFoundError: A metric's backbone is not on this machine.
        EvaluationError: A metric needs the extra `metrics`.
    """
    tools = Tools(device, labels, dict(backbones or {}))
    return [Measure(metric, metric.prepare(tools)) for metric in metrics]


# --- how they are computed --------------------------------------------------------------------------------------------


def _pure(compute: Compute) -> Callable[[Tools], Compute]:
    return lambda _: compute


def _size_distance(c: Comparison) -> Tensor:
    """Mean ab distance between what a network says of a picture at two render sizes; 0 for what is no network."""
    if c.ask is None:
        return c.coloured.new_zeros(len(c.coloured))
    small, large = (c.ask(size).float() for size in SIZES_COMPARED)
    small = F.interpolate(small, size=large.shape[-2:], mode="bilinear", align_corners=False)
    distance: Tensor = torch.linalg.vector_norm(large - small, dim=1)
    return distance.mean((1, 2))


def _missing(batch: EvaluationBatch) -> Tensor:
    return torch.ones_like(batch.luminance) if batch.known is None else 1 - batch.known


def _grey(lab: Tensor) -> Tensor:
    return luminance_to_grey(lab[:, :1])


def _perceptual(tools: Tools) -> Compute:
    state, device = tools.load("vgg19", "perceptual"), tools.device
    loss = PerceptualLoss(LossConfig(perceptual=1.0), state).to(device)

    def compute(c: Comparison) -> Tensor:
        # One by one: the loss is normalised over what it is given.
        return torch.stack([loss(p[None], t[None]) for p, t in zip(c.coloured, c.batch.target, strict=True)])

    return compute


def _lpips(tools: Tools) -> Compute:
    state, device = tools.load("squeezenet1_1", "lpips"), tools.device
    try:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
    except ImportError:
        raise EvaluationError(
            "the metric lpips needs torchmetrics; install it with `pip install 'colorgan[metrics]'`"
        ) from None
    with tempfile.TemporaryDirectory() as folder:
        network = _with_hub_file(folder, state, lambda: LearnedPerceptualImagePatchSimilarity("squeeze"))
    network = network.to(device).eval()

    def compute(c: Comparison) -> Tensor:
        distances = []
        for p, t in zip(c.coloured, c.batch.target, strict=True):
            network.reset()
            distances.append(network(p[None] * 2 - 1, t[None] * 2 - 1))
        return torch.stack(distances)

    return compute


def _with_hub_file(folder: str, state: dict[str, Tensor], build: Callable[[], T]) -> T:
    """Build a network that asks torch's hub for SqueezeNet's file, giving it ours instead of a download."""
    from torchvision.models import SqueezeNet1_1_Weights

    file_name = SqueezeNet1_1_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    checkpoints = Path(folder) / "checkpoints"
    checkpoints.mkdir()
    torch.save(state, checkpoints / file_name)
    before = torch.hub.get_dir()
    torch.hub.set_dir(folder)
    try:
        return build()
    finally:
        torch.hub.set_dir(before)


def _top5(tools: Tools) -> Compute:
    from torchvision.models import squeezenet1_1

    state, labels, device = tools.load("squeezenet1_1", "top5"), tools.labels, tools.device
    if labels is None:
        raise UsageError(
            "the metric top5 needs each picture's ImageNet class; pass --labels FILE.csv (name,class), or pictures "
            "whose file names begin with the class number: 0207_anything.jpg"
        )
    network = squeezenet1_1(weights=None)
    network.load_state_dict(state)
    network = network.to(device).eval().to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))

    def compute(c: Comparison) -> Tensor:
        square = c.coloured
        if square.shape[-2:] != (256, 256):
            square = F.interpolate(square, size=(256, 256), mode="bilinear", antialias=True)
        middle = square[..., 16:240, 16:240]  # ImageNet's usual 224 of 256
        best = network((middle - mean) / std).topk(5).indices
        target = torch.tensor([labels[name] for name in c.batch.names], device=best.device)
        hit: Tensor = (best == target[:, None]).any(1)
        return hit.float()

    return compute


def _fid(tools: Tools) -> Compute:
    inception = build_inception(tools.load("inception_fid", "fid"), tools.device)
    return lambda c: inception(c.coloured)


# --- figures that are more than means ---------------------------------------------------------------------------------


def _photographs(columns: Columns) -> Values:
    assert columns.photographs is not None  # noqa: S101 - the metrics below judge photographs
    return columns.photographs


def _colorfulness_share(columns: Columns) -> Values:
    return np.asarray(columns.own.mean(-1) / np.maximum(_photographs(columns).mean(-1), 1e-9))


def _colorfulness_distance(columns: Columns) -> Values:
    return np.asarray(np.abs(columns.own - _photographs(columns)).mean(-1))


def _top5_recovery(columns: Columns) -> Values:
    own, grey, real = (values.mean(-1) for values in (columns.own, columns.grey, _photographs(columns)))
    way = real - grey
    return np.asarray(np.where(way > 0, (own - grey) / np.where(way > 0, way, 1), np.nan))


# --- which there are --------------------------------------------------------------------------------------------------

_DECLARED = (
    Metric(
        name="psnr",
        label="PSNR",
        unit="dB",
        better="higher",
        prepare=_pure(lambda c: psnr(c.coloured, c.batch.target)),
        further=(
            Statistic("psnr-of-mean-error", "PSNR of the mean error", "dB", "higher", lambda c: pooled_psnr(c.own)),
        ),
        is_core=True,
    ),
    Metric(
        name="psnr-missing",
        label="PSNR where luminance was missing",
        unit="dB",
        better="higher",
        prepare=_pure(lambda c: psnr(c.coloured, c.batch.target, _missing(c.batch))),
        beside="psnr",
    ),
    Metric(
        name="psnr-repair",
        label="the same of the grey level alone",
        unit="dB",
        better="higher",
        prepare=_pure(lambda c: psnr(_grey(c.lab), _grey(c.batch.lab), _missing(c.batch))),
        beside="psnr",
    ),
    Metric(
        name="ssim",
        label="SSIM, mean of R, G, B",
        unit="0..1",
        better="higher",
        digits=4,
        prepare=_pure(lambda c: ssim(c.coloured, c.batch.target)),
        is_core=True,
    ),
    Metric(
        name="colorfulness",
        label="colourfulness (Hasler-Suesstrunk)",
        unit="8-bit levels",
        better="near the photographs'",
        digits=1,
        prepare=_pure(lambda c: colorfulness(c.coloured)),
        further=(
            Statistic(
                "colorfulness-share", "its share of the photographs'", "ratio of means", "near 1", _colorfulness_share
            ),
            Statistic(
                "colorfulness-distance", "its mean distance from the photograph's", "8-bit levels", "lower",
                _colorfulness_distance, digits=1,
            ),
        ),
        is_core=True,
        judges_photographs=True,
    ),
    Metric(
        name="delta-e",
        label="colour difference CIEDE2000",
        unit="delta E",
        better="lower",
        prepare=_pure(lambda c: delta_e_2000(c.lab, c.batch.lab).mean((1, 2))),
        is_core=True,
    ),
    Metric(
        name="ab-rmse",
        label="root mean square ab distance",
        unit="Lab units",
        better="lower",
        prepare=_pure(lambda c: ab_rmse_of_lab(c.lab, c.batch.lab)),
        is_core=True,
    ),
    Metric(
        name="perceptual",
        label="perceptual distance (VGG19)",
        unit="share of activation",
        better="lower",
        digits=4,
        prepare=_perceptual,
    ),
    Metric(name="lpips", label="LPIPS (SqueezeNet)", unit="0..1", better="lower", digits=4, prepare=_lpips),
    Metric(
        name="top5",
        label="top-5 accuracy of SqueezeNet 1.1",
        unit="share",
        better="higher",
        digits=3,
        prepare=_top5,
        further=(
            Statistic(
                "top5-recovery", "its way from grey to the photographs", "share", "higher", _top5_recovery, digits=3
            ),
        ),
        judges_photographs=True,
        needs_labels=True,
    ),
    Metric(
        name="fid",
        label="FID (Inception 2015), no interval",
        unit="squared features",
        better="lower",
        prepare=_fid,
        judges_photographs=True,
        compare_sets=frechet_distance,
    ),
    Metric(
        name="size-stability",
        label="ab distance between render sizes {} and {}".format(*SIZES_COMPARED),
        unit="Lab units",
        better="lower",
        prepare=_pure(_size_distance),
        asks_network=True,
    ),
)  # fmt: skip

METRICS = {metric.name: metric for metric in _DECLARED}
"""All metrics by name, in the order of the table's rows."""

CORE_METRICS = tuple(metric.name for metric in _DECLARED if metric.is_core)
"""What is measured if nothing is said: all that needs no further files."""


# --- labels -----------------------------------------------------------------------------------------------------------

_CLASS = re.compile("[0-9]{1,3}")


def read_labels(path: Path) -> dict[str, int]:
    """Read a CSV file of picture names and ImageNet class numbers (0..999), with or without a header.

    Raises:
        UsageError: It cannot be read, or a line does not hold a name and a number.
    """
    labels = {}
    try:
        text = read_part(path, name=f"the labels {path}").decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (ImageReadError, DataError) as error:
        raise UsageError(str(error)) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"the labels {path} cannot be read: {error}") from None
    for number, row in enumerate(rows, start=1):
        name, label = (cell.strip() for cell in (*row, "")[:2])
        if _CLASS.fullmatch(label):
            labels[name] = int(label)
        elif number > 1:
            got = shorten(",".join(row))
            raise UsageError(f"{path}, line {number}: expected a name and a class number 0..999, got {got}")
    return labels


def find_labels(names: Sequence[str], given: Mapping[str, int] | None = None) -> dict[str, int] | None:
    """Return the class of every picture, from `given` or from names like `val/n01440764/0000_....jpg`, else None.

    Raises:
        UsageError: `given` lacks a picture.
    """
    if given is not None:
        missing = [name for name in names if name not in given]
        if missing:
            raise UsageError(f"the labels name no class for {missing[0]} ({len(missing)} of {len(names)} pictures)")
        return {name: given[name] for name in names}
    heads = {name: name.rpartition("/")[2].partition("_")[0] for name in names}
    if all(len(head) == 4 and head.isdecimal() and int(head) < 1000 for head in heads.values()):
        return {name: int(head) for name, head in heads.items()}
    return None
