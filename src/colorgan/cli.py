"""The command line: one Typer app, and the one place where errors become exit codes."""

import io
import os
import signal
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from colorgan import console
from colorgan.commands import colorize, evaluate, export, train, weights
from colorgan.commands.about import describe_installation, describe_versions
from colorgan.commands.options import EarlyVerboseOption
from colorgan.commands.settings import KeptCommand
from colorgan.errors import ColorganError

__all__ = ["app", "main"]

app = typer.Typer(
    name="colorgan",
    help="Colour black-and-white photographs, and train the networks that do it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("colorize", cls=KeptCommand)(colorize.colorize)
app.command("train", cls=KeptCommand)(train.train)
app.command("eval", cls=KeptCommand)(evaluate.evaluate)
app.command("download-weights", cls=KeptCommand)(weights.download_weights)
app.command("export", cls=KeptCommand)(export.export)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    console.stdout().print(describe_versions(), markup=False)
    if console.settings.verbosity >= console.Verbosity.VERBOSE:
        for name, text in describe_installation():
            console.stdout().print(f"{name}: {text}", markup=False)
    raise typer.Exit


@app.callback()
def _options(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            help="Print the versions and exit; with -v all that a report of a fault should hold.",
        ),
    ] = False,
    verbose: EarlyVerboseOption = False,
) -> None:
    pass


def _print_any_name() -> None:
    """Let every file name be printed: as its own bytes where the output is UTF-8, with escapes elsewhere."""
    if sys.stdout is None:  # it was closed before this program began
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            is_utf8 = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")


def _heed_no_more_interrupts() -> None:
    """Let a second Ctrl-C, while Python ends, show no traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main() -> NoReturn:
    """Run the command line and exit.

    Exit codes: 0 all done; 1 something failed, and was named; 2 wrong use, nothing was done; 130 interrupted (143 by
    SIGTERM, 129 by SIGHUP), what was finished is kept.
    """
    _print_any_name()
    try:
        app()
    except ColorganError as error:
        if console.settings.debug:
            traceback.print_exception(error)
        console.fail(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is None or console.settings.debug:  # without a name it says nothing to a person
            raise
        console.fail(f"{os.fsdecode(error.filename)} cannot be used: {error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        _heed_no_more_interrupts()
        sys.exit(130)
    except SystemExit as ended:
        if ended.code == 130:  # what Typer makes of it
            _heed_no_more_interrupts()
        raise
    sys.exit(0)
