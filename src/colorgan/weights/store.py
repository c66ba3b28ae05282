"""The weights on this machine: where they lie, what is there, and the way from a name to a file.

Everything lies in the `weights` folder of the data directory: `COLORGAN_DATA_DIR` if that is set, else the user's
data directory of the system. The default generator comes with the package and needs no store.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import platformdirs

from colorgan.errors import WeightsInvalidError, WeightsNotFoundError
from colorgan.files import is_folder, status_of, write_whole
from colorgan.weights.registry import Registry, RegistryEntry, format_registry_file, read_registry

__all__ = [
    "WeightsStatus",
    "WeightsStore",
    "data_directory",
    "hash_file",
    "part_of",
    "registry_folder",
    "resolve_weights",
]

BUNDLED = Path(__file__).with_name("bundled")


def data_directory() -> Path:
    """Return the folder for everything that colorgan keeps between runs; it may not exist yet."""
    override = os.environ.get("COLORGAN_DATA_DIR")
    return Path(override).expanduser() if override else platformdirs.user_data_path("colorgan", appauthor=False)


def hash_file(path: Path) -> str:
    """Return a file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve_weights(name_or_path: str | Path) -> Path:
    """Find a weights file by its registered name or its path; names win, `./default` is a path.

    A folder that holds a `model.safetensors` (the layout of a Hugging Face repository) stands for that file.

    Raises:
        WeightsNotFoundError: There is no such name or file, or it is known but not on this machine.
        WeightsInvalidError: The file in the store is not of the size that the registry gives.
        UsageError: The system does not let it be looked at.
        ConfigError: A custom registry is not valid.
    """
    return WeightsStore().resolve(name_or_path)


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """A registered file and what is here of it."""

    entry: RegistryEntry
    path: Path  # where it is, or would be
    is_installed: bool


class WeightsStore:
    """The weights files of one folder, by the names of the registry.

    Args:
        folder: Where the files lie; the `weights` folder of the data directory if left out.
        registry: What the names mean; the built-in registry and its extensions if left out.
    """

    def __init__(self, folder: Path | None = None, registry: Registry | None = None) -> None:
        self.folder = folder or data_directory() / "weights"
        self.registry = registry or read_registry(registry_folder())

    def path_of(self, entry: RegistryEntry) -> Path:
        """Return where an entry's file is, or would be."""
        return (BUNDLED if entry.bundled else self.folder) / entry.file

    def status(self, entry: RegistryEntry) -> WeightsStatus:
        """Say whether an entry's file is here."""
        path = self.path_of(entry)
        return WeightsStatus(entry, path, _is_file(path))

    def __iter__(self) -> Iterator[WeightsStatus]:
        """Go through everything that has a name."""
        return map(self.status, self.registry)

    def resolve(self, name_or_path: str | Path) -> Path:
        """Find a weights file; see `resolve_weights`."""
        if isinstance(name_or_path, str) and name_or_path in self.registry:
            return self._resolve_name(name_or_path)
        path = Path(name_or_path).expanduser()
        if _is_file(path):
            return path
        if is_folder(path):
            return _resolve_folder(path)
        if isinstance(name_or_path, Path) or path.suffix or len(path.parts) != 1:
            raise WeightsNotFoundError(
                f"there is no weights file {path}; pass an existing file, or a name that "
                "`colorgan download-weights --list` shows"
            )
        return self.path_of(self.registry[name_or_path])  # raises, with the nearest known name

    def _resolve_name(self, name: str) -> Path:
        status = self.status(self.registry[name])
        if not status.is_installed:
            raise WeightsNotFoundError(
                f"the weights {name!r} are not on this machine; run `colorgan download-weights {name}`"
            )
        size = status.path.stat().st_size
        if not status.entry.fits_size(size):
            raise WeightsInvalidError(
                f"{status.path} has {size:,} bytes, the registry says {status.entry.size:,}; "
                f"run `colorgan download-weights --force {name}`"
            )
        return status.path

    def verify(self, entry: RegistryEntry) -> str:
        """Compare an entry's file with the registry, byte for byte, and return its sha256.

        Raises:
            WeightsNotFoundError: It is not here.
            WeightsInvalidError: It is another file, or a damaged one.
        """
        path = self._resolve_name(entry.name)
        sha256 = hash_file(path)
        if not entry.fits_sha256(sha256):
            raise WeightsInvalidError(
                f"{path} has sha256 {sha256}, the registry says {entry.sha256}: it is damaged or another file; "
                f"run `colorgan download-weights --force {entry.name}`"
            )
        return sha256

    def remember(self, entry: RegistryEntry) -> Path:
        """Keep an entry among the user's own registry files, and return its file."""
        path = registry_folder() / f"{entry.name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, format_registry_file(entry).encode())
        return path

    def remove(self, entry: RegistryEntry) -> Path:
        """Delete an entry's file from the store, and the entry too if `remember` kept it; return where it was.

        Raises:
            WeightsNotFoundError: It is not here.
            WeightsInvalidError: It comes with the package, or cannot be deleted.
        """
        path = self.path_of(entry)
        if entry.bundled:
            raise WeightsInvalidError(f"the weights {entry.name!r} come with colorgan and cannot be removed")
        try:
            part_of(path).unlink(missing_ok=True)
            (registry_folder() / f"{entry.name}.toml").unlink(missing_ok=True)
            path.unlink()
        except FileNotFoundError:
            raise WeightsNotFoundError(f"the weights {entry.name!r} are not on this machine") from None
        except OSError as error:
            raise WeightsInvalidError(f"{path} cannot be removed: {error.strerror}") from error
        return path


def _is_file(path: Path) -> bool:
    status = status_of(path)
    return status is not None and S_ISREG(status.st_mode)


def _resolve_folder(folder: Path) -> Path:
    """Return the weights file of a folder in the layout of a Hugging Face repository."""
    model = folder / "model.safetensors"
    if not _is_file(model):
        raise WeightsNotFoundError(f"{folder} is a folder without {model.name}; pass the weights file in it")
    return model


def part_of(path: Path) -> Path:
    """Return where the bytes of a file that is being fetched grow."""
    return path.with_name(f".{path.name}.part")


def registry_folder() -> Path:
    """Return the folder of the registry files that `download-weights --url` writes."""
    return data_directory() / "registry"
