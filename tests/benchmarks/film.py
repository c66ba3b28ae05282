"""How steadily, how well and how fast films are coloured.

    python tests/benchmarks/film.py [CLIP ...] [--photos FOLDER] [--seconds 4] [--no-quality] [--no-speed]
        [--long 120] [--size 640x360] [--weights FILE] [--no-memory] [--bound]

Clips in colour are taken as they are given; others are made by panning and zooming over photographs, scikit-image's
own unless a folder is named, with film grain on their luma. Every clip's colours are taken away and put back frame by
frame and as a film, at the strength at which it is as colourful as it was. Printed are, each beside the clip's own
colours and the grey film: colour distribution consistency, PSNR, colourfulness, and, where the motion is known, how
much colours change along it from a frame to the next (over blocks of 8 x 8 pixels, and over single pixels). Then the
speed of a 960 x 540 film beside that of decoding and encoding it without colours, in one run, and the most memory that
a short and a long film of the given size take, with the network of the given file.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from colorgan.color import lab_to_rgb, rgb_to_lab
from colorgan.colorization import ColorizeOptions, Colorizer, Job
from colorgan.config import ColorInput, Existing
from colorgan.film import FilmOptions, FilmOutcome, VideoCodec, color_film, probe_film
from colorgan.film.encode import choose_encoding, make_frame, open_encoder
from colorgan.film.light import Light
from colorgan.film.measure import ClipScores, Score, lay_over, measure_clip, recolor
from colorgan.film.source import FilmReader
from colorgan.metrics import colorfulness

RATE = 24
GRAIN = 5.0  # deviation in 8-bit levels
Window = tuple[float, float, float]  # left, top, and photograph pixels a frame pixel


def windows(photo: Image.Image, size: tuple[int, int], frames: int, seed: int) -> list[Window]:
    """Return where each frame lies on the photograph: a pan and a zoom at even speed."""
    rng = np.random.default_rng(seed)
    whole = min(photo.width / size[0], photo.height / size[1])
    ends = []
    for _ in range(2):
        scale = whole * rng.uniform(0.55, 0.85)
        left, top = (rng.uniform(0, side - n * scale) for side, n in zip(photo.size, size, strict=True))
        ends.append((left, top, scale))
    shares = np.linspace(0, 1, frames)
    return [tuple((1 - s) * a + s * b for a, b in zip(*ends, strict=True)) for s in shares]


def moving_frames(photo: Image.Image, size: tuple[int, int], places: list[Window], seed: int) -> Iterator[np.ndarray]:
    """Yield the frames `(H, W, 3)` uint8, with grain that is new in each."""
    rng = np.random.default_rng(seed)
    for left, top, scale in places:
        data = (scale, 0, left, 0, scale, top)
        frame = photo.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
        grain = rng.normal(0, GRAIN * 1.6, (size[1], size[0], 1))
        grain = (grain + np.roll(grain, 1, 0) + np.roll(grain, 1, 1)) / 3**0.5 / 1.6
        yield (np.asarray(frame) + grain).round().clip(0, 255).astype(np.uint8)


def write_clip(path: Path, frames: Iterator[np.ndarray], codec: str = "ffv1", *, grey: bool = False) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options={"crf": "14"} if codec != "ffv1" else {})
        for pixels in frames:
            if not stream.codec_context.is_open:
                stream.height, stream.width, stream.pix_fmt = *pixels.shape[:2], "yuv420p"
            frame = av.VideoFrame.from_ndarray(pixels).reformat(format="yuv420p", dst_colorspace=6)
            if grey:
                for plane in frame.planes[1:]:
                    np.frombuffer(memoryview(plane), np.uint8)[:] = 128
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def photographs(folder: Path | None) -> list[tuple[str, Image.Image]]:
    if folder is not None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
    else:
        import skimage

        root = Path(skimage.__file__).parent / "data"
        paths = [root / name for name in ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")]
    return [(path.stem, Image.open(path).convert("RGB")) for path in paths]


Change = tuple[float, float]  # over blocks, and over single pixels


def change_along(frames: Iterator[np.ndarray], places: list[Window]) -> Change:
    """Return the mean distance in ab between a place in a frame and the same place in the next.

    Over blocks of 8 x 8 pixels, in which the grain of the luma, which is to stay, averages out, and over single pixels.
    """
    changes, last = [], None
    for index, frame in enumerate(frames):
        lab = rgb_to_lab(torch.from_numpy(frame.copy()).permute(2, 0, 1).float() / 255)[1:][None]
        h, w = lab.shape[-2:]
        if last is not None:
            (left, top, scale), (left2, top2, scale2) = places[index - 1], places[index]
            x = (left + scale * (torch.arange(w) + 0.5) - left2) / scale2 * (2 / w) - 1
            y = (top + scale * (torch.arange(h) + 0.5) - top2) / scale2 * (2 / h) - 1
            grid = torch.stack(torch.meshgrid(x.float(), y.float(), indexing="xy"), dim=-1)[None]
            there = F.grid_sample(lab, grid, align_corners=False)
            inside = (grid.abs().amax(-1) < 0.98).float()  # (1, H, W)
            change = (there - last)[0] * inside
            whole = F.avg_pool2d(inside, 8)[0] == 1
            blocks = F.avg_pool2d(change, 8).norm(dim=0)[whole].mean()
            changes.append((float(blocks), float(change.norm(dim=0).sum() / inside.sum())))
        last = lab
    return tuple(sum(kind) / len(changes) for kind in zip(*changes, strict=True))


def flicker(path: Path, places: list[Window], colorizer: Colorizer, strength: float) -> list[Change]:
    """Return the change along the motion of the true colours, frame by frame, and as a film."""
    facts = probe_film(path)
    light = Light(facts, colorizer, colorizer.render)
    with av.open(str(path)) as container:
        result = [change_along((f.to_ndarray(format="rgb24") for f in container.decode(video=0)), places)]
    for steady in (False, True):
        colors = recolor(path, facts, colorizer, colorizer.render, steady=steady)
        pictures = FilmReader(path, facts).pictures()
        frames = (lay_over(p, light, c, strength) for p, c in zip(pictures, colors, strict=True))
        result.append(change_along(frames, places))
    return result


def to_chroma(rgb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return Y, Cb and Cr of BT.601, Y in 0..1."""
    red, green, blue = rgb.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, (blue - luma) / 1.772, (red - luma) / 1.402


