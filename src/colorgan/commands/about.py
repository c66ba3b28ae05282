"""`colorgan --version -v`: what a report of a fault should hold."""

import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from colorgan.version import __version__

__all__ = ["describe_installation", "describe_versions"]

_DEVELOPERS = {"dev", "docs"}  # extras that change nothing for users


def describe_versions() -> str:
    """Return colorgan's version with those that matter most, in one line; loads no torch."""
    others = f"torch {_version_of('torch')}, torchvision {_version_of('torchvision')}"
    return f"colorgan {__version__} (Python {platform.python_version()}, {others})"


def describe_installation() -> Iterator[tuple[str, str]]:
    """Yield what there is to know of this installation and machine: name and text.

    Paths in the user's home begin with ~, since people publish what they paste. What cannot be found out says why.
    """
    yield "system", platform.platform()
    yield "python", f"{_home_hidden(sys.executable)} ({platform.python_implementation()}, {platform.machine()})"
    yield "cores", _describe_cores()
    yield "memory", _describe_memory()
    yield from _describe_torch()
    yield from _describe_folders()
    for extra, packages in _find_extras().items():
        yield f"extra {extra}", ", ".join(f"{name} {_version_of(name)}" for name in packages)
    yield "packages", ", ".join(f"{name} {_version_of(name)}" for name in _find_requirements())
    yield "environment", ", ".join(sorted(_describe_environment())) or "nothing that colorgan reads"


# --- the machine ------------------------------------------------------------------------------------------------------


def _describe_cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{usable} of {os.cpu_count() or 1} usable"


def _describe_memory() -> str:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return "the system does not say"
    text = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"
    if "SC_AVPHYS_PAGES" in names:
        text += f", {os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB free"
    return text


def _describe_torch() -> Iterator[tuple[str, str]]:
    try:
        import torch

        from colorgan.runtime import pick_runtime
    except (ImportError, OSError) as error:  # a broken installation is what is to be reported
        yield "torch", f"cannot be loaded: {error}"
        return
    chosen, cpu = pick_runtime(), pick_runtime("cpu")
    name = torch.cuda.get_device_name(chosen.device) if chosen.device.type == "cuda" else ""
    if chosen.device.type == "cuda":
        name = f" ({name}, {torch.cuda.get_device_properties(chosen.device).total_memory / 2**30:.1f} GiB)"
    yield "device", f"{chosen.device}{name}"
    yield "precision", chosen.precision
    yield "bfloat16 on the cores", "yes" if cpu.precision == "bfloat16" else "no"
    yield "threads", f"{torch.get_num_threads()} of torch"
    yield "built for", f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"


# --- the installation -------------------------------------------------------------------------------------------------


def _describe_folders() -> Iterator[tuple[str, str]]:
    from colorgan.weights.store import data_directory

    package, data = Path(__file__).parents[1], data_directory()
    yield "program", _home_hidden(str(package))
    yield "data", _home_hidden(str(data)) + ("" if data.is_dir() else " (not there yet)")


def _find_extras() -> dict[str, list[str]]:
    """Return the packages of each extra for users."""
    extras: dict[str, list[str]] = {}
    for requirement in _own_requirements():
        if found := re.search(r"extra\s*==\s*['\"]([^'\"]+)", requirement):
            extras.setdefault(found[1], []).append(_name_of(requirement))
    return {extra: packages for extra, packages in extras.items() if extra not in _DEVELOPERS}


def _find_requirements() -> list[str]:
    named = [
        _name_of(requirement) for requirement in _own_requirements() if "extra" not in requirement.partition(";")[2]
    ]
    return sorted({*named, "numpy", "tifffile"})


def _own_requirements() -> list[str]:
    try:
        return requires("colorgan") or []
    except PackageNotFoundError:  # run from a folder of sources
        return []


def _name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _describe_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if name.startswith(("COLORGAN_", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")):
            yield f"{name}={_home_hidden(value)}"


def _home_hidden(text: str) -> str:
    home = os.path.expanduser("~")  # noqa: PTH111 - text, which may not be a path
    return text.replace(home, "~") if home not in ("", "/", "~") else text
