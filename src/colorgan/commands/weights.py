"""`colorgan download-weights`: fetch, list, verify and remove weights files."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorgan import console
from colorgan.commands.options import PrintConfigOption, QuietOption, VerboseOption
from colorgan.errors import ColorganError, UsageError, WeightsError, WeightsNotFoundError
from colorgan.files import is_folder, status_of

if TYPE_CHECKING:
    from rich.progress import Progress

    from colorgan.weights.registry import RegistryEntry
    from colorgan.weights.store import WeightsStatus, WeightsStore

__all__ = ["download_weights"]


def download_weights(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="What to fetch; --list shows the names.")
    ] = None,
    *,
    list_names: Annotated[bool, typer.Option("--list", help="Show what there is, and what is installed.")] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare installed files with the registry; all of them without NAME."),
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Delete installed files.")] = False,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Install a file (or from a folder of them) without network."),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Fetch from here; needs --sha256.")] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="H", help="The 64 digits that --url must give.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Use this folder instead of the data directory's."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is already there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    _quiet: QuietOption = False,
    _verbose: VerboseOption = False,
    print_config: PrintConfigOption = False,
) -> None:
    """Fetch weights into the user's data directory, and look after what is there.

    The generator "default" comes with colorgan; training's pretrained encoders and the perceptual loss need others.
    """
    from colorgan.weights.store import WeightsStore

    names = list(dict.fromkeys(names or []))
    _check_options(names, [list_names, verify, remove, source is not None, url is not None], url, sha256)
    store = WeightsStore(directory)
    if url is not None and sha256 is not None:
        _fetch_url(
            store,
            names,
            url,
            sha256.lower(),
            is_own_folder=directory is not None,
            force=force,
            as_json=as_json,
        )
        return
    entries = _find_entries(store, names, source)
    if list_names:
        _print_list([store.status(entry) for entry in entries or store.registry], as_json=as_json)
    elif verify:
        installed = [status.entry for status in store if status.is_installed]
        _run_each(entries or installed, lambda entry: _verify(store, entry), "verified", as_json=as_json)
    elif remove:
        _run_each(entries, lambda entry: {"path": str(store.remove(entry))}, "removed", as_json=as_json)
    else:
        _run_each(entries, lambda entry: _install(store, entry, source, force=force), "installed", as_json=as_json)


def _check_options(names: Sequence[str], modes: Sequence[bool], url: str | None, sha256: str | None) -> None:
    """Refuse options that do not go together."""
    if sum(modes) > 1:
        raise UsageError("--list, --verify, --remove, --from and --url exclude each other; give one of them")
    if (url is None) != (sha256 is None):
        raise UsageError("--url and --sha256 belong together: a file from anywhere is only taken if its hash is known")
    if sha256 is not None and (len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef")):
        raise UsageError(f"--sha256 must be 64 hexadecimal digits, got {sha256!r}")
    if url is not None and len(names) > 1:
        raise UsageError(f"--url fetches one file, got {len(names)} names for it")
    is_list, is_verify, _, is_from, is_url = modes
    if not names and not (is_list or is_verify or is_from or is_url):
        raise UsageError("give the names of the weights; `colorgan download-weights --list` shows them")


def _find_entries(store: "WeightsStore", names: Sequence[str], source: Path | None) -> list["RegistryEntry"]:
    """Look up all names before anything is done; a file to install may tell its own."""
    if source is not None and status_of(source) is None:
        raise UsageError(f"there is no file {source} to install from")
    if source is not None and not names:
        carried = _names_in(source) if is_folder(source) else {source.name}
        entries = [entry for entry in store.registry if entry.file in carried and not entry.bundled]
        if not entries:
            raise UsageError(f"{source} has no name that the registry knows; give the NAME that it is to have")
        return entries
    if source is not None and len(names) > 1 and not is_folder(source):
        raise UsageError(f"--from installs one file, got {len(names)} names; pass the folder that holds them all")
    try:
        return [store.registry[name] for name in names]
    except WeightsNotFoundError as error:
        raise UsageError(str(error)) from None


def _names_in(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as error:
        raise UsageError(f"{folder} cannot be searched for weights: {error.strerror or error}") from error


def _run_each(
    entries: Iterable["RegistryEntry"],
    action: Callable[["RegistryEntry"], dict[str, Any]],
    done: str,
    *,
    as_json: bool,
) -> None:
    """Do the same for each entry; one that fails is named and does not keep the others from it.

    Raises:
        ColorganError: The one failure, or how many there were.
    """
    results, failures = [], []
    for entry in entries:
        try:
            results.append({"name": entry.name, **action(entry), done: True})
        except ColorganError as error:
            failures.append(error)
            results.append({"name": entry.name, done: False, "error": str(error)})
            continue
        if not as_json:
            _print(results[-1]["path"])
    if as_json:
        _print(json.dumps(results, indent=2, ensure_ascii=False))
    if len(failures) == 1:
        raise failures[0]
    for failure in failures:
        console.warn(str(failure))
    if failures:
        raise WeightsError(f"{len(failures)} of {len(results)} weights could not be {done}; see above")


def _verify(store: "WeightsStore", entry: "RegistryEntry") -> dict[str, Any]:
    sha256 = store.verify(entry)
    extent = "" if entry.is_exact else f" (of which {entry.sha256} is published)"
    console.say(f"{entry.name}: right, sha256 {sha256}{extent}")
    return {"path": str(store.path_of(entry)), "sha256": sha256}


def _install(store: "WeightsStore", entry: "RegistryEntry", source: Path | None, *, force: bool) -> dict[str, Any]:
    """Bring one entry's file into the store."""
    if entry.bundled:
        console.say(f"{entry.name}: comes with colorgan, nothing to fetch")
        return {"path": str(store.path_of(entry)), "fetched": False}
    if source is not None:
        file = source / entry.file if is_folder(source) else source
        entry = dataclasses.replace(entry, urls=(file.resolve().as_uri(),), file=entry.file)
    return _fetch(store, entry, force=force)