def still_frames(
    ab: torch.Tensor, frames: list[np.ndarray], places: list[Window], strength: float
) -> Iterator[np.ndarray]:
    """Yield frames with colours `(1, 2, H, W)` that stick to the photograph, over their own luma, through 4:2:0."""
    height, width = ab.shape[-2:]
    for frame, (left, top, scale) in zip(frames, places, strict=True):
        luma = to_chroma(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float() / 255)[0]
        luma = (luma.clamp(0, 1) * 219).round() / 219
        x, y = ((start + scale * (torch.arange(n) + 0.5)) * (2 / side) - 1 for start, n, side in
                ((left, frame.shape[1], width), (top, frame.shape[0], height)))  # fmt: skip
        grid = torch.stack(torch.meshgrid(x.float(), y.float(), indexing="xy"), -1)[None]
        colors = F.avg_pool2d(F.grid_sample(ab, grid, align_corners=False), 2) * strength
        lightness = rgb_to_lab(F.avg_pool2d(luma[:, None], 2).expand(-1, 3, -1, -1))[:, :1]
        chroma = to_chroma(lab_to_rgb(torch.cat((lightness, colors), 1)).clamp(0, 1))[1:]
        size = luma.shape[-2:]
        blue, red = (
            F.interpolate((plane * 224).round()[None] / 224, size=size, mode="bilinear")[0] for plane in chroma
        )
        red, blue = luma + 1.402 * red, luma + 1.772 * blue
        rgb = torch.stack((red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue), 1)
        yield (rgb[0].clamp(0, 1).permute(1, 2, 0) * 255).round().numpy().astype(np.uint8)


def colorfulness_of(frames: Iterator[np.ndarray]) -> float:
    found = [float(colorfulness(torch.from_numpy(f.copy()).permute(2, 0, 1)[None] / 255)) for f in frames]
    return sum(found) / len(found)


