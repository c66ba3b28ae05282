"""Options that several commands share."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from colorgan import console
from colorgan.config import DeviceChoice, PrecisionChoice
from colorgan.console import Verbosity, settings
from colorgan.version import __version__

__all__ = [
    "DeviceOption",
    "EarlyVerboseOption",
    "LogOption",
    "MaxPixelsOption",
    "PrecisionOption",
    "PrintConfigOption",
    "QuietOption",
    "VerboseOption",
]

_MAX_PIXELS = "COLORGAN_MAX_PIXELS"  # which `colorgan.images.ReadLimits` goes by, in all processes of a run


def _set_quiet(wanted: bool) -> bool:
    if wanted:
        settings.verbosity = Verbosity.QUIET
    return wanted


def _set_verbose(wanted: bool) -> bool:
    if wanted:
        settings.verbosity = Verbosity.VERBOSE
    return wanted


def _open_log(context: typer.Context, path: Path | None) -> Path | None:
    if path is not None and not context.resilient_parsing:
        console.open_log(path)
        console.log("begin", f"colorgan {__version__}: {shlex.join(sys.argv[1:])}")
    return path


def _set_max_pixels(wanted: int | None) -> int | None:
    if wanted is not None:
        os.environ[_MAX_PIXELS] = str(wanted)
    return wanted


DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda[:N]|mps", help=f"Where to compute. Default: {DeviceChoice.AUTO}."),
]
PrecisionOption = Annotated[PrecisionChoice, typer.Option("--precision", help="Arithmetic of the network.")]
MaxPixelsOption = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        envvar=_MAX_PIXELS,
        callback=_set_max_pixels,
        help="Refuse larger pictures: a small file can claim any size. Default: 500,000,000.",
        show_default=False,
    ),
]
LogOption = Annotated[
    Path | None,
    typer.Option(
        "--log",
        metavar="FILE.log",
        callback=_open_log,
        help="Append to a log what is said, and what becomes of each file.",
        show_default=False,
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", callback=_set_quiet, help="Say nothing but errors.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", callback=_set_verbose, help="Say more, and show tracebacks.")
]
PrintConfigOption = Annotated[
    bool,
    typer.Option(
        "--print-config",
        help="Print what holds, and whence: COLORGAN_COMMAND_OPTION in the environment, or a colorgan.toml.",
    ),
]
EarlyVerboseOption = Annotated[  # before the command; looked at before any other option
    bool,
    typer.Option("--verbose", "-v", callback=_set_verbose, is_eager=True, help="Say more, and show tracebacks."),
]
