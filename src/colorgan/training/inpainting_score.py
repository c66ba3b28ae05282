"""Scoring the repair during training: how near the luminance in holes comes to what was there."""

import torch
from torch import Tensor

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.config import AugmentConfig
from colorgan.data.occlusion import draw_occlusion
from colorgan.data.random_source import RandomSource
from colorgan.metrics import psnr
from colorgan.model.inpainting import InpaintingNetwork, inpaint_smoothly
from colorgan.runtime import Runtime
from colorgan.training.score import InpaintingScore
from colorgan.training.validation import ValidationSet

__all__ = ["validate_inpainting"]

_BATCH = 16


@torch.inference_mode()
def validate_inpainting(
    network: InpaintingNetwork, photos: ValidationSet, augment: AugmentConfig, runtime: Runtime
) -> InpaintingScore:
    """Score a repair network: PSNR of the grey level inside holes, beside that of smooth filling.

    The holes are drawn as in training, the same ones each time.
    """
    repaired, smooth = [], []
    for number, rgb in enumerate(torch.split(photos.rgb, _BATCH)):
        target = rgb.to(runtime.device).float() / 255
        luminance = rgb_to_lab(target)[:, :1]
        source = RandomSource.at(range(number * _BATCH, number * _BATCH + len(rgb)), seed=0)
        known = draw_occlusion(target.shape[-1], augment, source).to(luminance)
        with runtime.autocast():
            filled = network(luminance, known)
        repaired.append(_psnr_in_holes(filled, luminance, known))
        smooth.append(_psnr_in_holes(inpaint_smoothly(luminance, known), luminance, known))
    found, baseline = (float(torch.cat(values).mean()) for values in (repaired, smooth))
    return InpaintingScore(found, baseline, score=found - baseline)


def _psnr_in_holes(filled: Tensor, luminance: Tensor, known: Tensor) -> Tensor:
    return psnr(luminance_to_grey(filled), luminance_to_grey(luminance), 1 - known)
