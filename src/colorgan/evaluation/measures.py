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

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.config import LossConfig, shorten
from colorgan.data.bytes import read_part
from colorgan.errors import DataError, EvaluationError, ImageReadError, UsageError, WeightsNotFoundError
from colorgan.evaluation.fid import build_inception, frechet_distance
from colorgan.evaluation.inputs import EvaluationBatch
from colorgan.evaluation.statistics import Values
from colorgan.losses import PerceptualLoss
from colorgan.metrics import ab_rmse_of_lab, colorfulness, delta_e_2000, psnr, ssim
from colorgan.model.encoders import IMAGENET_MEAN, IMAGENET_STD
from colorgan.weights.file import load_tensors
from colorgan.weights.store import resolve_weights

__all__ = ["CORE_METRICS", "METRICS", "Comparison", "Measure", "build_measures", "find_labels", "read_labels"]

CORE_METRICS = ("psnr", "ssim", "colorfulness", "delta-e", "ab-rmse")
"""What is measured if nothing is said: all that needs no further files."""

METRICS = (*CORE_METRICS, "perceptual", "lpips", "top5", "fid", "size-stability")
"""All metrics by name."""

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


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric ready to be computed."""

    name: str
    compute: Callable[[Comparison], Tensor]  # one value a picture, (B,); features of each, (D, B), with `compare_sets`
    judges_photographs: bool = False  # whether the photographs have a value of their own
    compare_sets: Callable[[Values, Values], float] | None = None  # all photographs' features (D, N), all pictures'


def build_measures(
    names: Sequence[str],
    *,
    device: torch.device,
    labels: Mapping[str, int] | None = None,
    backbones: Mapping[str, Path] | None = None,
) -> list[Measure]:
    """Make metrics ready.

    Args:
        names: Which of `METRICS`.
        device: Where their networks run.
        labels: The ImageNet class of each picture, for `top5`.
        backbones: Files to take instead of those in the store, by the backbone's name.

    Raises:
        UsageError: There is no such metric, or `top5` has no labels.
        WeightsNotFoundError: A metric's backbone is not on this machine.
        EvaluationError: A metric needs the extra `metrics`.
    """
    find = _BackboneFinder(dict(backbones or {}))
    return [_build(name, device, labels, find) for name in dict.fromkeys(names)]


def _build(name: str, device: torch.device, labels: Mapping[str, int] | None, find: "_BackboneFinder") -> Measure:
    if name in _PURE:
        return _PURE[name]
    if name == "perceptual":
        return _perceptual(find("vgg19", name), device)
    if name == "lpips":
        return _lpips(find("squeezenet1_1", name), device)
    if name == "top5":
        return _top5(find("squeezenet1_1", name), labels, device)
    if name == "fid":
        inception = build_inception(find("inception_fid", name), device)
        return Measure("fid", lambda c: inception(c.coloured), judges_photographs=True, compare_sets=frechet_distance)
    near = get_close_matches(name, METRICS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(METRICS)}"
    raise UsageError(f"unknown metric {name!r}; {hint}")


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


_PURE = {
    "psnr": Measure("psnr", lambda c: psnr(c.coloured, c.batch.target)),
    "psnr-missing": Measure("psnr-missing", lambda c: psnr(c.coloured, c.batch.target, _missing(c.batch))),
    "psnr-repair": Measure("psnr-repair", lambda c: psnr(_grey(c.lab), _grey(c.batch.lab), _missing(c.batch))),
    "ssim": Measure("ssim", lambda c: ssim(c.coloured, c.batch.target)),
    "colorfulness": Measure("colorfulness", lambda c: colorfulness(c.coloured), judges_photographs=True),
    "delta-e": Measure("delta-e", lambda c: delta_e_2000(c.lab, c.batch.lab).mean((1, 2))),
    "size-stability": Measure("size-stability", _size_distance),
    "ab-rmse": Measure("ab-rmse", lambda c: ab_rmse_of_lab(c.lab, c.batch.lab)),
}


class _BackboneFinder:
    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = files

    def __call__(self, backbone: str, metric: str) -> dict[str, Tensor]:
        try:
            return load_tensors(self.files.get(backbone) or resolve_weights(backbone))
        except WeightsNotFoundError as error:
            if backbone in self.files:
                raise
            raise WeightsNotFoundError(
                f"the metric {metric} needs the backbone {backbone}, which is not on this machine; run `colorgan "
                f"download-weights {backbone}`, or pass a file with --backbone {backbone}=FILE"
            ) from error


def _perceptual(state: dict[str, Tensor], device: torch.device) -> Measure:
    loss = PerceptualLoss(LossConfig(perceptual=1.0), state).to(device)

    def compute(c: Comparison) -> Tensor:
        # One by one: the loss is normalised over what it is given.
        return torch.stack([loss(p[None], t[None]) for p, t in zip(c.coloured, c.batch.target, strict=True)])

    return Measure("perceptual", compute)


def _lpips(state: dict[str, Tensor], device: torch.device) -> Measure:
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

    return Measure("lpips", compute)


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


def _top5(state: dict[str, Tensor], labels: Mapping[str, int] | None, device: torch.device) -> Measure:
    from torchvision.models import squeezenet1_1

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
        truth = torch.tensor([labels[name] for name in c.batch.names], device=best.device)
        hit: Tensor = (best == truth[:, None]).any(1)
        return hit.float()

    return Measure("top5", compute, judges_photographs=True)


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
