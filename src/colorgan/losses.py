"""The training losses: one function or module a term, each reported apart.

Colour conversions and losses are computed in float32, whatever the precision of the networks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorgan.color import AB_LIMIT, BIN_COUNT, decode_bins, encode_bins, lab_to_rgb
from colorgan.config import LossConfig, PerceptualBackbone
from colorgan.errors import ConfigError, WeightsInvalidError
from colorgan.model import Prediction
from colorgan.model.encoders import IMAGENET_MEAN, IMAGENET_STD

__all__ = [
    "TERMS",
    "GeneratorLoss",
    "Head",
    "LossInputs",
    "LossTerm",
    "LossTerms",
    "Need",
    "PerceptualLoss",
    "adversarial_loss",
    "assemble_rgb",
    "bins_loss",
    "consistency_loss",
    "discriminator_loss",
    "heads_looked_at",
    "log_mse_loss",
    "luminance_loss",
    "needs",
    "smooth_l1_loss",
    "tap_positions",
]


MeanOverProcesses = Callable[[Tensor], Tensor]
"""Where several processes share a batch: the mean of a number over them, so that all divide by the same one."""


def _alone(x: Tensor) -> Tensor:
    return x


class LossTerms(NamedTuple):
    """A loss and what it is made of."""

    total: Tensor  # the weighted sum, to be differentiated
    terms: dict[str, Tensor]  # each term before its weight, detached


def assemble_rgb(prediction: Prediction) -> Tensor:
    """Return the picture that a prediction stands for: sRGB `(B, 3, H, W)`, differentiable.

    Colours outside the gamut leave 0..1 a little, so that gradients can bring them back.
    """
    if prediction.rgb is not None:
        return prediction.rgb
    return lab_to_rgb(torch.cat((prediction.luminance, prediction.ab), dim=1))


def smooth_l1_loss(prediction: Prediction, lab: Tensor, *, beta: float) -> Tensor:
    """Smooth L1 between the colours of a prediction and of its target `lab` `(B, 3, H, W)`."""
    return F.smooth_l1_loss(*_colors_to_compare(prediction, lab), beta=beta)


def log_mse_loss(prediction: Prediction, lab: Tensor, *, floor: float) -> Tensor:
    """Mean over pictures of log(1 + MSE / floor), which is the mean PSNR but for factors.

    Unlike the MSE of all pixels together, it cares as much for halving a small error as for halving a large one, and
    rather has one of two likely colours than what lies between.
    """
    found, wanted = _colors_to_compare(prediction, lab)
    return ((found - wanted).square().mean((1, 2, 3)) / floor).log1p().mean()


def _colors_to_compare(prediction: Prediction, lab: Tensor) -> tuple[Tensor, Tensor]:
    """Return the colours of a prediction and of its target.

    RGB for networks that predict RGB; else ab / 110, at the stride where the network predicts it, with the target
    averaged over each cell.
    """
    if prediction.rgb is not None:
        return prediction.rgb, lab_to_rgb(lab)
    h, w = prediction.coarse_ab.shape[-2:]
    return prediction.coarse_ab / AB_LIMIT, F.adaptive_avg_pool2d(lab[:, 1:], (h, w)) / AB_LIMIT


def bins_loss(logits: Tensor, ab: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy between bin logits `(B, 304, h, w)` and the soft encoding of ab `(B, 2, h, w)`.

    Args:
        logits: Logits over the bins.
        ab: The target, in Lab units.
        class_weights: A weight for each bin `(304,)`; a pixel weighs as much as the bins around its true colour.
    """
    index, weight = encode_bins(ab)  # (B, 4, h, w)
    surprise = logits.logsumexp(1, keepdim=True) - logits.gather(1, index)
    if class_weights is not None:
        weight = weight * class_weights[index].mul(weight).sum(1, keepdim=True)
    return (surprise * weight).sum(1).mean()


