"""Draw the pictures of docs/primer.md: `python docs/figures.py`, in an environment with the extra `dev`.

The photographs are those that come with scikit-image; docs/images/SOURCES.md names them. Whatever is computed is
computed by colorgan, so that the pictures show what the program does.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from torch import Tensor

from colorgan import Colorizer, lab_to_rgb, rgb_to_lab
from colorgan.color import ab_bins, fit_gamut
from colorgan.metrics import colorfulness, delta_e_2000, psnr

FOLDER = Path(__file__).with_name("images")
GAP, SIDE = 8, 224
INK, FAINT = "#333333", "#cccccc"
FONT, SMALL = ImageFont.load_default(15), ImageFont.load_default(13)


def main() -> None:
    """Draw every picture of the primer."""
    draw_lab()
    draw_coarse_color()
    draw_undecided()
    draw_losses()
    draw_figures()
    draw_strengths()


# --- pictures and tensors ---------------------------------------------------------------------------------------------


def photograph(name: str, size: tuple[int, int] = (SIDE, SIDE)) -> Tensor:
    """Return the middle of a photograph, `(1, 3, H, W)` in 0..1; `size` is width, height."""
    image = Image.fromarray(getattr(data, name)()).convert("RGB")
    scale = max(size[0] / image.width, size[1] / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    image = image.crop((left, top, left + size[0], top + size[1]))
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 255


def to_image(rgb: Tensor) -> Image.Image:
    """Return `(1, 3, H, W)` as a picture."""
    return Image.fromarray((rgb[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy())


def from_image(image: Image.Image) -> Tensor:
    """Return a picture as `(1, 3, H, W)`."""
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 255


def paint(luminance: Tensor, ab: Tensor) -> Tensor:
    """Return the sRGB picture of L `(1, 1, H, W)` and ab `(1, 2, H, W)`; impossible colours give up chroma."""
    return lab_to_rgb(fit_gamut(torch.cat((luminance, ab), dim=1))).clamp(0, 1)


def turn(ab: Tensor, degrees: float) -> Tensor:
    """Turn hues, with chroma as it is."""
    angle = torch.deg2rad(torch.tensor(degrees))
    a, b = ab[:, :1], ab[:, 1:]
    return torch.cat((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), dim=1)


# --- sheets -----------------------------------------------------------------------------------------------------------


def write_row(name: str, pictures: Sequence[Tensor], titles: Sequence[str]) -> None:
    """Write pictures side by side, each with one or more lines below it."""
    tiles = [to_image(picture) for picture in pictures]
    lines = max(title.count("\n") + 1 for title in titles)
    width = sum(tile.width + GAP for tile in tiles) - GAP
    sheet = Image.new("RGB", (width, tiles[0].height + 6 + 20 * lines), "white")
    draw, left = ImageDraw.Draw(sheet), 0
    for tile, title in zip(tiles, titles, strict=True):
        sheet.paste(tile, (left, 0))
        for number, line in enumerate(title.split("\n")):
            draw.text((left + 2, tile.height + 4 + 20 * number), line, fill=INK, font=FONT if number == 0 else SMALL)
        left += tile.width + GAP
    sheet.save(FOLDER / name, quality=88)


# --- the pictures -----------------------------------------------------------------------------------------------------


def draw_lab() -> None:
    """A photograph and its three components."""
    rgb = photograph("coffee")
    lab = rgb_to_lab(rgb)
    L, a, b = lab[:, :1], lab[:, 1:2], lab[:, 2:]
    zero, even = torch.zeros_like(a), torch.full_like(L, 65.0)
    pictures = [
        rgb,
        paint(L, torch.cat((zero, zero), 1)),
        paint(even, torch.cat((a, zero), 1)),
        paint(even, torch.cat((zero, b), 1)),
    ]
    titles = ["the photograph", "L: lightness", "a: green to red", "b: blue to yellow"]
    write_row("primer-lab.jpg", pictures, titles)


def draw_coarse_color() -> None:
    """Color at a sixteenth of the size is hardly missed; lightness is."""
    rgb = photograph("chelsea", (300, SIDE))
    lab = rgb_to_lab(rgb)

    def coarse(x: Tensor) -> Tensor:
        small = torch.nn.functional.interpolate(x, scale_factor=1 / 16, mode="area")
        return torch.nn.functional.interpolate(small, size=x.shape[-2:], mode="bilinear")

    pictures = [rgb, paint(lab[:, :1], coarse(lab[:, 1:])), paint(coarse(lab[:, :1]), lab[:, 1:])]
    titles = ["the photograph", "a and b at 1/16 of the size", "L at 1/16 of the size"]
    write_row("primer-coarse.jpg", pictures, titles)


def balloon(ab: tuple[float, float]) -> Tensor:
    """Draw a balloon of one colour in front of a sky; its lightness does not depend on the colour."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
    distance = (x**2 + (y + 0.1) ** 2).sqrt()
    inside = ((0.62 - distance) * 40).clamp(0, 1)[None, None]
    shade = (56 - 30 * ((x + 0.3) ** 2 + (y + 0.4) ** 2))[None, None].clamp(15, 60)
    sky = torch.tensor([-4.0, -18.0]).view(1, 2, 1, 1)
    color = torch.tensor(ab).view(1, 2, 1, 1)
    return paint(shade * inside + (78 + 6 * y) * (1 - inside), color * inside + sky * (1 - inside))


RED, GREEN = (58.0, 38.0), (-40.0, 34.0)
MEAN = (0.6 * RED[0] + 0.4 * GREEN[0], 0.6 * RED[1] + 0.4 * GREEN[1])


