"""What a person sees: results on stdout, talk and progress on stderr."""

import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from rich.console import Console

from colorgan.files import printable

if TYPE_CHECKING:  # rich's parts are loaded when they are first drawn, which keeps the start short
    from collections.abc import Iterator

    from rich.progress import Progress
    from rich.table import Table

__all__ = [
    "Verbosity",
    "close_stdout",
    "fail",
    "is_stdout_closed",
    "make_table",
    "print_line",
    "progress_bar",
    "say",
    "settings",
    "stderr",
    "stdout",
    "warn",
]


class Verbosity(IntEnum):
    """How much is said on stderr."""

    QUIET = 0  # errors only
    NORMAL = 1
    VERBOSE = 2  # and the details, and tracebacks of known errors


@dataclass(slots=True)
class Settings:
    """What the command line's global options set."""

    verbosity: Verbosity = Verbosity.NORMAL

    @property
    def debug(self) -> bool:
        """Whether known errors show their tracebacks."""
        return self.verbosity >= Verbosity.VERBOSE or os.environ.get("COLORGAN_DEBUG", "") not in ("", "0")


settings = Settings()


def _console(*, to_stderr: bool) -> Console:
    stream = sys.stderr if to_stderr else sys.stdout
    # Without a terminal a line is never folded at 80 columns, so that paths survive a pipe.
    width = None if stream.isatty() or "COLUMNS" in os.environ else 10_000
    # File names may hold anything: nothing in a text is taken for markup ("[old]") or an emoji (":camera:").
    return Console(
        stderr=to_stderr, width=width, highlight=False, markup=False, emoji=False, soft_wrap=not stream.isatty()
    )


def stdout() -> Console:
    """The console for results."""
    return _console(to_stderr=False)


def stderr() -> Console:
    """The console for talk, progress and errors."""
    return _console(to_stderr=True)


def say(message: str, *, detail: bool = False) -> None:
    """Say something on stderr, unless `--quiet`; a `detail` only with `--verbose`. No markup is interpreted."""
    if settings.verbosity >= (Verbosity.VERBOSE if detail else Verbosity.NORMAL):
        _talk(message)


def warn(message: str) -> None:
    """Say what went wrong, on stderr, whatever the verbosity. No markup is interpreted."""
    _talk(message, style="yellow")


def fail(message: str) -> None:
    """Say why a command ends, on stderr, whatever the verbosity. No markup is interpreted."""
    _talk(f"colorgan: {message}", style="red")


def _talk(message: str, *, style: str | None = None) -> None:
    with suppress(OSError):  # nobody listens, or their disk is full: the work goes on
        stderr().print(_printable_lines(message), markup=False, style=style)


def _printable_lines(message: str) -> str:
    """Take the sting out of what messages quote: file names may hold what terminals obey, or cannot be written."""
    return "\n".join(map(printable, message.split("\n")))


def print_line(text: str) -> None:
    """Print a line of results on stdout: on a terminal as it can be shown, elsewhere byte by byte as it is.

    Raises:
        OSError: Whoever read it has gone, or there is no room for it.
    """
    sys.stdout.write((printable(text) if sys.stdout.isatty() else text) + "\n")
    sys.stdout.flush()


def close_stdout() -> None:
    """Let what is still printed go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):  # it is no file, or closed
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    finally:
        os.close(nowhere)


def is_stdout_closed() -> bool:
    """Tell whether the program was started without a standard output."""
    return sys.stdout is None or getattr(sys.stdout, "name", "") == os.devnull


def make_table(*columns: str, title: str | None = None) -> "Table":
    """Make a table in the house's style; columns whose name begins with '>' are set to the right."""
    from rich.table import Table

    table = Table(title=title, box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return table


@contextmanager
def progress_bar(*, unit: str = "") -> "Iterator[Progress]":
    """Draw a progress bar on stderr; nothing where stderr is no terminal or `--quiet` was given.

    Tasks may carry a `note` field, shown behind the bar.
    """
    from rich import progress as rich

    console = stderr()
    progress = rich.Progress(
        rich.SpinnerColumn(),
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn(unit),
        rich.TaskProgressColumn(),
        rich.TimeElapsedColumn(),
        rich.TimeRemainingColumn(),
        rich.TextColumn("{task.fields[note]}", markup=False),
        console=console,
        disable=not console.is_terminal or settings.verbosity is Verbosity.QUIET,
        transient=True,
    )
    with progress:
        yield progress
