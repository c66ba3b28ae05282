"""What a person sees: results on stdout, talk and progress on stderr; and a log of what is said, if one is kept."""

import os
import re
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from colorgan.errors import UsageError
from colorgan.files import make_folder, printable

if TYPE_CHECKING:  # rich's parts are loaded when they are first drawn, which keeps the start short
    from collections.abc import Iterator

    from rich.progress import Progress
    from rich.table import Table

__all__ = [
    "Verbosity",
    "close_stdout",
    "fail",
    "is_stdout_closed",
    "log",
    "make_table",
    "open_log",
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
    log: Path | None = None  # where what is said is written down, too

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


def say(message: str, *, detail: bool = False, logged: bool = True) -> None:
    """Say something on stderr, unless `--quiet`; a `detail` only with `--verbose`. No markup is interpreted.

    What is not to be `logged` is said for those alone who look on.
    """
    if logged:
        log("info", message)
    if settings.verbosity >= (Verbosity.VERBOSE if detail else Verbosity.NORMAL):
        _talk(message)


def warn(message: str, *, logged: bool = True) -> None:
    """Say what went wrong, on stderr, whatever the verbosity. No markup is interpreted."""
    if logged:
        log("warning", message)
    _talk(message, style="yellow")


def fail(message: str) -> None:
    """Say why a command ends, on stderr, whatever the verbosity. No markup is interpreted."""
    log("error", message)
    _talk(f"colorgan: {message}", style="red")


def _talk(message: str, *, style: str | None = None) -> None:
    with suppress(OSError):  # nobody listens, or their disk is full: the work goes on
        stderr().print(_printable_lines(message), markup=False, style=style)


def _printable_lines(message: str) -> str:
    """Take the sting out of what messages quote: file names may hold what terminals obey, or cannot be written."""
    return "\n".join(map(printable, message.split("\n")))


_LOGS = (".log", ".txt")
_LOG_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def open_log(path: Path) -> None:
    """Begin to write down what is said, behind what an earlier run wrote there.

    Raises:
        UsageError: It is the name of something else than a log, or cannot be written.
    """
    path = path.absolute()
    if path.suffix.lower() not in _LOGS:
        raise UsageError(f"a log is a {' or a '.join(_LOGS)} file, got {path.name}")
    try:
        make_folder(path.parent)
        with path.open("a+b") as file:
            file.seek(0)
            start = file.read(32)
    except OSError as error:
        raise UsageError(f"the log {path} cannot be written: {error.strerror or error}") from error
    if start and not _LOG_LINE.match(start):
        raise UsageError(f"{path} is no log of colorgan, and nothing was added to it; give another name")
    settings.log = path


def log(kind: str, message: str) -> None:
    """Write a line into the log, if there is one: the time, what kind of line it is, what it says."""
    if settings.log is None:
        return
    line = f"{datetime.now(UTC).isoformat(timespec='seconds')} {kind:9} {printable(message)}\n"
    try:
        with settings.log.open("ab") as file:
            file.write(line.encode("utf-8", "backslashreplace"))
    except OSError as error:  # which is no reason to stop the work
        path, settings.log = settings.log, None
        warn(f"nothing is written to {path} any more: {error.strerror or error}")


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
