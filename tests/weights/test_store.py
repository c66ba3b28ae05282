"""From a name or a path to a file on this machine."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from colorgan.errors import UsageError, WeightsInvalidError, WeightsNotFoundError
from colorgan.weights.registry import Registry
from colorgan.weights.store import WeightsStore, data_directory, hash_file, resolve_weights
from weights_support import CONTENT, make_entry


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    """A store that knows one file, not installed."""
    (tmp_path / "store").mkdir()
    return WeightsStore(tmp_path / "store", Registry([make_entry("https://example.org/thing.pth", aliases=("alias",))]))


@pytest.fixture
def installed(store: WeightsStore) -> Path:
    path = store.folder / "thing.pth"
    path.write_bytes(CONTENT)
    return path


class TestDataDirectory:
    def test_is_overridden(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("COLORGAN_DATA_DIR", str(tmp_path))
        assert data_directory() == tmp_path
        assert WeightsStore().folder == tmp_path / "weights"

    def test_home_is_understood(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLORGAN_DATA_DIR", "~/pictures")
        assert data_directory() == Path.home() / "pictures"

    @pytest.mark.parametrize("value", [None, ""])
    def test_is_else_the_users(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None) -> None:
        monkeypatch.delenv("COLORGAN_DATA_DIR")
        if value is not None:
            monkeypatch.setenv("COLORGAN_DATA_DIR", value)
        monkeypatch.setattr(platformdirs, "user_data_path", lambda name, appauthor: tmp_path / name)
        assert data_directory() == tmp_path / "colorgan"


class TestResolve:
    @pytest.mark.parametrize("name", ["default", "lite0"])
    def test_bundled(self, name: str) -> None:
        path = resolve_weights(name)
        assert path.is_file()
        assert path.parent.name == "bundled"

    def test_installed(self, store: WeightsStore, installed: Path) -> None:
        assert store.resolve("thing") == store.resolve("alias") == installed

    def test_known_but_not_installed(self) -> None:
        with pytest.raises(WeightsNotFoundError, match="run `colorgan download-weights vgg19`"):
            resolve_weights("vgg19")

    def test_installed_but_of_another_size(self, store: WeightsStore, installed: Path) -> None:
        installed.write_bytes(CONTENT[:-1])
        with pytest.raises(WeightsInvalidError, match=r"has 307,199 bytes, the registry says 307,200.*--force thing"):
            store.resolve("thing")

    def test_unknown(self) -> None:
        with pytest.raises(WeightsNotFoundError, match="did you mean 'default'"):
            resolve_weights("defualt")

    @pytest.mark.parametrize("kind", [str, Path])
    def test_path(self, tmp_path: Path, kind: type) -> None:
        path = tmp_path / "own.pt"
        path.write_bytes(b"x")
        assert resolve_weights(kind(path)) == path

    def test_names_win_over_files_beside_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("default").write_bytes(b"x")
        assert resolve_weights("default").parent.name == "bundled"
        assert resolve_weights("./default").read_bytes() == b"x"
        assert resolve_weights(Path("default")).read_bytes() == b"x"

    @pytest.mark.parametrize("path", ["gone.pt", "runs/gone", Path("gone")])
    def test_path_to_nowhere(self, path: str | Path) -> None:
        with pytest.raises(WeightsNotFoundError, match=r"there is no weights file .*gone"):
            resolve_weights(path)

    def test_path_to_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsNotFoundError, match="is a folder"):
            resolve_weights(tmp_path)

    def test_home_is_understood(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        (tmp_path / "own.pt").write_bytes(b"x")
        assert resolve_weights("~/own.pt") == tmp_path / "own.pt"


class TestClosedFolders:
    """What the system does not let be looked at is one sentence, not a traceback."""

    @pytest.fixture(autouse=True)
    def _closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        look = os.stat

        def refuse(path: Any, **options: Any) -> os.stat_result:
            if "closed" in str(path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return look(path, **options)

        monkeypatch.setattr(os, "stat", refuse)

    @pytest.mark.parametrize("given", ["closed/x.pt", Path("closed/x.safetensors"), Path("closed")])
    def test_weights(self, given: str | Path) -> None:
        with pytest.raises(UsageError, match=r"closed.* cannot be looked at: permission denied"):
            resolve_weights(given)

    def test_names_too_long(self) -> None:
        with pytest.raises(UsageError, match="its name is too long"):
            resolve_weights("y" * 300 + ".pt")

    def test_data_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLORGAN_DATA_DIR", str(tmp_path / "closed"))
        with pytest.raises(UsageError, match=r"registry cannot be looked at: permission denied"):
            resolve_weights("default")

    def test_store(self, tmp_path: Path) -> None:
        store = WeightsStore(tmp_path / "closed")
        with pytest.raises(UsageError, match="permission denied"):
            list(store)


class TestStore:
    def test_goes_through_everything(self, store: WeightsStore) -> None:
        (status,) = store
        assert (status.entry.name, status.path, status.is_installed) == (
            "thing",
            store.folder / "thing.pth",
            False,
        )

    def test_verifies(self, store: WeightsStore, installed: Path) -> None:
        assert store.verify(store.registry["thing"]) == hash_file(installed)

    def test_finds_one_wrong_byte(self, store: WeightsStore, installed: Path) -> None:
        installed.write_bytes(b"?" + CONTENT[1:])
        with pytest.raises(WeightsInvalidError, match=r"damaged or another file; run .*--force thing"):
            store.verify(store.registry["thing"])

    def test_removes(self, store: WeightsStore, installed: Path) -> None:
        part = store.folder / ".thing.pth.part"
        part.write_bytes(b"x")
        assert store.remove(store.registry["thing"]) == installed
        assert not installed.exists()
        assert not part.exists()

    def test_removes_only_what_is_there(self, store: WeightsStore) -> None:
        with pytest.raises(WeightsNotFoundError, match="'thing' are not on this machine"):
            store.remove(store.registry["thing"])

    def test_never_removes_what_is_bundled(self) -> None:
        store = WeightsStore()
        with pytest.raises(WeightsInvalidError, match="come with colorgan"):
            store.remove(store.registry["default"])
        assert store.resolve("default").is_file()

    def test_remembers_an_entry_until_it_is_removed(self) -> None:
        entry = make_entry("https://example.org/thing.pth")
        WeightsStore().remember(entry)
        store = WeightsStore()
        assert store.registry["thing"] == entry
        store.folder.mkdir()
        store.path_of(entry).write_bytes(CONTENT)
        store.remove(entry)
        assert "thing" not in WeightsStore().registry


def test_looking_up_needs_no_torch() -> None:
    code = "import sys, colorgan.weights.download, colorgan.weights.pickled; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
