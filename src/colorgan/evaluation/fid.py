"""The Fréchet inception distance between the coloured pictures as a whole and the photographs.

Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017. The
network and its resizing are torch-fidelity's, which are those of the original; the distance is torchmetrics'.
"""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from colorgan.errors import EvaluationError, WeightsInvalidError
from colorgan.evaluation.statistics import Values

__all__ = ["build_inception", "frechet_distance"]

_INSTALL = "the metric fid needs torchmetrics and torch-fidelity; install them with `pip install 'colorgan[metrics]'`"


def build_inception(state: Mapping[str, Tensor], device: torch.device) -> Callable[[Tensor], Tensor]:
    """Return what turns pictures, 8-bit levels as 0..1 `(B, 3, H, W)`, into the 2048 features of each, `(2048, B)`.

    Args:
        state: torch-fidelity's weights of the Inception network.
        device: Where it runs.

    Raises:
        EvaluationError: The extra `metrics` is not installed.
        WeightsInvalidError: The weights are of another network.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        raise EvaluationError(_INSTALL) from None
    with tempfile.TemporaryDirectory() as folder:
        # torch-fidelity reads only files, and unpickles whatever they hold: it gets one of nothing but tensors.
        path = Path(folder) / "inception.pth"
        torch.save(dict(state), path)
        try:
            with warnings.catch_warnings(action="ignore"):  # of unpickling
                network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(path))
        except RuntimeError as error:
            raise WeightsInvalidError(
                "the file for the metric fid holds another network than torch-fidelity's Inception; run `colorgan "
                "download-weights inception_fid --force`, or pass the right file with --backbone inception_fid=FILE"
            ) from error
    network = network.to(device)

    def extract(rgb: Tensor) -> Tensor:
        (features,) = network((rgb * 255).round().byte())
        transposed: Tensor = features.T
        return transposed

    return extract


def frechet_distance(photographs: Values, coloured: Values) -> float:
    """Return the Fréchet distance between two sets of features `(D, N)`, N 2 or more.

    Raises:
        EvaluationError: There are fewer than two pictures, or the extra `metrics` is not installed.
    """
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance
    except ImportError:
        raise EvaluationError(_INSTALL) from None
    if min(photographs.shape[1], coloured.shape[1]) < 2:
        raise EvaluationError(
            "the metric fid compares sets of pictures: it needs 2 or more, and means little below 2048"
        )
    # In the space that the features span the distance is the same, and for few pictures far quicker.
    centre = photographs.mean(1, keepdims=True)
    basis, _ = np.linalg.qr(np.concatenate((photographs - centre, coloured - centre), axis=1))
    distance = FrechetInceptionDistance(_Features(basis.shape[1]))
    for features, real in ((photographs, True), (coloured, False)):
        distance.update(torch.from_numpy((features - centre).T @ basis), real=real)
    return max(0.0, float(distance.compute()))


class _Features(nn.Identity):
    """What torchmetrics asks for features, when it is given features."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.num_features = count
