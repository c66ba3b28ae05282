"""The command line: one Typer app, and the one place where errors become exit codes."""

import io
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from colorgan import console
from colorgan.commands import colorize, evaluate, train, weights
from colorgan.commands.about import describe_installation, describe_versions
from colorgan.commands.options import EarlyVerboseOption
from colorgan.errors import ColorganError

__all__ = ["app", "main"]

app = typer.Typer(
    name="colorgan",
    help="Colour black-and-white photographs, and train the networks that do it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("colorize")(colorize.colorize)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.command("download-weights")(weights.download_weights)


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            is_utf8 = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")


def main() -> NoReturn:
    """Run the command line and exit.

    Exit codes: 0 all done; 1 something failed, and was named; 2 wrong use, nothing was done; 130 interrupted, what
    was finished is kept.
    """
    _print_any_name()
    try:
        app()
    except ColorganError as error:
        if console.settings.debug:
            traceback.print_exception(error)
        console.stderr().print(f"colorgan: {error}", markup=False, style="red")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
