import numpy as np
import pytest
import torch
from torch import Tensor

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.metrics import psnr
from colorgan.rendering import BatchCompositor, ChromaField, Compositor, fit_chroma, resample
from support import draw_photo


def paint(luminance: Tensor, field: ChromaField) -> Tensor:
    """Colour one picture as `colorgan colorize` does."""
    grey = (luminance_to_grey(luminance[0]) * 65535).round().numpy().astype(np.uint16)
    bands = [band.copy() for band in Compositor(grey, field).bands()]
    return torch.from_numpy(np.concatenate(bands)).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize("render_side", [32, 64, 96])
@pytest.mark.parametrize(("strength", "tolerance"), [(0.0, 0.002), (0.5, 0.002), (1.0, 0.01), (3.0, 0.1)])
def test_scores_as_painting_does(render_side: int, strength: float, tolerance: float) -> None:
    pixels = np.stack([np.asarray(draw_photo(n, (64, 64))) for n in range(6)])
    target = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    lab = rgb_to_lab(target)
    luminance, ab = lab[:, :1], resample(lab[:, 1:], (16, 16)) + torch.tensor([4.0, -6.0]).view(2, 1, 1)
    seen = torch.nn.functional.interpolate(luminance, size=(render_side, render_side), mode="bilinear", antialias=True)
    fields = [fit_chroma(colors, guide) for colors, guide in zip(ab, seen, strict=True)]
    composed = BatchCompositor(luminance, fields).compose(strength)
    painted = torch.stack([paint(L, field.scaled(strength)) for L, field in zip(luminance, fields, strict=True)])
    assert float(psnr(composed, target).mean()) == pytest.approx(float(psnr(painted, target).mean()), abs=tolerance)
    if strength <= 1:  # beyond, half of these pictures lies outside the gamut
        assert float((composed - painted).abs().mean()) < 0.2 / 255
