"""Settings that are kept: options from the environment and from files, below what the command line says.

The nearest word counts: the command line, `COLORGAN_<COMMAND>_<OPTION>`, `colorgan.toml` in the folder that colorgan
runs in, the user's own `colorgan.toml`, and then what the option is without any of them. A file has a table for each
command, with the names of its options as keys, and `[looks.NAME]` for looks.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from colorgan import console
from colorgan.config import LOOKS, LookConfig, config_from_mapping, shorten, suggest
from colorgan.errors import ConfigError, UsageError
from colorgan.files import printable

__all__ = ["FILE_NAME", "KeptCommand", "find_look", "find_looks", "find_settings_files", "outranks"]

FILE_NAME = "colorgan.toml"
_USER_FILE = "COLORGAN_CONFIG"  # names another file than the usual one
_LOOKS = "looks"
_META = "colorgan.settings"  # where a command's context keeps what its files say
_MOST_BYTES = 1 << 20
_PRINT, _PRINT_NAME = "--print-config", "print_config"


# --- the files --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file says."""

    path: Path
    tables: Mapping[str, Mapping[str, Any]]


def find_settings_files() -> list[Path]:
    """Return the files of settings that are there, the nearest first: the folder's, then the user's.

    Raises:
        UsageError: The environment names one that is not there.
    """
    folder, user = Path(FILE_NAME), _user_file()
    return [path for path in (folder, user) if os.path.isfile(path)]  # noqa: PTH113 - which never raises


def _user_file() -> Path:
    named = os.environ.get(_USER_FILE)
    if not named:
        import platformdirs

        return platformdirs.user_config_path("colorgan", appauthor=False) / FILE_NAME
    path = Path(named).expanduser()
    if not path.is_file():
        raise UsageError(f"{_USER_FILE} names {path}, and there is no such file; make it, or unset the variable")
    return path


def read_settings(path: Path, commands: Sequence[str]) -> SettingsFile:
    """Read a file of settings; of each table only whether there is such a one is looked at.

    Raises:
        UsageError: It cannot be read, is no TOML, or has a table that nothing is known of.
    """
    import tomllib

    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise UsageError(f"the settings in {path} are larger than a million bytes; is it the right file?")
        tables = tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"the settings in {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or too deep
        raise UsageError(f"the settings in {path} are no TOML: {error}; mend the file, or remove it") from error
    known = (*commands, _LOOKS)
    for name, table in tables.items():
        if name not in known:
            raise UsageError(f"{path}: unknown table {shorten(name)}; {suggest(name, known, 'tables')}")
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name} must be a table; write [{name}] and its settings below")
    return SettingsFile(path, tables)


# --- the options ------------------------------------------------------------------------------------------------------


