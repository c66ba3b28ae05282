"""Measures of coloured pictures: one pure function each, one value a picture.

All but the two that say Lab, and those of films, take sRGB `(B, 3, H, W)` in 0..1; all but these and `delta_e_2000`
return `(B,)` in float32. None needs gradients.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "PSNR_LIMIT",
    "ab_rmse_of_lab",
    "color_distribution_consistency",
    "color_histograms",
    "colorfulness",
    "delta_e_2000",
    "psnr",
    "ssim",
]

PSNR_LIMIT = 100.0
"""The PSNR of identical pictures, in dB: finite, so that means of many pictures stay finite."""


def psnr(prediction: Tensor, target: Tensor, where: Tensor | None = None) -> Tensor:
    """Return the peak signal-to-noise ratio in dB over all pixels and channels; higher is better.

    Args:
        prediction: The coloured pictures.
        target: The photographs.
        where: Counts only pixels that are 1 here `(B, 1, H, W)`; a picture without any counts as identical.
    """
    error = (prediction.float() - target.float()).square().mean(1, keepdim=True)  # (B, 1, H, W)
    if where is None:
        mean = error.mean((1, 2, 3))
    else:
        mean = (error * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp_min(1)
    return -10 * mean.clamp_min(10 ** (-PSNR_LIMIT / 10)).log10()


def colorfulness(rgb: Tensor) -> Tensor:
    """Return the colourfulness M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003).

    On the scale of 8-bit components, as in the paper: 0 is grey, 15 slightly, 33 moderately, 109 extremely
    colourful. The means are signed; code that takes absolute values first measures something else.
    """
    red, green, blue = (rgb.float() * 255).unbind(1)  # (B, H, W)
    opponents = torch.stack((red - green, (red + green) / 2 - blue), dim=1).flatten(2)  # (B, 2, H * W)
    mean = opponents.mean(2)
    spread = (opponents - mean[:, :, None]).square().mean(2)
    return spread.sum(1).sqrt() + 0.3 * mean.square().sum(1).sqrt()


_SSIM_WINDOW, _SSIM_SIGMA = 11, 1.5
_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2  # for a data range of 1


@cache
def _ssim_kernel() -> Tensor:
    position = torch.arange(_SSIM_WINDOW, dtype=torch.float64) - _SSIM_WINDOW // 2
    bell = torch.exp(-(position**2) / (2 * _SSIM_SIGMA**2))
    return (bell / bell.sum()).float()


def _blur(x: Tensor) -> Tensor:
    """Blur `(N, H, W)` with the window of SSIM, where it lies inside the picture."""
    N = len(x)
    kernel = _ssim_kernel().to(x.device).expand(N, 1, -1)
    # Pictures as channels of one: depthwise convolution is several times faster than a batch of single channels.
    return F.conv2d(F.conv2d(x[None], kernel[..., None], groups=N), kernel[:, :, None], groups=N)[0]


def ssim(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the structural similarity of Wang et al. (2004), mean of the three channels; 1 is identical.

    Gaussian window of 11 x 11 with sigma 1.5, data range 1, only where the window lies inside the picture. Pictures
    smaller than the window are extended by repeating their edges.
    """
    B, C, H, W = target.shape
    x, y = (image.float().reshape(B * C, H, W) for image in (prediction, target))
    if min(H, W) < _SSIM_WINDOW:
        missing = (0, max(_SSIM_WINDOW - W, 0), 0, max(_SSIM_WINDOW - H, 0))
        x, y = (F.pad(image[None], missing, mode="replicate")[0] for image in (x, y))
    mean_x, mean_y, square_x, square_y, product = _blur(torch.cat((x, y, x * x, y * y, x * y))).chunk(5)
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    covariance = product - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _SSIM_C1) / (mean_x**2 + mean_y**2 + _SSIM_C1)
    structure = (2 * covariance + _SSIM_C2) / (variance_x + variance_y + _SSIM_C2)
    return (luminance * structure).view(B, C, -1).mean((1, 2))


def ab_rmse_of_lab(first: Tensor, second: Tensor) -> Tensor:
    """Return the root mean square distance in the ab plane of two batches in Lab `(B, 3, H, W)`; lower is better.

    The mean is over pixels, of the squared distance `da^2 + db^2`; a mean over both components is `sqrt(2)` smaller.
    """
    return (first[:, 1:] - second[:, 1:]).square().sum(1).mean((1, 2)).sqrt()