def draw_undecided() -> None:
    """Two truths of one black-and-white photograph, and what lies between."""
    grey = rgb_to_lab(balloon(RED))[:, :1]
    shown = paint(grey, torch.zeros(1, 2, SIDE, SIDE))
    pictures = [shown, balloon(RED), balloon(GREEN), balloon(MEAN)]
    titles = ["what the network sees", "six times in ten", "four times in ten", "the mean of both"]
    write_row("primer-undecided.jpg", pictures, titles)


def draw_losses() -> None:
    """The ab plane with its bins, and where each loss leads when two colours are possible."""
    side, most = 420, 105.0
    axis = torch.linspace(-most, most, side)
    a, b = torch.meshgrid(axis, -axis, indexing="xy")
    ab = torch.stack((a, b))[None]
    plane = lab_to_rgb(torch.cat((torch.full((1, 1, side, side), 62.0), ab), dim=1))
    inside = ((plane >= 0) & (plane <= 1)).all(1, keepdim=True)
    sheet = to_image(torch.where(inside, plane, torch.ones_like(plane)))
    draw = ImageDraw.Draw(sheet)

    def place(a: float, b: float) -> tuple[float, float]:
        return (a / most + 1) * side / 2, (1 - b / most) * side / 2

    draw.text((side - 24, side / 2 + 4), "a", fill=INK, font=FONT)
    draw.text((side / 2 + 6, 2), "b", fill=INK, font=FONT)
    draw.line((0, side / 2, side, side / 2), fill=FAINT)
    draw.line((side / 2, 0, side / 2, side), fill=FAINT)
    for bin_a, bin_b in ab_bins().tolist():
        x, y = place(bin_a, bin_b)
        draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill="#777777")
    marks = ((RED, "60 %: the likeliest", -28), (GREEN, "40 %", -28), (MEAN, "the mean of both", 10))
    for (mark_a, mark_b), text, below in marks:
        x, y = place(mark_a, mark_b)
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), outline="black", width=3)
        left = x - draw.textlength(text, font=FONT) / 2
        draw.text((left, y + below), text, fill="black", font=FONT)
    sheet.save(FOLDER / "primer-plane.png", optimize=True)


def draw_figures() -> None:
    """What the figures say of five answers to one photograph."""
    rgb = photograph("astronaut")
    lab = rgb_to_lab(rgb)
    L, ab = lab[:, :1], lab[:, 1:]
    coloured = from_image(Colorizer.load("default").colorize(to_image(rgb)))
    answers = {
        "the photograph": rgb,
        "grey": paint(L, 0 * ab),
        "half the chroma": paint(L, 0.5 * ab),
        "hues turned by 60°": paint(L, turn(ab, 60)),
        "colorgan": coloured,
    }
    titles = []
    for title, answer in answers.items():
        lines = [title, f"colourfulness {colorfulness(answer).item():.0f}"]
        if answer is not rgb:
            lines[1:1] = [f"PSNR {psnr(answer, rgb).item():.1f} dB"]
            lines.append(f"CIEDE2000 {delta_e_2000(rgb_to_lab(answer), rgb_to_lab(rgb)).mean((1, 2)).item():.1f}")
        titles.append("\n".join(lines))
    write_row("primer-figures.jpg", list(answers.values()), titles)


def draw_strengths() -> None:
    """PSNR over grey against colourfulness, as the strength grows, for three photographs."""
    width, height, margin = 560, 330, 52
    colorizer = Colorizer.load("default")
    strengths = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
    curves = {
        name: _strength_curve(colorizer, photograph(name), strengths) for name in ("astronaut", "coffee", "chelsea")
    }
    gains = [gain for curve in curves.values() for _, gain in curve]
    low, high = min(gains) - 0.2, max(gains) + 0.2
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)

    def place(share: float, gain: float) -> tuple[float, float]:
        return margin + (width - 2 * margin) * share, margin / 2 + (height - 1.5 * margin) * (high - gain) / (
            high - low
        )

    for gain in range(int(np.ceil(low)), int(np.floor(high)) + 1):
        draw.line((*place(0, gain), *place(1, gain)), fill=INK if gain == 0 else FAINT)
        draw.text((place(0, gain)[0] - 40, place(0, gain)[1] - 9), f"{gain:+d} dB", fill=INK, font=SMALL)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        draw.text((place(share, low)[0] - 14, place(share, low)[1] + 4), f"{share:.0%}", fill=INK, font=SMALL)
    draw.line((*place(0.5, low), *place(0.5, high)), fill="#c4501b", width=1)
    draw.text((place(0.5, high)[0] + 5, 8), "compare here", fill="#c4501b", font=SMALL)
    for color, (name, curve) in zip(("#1f5fa8", "#2d8a4e", "#8a4fa3"), curves.items(), strict=True):
        points = [place(share, gain) for share, gain in curve if share <= 1]
        draw.line(points, fill=color, width=2)
        for x, y in points:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=color)
        x, y = points[-1]
        draw.text((min(x + 6, width - draw.textlength(name, font=SMALL) - 2), y - 8), name, fill=color, font=SMALL)
    draw.text((margin, height - 20), "colourfulness, as a share of the photograph's", fill=INK, font=SMALL)
    sheet.save(FOLDER / "primer-strengths.png", optimize=True)


def _strength_curve(colorizer: Colorizer, rgb: Tensor, strengths: Sequence[float]) -> list[tuple[float, float]]:
    """Return share of the photograph's colourfulness and gain over grey in dB, at each strength; grey first."""
    truth = colorfulness(rgb).item()
    answers = [from_image(colorizer.colorize(to_image(rgb), strength=strength)) for strength in strengths]
    grey = psnr(answers[0], rgb).item()
    return [(colorfulness(answer).item() / truth, psnr(answer, rgb).item() - grey) for answer in answers]


if __name__ == "__main__":
    with torch.inference_mode():
        main()
