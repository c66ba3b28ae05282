"""Sample sheets: what the generator makes of a few validation photographs, as one picture."""

import io
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from colorgan.color import lab_to_rgb, luminance_to_grey, rgb_to_lab
from colorgan.config import AugmentConfig
from colorgan.data.occlusion import draw_occlusion
from colorgan.data.random_source import RandomSource
from colorgan.model import Generator
from colorgan.runtime import Runtime
from colorgan.training.files import write_file

__all__ = ["write_sheet"]

_TITLES = ("photograph", "as seen", "coloured")
_GAP, _HEAD = 4, 16


@torch.inference_mode()
def write_sheet(
    path: Path, network: Generator, rgb: Tensor, size: int, augment: AugmentConfig, runtime: Runtime
) -> None:
    """Write a PNG with one row a photograph: original, what the network saw of it, what it made of that.

    Every second photograph is shown with missing luminance where the recipe trains on that.

    Args:
        path: Where to.
        network: A generator in eval mode.
        rgb: Photographs `(N, 3, S, S)`, uint8.
        size: Side at which they are shown to the network.
        augment: Whether and how luminance goes missing.
        runtime: Where the network runs.

    Raises:
        TrainingError: It cannot be written.
    """
    small = F.interpolate(rgb.float(), size=(size, size), mode="bilinear", antialias=True).to(runtime.device) / 255
    known = _occlusion(len(small), size, augment).to(runtime.device)
    lab = rgb_to_lab(small)
    with runtime.autocast():
        prediction = network(lab[:, :1], known if augment.occlusion > 0 else None)
    seen = torch.where(known > 0.5, luminance_to_grey(lab[:, :1]), 0.0).expand(-1, 3, -1, -1)
    luminance = prediction.luminance
    if network.repair is None and prediction.rgb is None:  # what it cannot paint stays a hole
        luminance = torch.where(known > 0.5, luminance, 0.0)
    coloured = lab_to_rgb(torch.cat((luminance, prediction.ab), dim=1))
    columns = torch.cat((small, seen, coloured), dim=3).clamp(0, 1)  # (N, 3, S, 3 S)
    _draw(path, columns.mul(255).round().byte().cpu(), size)


def _occlusion(count: int, size: int, augment: AugmentConfig) -> Tensor:
    known = draw_occlusion(size, augment, RandomSource.at(range(count), seed=0)).float()
    if augment.occlusion < 1:
        known[:: 1 if augment.occlusion == 0 else 2] = 1
    return known


def _draw(path: Path, columns: Tensor, size: int) -> None:
    width, height = 3 * size + 2 * _GAP, _HEAD + len(columns) * (size + _GAP)
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(_TITLES):
        draw.text((column * (size + _GAP) + 2, 2), title, fill="black")
    for row, pictures in enumerate(columns):
        for column, picture in enumerate(pictures.split(size, dim=2)):
            tile = Image.fromarray(picture.permute(1, 2, 0).numpy())
            sheet.paste(tile, (column * (size + _GAP), _HEAD + row * (size + _GAP)))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    write_file(path, content.getbuffer())
