"""What 8-bit integers would make of the network on the CPU: how far its colours move, and what a picture costs.

    python tests/benchmarks/torch_int8.py --avx2 PHOTOGRAPHS CALIBRATION

Both are folders. Torch's quantizer gets the network as `colorize` runs it, batch norms folded, and the photographs of
the second folder to learn its ranges from; self-attention and transposed convolutions stay in float32. Distances are
those of ab as it is rendered, over the photographs of the first. `--avx2` is that of `single.py`; of the two engines
`onednn` heeds it for certain.
"""

import argparse
import copy
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from time import process_time

import torch
from single import AVX2  # type: ignore[import-not-found]  # beside it
from torch import Tensor, nn
from torch.ao.quantization import get_default_qconfig_mapping
from torch.ao.quantization.fx.custom_config import PrepareCustomConfig
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

from colorgan.color import AB_LIMIT, decode_bins, luminance_to_grey
from colorgan.colorization import Colorizer
from colorgan.images import is_image_name, iter_photos
from colorgan.model import Generator
from colorgan.model.blocks import SelfAttention2d
from colorgan.model.encoders import GREY_MEAN, GREY_STD
from colorgan.rendering.predict import chroma_factor

FLOAT_PARTS = {
    "everything": (),
    "all but heads, stem and first block": ("color", "bins", "features.0", "features.1"),
    "the decoder alone": ("features",),
}


class Trunk(nn.Module):
    """A generator without canvas and padding, which the quantizer can trace."""

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.features, self.taps = network.encoder.features, network.encoder.taps
        self.bottleneck, self.decoder = network.bottleneck, network.decoder
        self.color, self.bins = network.color, network.bins

    def forward(self, grey: Tensor) -> tuple[Tensor, Tensor]:
        x, stages = grey, []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                stages.append(x)
        x = self.bottleneck(stages.pop())
        for stage, skip in zip(self.decoder, stages[::-1], strict=False):
            x = stage(x, skip)
        assert self.bins is not None
        return self.color(x), self.bins(x)


def greys(folder: Path, colorizer: Colorizer) -> Iterator[Tensor]:
    """Yield the photographs of a folder as the network takes them, `(1, 1, H, W)`."""
    for path in sorted(folder.rglob("*")):
        if is_image_name(path):
            L = colorizer.prepare(next(iter_photos(path)), colorizer.render).guide[None]
            yield ((luminance_to_grey(L) - GREY_MEAN) / GREY_STD).contiguous(memory_format=torch.channels_last)


def render(trunk: nn.Module, grey: Tensor, colorizer: Colorizer) -> Tensor:
    color, bins = trunk(grey)
    config = colorizer.render
    ab = torch.lerp(color * AB_LIMIT, decode_bins(bins, temperature=config.temperature), config.bins_share)
    return ab * chroma_factor(ab, config)


def quantize(trunk: Trunk, calibration: list[Tensor], engine: str, kept: tuple[str, ...]) -> nn.Module:
    torch.backends.quantized.engine = engine
    mapping = get_default_qconfig_mapping(engine).set_object_type(nn.ConvTranspose2d, None)
    attentions = [name for name, layer in trunk.named_modules() if isinstance(layer, SelfAttention2d)]
    for name in (*kept, *attentions):
        mapping = mapping.set_module_name(name, None)
    custom = PrepareCustomConfig().set_non_traceable_module_classes([SelfAttention2d])
    observed = prepare_fx(copy.deepcopy(trunk), mapping, (calibration[0],), prepare_custom_config=custom)
    with torch.no_grad():
        for grey in calibration:
            observed(grey)
    return convert_fx(observed)


def milliseconds(trunks: dict[str, nn.Module], pair: Tensor, runs: int) -> dict[str, float]:
    """Return what a picture takes, in batches of two, by turns."""
    taken: dict[str, list[float]] = {name: [] for name in trunks}
    for run in range(runs + 1):
        for name, trunk in trunks.items():
            started = process_time()
            trunk(pair)
            taken[name] += [1000 * (process_time() - started) / len(pair)] if run else []
    return {name: median(times) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("calibration", type=Path)
    parser.add_argument("--avx2", action="store_true", help="emulate a processor without AVX-512")
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    if arguments.avx2 and any(os.environ.get(name) != value for name, value in AVX2.items()):
        again = subprocess.run(
            [sys.executable, *sys.argv], env=os.environ | AVX2, check=False
        )  # before torch is loaded
        sys.exit(again.returncode)
    warnings.simplefilter("ignore")  # of torch, that its quantizer moves elsewhere
    torch.set_num_threads(1)
    colorizer = Colorizer.load(precision="float32")
    trunk = Trunk(colorizer.network).eval()
    photographs, calibration = (list(greys(f, colorizer)) for f in (arguments.photographs, arguments.calibration))
    print(f"{colorizer}, {torch.backends.cpu.get_cpu_capability()}, {len(photographs)} photographs, one thread")
    print("| engine | in int8 | mean ab distance | of the worst photograph | ms | of float32 |")
    print("|---|---|---:|---:|---:|---:|")
    for engine in ("x86", "onednn"):
        trunks: dict[str, nn.Module] = {"float32": trunk}
        trunks |= {what: quantize(trunk, calibration, engine, kept) for what, kept in FLOAT_PARTS.items()}
        with torch.inference_mode():
            truth = [render(trunk, grey, colorizer) for grey in photographs]
            times = milliseconds(trunks, torch.cat([photographs[0]] * 2), arguments.runs)
            for what, quantized in trunks.items():
                answers = [render(quantized, grey, colorizer) for grey in photographs]
                distances = [float((a - t).norm(dim=1).mean()) for a, t in zip(answers, truth, strict=True)]
                print(
                    f"| {engine} | {what if quantized is not trunk else 'nothing'} | {mean(distances):.2f} | "
                    f"{max(distances):.2f} | {times[what]:.1f} | {times[what] / times['float32']:.0%} |"
                )


if __name__ == "__main__":
    main()
