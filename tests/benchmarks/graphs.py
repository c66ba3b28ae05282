"""What the ONNX graphs cost and give beside torch: size, distance, gain over grey, processor time, one thread each.

Run it with graphs and a folder (or .tar file) of colour photographs on which nothing was measured or trained:

    colorgan export float.onnx --to onnx
    colorgan export int8.onnx --to onnx --int8 other-photographs/
    python tests/benchmarks/graphs.py photographs/ float.onnx int8.onnx

Each photograph is asked about by all of them in turn, so that the ratios hold on a busy machine too. The times are the
processor's, of the network and its rendering alone. The gain is that of pictures whose colours are brought up
bilinearly, with the photograph's own luminance, as `examples/onnx_colorize.py` does it.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean, quantiles
from time import process_time

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import fit_gamut, lab_to_rgb, rgb_to_lab
from colorgan.data import find_photos, open_photo
from colorgan.model import prepare_for_inference
from colorgan.rendering import predict_rendering
from colorgan.weights.file import load_generator
from colorgan.weights.store import resolve_weights

Program = Callable[[Tensor], Tensor]  # L (1, 1, H, W) -> ab (1, 2, h, w)


def torch_program(weights: str) -> Program:
    """Return colorgan's own way of asking, in float32."""
    generator = load_generator(resolve_weights(weights))
    network = prepare_for_inference(generator.network, torch.float32)

    def ask(luminance: Tensor) -> Tensor:
        with torch.inference_mode():
            answer = predict_rendering(network, luminance, generator.render)
        return answer.ab * generator.render.strength

    return ask


def onnx_program(path: Path) -> Program:
    """Return a graph's way."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda luminance: torch.from_numpy(session.run(None, {"luminance": luminance.numpy()})[0])


def gain(lab: Tensor, ab: Tensor) -> float:
    """Return by how many dB the coloured picture is nearer to the truth than the grey one."""
    full = F.interpolate(ab, size=lab.shape[-2:], mode="bilinear")
    coloured, grey = (fit_gamut(torch.cat((lab[:, :1], colors), 1)) for colors in (full, torch.zeros_like(full)))
    truth = lab_to_rgb(lab)
    errors = [(lab_to_rgb(picture).clamp(0, 1) - truth).square().mean() for picture in (coloured, grey)]
    return float(10 * torch.log10(errors[1] / errors[0]))


def main() -> None:
    """Ask all, photograph by photograph, and print a row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("graphs", type=Path, nargs="+")
    parser.add_argument("--weights", default="default", help="what the graphs were exported from")
    options = parser.parse_args()
    torch.set_num_threads(1)
    programs = {"torch float32": torch_program(options.weights)} | {p.name: onnx_program(p) for p in options.graphs}
    sizes = {path.name: f"{path.stat().st_size / 1e6:.1f} MB" for path in options.graphs}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    distances: dict[str, list[float]] = {name: [] for name in programs}
    gains: dict[str, list[float]] = {name: [] for name in programs}
    chromas: list[float] = []
    for number, photo in enumerate(find_photos(options.photographs)):
        rgb = torch.from_numpy(np.array(open_photo(photo))).movedim(-1, 0).float() / 255
        lab = rgb_to_lab(rgb)[None]
        answers = {}
        for name, ask in programs.items():
            begun = process_time()
            answers[name] = ask(lab[:, :1])
            seconds[name].append(process_time() - begun)
        truth = answers["torch float32"]
        chromas.append(float(truth.norm(dim=1).mean()))
        for name, ab in answers.items():
            distances[name].append(float((ab - truth).norm(dim=1).mean()))
            gains[name].append(gain(lab, ab))
        if sys.stderr.isatty():
            print(number, end="\r", file=sys.stderr)
    print(f"{len(chromas)} photographs, mean chroma {mean(chromas):.2f}")
    print(f"{'':16}{'size':>9}{'ab distance':>13}{'95 % below':>12}{'gain over grey':>16}{'ms':>8}{'of torch':>10}")
    for name, times in seconds.items():
        ms, ratio = mean(times[2:]) * 1000, mean(times[2:]) / mean(seconds["torch float32"][2:])
        most = quantiles(distances[name], n=20)[-1]
        print(f"{name:16}{sizes.get(name, ''):>9}{mean(distances[name]):13.3f}{most:12.3f}", end="")
        print(f"{mean(gains[name]):13.3f} dB{ms:8.1f}{ratio:10.0%}")


if __name__ == "__main__":
    main()
