"""Options that several commands share."""

from typing import Annotated

import typer

from colorgan.config import DeviceChoice, PrecisionChoice
from colorgan.console import Verbosity, settings

__all__ = ["DeviceOption", "EarlyVerboseOption", "PrecisionOption", "QuietOption", "VerboseOption"]


def _set_quiet(wanted: bool) -> None:
    if wanted:
        settings.verbosity = Verbosity.QUIET


def _set_verbose(wanted: bool) -> None:
    if wanted:
        settings.verbosity = Verbosity.VERBOSE


DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda[:N]|mps", help=f"Where to compute. Default: {DeviceChoice.AUTO}."),
]
PrecisionOption = Annotated[PrecisionChoice, typer.Option("--precision", help="Arithmetic of the network.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", callback=_set_quiet, help="Say nothing but errors.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", callback=_set_verbose, help="Say more, and show tracebacks.")
]
EarlyVerboseOption = Annotated[  # before the command; looked at before any other option
    bool,
    typer.Option("--verbose", "-v", callback=_set_verbose, is_eager=True, help="Say more, and show tracebacks."),
]