def _fetch(store: "WeightsStore", entry: "RegistryEntry", *, force: bool) -> dict[str, Any]:
    from colorgan.weights.download import fetch_weights

    target = store.path_of(entry)
    with _report(entry.name) as reporter:
        fetched = fetch_weights(entry, target, force=force, reporter=reporter)
    console.say(f"{entry.name}: {'installed' if fetched else 'already installed'}")
    return {"path": str(target), "fetched": fetched}


def _fetch_url(
    store: "WeightsStore",
    names: Sequence[str],
    url: str,
    sha256: str,
    *,
    is_own_folder: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Fetch a file from anywhere and keep it under a name."""
    from colorgan.weights.registry import RegistryEntry, WeightsKind, file_of_url

    file = file_of_url(url)
    name = names[0] if names else Path(file).stem
    if name not in store.registry:
        suffix = Path(file).suffix if Path(file).suffix in (".safetensors", ".pt", ".pth") else ".pt"
        entry = RegistryEntry(name=name, kind=WeightsKind.GENERATOR, urls=(url,), sha256=sha256, file=f"{name}{suffix}")
    elif store.registry[name].fits_sha256(sha256) and not store.registry[name].bundled:
        entry = dataclasses.replace(store.registry[name], urls=(url,), file=store.registry[name].file)
    else:
        raise UsageError(f"the name {name!r} already means another file; give the file another NAME")

    def fetch(entry: "RegistryEntry") -> dict[str, Any]:
        result = _fetch(store, entry, force=force)
        if name not in store.registry:
            path = Path(result["path"])
            known = dataclasses.replace(entry, size=path.stat().st_size, kind=_tell_kind(path))
            if not is_own_folder:
                store.remember(known)
        return result

    _run_each([entry], fetch, "installed", as_json=as_json)


def _tell_kind(path: Path) -> Any:
    """Look at a file to tell a generator from a backbone; one that holds neither is deleted."""
    from colorgan.weights.file import holds_generator
    from colorgan.weights.registry import WeightsKind

    try:
        return WeightsKind.GENERATOR if holds_generator(path) else WeightsKind.BACKBONE
    except WeightsError:
        path.unlink()
        raise


def _print_list(statuses: Iterable["WeightsStatus"], *, as_json: bool) -> None:
    if as_json:
        _print(json.dumps([_describe(status) for status in statuses], indent=2, ensure_ascii=False))
        return
    table = console.make_table("name", "kind", ">size", "licence", "installed", "path")
    for status in statuses:
        entry = status.entry
        installed = "bundled" if entry.bundled else "yes" if status.is_installed else "no"
        path = str(status.path) if status.is_installed else ""
        names = ", ".join((entry.name, *entry.aliases))
        table.add_row(names, str(entry.kind), _format_size(entry.size), entry.licence, installed, path)
    console.stdout().print(table, markup=False)


def _describe(status: "WeightsStatus") -> dict[str, Any]:
    entry = dataclasses.asdict(status.entry)
    del entry["override"], entry["file"]
    path = str(status.path) if status.is_installed else None
    return {**entry, "installed": status.is_installed, "path": path}


def _format_size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size else "unknown"


def _print(text: str) -> None:
    console.stdout().print(text, markup=False, soft_wrap=True)


class _LineReporter:
    """Tells a download in plain lines: one at each tenth of the file."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._began: tuple[float, int] | None = None  # when, and with how many bytes
        self._told = 0  # tenths

    def progress(self, received: int, total: int | None) -> None:
        tenths = 10 * received // total if total else 0
        if self._began is None:
            self._began, self._told = (self._clock(), received), tenths
            here = f", {tenths}0 % of it already here" if tenths else ""
            console.say(f"{self._name}: fetching {_format_size(total or 0)}{here}")
        elif total and tenths > self._told:
            self._told = tenths
            rate = (received - self._began[1]) / max(self._clock() - self._began[0], 1e-6)
            left = f", {(total - received) / rate:.0f} s left" if rate > 0 else ""
            console.say(f"{self._name}: {tenths}0 % of {_format_size(total)}, {rate / 1e6:.1f} MB/s{left}")

    def note(self, message: str) -> None:
        console.say(f"{self._name}: {message}")


class _BarReporter:
    """Tells a download by a bar on the terminal, notes above it."""

    def __init__(self, name: str, bar: "Progress") -> None:
        self._name = name
        self._bar = bar
        self._task = bar.add_task(name, total=None)

    def progress(self, received: int, total: int | None) -> None:
        self._bar.update(self._task, completed=received, total=total)

    def note(self, message: str) -> None:
        self._bar.console.print(f"{self._name}: {message}", markup=False)


@contextmanager
def _report(name: str) -> Iterator[_LineReporter | _BarReporter]:
    """Pick a bar on a terminal, and plain lines elsewhere."""
    stderr = console.stderr()
    if not stderr.is_terminal or console.settings.verbosity is console.Verbosity.QUIET:
        yield _LineReporter(name)
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=stderr, transient=True) as bar:
        yield _BarReporter(name, bar)