def luminance_loss(
    prediction: Prediction, lab: Tensor, known: Tensor | None, mean_over_processes: MeanOverProcesses = _alone
) -> Tensor:
    """Mean absolute error of L / 100 over the pixels where it was missing; 0 where none was."""
    if known is None:
        return lab.new_zeros(())
    missing = 1 - known
    error = (prediction.luminance - lab[:, :1]).abs() / 100
    return (error * missing).sum() / mean_over_processes(missing.sum()).clamp_min(1)


def consistency_loss(prediction: Prediction, smaller: Prediction) -> Tensor:
    """L1 between what a network says of pictures and of their copies of half the size, on ab / 110.

    Of both heads, where there are two: the regression, and the mean of the bins.
    """
    pairs = [(prediction.coarse_ab, smaller.coarse_ab)]
    if prediction.bins is not None and smaller.bins is not None:
        pairs.append((decode_bins(prediction.bins), decode_bins(smaller.bins)))
    h, w = smaller.coarse_ab.shape[-2:]
    distances = [F.l1_loss(F.adaptive_avg_pool2d(x, (h, w)) / AB_LIMIT, y / AB_LIMIT) for x, y in pairs]
    return torch.stack(distances).mean()


def adversarial_loss(logits: Sequence[Tensor]) -> Tensor:
    """Binary cross-entropy of a discriminator's logits on generated pictures against "photograph"."""
    return torch.stack([F.softplus(-scale.float()).mean() for scale in logits]).mean()


def discriminator_loss(on_photographs: Sequence[Tensor], on_generated: Sequence[Tensor]) -> Tensor:
    """Binary cross-entropy of a discriminator's logits, half for each kind of picture, averaged over its scales."""
    scales = [
        (F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()) / 2
        for real, fake in zip(on_photographs, on_generated, strict=True)
    ]
    return torch.stack(scales).mean()


def _vgg19_features() -> tuple[nn.Sequential, dict[str, int]]:
    from torchvision.models.vgg import vgg19  # takes about as long to import as torch

    with torch.device("meta"):  # its weights come from a file; the classifier's are never allocated
        features = vgg19(weights=None).features
    names, block, convolution = {}, 1, 0
    for position, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            block, convolution = block + 1, 0
        elif isinstance(layer, nn.Conv2d):
            convolution += 1
        else:
            names[f"relu{block}_{convolution}"] = position
    return features, names


def _squeezenet_features() -> tuple[nn.Sequential, dict[str, int]]:
    from torchvision.models.squeezenet import Fire, squeezenet1_1

    with torch.device("meta"):
        features = squeezenet1_1(weights=None).features
    fires = [position for position, layer in enumerate(features) if isinstance(layer, Fire)]
    return features, {"relu1": 1} | {f"fire{number}": position for number, position in enumerate(fires, start=2)}


_BACKBONES = {
    PerceptualBackbone.VGG19: _vgg19_features,
    PerceptualBackbone.SQUEEZENET1_1: _squeezenet_features,
}


def tap_positions(backbone: PerceptualBackbone) -> dict[str, int]:
    """Return the names of a backbone's taps and their places in torchvision's `features`."""
    return _BACKBONES[backbone]()[1]