def bound(photos: list[tuple[str, Image.Image]], count: int = 16) -> None:
    """Print how little colours can change along the motion: those of the coloured photograph, which stick to it."""
    colorizer, size = Colorizer.load(), (480, 270)
    for number, (name, photo) in enumerate(photos):
        places = windows(photo, size, 4 * RATE, number)[:count]
        frames = list(moving_frames(photo, size, places, number))
        wanted, strength = colorfulness_of(iter(frames[::8])), 1.0
        colored = np.asarray(colorizer.colorize(photo.convert("L"))).copy()
        ab = rgb_to_lab(torch.from_numpy(colored).permute(2, 0, 1)[None].float() / 255)[:, 1:]
        for _ in range(4):
            reached = colorfulness_of(still_frames(ab, frames[::8], places[::8], strength))
            strength = min(4.0, strength * wanted / max(reached, 1e-3))
        change = change_along(still_frames(ab, frames, places, strength), places)
        print(f"{name}: colours that stick to the photograph change by {change[0]:.2f} / {change[1]:.2f}", flush=True)


def row(score: Score, own: Score) -> str:
    return f"{score.cdc:.5f} ({score.cdc / own.cdc:.2f}) | {score.psnr:.2f} dB"


def tell(moved: list[Change]) -> str:
    cells = [" / ".join(f"{value:.2f}" for value in change) for change in moved]
    less = " / ".join(f"{1 - film / alone:.0%}" for alone, film in zip(moved[1], moved[2], strict=True))
    return " | ".join((*cells, less))


def show(scores: ClipScores, moved: list[Change] | None) -> None:
    cells = " | ".join(row(score, scores.own) for score in (scores.grey, scores.alone, scores.steady))
    changes = " | | |" if moved is None else tell(moved)
    name = f"{scores.name} ({scores.frames} frames)"
    print(f"| {name} | {scores.own.colorfulness:.1f} | {scores.own.cdc:.5f} | {cells} | {changes} |", flush=True)


