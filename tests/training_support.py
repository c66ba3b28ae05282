"""What training tests share besides fixtures."""

import torch

from colorgan.data import Batch

TINY = (
    "model.bottleneck_width=16",
    "model.decoder_widths=[16, 8, 8]",
    "model.repair_widths=[4, 4]",
    "discriminator.width=4",
    "loss.bins_rebalance=0.5",
    "augment.occlusion=0.5",
    "augment.hints=0.5",
    "run.size=32",
    "run.log_interval=1",
    "run.validation_count=4",
    "run.validation_size=32",
    "render.size=32",
)
"""Changes that make the debug recipe quicker still, with every part taking part."""


def draw_batch(*, holes: bool = True, hints: bool = True, count: int = 4, size: int = 32) -> Batch:
    """Draw a batch of noise, with holes and hints."""
    generator = torch.Generator().manual_seed(0)

    def noise(channels: int, most: int) -> torch.Tensor:
        return torch.randint(0, most, (count, channels, size, size), generator=generator, dtype=torch.uint8)

    given = torch.cat((noise(3, 256), noise(1, 2)), dim=1) if hints else None
    retoned = torch.tensor([True, False] * (count // 2))
    return Batch(noise(3, 256), noise(1, 256), retoned, noise(1, 2) if holes else None, given, ())
