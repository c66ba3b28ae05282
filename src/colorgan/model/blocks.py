"""The pieces that the networks are built from."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ConvNormAct", "DecoderStage", "SelfAttention2d", "pad_reflect"]


class ConvNormAct(nn.Sequential):
    """Convolution without bias, batch norm, ReLU; the size stays."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class SelfAttention2d(nn.Module):
    """Multi-head self-attention over the positions of a feature map, pre-norm, added to its input.

    The output projection starts at zero, so a new layer passes its input through unchanged.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(1, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        if self.out.bias is not None:
            nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Attend: `(B, C, H, W)` in and out."""
        B, C, H, W = x.shape
        qkv = self.qkv(self.norm(x)).view(B, 3, self.heads, C // self.heads, H * W)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # (B, heads, H * W, C / heads)
        attended = self._attend(q, k, v).transpose(-1, -2).reshape(B, C, H, W)
        return x + self.out(attended.contiguous(memory_format=torch.channels_last))  # type: ignore[no-any-return]

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend, in training in float32: in bfloat16 a GPU's gradients became NaN once the logits had grown."""
        if not self.training or q.dtype is torch.float32:
            return F.scaled_dot_product_attention(q, k, v)
        with torch.autocast(q.device.type, enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float()).to(q.dtype)


class DecoderStage(nn.Module):
    """One step up: transposed convolution x 2, the encoder's skip beside it, two convolutions, maybe attention."""

    def __init__(self, in_channels: int, skip_channels: int, width: int, attention_heads: int | None) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, width, 4, stride=2, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(width)
        self.conv1 = ConvNormAct(width + skip_channels, width)
        self.conv2 = ConvNormAct(width, width)
        self.attention = SelfAttention2d(width, attention_heads) if attention_heads else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Decode `(B, in, H, W)` with the skip `(B, skip, 2H, 2W)` to `(B, width, 2H, 2W)`."""
        x = F.relu(self.norm(self.up(x)))
        x = self.conv2(self.conv1(torch.cat((x, skip), dim=1)))
        return self.attention(x)  # type: ignore[no-any-return]


def pad_reflect(x: Tensor, height: int, width: int) -> Tensor:
    """Extend `(B, C, h, w)` to `(B, C, height, width)` at the bottom and the right by reflection.

    Unlike `F.pad(mode="reflect")` it reflects again where the padding is larger than the picture, down to 1 x 1.
    """
    rows, columns = (_reflected(n, to, x.device) for n, to in zip(x.shape[-2:], (height, width), strict=True))
    return x.index_select(-2, rows).index_select(-1, columns)


def _reflected(length: int, to: int, device: torch.device) -> Tensor:
    period = max(2 * length - 2, 1)
    position = torch.arange(to, device=device) % period
    return torch.minimum(position, (period - position).clamp_min(0) if length > 1 else position)