class PerceptualLoss(nn.Module):
    """Weighted L1 distance between the features that a frozen ImageNet network finds in two pictures.

    Each tap's distance is divided by the mean absolute activation that the target has there, so that the weights mean
    the same for any backbone and any scale of its activations. After Johnson, Alahi and Fei-Fei (ECCV 2016).

    Args:
        config: Which backbone, taps and weights.
        state: The backbone's weights by torchvision's names; layers behind the last tap may be missing.

    Raises:
        ConfigError: The backbone has no tap of that name.
        WeightsInvalidError: The file lacks a layer that a tap needs.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: LossConfig, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        features, names = _BACKBONES[config.perceptual_backbone]()
        unknown = [tap for tap in config.perceptual_taps if tap not in names]
        if unknown:
            raise ConfigError(
                f"{config.perceptual_backbone} has no tap {unknown[0]!r}; its taps are {', '.join(names)}"
            )
        self.taps = {names[tap]: w for tap, w in zip(config.perceptual_taps, config.perceptual_weights, strict=True)}
        self.features = features[: max(self.taps) + 1]
        wanted = self.features.state_dict()
        given = {k.removeprefix("features."): v.float() for k, v in state.items()}
        lacking = [k for k, v in wanted.items() if k not in given or given[k].shape != v.shape]
        if lacking:
            raise WeightsInvalidError(
                f"the weights for {config.perceptual_backbone} lack features.{lacking[0]} "
                f"({len(lacking)} tensors in all), which the tap {config.perceptual_taps[-1]} needs"
            )
        self.features.load_state_dict({k: given[k] for k in wanted}, assign=True)
        self.requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, prediction: Tensor, target: Tensor, mean_over_processes: MeanOverProcesses = _alone) -> Tensor:
        """Return the distance between two batches of sRGB pictures `(B, 3, H, W)` in 0..1."""
        with torch.no_grad():
            expected = self._activations(target)
        scales = [mean_over_processes(x.float().abs().mean()).clamp_min(1e-6) for x in expected]
        distances = [
            weight * F.l1_loss(found.float(), wanted.float()) / scale
            for weight, found, wanted, scale in zip(
                self.taps.values(), self._activations(prediction), expected, scales, strict=True
            )
        ]
        return torch.stack(distances).sum()

    def _activations(self, rgb: Tensor) -> list[Tensor]:
        x = ((rgb - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        found = {}
        for position, layer in enumerate(self.features):
            x = layer(x)
            if position in self.taps:
                found[position] = x
        return [found[position] for position in self.taps]


# --- which terms there are --------------------------------------------------------------------------------------------


class LossInputs(NamedTuple):
    """All that a term may look at, of one batch."""

    prediction: Prediction
    lab: Tensor  # the target (B, 3, H, W)
    known: Tensor | None  # 1 where the luminance was given (B, 1, H, W); None: everywhere
    logits: Sequence[Tensor] | None  # the discriminator's on the generated pictures, where one takes part
    smaller: Prediction | None  # what the generator said of the same pictures at half the size, where it was asked


class Head(StrEnum):
    """The parts of a generator that a term can look at."""

    COLOR = "color"
    BINS = "bins"
    REPAIR = "repair"


class Need(StrEnum):
    """What a term needs besides the prediction, and a run has only if one of its terms does."""

    BACKBONE = "backbone"
    DISCRIMINATOR = "discriminator"
    SMALLER = "smaller"  # a second prediction, of pictures of half the size


@dataclass(frozen=True, slots=True)
class LossTerm:
    """A term of the loss. Training, the journal and the curves know of it from here."""

    name: str  # of its weight in `LossConfig`, and in the journal
    compute: Callable[["GeneratorLoss", LossInputs], Tensor | None]  # without its weight; None: it does not apply
    heads: frozenset[Head] = frozenset()
    pictures: bool = False  # whether it looks at whole pictures, and so at every head that makes them
    need: Need | None = None

    @property
    def looks_at(self) -> frozenset[Head]:
        """The heads that learn from it."""
        return self.heads | {Head.COLOR, Head.REPAIR} if self.pictures else self.heads


def _bins_term(loss: "GeneratorLoss", x: LossInputs) -> Tensor | None:
    if x.prediction.bins is None:
        return None
    h, w = x.prediction.bins.shape[-2:]
    ab = F.adaptive_avg_pool2d(x.lab[:, 1:], (h, w))
    return bins_loss(x.prediction.bins, ab, loss.class_weights(ab))


def _perceptual_term(loss: "GeneratorLoss", x: LossInputs) -> Tensor | None:
    if loss.perceptual is None:
        return None
    distance: Tensor = loss.perceptual(assemble_rgb(x.prediction), lab_to_rgb(x.lab), loss.mean_over_processes)
    return distance


_COLOR, _BINS, _REPAIR = (frozenset({head}) for head in (Head.COLOR, Head.BINS, Head.REPAIR))

TERMS = (
    LossTerm("smooth_l1", lambda loss, x: smooth_l1_loss(x.prediction, x.lab, beta=loss.config.smooth_l1_beta), _COLOR),
    LossTerm("log_mse", lambda loss, x: log_mse_loss(x.prediction, x.lab, floor=loss.config.log_mse_floor), _COLOR),
    LossTerm("bins", _bins_term, _BINS),
    LossTerm(
        "luminance", lambda loss, x: luminance_loss(x.prediction, x.lab, x.known, loss.mean_over_processes), _REPAIR
    ),
    LossTerm(
        "consistency",
        lambda _, x: None if x.smaller is None else consistency_loss(x.prediction, x.smaller),
        _COLOR | _BINS,
        need=Need.SMALLER,
    ),
    LossTerm("perceptual", _perceptual_term, pictures=True, need=Need.BACKBONE),
    LossTerm(
        "adversarial",
        lambda _, x: None if x.logits is None else adversarial_loss(x.logits),
        pictures=True,
        need=Need.DISCRIMINATOR,
    ),
)
"""All terms, in the order in which they are summed and shown."""


def _active(config: LossConfig) -> list[LossTerm]:
    weights = config.weights
    return [term for term in TERMS if weights[term.name] > 0]


def heads_looked_at(config: LossConfig) -> frozenset[Head]:
    """Return the heads that learn from a loss."""
    return frozenset().union(*(term.looks_at for term in _active(config)))


def needs(config: LossConfig, need: Need) -> bool:
    """Tell whether a loss has a term that needs something."""
    return any(term.need is need for term in _active(config))


class GeneratorLoss(nn.Module):
    """The generator's loss: the weighted sum that a `LossConfig` describes, with each term reported apart.

    Args:
        config: Weights and settings.
        perceptual: The perceptual term; required if its weight is above 0.
    """

    config: LossConfig
    bin_frequency: Tensor

    def __init__(self, config: LossConfig, perceptual: PerceptualLoss | None = None) -> None:
        super().__init__()
        if needs(config, Need.BACKBONE) and perceptual is None:
            raise ConfigError("the loss has a perceptual term: pass the PerceptualLoss that computes it")
        self.config = config
        self.perceptual = perceptual
        self.mean_over_processes: MeanOverProcesses = _alone
        # How often each bin is the target, as seen so far; part of the training state.
        self.register_buffer("bin_frequency", torch.full((BIN_COUNT,), 1 / BIN_COUNT))

    def forward(
        self,
        prediction: Prediction,
        lab: Tensor,
        known: Tensor | None = None,
        logits: Sequence[Tensor] | None = None,
        smaller: Prediction | None = None,
    ) -> LossTerms:
        """Compute the loss of a batch.

        Args:
            prediction: What the generator said.
            lab: The target `(B, 3, H, W)`.
            known: 1 where the luminance was given `(B, 1, H, W)`; None means everywhere.
            logits: The discriminator's logits on the generated pictures; None leaves the adversarial term out.
            smaller: What the generator said of the same pictures at half the size; None leaves that term out.
        """
        inputs = LossInputs(prediction, lab, known, logits, smaller)
        weights = self.config.weights
        found = {term.name: term.compute(self, inputs) for term in _active(self.config)}
        terms = {name: value for name, value in found.items() if value is not None}
        if not terms:
            raise ConfigError(
                "no term of the loss applies: the network lacks the head, or the step the logits, it needs"
            )
        total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
        return LossTerms(total, {name: value.detach() for name, value in terms.items()})

    @torch.no_grad()
    def class_weights(self, ab: Tensor) -> Tensor | None:
        """Follow the bins' frequency and return their weights, whose mean over the pixels seen is 1."""
        if self.config.bins_rebalance == 0:
            return None
        index, weight = encode_bins(ab)
        seen = torch.zeros_like(self.bin_frequency).index_add_(0, index.flatten(), weight.flatten())
        seen = self.mean_over_processes(seen)
        if self.training:
            self.bin_frequency.lerp_(seen / seen.sum(), 0.01)
        # Zhang, Isola and Efros (ECCV 2016): half the frequency, half uniform, so that rare bins stay bounded.
        mixed = (self.bin_frequency + 1 / BIN_COUNT) / 2
        weights = mixed**-self.config.bins_rebalance
        return weights / (self.bin_frequency * weights).sum()
