"""The command reference, made from the commands themselves: a page of the site, and a manual page.

Run by the site's hooks; `python docs/reference.py > colorgan.1` writes the manual page, `man ./colorgan.1` shows it.
Loads no torch.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import typer

from colorgan import __version__
from colorgan.cli import app, main

_COMPLETION = {"--install-completion", "--show-completion"}


@dataclass(frozen=True)
class Command:
    """A command as its help describes it."""

    name: str  # "colorgan colorize"
    usage: str
    text: str
    panels: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # by title: how it is written, what it does


def read_commands() -> Iterator[Command]:
    """Read what the Typer app knows: the program first, then each command in the order of its help."""
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="colorgan")
    yield _read(group, context)
    for name, command in group.commands.items():
        if not command.hidden:
            yield _read(command, typer.Context(command, info_name=name, parent=context))


def _read(command: typer.core.TyperCommand | typer.core.TyperGroup, context: typer.Context) -> Command:
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or _COMPLETION & set(parameter.opts):
            continue
        is_argument = isinstance(parameter, typer.core.TyperArgument)
        panel = parameter.rich_help_panel if hasattr(parameter, "rich_help_panel") else None
        panels.setdefault(panel or ("Arguments" if is_argument else "Options"), []).append(record)
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    filled = {title: records for title, records in panels.items() if records}
    text = re.sub(r"\[/?bold\]", "`", command.help or "")  # Typer's help is written in rich's markup
    return Command(context.command_path, usage, text, filled)


def exit_codes() -> str:
    """Return what `main` says of the exit codes."""
    return " ".join((main.__doc__ or "").partition("Exit codes: ")[2].split())


# --- the page ---------------------------------------------------------------------------------------------------------


def to_markdown() -> str:
    """Return the reference as a page of the site."""
    parts = ["# Commands", "What `colorgan COMMAND --help` says, made from the commands when this site was built."]
    for command in read_commands():
        parts += [f"## {command.name}", command.text, f"```text\n{command.usage}\n```"]
        for title, records in command.panels.items():
            rows = [f"| <code>{_literal(how)}</code> | {_literal(what)} |" for how, what in records]
            parts.append("\n".join([f"| {title} | |", "|---|---|", *rows]))
    parts += ["## Exit codes", f"{exit_codes()}"]
    return "\n\n".join(parts) + "\n"


def _literal(text: str) -> str:
    """Return text for a cell of a table, with nothing in it that Markdown or HTML would take for its own."""
    return re.sub(r"[^\w\s.,:;/()='\"+%?!-]", lambda found: f"&#{ord(found[0])};", " ".join(text.split()))


# --- the manual page --------------------------------------------------------------------------------------------------


def to_man() -> str:
    """Return the reference as a manual page, in the language of roff's `man` macros."""
    program, *commands = read_commands()
    lines = [
        f'.TH COLORGAN 1 "" "colorgan {__version__}" "User Commands"',
        ".SH NAME",
        _roff(f"colorgan - {program.text[:1].lower()}{program.text[1:].rstrip('.')}"),
        ".SH SYNOPSIS",
    ]
    for command in commands:
        lines += [".PP", f"\\fB{_roff(command.name)}\\fR {_roff(command.usage.removeprefix(command.name).strip())}"]
    lines += [".SH OPTIONS", *_records(program)]
    for command in commands:
        lines += [f".SH {_roff(command.name.upper())}", *_paragraphs(command.text), *_records(command)]
    lines += [".SH EXIT STATUS", _roff(exit_codes())]
    return "\n".join(lines) + "\n"


def _records(command: Command) -> Iterator[str]:
    for title, records in command.panels.items():
        yield f'.SS "{_roff(title)}"'
        for how, what in records:
            yield from (".TP", f"\\fB{_roff(how)}\\fR", _roff(" ".join(what.split())))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from (".PP", _roff(" ".join(paragraph.split())))


def _roff(text: str) -> str:
    text = text.replace("`", "").replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    sys.stdout.write(to_man())
