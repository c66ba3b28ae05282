"""Getting the network's answer although memory is short: halve the batch, then the picture, then go to the CPU."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import torch

from colorgan.colorization.colorizer import Colorizer
from colorgan.config import RenderConfig
from colorgan.rendering import NetworkInput, PredictedColor, Query, resample
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
    inputs: Sequence[NetworkInput],
    config: RenderConfig,
    query: Query | None = None,
    *,
    on_notice: Callable[[str], None] = lambda _: None,
) -> list[PredictedColor]:
    """Ask for the colours of pictures with equal render shapes, whatever it takes; see `Colorizer.predict`.

    Raises:
        MemoryError: Not even one small picture fits, on the CPU.
    """
    try:
        return colorizer.predict(inputs, config, query)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Outside of `except`, so that the traceback no longer holds the tensors that did not fit.
    _release(colorizer)
    ask, query = partial(predict_within_memory, on_notice=on_notice), query or Query()
    if (count := max(len(inputs), query.pad_to)) > 1:
        on_notice(f"memory ran out with {count} pictures at once; trying half of them")
        size = count // 2
        fewer = dataclasses.replace(query, pad_to=size)
        parts = [inputs[start : start + size] for start in range(0, len(inputs), size)]
        return [color for part in parts for color in ask(colorizer, part, config, fewer)]
    if config.size // 2 >= _SMALLEST:
        smaller = dataclasses.replace(config, size=config.size // 2, sizes=())
        on_notice(f"memory ran out at render size {config.size}; trying {smaller.size}")
        return ask(colorizer, [_smaller(inputs[0])], smaller, query)
    if colorizer.runtime.device.type != "cpu":
        on_notice(f"memory of {colorizer.runtime.device} ran out; this picture goes to the CPU")
        return ask(_on_cpu(colorizer), inputs, config, query)
    raise MemoryError("memory ran out even for a small picture; close other programs")


def _release(colorizer: Colorizer) -> None:
    if colorizer.runtime.device.type == "cuda":
        torch.cuda.empty_cache()


def _smaller(network_input: NetworkInput) -> NetworkInput:
    height, width = (max(1, side // 2) for side in network_input.luminance.shape[-2:])
    return dataclasses.replace(network_input, luminance=resample(network_input.luminance[None], (height, width))[0])


def _on_cpu(colorizer: Colorizer) -> Colorizer:
    network = copy.deepcopy(colorizer.network).cpu()
    runtime = Runtime(torch.device("cpu"), torch.float32)
    return Colorizer(network, colorizer.render, runtime, name=colorizer.name, sha256=colorizer.sha256)
