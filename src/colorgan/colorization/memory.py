"""Getting the network's answer although memory is short: halve the batch, then the picture, then go to the CPU."""

import copy
import dataclasses
from collections.abc import Callable, Sequence

import torch

from colorgan.colorization.colorizer import Colorizer, Colors, Sketch
from colorgan.config import RenderConfig
from colorgan.rendering import shrink
from colorgan.runtime import Runtime

__all__ = ["is_out_of_memory", "predict_within_memory"]

_SMALLEST = 64  # pixels: a render size that fits anywhere


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory, of a GPU or of the machine, has run out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in text or "out of memory" in text)


def predict_within_memory(
    colorizer: Colorizer,
    sketches: Sequence[Sketch],
    config: RenderConfig,
    *,
    confidence: bool = False,
    lean: tuple[float, float] = (0.0, 0.0),
    pad_to: int = 1,
    on_notice: Callable[[str], None] = lambda _: None,
) -> list[Colors]:
    """Ask for the colours of sketches with equal keys, whatever it takes; see `Colorizer.predict`.

    Raises:
        MemoryError: Not even one small picture fits, on the CPU.
    """
    try:
        return colorizer.predict(sketches, config, confidence=confidence, lean=lean, pad_to=pad_to)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Outside of `except`, so that the traceback no longer holds the tensors that did not fit.
    _release(colorizer)
    ways = {"confidence": confidence, "lean": lean, "on_notice": on_notice}
    if len(sketches) > 1 or pad_to > 1:
        on_notice(f"memory ran out with {max(len(sketches), pad_to)} pictures at once; trying half of them")
        size = max(len(sketches), pad_to) // 2
        parts = [sketches[start : start + size] for start in range(0, len(sketches), size)]
        return [c for part in parts for c in predict_within_memory(colorizer, part, config, pad_to=size, **ways)]  # type: ignore[arg-type]
    if config.size // 2 >= _SMALLEST:
        smaller = dataclasses.replace(config, size=config.size // 2, sizes=())
        on_notice(f"memory ran out at render size {config.size}; trying {smaller.size}")
        return predict_within_memory(colorizer, [_smaller(sketches[0])], smaller, **ways)  # type: ignore[arg-type]
    if colorizer.runtime.device.type != "cpu":
        on_notice(f"memory of {colorizer.runtime.device} ran out; this picture goes to the CPU")
        return predict_within_memory(_on_cpu(colorizer), sketches, config, **ways)  # type: ignore[arg-type]
    raise MemoryError("memory ran out even for a small picture; close other programs")


def _release(colorizer: Colorizer) -> None:
    if colorizer.runtime.device.type == "cuda":
        torch.cuda.empty_cache()


def _smaller(sketch: Sketch) -> Sketch:
    height, width = (max(1, side // 2) for side in sketch.luminance.shape[-2:])
    return dataclasses.replace(sketch, luminance=shrink(sketch.luminance[None], (height, width))[0])


def _on_cpu(colorizer: Colorizer) -> Colorizer:
    network = copy.deepcopy(colorizer.network).cpu()
    runtime = Runtime(torch.device("cpu"), torch.float32)
    return Colorizer(network, colorizer.render, runtime, name=colorizer.name, sha256=colorizer.sha256)