class KeptCommand(TyperCommand):
    """A command whose options may come from the environment and from files.

    What is kept of an option is passed over for one run by `--no-` and its name.
    """

    def __init__(self, name: str | None, **details: Any) -> None:
        """Name the environment variable of each option; none is shown in the help, which says it once for all."""
        super().__init__(name, **details)
        for key, option in self._options().items():
            own = _variable(str(name), key)
            option.envvar = own if option.envvar is None else [own, *_listed(option.envvar)]
            option.show_envvar = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let files and the environment say what the command line does not."""
        if ctx.resilient_parsing or {"-h", "--help"} & set(args):  # a damaged file must not keep anyone from help
            return super().parse_args(ctx, args)
        args, passed_over = self._take_passed_over(args)
        ctx.meta[_META] = files = self._read_files(ctx)
        ctx.default_map = {name: value for name, value in self._defaults(files).items() if name not in passed_over}
        self._check_environment()
        with self._changed(passed_over, required=_PRINT not in args):
            try:
                rest = super().parse_args(ctx, args)
            except typer.BadParameter as error:
                if where := self._origin(ctx, error.param):
                    raise UsageError(f"{where}: {error.message}") from None
                raise
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; or print what holds."""
        if ctx.params.get(_PRINT_NAME):
            return self._print(ctx)
        set_by_files = [key for key, option in self._options().items() if _source(ctx, option.name) == "DEFAULT_MAP"]
        if set_by_files:
            files = ", ".join(printable(file.path) for file in _files(ctx) if str(self.name) in file.tables)
            console.say(f"{', '.join(set_by_files)} as kept in {files}")
        return super().invoke(ctx)

    def _options(self) -> dict[str, TyperOption]:
        """Return the options by their names on the command line, without dashes."""
        found = (option for option in self.params if isinstance(option, TyperOption) and option.name != _PRINT_NAME)
        return {max(option.opts, key=len).lstrip("-"): option for option in found}

    def _read_files(self, ctx: Any) -> list[SettingsFile]:
        commands = list(ctx.parent.command.commands)
        files = [read_settings(path, commands) for path in find_settings_files()]
        for file in files:
            for key in file.tables.get(str(self.name), {}):
                if _spelled(key) not in self._options():
                    near = suggest(_spelled(key), self._options())
                    raise UsageError(f"{file.path}, [{self.name}]: unknown key {shorten(key)}; {near}")
        return files

    def _defaults(self, files: Sequence[SettingsFile]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for file in reversed(files):
            for key, value in file.tables.get(str(self.name), {}).items():
                option = self._options()[_spelled(key)]
                found[str(option.name)] = _as_given(option, value, f"{file.path}, [{self.name}]: {key}")
        return found

    def _check_environment(self) -> None:
        """Name variables that are meant for this command and for none of its options."""
        prefix = _variable(str(self.name), "")
        known = [_variable(str(self.name), key) for key in self._options()]
        for name in sorted(os.environ):
            if name.startswith(prefix) and name not in known:
                console.warn(f"the environment sets {name}, which is no option; {suggest(name, known, 'variables')}")

    def _take_passed_over(self, args: Sequence[str]) -> tuple[list[str], set[str]]:
        """Take `--no-OPTION` out of the arguments; return the others, and the parameters that are meant."""
        names = {f"--no-{key}": str(option.name) for key, option in self._options().items()}
        end = args.index("--") if "--" in args else len(args)
        rest = [arg for arg in args[:end] if arg not in names]
        return [*rest, *args[end:]], {names[arg] for arg in args[:end] if arg in names}

    @contextmanager
    def _changed(self, passed_over: set[str], *, required: bool) -> Iterator[None]:
        """Let the environment say nothing of some parameters, and require others only if asked to."""
        before = [(parameter, parameter.envvar, parameter.required) for parameter in self.params]
        for parameter, envvar, is_required in before:
            parameter.envvar = None if parameter.name in passed_over else envvar
            parameter.required = is_required and required
        try:
            yield
        finally:
            for parameter, envvar, is_required in before:
                parameter.envvar, parameter.required = envvar, is_required

    def _origin(self, ctx: Any, parameter: Any) -> str:
        """Say where a value that is not from the command line comes from, and of what option it is."""
        for key, option in self._options().items():
            if option is parameter and _source(ctx, option.name) in ("DEFAULT_MAP", "ENVIRONMENT"):
                where = self._whence(ctx, key)
                return where if where.startswith("COLORGAN_") else f"{where}, [{self.name}]: {key}"
        return ""

    def _whence(self, ctx: Any, key: str) -> str:
        option = self._options()[key]
        source = _source(ctx, option.name)
        if source == "DEFAULT_MAP":
            return str(
                next(file.path for file in _files(ctx) if key in map(_spelled, file.tables.get(str(self.name), {})))
            )
        if source == "ENVIRONMENT":
            return next(name for name in _listed(option.envvar) if os.environ.get(name))
        return "command line" if source == "COMMANDLINE" else "default"

    def _print(self, ctx: Any) -> None:
        """Print all options as a file of settings would have them, each with whence it is."""
        lines = []
        for key, option in self._options().items():
            value = _as_toml(ctx.params[option.name])
            lines.append((f"# {key}" if value is None else f"{key} = {value}", self._whence(ctx, key)))
        width = min(max(len(text) for text, _ in lines), 40)
        console.print_line(f"[{self.name}]")
        for text, whence in lines:
            console.print_line(f"{text:{width}}  # {'not set' if text.startswith('#') else printable(whence)}")


def _variable(command: str, key: str) -> str:
    return f"COLORGAN_{command}_{key}".replace("-", "_").upper()


def _spelled(key: str) -> str:
    return key.replace("_", "-")


def _listed(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())


def _files(ctx: Any) -> list[SettingsFile]:
    found: list[SettingsFile] = ctx.meta.get(_META, [])
    return found


def _source(ctx: Any, name: str | None) -> str:
    source = ctx.get_parameter_source(str(name))
    return "" if source is None else str(source.name)


def _as_given(option: TyperOption, value: Any, where: str) -> Any:
    """Return a value of TOML as the command line would have given it.

    Raises:
        UsageError: It is of another type than the option takes.
    """
    if option.is_flag:
        if not isinstance(value, bool):
            raise UsageError(f"{where} must be true or false, got {shorten(value)}")
        return value
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in several):
        raise UsageError(f"{where} must be a text or a number, got {shorten(value)}")
    if isinstance(value, list) and not option.multiple:
        raise UsageError(f"{where} takes one value, got {len(value)}")
    texts = [str(item) for item in several]
    return texts if option.multiple else texts[0]