def delta_e_2000(first: Tensor, second: Tensor) -> Tensor:
    """Return the colour difference CIEDE2000 (kL = kC = kH = 1) of Lab `(..., 3, H, W)`, as `(..., H, W)`.

    1 is about just noticeable, lower is better.

    After Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test
    data, and mathematical observations" (2005); numbers in comments are its equations.
    """
    l1, a1, b1 = first.unbind(-3)
    l2, a2, b2 = second.unbind(-3)
    c_mean = (torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * _chroma_weight(c_mean)  # 1 + G of (4)
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    h1, h2 = _hue_degrees(a1, b1), _hue_degrees(a2, b2)

    grey = c1 * c2 == 0
    turn = h2 - h1
    turn = torch.where(turn > 180, turn - 360, torch.where(turn < -180, turn + 360, turn)).masked_fill(grey, 0)  # (10)
    delta_l, delta_c = l2 - l1, c2 - c1
    delta_h = 2 * (c1 * c2).sqrt() * torch.sin(torch.deg2rad(turn / 2))  # (11)

    l_mean, c_mean = (l1 + l2) / 2, (c1 + c2) / 2
    h_mean = _mean_hue(h1, h2, grey)
    t = (
        1
        - 0.17 * _cos_degrees(h_mean - 30)
        + 0.24 * _cos_degrees(2 * h_mean)
        + 0.32 * _cos_degrees(3 * h_mean + 6)
        - 0.20 * _cos_degrees(4 * h_mean - 63)
    )  # (15)
    lightness = (l_mean - 50).square()
    s_l = 1 + 0.015 * lightness / (20 + lightness).sqrt()  # (18)
    s_c = 1 + 0.045 * c_mean  # (19)
    s_h = 1 + 0.015 * c_mean * t  # (20)
    rotation = 30 * torch.exp(-((h_mean - 275) / 25).square())  # (16)
    r_t = -2 * _chroma_weight(c_mean) * torch.sin(torch.deg2rad(2 * rotation))  # (17), (21)
    l_part, c_part, h_part = delta_l / s_l, delta_c / s_c, delta_h / s_h
    total = l_part.square() + c_part.square() + h_part.square() + r_t * c_part * h_part  # (22)
    return total.clamp_min(0).sqrt()


def _chroma_weight(chroma: Tensor) -> Tensor:
    seventh = chroma**7
    return (seventh / (seventh + 25.0**7)).sqrt()


def _hue_degrees(a: Tensor, b: Tensor) -> Tensor:
    return torch.rad2deg(torch.atan2(b, a)) % 360


def _cos_degrees(angle: Tensor) -> Tensor:
    return torch.cos(angle * (math.pi / 180))


def _mean_hue(h1: Tensor, h2: Tensor, grey: Tensor) -> Tensor:
    """Return the mean of two hues over the shorter arc, equation (14); their sum where one colour is grey."""
    total = h1 + h2
    mean = torch.where((h1 - h2).abs() <= 180, total / 2, (total + torch.where(total < 360, 360.0, -360.0)) / 2)
    return torch.where(grey, total, mean)


def color_histograms(rgb: Tensor) -> Tensor:
    """Return the histogram of each frame's and each channel's 8-bit levels, as fractions: `(B, 3, 256)`, float64.

    Args:
        rgb: Frames `(B, 3, H, W)`, uint8.
    """
    flat = rgb.flatten(2).long()  # (B, 3, N)
    counts = torch.zeros(*flat.shape[:2], 256, dtype=torch.float64)
    counts.scatter_add_(2, flat, torch.ones(1, 1, 1, dtype=torch.float64).expand(flat.shape))
    return counts / flat.shape[2]


def color_distribution_consistency(histograms: Tensor, steps: tuple[int, ...] = (1, 2, 4)) -> float:
    """Return the colour distribution consistency of a film, 0 if the distribution of its colours never changes.

    Y. Liu et al., "Temporally Consistent Video Colorization with Deep Feature Propagation and Self-regularization
    Learning" (2021): the Jensen-Shannon divergence (natural logarithm) between the histograms of frames t apart, its
    mean over the frames, over the channels, and over t = 1, 2, 4. It says nothing of colours being right, and a grey
    or dull film scores well: compare at equal colourfulness.

    Args:
        histograms: Of the frames in order `(N, 3, 256)`; see `color_histograms`.
        steps: The distances t; those that the film is too short for are left out.
    """
    distances = [
        _jensen_shannon(histograms[:-step], histograms[step:]).mean() for step in steps if step < len(histograms)
    ]
    return float(torch.stack(distances).mean()) if distances else 0.0


def _jensen_shannon(one: Tensor, other: Tensor) -> Tensor:
    middle = (one + other) / 2
    return (torch.xlogy(one, one / middle).nan_to_num() + torch.xlogy(other, other / middle).nan_to_num()).sum(-1) / 2
