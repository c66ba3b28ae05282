"""Which places of two pictures show the same, by what the network's own encoder sees of them.

Features at strides 8 and 16 are compared by their cosine. A pair of places counts if each is the other's nearest, if
no other place comes near (Lowe's ratio test, "Distinctive image features from scale-invariant keypoints", 2004), and
if pairs around it lie as it does. Pictures with few such pairs show nothing in common, and have none.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import luminance_to_grey
from colorgan.model import Generator
from colorgan.model.encoders import GREY_MEAN, GREY_STD

__all__ = ["View", "describe_places", "match_places"]

_STRIDES = (8, 16)
_LEAST_COSINE = 0.6
_MOST_RATIO = 0.8  # of the distance of the nearest to that of the next
_SAME = 2  # cells around the nearest that are no others
_REACH = 2  # cells around a pair in which others support it
_SLACK = 1.5  # cells by which these may lie otherwise
_LEAST_SUPPORT = 3  # pairs
_LEAST_PAIRS = 20  # in a picture; unrelated ones had 18 at most
_BLOCK = 3  # cells a side, of which the best pair is taken


class View(NamedTuple):
    """A reference as the network sees it at one size, mirrored or not."""

    places: Tensor  # (C, h, w), see `describe_places`
    ab: Tensor  # (2, h, w)


def describe_places(network: Generator, luminance: Tensor) -> Tensor:
    """Return what the encoder sees at each place, as vectors of length 1.

    Args:
        network: A generator in eval mode.
        luminance: L `(1, 1, H, W)`, 0..100, sides multiples of the model's stride.

    Returns:
        Features `(C, H / 8, W / 8)`, float32.
    """
    grey = (luminance_to_grey(luminance) - GREY_MEAN) / GREY_STD
    stages = network.encoder(grey.to(network.encoder.stem.weight.dtype))
    shape = (luminance.shape[-2] // _STRIDES[0], luminance.shape[-1] // _STRIDES[0])
    found = []
    for stride, stage in zip(network.encoder.strides, stages, strict=True):
        if stride in _STRIDES:
            features = F.interpolate(stage.float(), size=shape, mode="bilinear", align_corners=False)[0]
            mean, std = features.mean((1, 2), keepdim=True), features.std((1, 2), keepdim=True, correction=0)
            found.append(F.normalize((features - mean) / (std + 1e-3), dim=0))
    return F.normalize(torch.cat(found), dim=0)


def match_places(places: Tensor, views: list[View]) -> Tensor:
    """Return colours for the places of a picture that are in a reference too, as hints.

    Args:
        places: The picture's, `(C, h, w)`; see `describe_places`.
        views: The reference, at several sizes, mirrored or not; the one with the most pairs counts.

    Returns:
        Hints `(N, 4)` as `draw_hints` takes them: x and y as fractions of width and height, a, b. N is 0 if the
        pictures have nothing in common.
    """
    here, there, likeness, view = max(
        ((*_pairs(places, view.places), view) for view in views), key=lambda found: len(found[0])
    )
    if len(here) < _LEAST_PAIRS:
        return torch.zeros(0, 4)
    _, h, w = places.shape
    y, x = here // w, here % w
    best: dict[tuple[int, int], int] = {}
    for pair in likeness.argsort(descending=True).tolist():
        best.setdefault((int(y[pair]) // _BLOCK, int(x[pair]) // _BLOCK), pair)
    kept = torch.tensor(sorted(best.values()))
    ab = view.ab.flatten(1)[:, there[kept]].T
    return torch.cat((((x[kept] + 0.5) / w)[:, None], ((y[kept] + 0.5) / h)[:, None], ab), dim=1)


def _pairs(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the places of good pairs in either picture, counted row by row, and their cosines, each `(N,)`."""
    (_, _, w), (_, H, W) = one.shape, other.shape
    cosines = one.flatten(1).T @ other.flatten(1)  # (h w, H W)
    best, nearest = cosines.max(1)
    mutual = cosines.argmax(0)[nearest] == torch.arange(len(best))
    y, x = torch.arange(H * W) // W, torch.arange(H * W) % W
    same = ((y - nearest[:, None] // W).abs() <= _SAME) & ((x - nearest[:, None] % W).abs() <= _SAME)
    second = cosines.masked_fill(same, -1).amax(1)
    good = mutual & (best >= _LEAST_COSINE) & (1 - best <= _MOST_RATIO * (1 - second))
    here = good.nonzero()[:, 0]
    there = nearest[here]
    kept = _is_supported(here, there, w, W)
    return here[kept], there[kept], best[here[kept]]


def _is_supported(here: Tensor, there: Tensor, w: int, W: int) -> Tensor:
    """Tell for each pair whether those around it lie in the reference as they do in the picture."""

    def steps(places: Tensor, width: int) -> Tensor:
        at = torch.stack((places // width, places % width)).float()
        return at[:, :, None] - at[:, None]  # (2, N, N)

    ours, theirs = steps(here, w), steps(there, W)
    near = (ours.abs() <= _REACH).all(0) & ~torch.eye(len(here), dtype=torch.bool)
    support = (near & ((ours - theirs).abs() <= _SLACK).all(0)).sum(1)
    return (support >= _LEAST_SUPPORT) & (2 * support >= near.sum(1))