def _as_toml(value: Any) -> str | None:
    """Write a value; None where there is none."""
    if value is None or value in ([], ()):
        return None
    if isinstance(value, bool | int | float):
        return dumps(value)
    return dumps([str(item) for item in value] if isinstance(value, list | tuple) else str(value), ensure_ascii=False)


# --- what commands ask ------------------------------------------------------------------------------------------------


def outranks(context: typer.Context, name: str, other: str) -> bool:
    """Tell whether a parameter was given, and not further away than another one."""
    rank = _rank(context, name)
    return rank > 0 and rank >= _rank(context, other)


def _rank(context: typer.Context, name: str) -> int:
    source, files = _source(context, name), _files(context)
    if source in ("COMMANDLINE", "ENVIRONMENT"):
        return len(files) + (2 if source == "COMMANDLINE" else 1)
    if source != "DEFAULT_MAP" or not isinstance(context.command, KeptCommand):
        return 0
    keys = context.command._options()  # noqa: SLF001 - of this module
    key = next(key for key, option in keys.items() if option.name == name)
    tables = [file.tables.get(str(context.command.name), {}) for file in files]
    return len(files) - next(number for number, table in enumerate(tables) if key in map(_spelled, table))


def find_looks(context: typer.Context) -> dict[str, LookConfig]:
    """Return all looks by their names: those that come with colorgan, then those of the files.

    Raises:
        UsageError: What a file says of one is not valid.
    """
    own = (str(name) for file in _files(context) for name in file.tables.get(_LOOKS, {}))
    return {name: find_look(context, name) for name in (*LOOKS, *own)}


def find_look(context: typer.Context, name: str) -> LookConfig:
    """Return a look by its name: of the files, the nearest first, or of those that come with colorgan.

    Raises:
        UsageError: There is none, or what a file says of it is not valid.
    """
    own = [(file.path, file.tables.get(_LOOKS, {})) for file in _files(context)]
    for path, looks in own:
        if name in looks:
            where = f"{path}, [looks.{name}]"
            if not isinstance(looks[name], dict):
                raise ConfigError(f"{where} must be a table; write strength, warmth, limit or palette below")
            return config_from_mapping(LookConfig, looks[name], where=where)
    if name in LOOKS:
        return LOOKS[name]
    known = [*LOOKS, *(str(key) for _, looks in own for key in looks)]
    raise UsageError(f"--look: there is no look {shorten(name)}; {suggest(name, known, 'looks')}")
