"""What colorgan knows by name: the built-in registry, and the files that extend it.

A registry is a TOML file with one table a name. Further files are read from `COLORGAN_REGISTRY` (one path, or several
joined by the system's path separator) and from the `registry` folder of the data directory, where
`colorgan download-weights --url` leaves its own. They may add names; to replace one they must say `override = true`.
"""

import dataclasses
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from colorgan.config import config_from_mapping, suggest
from colorgan.errors import ConfigError, WeightsNotFoundError
from colorgan.files import is_folder

__all__ = ["Registry", "RegistryEntry", "WeightsKind", "file_of_url", "format_registry_file", "read_registry"]

BUILT_IN = Path(__file__).with_name("registry.toml")

# One plain path component, on Windows too: no separators, no leading or trailing dot, no drive.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_WINDOWS_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_SHA256 = re.compile(r"[0-9a-f]{8,64}")


class WeightsKind(StrEnum):
    """What a weights file is for."""

    GENERATOR = "generator"  # `load_generator` reads it
    BACKBONE = "backbone"  # `load_tensors` reads it


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry:
    """One weights file that has a name."""

    name: str
    kind: WeightsKind
    version: str = ""
    size: int = 0  # bytes, right to one KiB only where sha256 is a prefix; 0 where unknown
    sha256: str  # lower case; 64 digits, or the first ones where no more is published
    urls: tuple[str, ...] = ()  # mirrors, best first
    file: str = ""  # its name in the store; the last part of the first URL if left out
    bundled: bool = False  # comes with the package
    aliases: tuple[str, ...] = ()
    licence: str = "unknown"
    data: str = "unknown"  # what it was trained on
    metrics: str = ""
    override: bool = False  # may take the place of an earlier entry of the same name

    def __post_init__(self) -> None:
        """Refuse entries that are not valid, or that would be stored outside the store."""
        if not self.file and self.urls:
            object.__setattr__(self, "file", file_of_url(self.urls[0]))
        for name in (self.name, *self.aliases, self.file):
            if not _NAME.fullmatch(name) or _WINDOWS_DEVICE.fullmatch(name):
                raise ConfigError(f"{name!r} cannot name a weights file; use letters, digits, '.', '-' and '_' only")
        if not _SHA256.fullmatch(self.sha256):
            raise ConfigError(f"sha256 must be 64 hexadecimal digits, or the first 8 or more, got {self.sha256!r}")
        if self.size < 0:
            raise ConfigError(f"size must be the file's bytes, or 0 where unknown, got {self.size}")
        if not self.urls and not self.bundled:
            raise ConfigError("urls must name at least one place to fetch the file from")
        for url in self.urls:
            file_of_url(url)

    @property
    def is_exact(self) -> bool:
        """Whether the whole sha256 is known, and with it the exact size."""
        return len(self.sha256) == 64

    def fits_size(self, size: int) -> bool:
        """Whether a file of `size` bytes can be this one."""
        if self.size == 0:
            return True
        return size == self.size if self.is_exact else abs(size - self.size) <= 1024

    def fits_sha256(self, sha256: str) -> bool:
        """Whether a file with this sha256 (64 digits) is this one, as far as is published."""
        return sha256.startswith(self.sha256)


def file_of_url(url: str) -> str:
    """Return the name of the file that a URL ends in.

    Raises:
        ConfigError: It is no URL that colorgan fetches.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:  # a bracket without its other half, for example
        raise ConfigError(f"{url!r} is no URL: {error}") from None
    if parts.scheme not in ("http", "https", "file"):
        raise ConfigError(f"a URL must begin with https://, http:// or file://, got {url!r}")
    return unquote(parts.path).rpartition("/")[2]


class Registry:
    """Entries by name and alias."""

    def __init__(self, entries: Iterable[RegistryEntry]) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._by_alias = {alias: entry for entry in self._entries.values() for alias in entry.aliases}

    def __iter__(self) -> Iterator[RegistryEntry]:
        return iter(self._entries.values())

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._by_alias

    def __getitem__(self, name: str) -> RegistryEntry:
        """Return the entry of a name or an alias.

        Raises:
            WeightsNotFoundError: There is none; the nearest known name is given.
        """
        entry = self._entries.get(name) or self._by_alias.get(name)
        if entry is None:
            hint = suggest(name, (*self._entries, *self._by_alias), "names")
            raise WeightsNotFoundError(f"there are no weights named {name!r}, and no such file; {hint}")
        return entry


def read_registry(folder: Path | None = None) -> Registry:
    """Read the built-in registry and what extends it.

    Args:
        folder: The data directory's `registry` folder, whose `*.toml` files are read last.

    Raises:
        UsageError: The system does not let the folder be looked at.
        ConfigError: A file cannot be read, an entry is not valid, or it takes a name that is already given.
    """
    custom = [Path(part) for part in os.environ.get("COLORGAN_REGISTRY", "").split(os.pathsep) if part]
    stored = sorted(folder.glob("*.toml")) if folder is not None and is_folder(folder) else []
    entries: dict[str, RegistryEntry] = {}
    for path in (BUILT_IN, *custom, *stored):
        for entry in _read_file(path):
            _add(entries, entry, path)
    return Registry(entries.values())


def format_registry_file(entry: RegistryEntry) -> str:
    """Write one entry as a registry file, leaving out what is at its default."""
    lines = [f"[{_quote(entry.name)}]"]
    for field in dataclasses.fields(entry):
        value = getattr(entry, field.name)
        if field.name != "name" and value != field.default:
            lines.append(f"{field.name} = {_format_value(value)}")
    return "\n".join(lines) + "\n"


def _format_value(value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_quote, value))}]"
    return _quote(value) if isinstance(value, str) else str(value).lower()


def _quote(text: str) -> str:
    # Of the characters that TOML forbids in a string, none is printable but these two.
    text = "".join(c for c in text if c.isprintable())
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read_file(path: Path) -> list[RegistryEntry]:
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise ConfigError(
            f"the weights registry {path} cannot be read ({error.strerror}); correct COLORGAN_REGISTRY or the file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the weights registry {path} is not valid TOML: {error}") from error
    return [_read_entry(name, table, f"weights registry {path}, [{name}]") for name, table in tables.items()]


def _read_entry(name: str, table: Any, where: str) -> RegistryEntry:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: expected a table with kind, sha256 and urls, got {table!r}")
    required = [f.name for f in dataclasses.fields(RegistryEntry) if f.default is dataclasses.MISSING]
    missing = [key for key in required if key != "name" and key not in table]
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} must be given")
    return config_from_mapping(RegistryEntry, {"name": name, **table}, where=where)


def _add(entries: dict[str, RegistryEntry], entry: RegistryEntry, path: Path) -> None:
    """Add an entry, unless a name or a file in the store would silently come to mean something else."""
    for other in list(entries.values()):
        names = {other.name, *other.aliases} & {entry.name, *entry.aliases}
        if not names and (other.file != entry.file or other.bundled or entry.bundled):
            continue
        if entry.name == other.name and entry.sha256 == other.sha256 and not entry.override:
            return  # the same file, known already
        if not (entry.override and entry.name == other.name):
            taken = f"the name {min(names)!r}" if names else f"the file name {entry.file!r}"
            raise ConfigError(
                f"the weights registry {path}: [{entry.name}] takes {taken}, which [{other.name}] already has; "
                "choose another, or give the entry the same name and override = true"
            )
        del entries[other.name]
    entries[entry.name] = entry