def quality(clips: list[Path], photos: list[tuple[str, Image.Image]], seconds: float, folder: Path) -> None:
    colorizer = Colorizer.load()
    print("| clip | colourfulness | CDC: own | grey | PSNR | frame by frame | PSNR | film | PSNR | change of ab: own | "
          "frame by frame | film | less |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    found: list[ClipScores] = []
    changes: list[list[Change]] = []
    for path in clips:
        found.append(measure_clip(path, colorizer, colorizer.render))
        show(found[-1], None)
    for number, (name, photo) in enumerate(photos):
        size = (480, 270)
        places = windows(photo, size, round(seconds * RATE), number)
        path = folder / f"{name}.mkv"
        write_clip(path, moving_frames(photo, size, places, number))
        found.append(measure_clip(path, colorizer, colorizer.render))
        changes.append(flicker(path, places, colorizer, found[-1].steady.strength))
        show(found[-1], changes[-1])
    ratios = [[getattr(s, way).cdc / s.own.cdc for s in found] for way in ("grey", "alone", "steady")]
    cdcs = [sum(getattr(s, way).cdc for s in found) / len(found) for way in ("own", "grey", "alone", "steady")]
    noises = [sum(getattr(s, way).psnr for s in found) / len(found) for way in ("grey", "alone", "steady")]
    print(f"mean CDC: own {cdcs[0]:.5f}, grey {cdcs[1]:.5f} ({cdcs[1] / cdcs[0]:.2f}), frame by frame {cdcs[2]:.5f} "
          f"({cdcs[2] / cdcs[0]:.2f}), film {cdcs[3]:.5f} ({cdcs[3] / cdcs[0]:.2f})")  # fmt: skip
    print("mean ratio of CDC to the clip's own: " + ", ".join(f"{sum(r) / len(r):.2f}" for r in ratios))
    print("mean PSNR: " + ", ".join(f"{noise:.2f} dB" for noise in noises))
    if changes:
        count = len(changes)
        mean = [(sum(c[way][0] for c in changes) / count, sum(c[way][1] for c in changes) / count) for way in range(3)]
        print("mean change of ab along the motion: own | frame by frame | film | less: " + tell(mean))


def old_film(path: Path, photos: list[tuple[str, Image.Image]], seconds: float, size: tuple[int, int]) -> None:
    """Write a grey film with a cut every four seconds, as H.264."""

    def frames() -> Iterator[np.ndarray]:
        left, scene = round(seconds * RATE), 0
        while left > 0:
            count = min(left, 4 * RATE)
            photo = photos[scene % len(photos)][1].convert("L").convert("RGB")
            yield from moving_frames(photo, size, windows(photo, size, 4 * RATE, scene)[:count], scene)
            left, scene = left - count, scene + 1

    write_clip(path, frames(), "libx264", grey=True)


def floor(path: Path) -> int:
    """Decode a film and encode its luma with neutral chroma, as `colorize` does with colours; return its frames."""
    facts = probe_film(path)
    encoding = choose_encoding(facts, VideoCodec.AUTO, None, ".mp4", double=False)
    encoder = open_encoder(encoding, facts)
    neutral = np.full((facts.height // 2, facts.width // 2), 128, np.uint8)
    count = 0
    for picture in FilmReader(path, facts).pictures():
        frame = make_frame(picture.luma, (neutral, neutral), encoding, facts)
        frame.pts = picture.pts
        encoder.encode(frame)
        count += 1
    encoder.encode(None)
    return count


def whole(path: Path, target: Path, colorizer: Colorizer) -> int:
    options = ColorizeOptions(
        render=colorizer.render, existing=Existing.OVERWRITE, color_input=ColorInput.RECOLOR
    )  # fmt: skip
    (*_, outcome) = color_film(Job(0, path, target), colorizer, options, FilmOptions())
    assert isinstance(outcome, FilmOutcome), outcome
    return outcome.pages


def timed(work, *arguments) -> tuple[float, float]:
    """Return seconds and processor seconds a frame."""
    wall, used = time.perf_counter(), time.process_time()
    count = work(*arguments)
    return (time.perf_counter() - wall) / count, (time.process_time() - used) / count


def speed(photos: list[tuple[str, Image.Image]], folder: Path) -> None:
    colorizer = Colorizer.load()
    path = folder / "old.mp4"
    old_film(path, photos, 6, (960, 540))
    whole(path, folder / "warm.mp4", colorizer)
    for _ in range(3):
        bare, full = timed(floor, path), timed(whole, path, folder / "out.mp4", colorizer)
        print(f"960 x 540: decode and encode alone {1 / bare[0]:.1f} frames/s ({bare[1] * 1000:.1f} ms of processor a "
              f"frame), with colours {1 / full[0]:.1f} frames/s ({full[1] * 1000:.1f} ms): {bare[0] / full[0]:.0%} of "
              f"the speed, {bare[1] / full[1]:.0%} by processor time", flush=True)  # fmt: skip


def memory(
    photos: list[tuple[str, Image.Image]], folder: Path, long: float, size: tuple[int, int], weights: str
) -> None:
    for seconds in (10.0, long):
        path = folder / f"{seconds:g}.mp4"
        old_film(path, photos, seconds, size)
        command = [sys.executable, __file__, "--peak", str(path), "--weights", weights]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--long", type=float, default=120)
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(640, 360))
    parser.add_argument("--weights", default="default", help="of the films whose memory is measured")
    parser.add_argument("--no-quality", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--bound", action="store_true", help="print how little colours can change, and no more")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.peak:
        count = whole(given.peak, given.peak.with_suffix(".out.mp4"), Colorizer.load(given.weights))
        facts = probe_film(given.peak)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{Fraction(count, RATE)!s} s of {facts.width} x {facts.height}: at most {peak:.0f} MiB")
        return
    photos = photographs(given.photos)
    if given.bound:
        bound(photos)
        return
    with tempfile.TemporaryDirectory() as name:
        if not given.no_quality:
            quality(given.clips, photos, given.seconds, Path(name))
        if not given.no_speed:
            speed(photos, Path(name))
        if not given.no_memory:
            memory(photos, Path(name), given.long, given.size, given.weights)


if __name__ == "__main__":
    main()
