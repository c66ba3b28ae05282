"""`colorgan download-weights`, run as the command line runs it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from colorgan import cli, console
from colorgan.commands import weights as command
from colorgan.model import Generator
from colorgan.weights.file import save_generator
from colorgan.weights.registry import format_registry_file
from colorgan.weights.store import WeightsStore, resolve_weights
from weights_support import CONTENT, FileServer, Reply, make_entry

SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run `colorgan download-weights` in this process."""

    def run(*arguments: str | Path) -> Answer:
        monkeypatch.setattr("sys.argv", ["colorgan", "download-weights", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        assert isinstance(exit_.value.code, int)
        return Answer(exit_.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def known(file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """A registry that knows `thing` and `other` of a server of ours, and `broken`, which it does not have."""
    entries = [
        make_entry(file_server.url("thing.pth"), licence="MIT"),
        make_entry(file_server.url("other.pth"), name="other", file="other.pth"),
        make_entry(file_server.url("broken.pth", Reply.status(404)), name="broken", file="broken.pth"),
    ]
    path = tmp_path / "registry.toml"
    path.write_text("\n".join(map(format_registry_file, entries)), encoding="utf-8")
    monkeypatch.setenv("COLORGAN_REGISTRY", str(path))
    return file_server


def stored(name: str) -> Path:
    return WeightsStore().folder / name


class TestFetch:
    def test_prints_where_it_is(self, run: Callable[..., Answer], known: FileServer) -> None:
        answer = run("thing")
        assert answer.code == 0
        assert answer.out == f"{stored('thing.pth')}\n"
        assert resolve_weights("thing").read_bytes() == CONTENT
        first, *steps, last = answer.err.splitlines()
        assert first == "thing: fetching 0.3 MB"
        assert steps[-1].startswith("thing: 100 % of 0.3 MB, ")
        assert "MB/s" in steps[-1]
        assert "s left" in steps[-1]
        assert last == "thing: installed"

    def test_tells_what_was_resumed_and_how_fast_it_goes(self, capsys: pytest.CaptureFixture[str]) -> None:
        times = iter([0.0, 1.0, 2.0])
        reporter = command._LineReporter("thing", clock=lambda: next(times))
        for received in (4_000_000, 4_500_000, 6_000_000, 8_000_000):
            reporter.progress(received, 10_000_000)
        assert capsys.readouterr().err.splitlines() == [
            "thing: fetching 10.0 MB, 40 % of it already here",
            "thing: 60 % of 10.0 MB, 2.0 MB/s, 2 s left",
            "thing: 80 % of 10.0 MB, 2.0 MB/s, 1 s left",
        ]

    def test_again_fetches_nothing(self, run: Callable[..., Answer], known: FileServer) -> None:
        run("thing")
        answer = run("thing")
        assert answer == (0, f"{stored('thing.pth')}\n", "thing: already installed\n")
        assert len(known.requests) == 1
        assert run("thing", "--force").code == 0
        assert len(known.requests) == 2

    def test_quiet_says_nothing(self, run: Callable[..., Answer], known: FileServer) -> None:
        assert run("thing", "--quiet") == (0, f"{stored('thing.pth')}\n", "")

    def test_json(self, run: Callable[..., Answer], known: FileServer) -> None:
        answer = run("thing", "--json")
        assert json.loads(answer.out) == [
            {"name": "thing", "path": str(stored("thing.pth")), "fetched": True, "installed": True}
        ]

    def test_goes_on_after_one_that_fails(self, run: Callable[..., Answer], known: FileServer) -> None:
        answer = run("broken", "thing", "--json")
        assert answer.code == 1
        assert [(r["name"], r["installed"]) for r in json.loads(answer.out)] == [("broken", False), ("thing", True)]
        assert answer.err.splitlines()[-1].startswith("colorgan: the weights 'broken' could not be fetched: ")
        assert "answered 404 Not Found" in answer.err

    def test_counts_several_that_fail(self, run: Callable[..., Answer], known: FileServer) -> None:
        known.behaviours["/other.pth"] = [Reply.one_byte_wrong]
        answer = run("broken", "other", "thing")
        assert answer.code == 1
        assert answer.out == f"{stored('thing.pth')}\n"
        assert answer.err.splitlines()[-1] == "colorgan: 2 of 3 weights could not be installed; see above"

    def test_an_unknown_name_is_wrong_use_and_nothing_is_done(
        self, run: Callable[..., Answer], known: FileServer
    ) -> None:
        answer = run("thing", "thong")
        assert answer == (
            2,
            "",
            "colorgan: there are no weights named 'thong', and no such file; did you mean 'thing'?\n",
        )
        assert known.requests == []

    def test_the_default_is_there_already(self, run: Callable[..., Answer]) -> None:
        answer = run("default")
        assert (answer.code, answer.err) == (0, "default: comes with colorgan, nothing to fetch\n")
        assert answer.out == f"{resolve_weights('default')}\n"

    def test_offline(self, run: Callable[..., Answer], known: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLORGAN_OFFLINE", "1")
        answer = run("thing")
        assert answer.code == 1
        assert "COLORGAN_OFFLINE is set; unset it, or carry the file here" in answer.err
        assert known.requests == []

    def test_into_another_folder(self, run: Callable[..., Answer], known: FileServer, tmp_path: Path) -> None:
        folder = tmp_path / "elsewhere" / "deep"
        assert run("thing", "--dir", folder).out == f"{folder / 'thing.pth'}\n"
        assert not WeightsStore().folder.exists()

    def test_names_given_twice_are_fetched_once(self, run: Callable[..., Answer], known: FileServer) -> None:
        assert run("thing", "thing").out == f"{stored('thing.pth')}\n"


class TestFrom:
    def test_a_file(self, run: Callable[..., Answer], known: FileServer, tmp_path: Path) -> None:
        carried = tmp_path / "carried.bin"
        carried.write_bytes(CONTENT)
        assert run("thing", "--from", carried).code == 0
        assert stored("thing.pth").read_bytes() == CONTENT
        assert known.requests == []
        assert carried.exists()

    def test_a_file_that_tells_its_name(self, run: Callable[..., Answer], known: FileServer, tmp_path: Path) -> None:
        (tmp_path / "thing.pth").write_bytes(CONTENT)
        assert run("--from", tmp_path / "thing.pth").out == f"{stored('thing.pth')}\n"

    def test_a_folder(self, run: Callable[..., Answer], known: FileServer, tmp_path: Path) -> None:
        for name in ("thing.pth", "other.pth", "notes.txt"):
            (tmp_path / name).write_bytes(CONTENT)
        answer = run("--from", tmp_path)
        assert answer.out == f"{stored('thing.pth')}\n{stored('other.pth')}\n"

    def test_another_file(self, run: Callable[..., Answer], known: FileServer, tmp_path: Path) -> None:
        (tmp_path / "thing.pth").write_bytes(CONTENT[::-1])
        answer = run("thing", "--from", tmp_path / "thing.pth")
        assert answer.code == 1
        assert "sent a file with sha256" in answer.err
        assert "Give the file that the registry means" in answer.err
        assert not stored("thing.pth").exists()

    @pytest.mark.parametrize(
        ("name", "complaint"),
        [("gone.pth", "there is no file"), ("nameless.pth", "has no name that the registry knows")],
    )
    def test_what_cannot_be_installed(
        self, run: Callable[..., Answer], known: FileServer, tmp_path: Path, name: str, complaint: str
    ) -> None:
        (tmp_path / "nameless.pth").write_bytes(CONTENT)
        answer = run("--from", tmp_path / name)
        assert answer.code == 2
        assert complaint in answer.err


class TestUrl:
    @pytest.fixture
    def backbone(self, file_server: FileServer) -> tuple[str, str, bytes]:
        """A real weights file on the server: its URL, its sha256, its bytes."""
        return self.serve(file_server, {"a": torch.zeros(3)})

    @staticmethod
    def serve(file_server: FileServer, content: object) -> tuple[str, str, bytes]:
        path = Path(file_server.folder) / "mine.pth"
        torch.save(content, path)
        data = path.read_bytes()

        def reply(handler) -> None:
            handler.begin(200, len(data))
            handler.wfile.write(data)

        return file_server.url("mine.pth", reply), hashlib.sha256(data).hexdigest(), data

    def test_is_known_by_name_from_then_on(self, run: Callable[..., Answer], backbone: tuple[str, str, bytes]) -> None:
        url, sha256, data = backbone
        assert run("--url", url, "--sha256", sha256.upper()).out == f"{stored('mine.pth')}\n"
        assert resolve_weights("mine").read_bytes() == data
        entry = WeightsStore().registry["mine"]
        assert (entry.kind, entry.size, entry.sha256, entry.urls) == ("backbone", len(data), sha256, (url,))
        assert run("mine", "--verify").code == 0
        assert run("mine", "--remove").code == 0
        assert "mine" not in WeightsStore().registry

    def test_under_a_name_of_ones_own(self, run: Callable[..., Answer], backbone: tuple[str, str, bytes]) -> None:
        url, sha256, _ = backbone
        assert run("gpu-box", "--url", url, "--sha256", sha256).out == f"{stored('gpu-box.pth')}\n"

    def test_a_generator_keeps_its_suffix_and_is_told_as_one(
        self, run: Callable[..., Answer], file_server: FileServer, tiny_generator: Generator
    ) -> None:
        save_generator(Path(file_server.folder) / "g.safetensors", tiny_generator)
        source = Path(file_server.folder) / "g.safetensors"
        sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
        assert run("--url", source.as_uri(), "--sha256", sha256).out == f"{stored('g.safetensors')}\n"
        assert WeightsStore().registry["g"].kind == "generator"

    def test_with_another_hash(self, run: Callable[..., Answer], backbone: tuple[str, str, bytes]) -> None:
        answer = run("--url", backbone[0], "--sha256", SHA256)
        assert answer.code == 1
        assert f"expected {SHA256}" in answer.err
        assert "mine" not in WeightsStore().registry

    def test_a_file_with_code_is_not_kept(self, run: Callable[..., Answer], file_server: FileServer) -> None:
        url, sha256, _ = self.serve(file_server, {"a": print})
        answer = run("--url", url, "--sha256", sha256)
        assert answer.code == 1
        assert "would call" in answer.err
        assert not stored("mine.pth").exists()
        assert "mine" not in WeightsStore().registry

    def test_does_not_take_a_name_that_means_something_else(
        self, run: Callable[..., Answer], backbone: tuple[str, str, bytes]
    ) -> None:
        answer = run("vgg19", "--url", backbone[0], "--sha256", backbone[1])
        assert (answer.code, answer.out) == (2, "")
        assert "already means another file" in answer.err

    def test_of_a_known_file_is_a_mirror(self, run: Callable[..., Answer], known: FileServer) -> None:
        assert run("broken", "--url", known.url("copy"), "--sha256", SHA256).code == 0
        assert stored("broken.pth").read_bytes() == CONTENT
        assert WeightsStore().registry["broken"].urls[0].endswith("/broken.pth")


class TestLookAfter:
    def test_list(self, run: Callable[..., Answer], known: FileServer) -> None:
        run("thing")
        answer = run("--list")
        lines = answer.out.splitlines()
        assert lines[0].split() == ["name", "kind", "size", "licence", "installed", "path"]
        assert lines[1].split()[:3] == ["default,", "lite0", "generator"]
        assert "bundled" in lines[1]
        rows = {line.split()[0]: line.split()[1:] for line in lines[2:]}
        assert rows["vgg19"] == ["backbone", "574.7", "MB", "BSD-3-Clause", "(torchvision)", "no"]
        assert rows["thing"] == ["backbone", "0.3", "MB", "MIT", "yes", str(stored("thing.pth"))]
        assert (answer.code, answer.err) == (0, "")

    def test_list_json(self, run: Callable[..., Answer], known: FileServer) -> None:
        listed = {entry["name"]: entry for entry in json.loads(run("--list", "--json").out)}
        assert listed["default"]["installed"] is True
        assert listed["default"]["path"] == str(resolve_weights("default"))
        assert listed["thing"] == {
            "name": "thing", "kind": "backbone", "version": "", "size": len(CONTENT), "sha256": SHA256,
            "urls": [f"{known.address}/thing.pth"], "bundled": False, "aliases": [], "licence": "MIT",
            "data": "unknown", "metrics": "", "installed": False, "path": None,
        }  # fmt: skip

    def test_list_of_some(self, run: Callable[..., Answer]) -> None:
        listed = json.loads(run("vgg19", "lite0", "--list", "--json").out)
        assert [entry["name"] for entry in listed] == ["vgg19", "default"]

    def test_verify(self, run: Callable[..., Answer], known: FileServer) -> None:
        run("thing", "other")
        assert run("--verify").code == 0
        stored("other.pth").write_bytes(b"?" + CONTENT[1:])
        answer = run("--verify")
        assert answer.code == 1
        bundled = [resolve_weights(name) for name in ("default", "efficientnet_lite0")]
        assert answer.out.splitlines() == [*map(str, bundled), str(stored("thing.pth"))]
        assert f"thing: right, sha256 {SHA256}" in answer.err
        assert f"colorgan: {stored('other.pth')} has sha256" in answer.err

    def test_verify_what_is_not_there(self, run: Callable[..., Answer]) -> None:
        answer = run("vgg19", "--verify")
        assert answer.code == 1
        assert "run `colorgan download-weights vgg19`" in answer.err

    def test_remove(self, run: Callable[..., Answer], known: FileServer) -> None:
        run("thing")
        assert run("thing", "--remove") == (0, f"{stored('thing.pth')}\n", "")
        assert not stored("thing.pth").exists()
        assert run("thing", "--remove").code == 1

    def test_remove_the_bundled_one(self, run: Callable[..., Answer]) -> None:
        assert run("default", "--remove").code == 1
        assert resolve_weights("default").is_file()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give the names of the weights; `colorgan download-weights --list` shows them"),
        (["--remove"], "give the names of the weights"),
        (["vgg19", "--list", "--verify"], "exclude each other"),
        (["--url", "https://example.org/a.pth"], "--url and --sha256 belong together"),
        (["--sha256", SHA256], "--url and --sha256 belong together"),
        (["--url", "https://example.org/a.pth", "--sha256", "abc"], "--sha256 must be 64 hexadecimal digits"),
        (["--url", "ftp://example.org/a.pth", "--sha256", SHA256], "a URL must begin with https"),
        (["--url", "http://[::1", "--sha256", SHA256], "'http://[::1' is no URL: Invalid IPv6 URL"),
        (["a", "b", "--url", "https://example.org/a.pth", "--sha256", SHA256], "--url fetches one file"),
        (["--url", "https://example.org/..%5Ca.pth", "--sha256", SHA256], "cannot name a weights file"),
        (["../evil", "--url", "https://example.org/a.pth", "--sha256", SHA256], "cannot name a weights file"),
        (["vgg19", "vgg16_bn", "--from", __file__], "--from installs one file"),
    ],
)
def test_wrong_use(run: Callable[..., Answer], arguments: list[str], complaint: str) -> None:
    answer = run(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert complaint in answer.err


def test_a_terminal_gets_a_bar_with_rate_and_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    drawn = Console(force_terminal=True, width=120, record=True)
    monkeypatch.setattr(console, "stderr", lambda: drawn)
    with command._report("thing") as reporter:
        reporter.progress(1_000_000, 4_000_000)
        reporter.progress(2_000_000, 4_000_000)
        reporter.note("trying again")
    text = drawn.export_text()
    assert "thing: trying again" in text
    assert "2.0/4.0 MB" in text
    assert "B/s" in text
