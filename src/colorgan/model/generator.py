"""The generator: a U-Net on a pretrained encoder that gives a grey picture its colour."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorgan.color import AB_LIMIT, BIN_COUNT, luminance_to_grey, rgb_to_lab
from colorgan.config import ModelConfig, OutputSpace
from colorgan.model.blocks import ConvNormAct, DecoderStage, SelfAttention2d, pad_reflect
from colorgan.model.encoders import GREY_MEAN, GREY_STD, build_encoder
from colorgan.model.inpainting import InpaintingNetwork

__all__ = ["Generator", "Prediction", "build_generator"]


class Prediction(NamedTuple):
    """What a generator says of a batch. h and w are H and W over the decoder's last stride, rounded up."""

    ab: Tensor  # (B, 2, H, W), Lab units
    coarse_ab: Tensor  # (B, 2, h, w), Lab units: what `ab` was brought up from
    bins: Tensor | None  # (B, 304, h, w), logits over the ab bins
    luminance: Tensor  # (B, 1, H, W), 0..100: the given one where known, painted elsewhere
    rgb: Tensor | None  # (B, 3, H, W), 0..1, from networks with an rgb output


class Generator(nn.Module):
    """Encoder, bottleneck, decoder with skips and self-attention, heads; see docs/architecture.md.

    All inputs may have any size from 1 x 1; they are padded by reflection to a multiple of the encoder's stride, and
    the result is cropped.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config.encoder)
        *skips, deepest = self.encoder.channels
        skips = skips[::-1][: len(config.decoder_widths)]

        widths = (deepest, *[config.bottleneck_width] * len(config.bottleneck_kernels))
        convs = [
            ConvNormAct(i, o, k) for i, o, k in zip(widths[:-1], widths[1:], config.bottleneck_kernels, strict=True)
        ]
        attention = [SelfAttention2d(widths[-1], config.attention_heads)] if config.bottleneck_attention else []
        self.bottleneck = nn.Sequential(*convs, *attention)

        ins = (config.bottleneck_width, *config.decoder_widths[:-1])
        heads = [config.attention_heads if i in config.attention_stages else None for i in range(len(ins))]
        self.decoder = nn.ModuleList(
            DecoderStage(i, s, o, h) for i, s, o, h in zip(ins, skips, config.decoder_widths, heads, strict=True)
        )
        last = config.decoder_widths[-1]
        self.color = nn.Conv2d(last, 3 if config.output is OutputSpace.RGB else 2, 1)
        nn.init.uniform_(self.color.weight, -1e-3, 1e-3)  # a new network colours faintly, not garishly at random
        nn.init.zeros_(self.color.bias)  # type: ignore[arg-type]
        self.bins = nn.Conv2d(last, BIN_COUNT, 1) if config.bins else None
        self.repair = InpaintingNetwork(config.repair_widths) if config.repair_widths else None

    def forward(self, luminance: Tensor, known: Tensor | None = None, hints: Tensor | None = None) -> Prediction:
        """Colour a batch.

        Args:
            luminance: L, 0..100, `(B, 1, H, W)`, float32.
            known: 1 where the luminance is to be trusted, 0 where it is missing (and not looked at),
                `(B, 1, H, W)`; None trusts all of it.
            hints: Where a colour is given, and which: mask (0 or 1), a, b in Lab units, `(B, 3, H, W)`; None gives
                none.
        """
        _, _, H, W = luminance.shape
        grey = luminance_to_grey(luminance)
        if known is not None:
            grey = torch.where(known > 0.5, grey, 0.5)
        dtype = self.encoder.stem.weight.dtype  # float32, but in networks prepared for inference
        z = ((grey - GREY_MEAN) / GREY_STD).to(dtype)
        canvas = self._draw_canvas(known, hints, dtype)

        stride = self.config.stride
        padded = (-(-H // stride) * stride, -(-W // stride) * stride)
        if padded != (H, W):
            z = pad_reflect(z, *padded)
            canvas = None if canvas is None else pad_reflect(canvas, *padded)

        *skips, x = self.encoder(z, canvas)
        x = self.bottleneck(x)
        for stage, skip in zip(self.decoder, skips[::-1], strict=False):
            x = stage(x, skip)
        head = self.color(x).float()

        if self.config.output is OutputSpace.RGB:
            return self._from_rgb(head[..., :H, :W].sigmoid(), luminance, known)
        s = self.config.output_stride
        coarse = head * AB_LIMIT
        ab = F.interpolate(coarse, scale_factor=s, mode="bilinear", align_corners=False) if s > 1 else coarse
        h, w = -(-H // s), -(-W // s)
        return Prediction(
            ab=ab[..., :H, :W],
            coarse_ab=coarse[..., :h, :w],
            bins=None if self.bins is None else self.bins(x)[..., :h, :w].float(),
            luminance=self._paint(luminance, known),
            rgb=None,
        )

    @staticmethod
    def _draw_canvas(known: Tensor | None, hints: Tensor | None, dtype: torch.dtype) -> Tensor | None:
        given = known if hints is None else hints
        if given is None:
            return None
        B, _, H, W = given.shape
        unknown = given.new_zeros(B, 1, H, W) if known is None else 1 - known
        points = given.new_zeros(B, 3, H, W) if hints is None else hints
        mask = points[:, :1]
        return torch.cat((unknown, mask, points[:, 1:] * mask / AB_LIMIT), dim=1).to(dtype)

    def _paint(self, luminance: Tensor, known: Tensor | None) -> Tensor:
        return luminance if known is None or self.repair is None else self.repair(luminance, known)

    def _from_rgb(self, rgb: Tensor, luminance: Tensor, known: Tensor | None) -> Prediction:
        lab = rgb_to_lab(rgb)
        painted = self._paint(luminance, known)
        if known is not None and self.repair is None:
            painted = torch.where(known > 0.5, luminance, lab[:, :1])
        return Prediction(ab=lab[:, 1:], coarse_ab=lab[:, 1:], bins=None, luminance=painted, rgb=rgb)


def build_generator(config: ModelConfig) -> Generator:
    """Build a generator with random weights, in the memory format that convolutions like best."""
    return Generator(config).to(memory_format=torch.channels_last)
