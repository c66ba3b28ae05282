"""Devices and precisions: what this machine has, and what is picked from it."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from colorgan.config import DeviceChoice, PrecisionChoice
from colorgan.errors import DeviceError

__all__ = ["Runtime", "pick_runtime"]

_DTYPES = {
    PrecisionChoice.FLOAT32: torch.float32,
    PrecisionChoice.BFLOAT16: torch.bfloat16,
    PrecisionChoice.FLOAT16: torch.float16,
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where a network runs and in which arithmetic."""

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> AbstractContextManager[object]:
        """Return a context in which the network's operations run in `dtype`."""
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    @property
    def precision(self) -> str:
        """The `PrecisionChoice` that it is."""
        return str(self.dtype).removeprefix("torch.")

    def __str__(self) -> str:
        return f"{self.device}, {self.precision}"


def pick_runtime(device: str = "auto", precision: str = "auto") -> Runtime:
    """Pick a device and a precision, or check the ones asked for.

    `auto` takes CUDA, else MPS, else the CPU; and bfloat16 where the device computes it natively, else float32.

    Args:
        device: A `DeviceChoice`, or a torch device such as "cuda:1".
        precision: A `PrecisionChoice`.

    Raises:
        DeviceError: This machine does not have what was asked for. Nothing else is taken instead.
    """
    chosen = _pick_device(device)
    try:
        choice = PrecisionChoice(precision)
    except ValueError:
        raise DeviceError(f"unknown precision {precision!r}; use one of {', '.join(PrecisionChoice)}") from None
    if choice is PrecisionChoice.AUTO:
        return Runtime(chosen, torch.bfloat16 if _has_native_bfloat16(chosen) else torch.float32)
    if choice is PrecisionChoice.FLOAT16 and chosen.type == "cpu":
        raise DeviceError("precision float16 needs a GPU; use --precision float32 or bfloat16 on the CPU")
    return Runtime(chosen, _DTYPES[choice])


def _pick_device(device: str) -> torch.device:
    if device == DeviceChoice.AUTO:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise DeviceError(f"unknown device {device!r}; use auto, cpu, cuda, cuda:N or mps") from None
    if chosen.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (chosen.index or 0) >= count:
            raise DeviceError(
                f"device {device} was asked for, but this machine has {count} usable CUDA devices; "
                "use --device cpu, or auto to take what there is"
            )
    elif chosen.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device mps was asked for, but this machine has none; use --device cpu, or auto")
    elif chosen.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"device {device!r} is not supported; use auto, cpu, cuda, cuda:N or mps")
    return chosen


def _has_native_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Older releases of torch cannot say.
        capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return bool(capabilities.get("avx512_bf16", False))
    return False
