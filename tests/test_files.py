import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from colorgan import files
from colorgan.files import atomic_write, ignores_case, make_folder, printable, sweep_leftovers, write_whole

needs_locks = pytest.mark.skipif(
    not Path("/proc/sys/kernel/random/boot_id").exists(), reason="leftovers are known by their locks on Linux only"
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestAtomicWrite:
    def test_appears_only_when_complete(self, tmp_path: Path) -> None:
        target = tmp_path / "a"
        target.write_bytes(b"before")
        with atomic_write(target) as file:
            file.write(b"after")
            assert target.read_bytes() == b"before"
        assert target.read_bytes() == b"after"
        assert names(tmp_path) == ["a"]

    def test_leaves_nothing_behind_an_exception(self, tmp_path: Path) -> None:
        def write_half() -> None:
            with atomic_write(tmp_path / "a") as file:
                file.write(b"half")
                raise RuntimeError("stop")

        with pytest.raises(RuntimeError, match="stop"):
            write_half()
        assert names(tmp_path) == []

    def test_parts_times_and_mode(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "a", b"one", memoryview(b"two"))
        assert (tmp_path / "a").read_bytes() == b"onetwo"
        before = os.umask(0o027)
        try:
            with atomic_write(tmp_path / "b", times=(1_000_000_000, 2_000_000_000)):
                pass
        finally:
            os.umask(before)
        status = (tmp_path / "b").stat()
        assert (status.st_mtime_ns, status.st_mode & 0o777) == (2_000_000_000, 0o640)

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError), atomic_write(tmp_path):
            pass

    def test_longest_name(self, tmp_path: Path) -> None:
        write_whole(tmp_path / ("x" * 255), b"")
        assert names(tmp_path) == ["x" * 255]

    def test_writers_with_one_pid_do_not_meet(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two containers on one share: the same pid, the same count of files so far, at the same time."""
        monkeypatch.setattr(os, "getpid", lambda: 7)
        both_open = threading.Barrier(2, timeout=20)

        def write(name: str) -> None:
            with atomic_write(tmp_path / name) as file:
                both_open.wait()
                file.write(name.encode() * 100_000)
                file.flush()
                both_open.wait()

        writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert names(tmp_path) == ["a", "b"]
        assert all((tmp_path / name).read_bytes() == name.encode() * 100_000 for name in "ab")

    def test_nothing_that_lies_there_is_opened(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of planted names the file is neither truncated nor the link followed: another name is taken."""
        tokens = map(bytes.fromhex, ["00" * 8, "11" * 8, "22" * 8])
        monkeypatch.setattr(os, "urandom", lambda _: next(tokens))
        victim = tmp_path / "victim"
        victim.write_bytes(b"precious")
        prefix = f".colorgan-{files._machine()}-"
        (tmp_path / f"{prefix}{'0' * 16}.part").symlink_to(victim)
        (tmp_path / f"{prefix}{'1' * 16}.part").write_bytes(b"another writer's")
        write_whole(tmp_path / "a", b"new")
        assert (tmp_path / "a").read_bytes() == b"new"
        assert victim.read_bytes() == b"precious"
        assert (tmp_path / f"{prefix}{'1' * 16}.part").read_bytes() == b"another writer's"

    @needs_locks
    def test_a_name_swept_away_before_it_was_locked_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = files._lock
        swept: list[Path] = []

        def sweep_first(descriptor: int) -> bool | None:
            if not swept:
                swept.append(Path(f"/proc/self/fd/{descriptor}").resolve())
                swept[0].unlink()
            return lock(descriptor)

        monkeypatch.setattr(files, "_lock", sweep_first)
        write_whole(tmp_path / "a", b"new")
        assert len(swept) == 1
        assert (tmp_path / "a").read_bytes() == b"new"


_KILLED = """
import os, signal, sys
from pathlib import Path
from colorgan.files import atomic_write
with atomic_write(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


class TestSweepLeftovers:
    @needs_locks
    def test_what_a_killed_writer_left(self, tmp_path: Path) -> None:
        done = subprocess.run([sys.executable, "-c", _KILLED, tmp_path / "a"], check=False)
        assert done.returncode == -signal.SIGKILL
        (left,) = names(tmp_path)
        assert left.endswith(".part")
        assert sweep_leftovers([tmp_path, tmp_path]) == 1
        assert names(tmp_path) == []

    def test_not_what_a_living_one_writes(self, tmp_path: Path) -> None:
        with atomic_write(tmp_path / "a") as file:
            (part,) = tmp_path.iterdir()
            os.utime(part, (0, 0))
            assert sweep_leftovers([tmp_path]) == 0
            file.write(b"whole")
        assert (tmp_path / "a").read_bytes() == b"whole"

    @pytest.mark.parametrize("name", [".colorgan-12-3.part", f".colorgan-{'a' * 8}-{'b' * 16}.part"])
    def test_of_other_machines_only_what_is_old(self, tmp_path: Path, name: str) -> None:
        """Their locks may not be seen here. The first name is one of colorgan 0.1's."""
        part = tmp_path / name
        part.touch()
        hours_ago = time.time() - 23 * 3600
        os.utime(part, (hours_ago, hours_ago))
        assert sweep_leftovers([tmp_path]) == 0
        os.utime(part, (hours_ago - 2 * 3600, hours_ago - 2 * 3600))
        assert sweep_leftovers([tmp_path]) == 1
        assert names(tmp_path) == []

    @needs_locks
    def test_on_network_drives_only_what_is_old(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "_is_local", lambda _: False)
        part = tmp_path / f".colorgan-{files._machine()}-{'b' * 16}.part"
        part.touch()
        assert sweep_leftovers([tmp_path]) == 0
        os.utime(part, (0, 0))
        assert sweep_leftovers([tmp_path]) == 1

    def test_nothing_but_its_own_files(self, tmp_path: Path) -> None:
        kept = [".colorgan-notes.part", ".default.pt.part", "photo.part", ".colorgan-1-2.part.jpg", "a.jpg"]
        for name in kept:
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (0, 0))
        (tmp_path / ".colorgan-1-2.part").mkdir()
        (tmp_path / ".colorgan-1-3.part").symlink_to(tmp_path / "a.jpg")
        (tmp_path / "below").mkdir()
        (tmp_path / "below" / ".colorgan-1-2.part").touch()
        os.utime(tmp_path / "below" / ".colorgan-1-2.part", (0, 0))
        before = sorted(tmp_path.rglob("*"))
        assert sweep_leftovers([tmp_path, tmp_path / "gone"]) == 0
        assert sorted(tmp_path.rglob("*")) == before

    @needs_locks
    @pytest.mark.parametrize(("kind", "local"), [("ext4", True), ("nfs4", False), ("fuse.sshfs", False), ("9p", False)])
    def test_which_drives_are_local(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, local: bool
    ) -> None:
        shown = str(tmp_path).replace(" ", r"\040")
        table = f"1 0 8:1 / / rw - xfs /dev/a rw\n2 1 0:9 / {shown} rw shared:1 - {kind} it rw\n"
        monkeypatch.setattr(Path, "read_text", lambda *_, **__: table)
        assert files._is_local(tmp_path / "below") is local
        assert files._is_local(tmp_path.parent)


class TestMakeFolder:
    def test_deeper_than_recursion_goes(self, tmp_path: Path) -> None:
        deep = tmp_path.joinpath(*["d"] * 1100)
        make_folder(deep)
        make_folder(deep)
        assert deep.is_dir()
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # which shutil cannot

    def test_a_file_in_its_way(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        with pytest.raises(FileExistsError):
            make_folder(tmp_path / "a")
        with pytest.raises(NotADirectoryError):
            make_folder(tmp_path / "a" / "b")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (os.fsdecode(b"caf\xe9.jpg"), r"caf\xe9.jpg"),
        ("\x1b]0;owned\x07\x1b[2J.jpg", r"\x1b]0;owned\x07\x1b[2J.jpg"),
        ("two\nlines\r.jpg", r"two\x0alines\x0d.jpg"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("c1 \x9b2J", r"c1 \x9b2J"),
        ("Köln 家族 👨‍👩‍👧 [a] ", "Köln 家族 👨‍👩‍👧 [a] "),
        (Path("a/b.jpg"), str(Path("a/b.jpg"))),
    ],
)
def test_printable(name: object, shown: str) -> None:
    assert printable(name) == shown
    shown.encode()


class TestIgnoresCase:
    @pytest.fixture
    def forgiving(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the system find names in any case, as those of Windows and macOS do, and Linux on a stick."""
        look = os.lstat

        def lstat(path: str | Path) -> os.stat_result:
            wanted = Path(path)
            found = [there for there in wanted.parent.iterdir() if there.name.casefold() == wanted.name.casefold()]
            return look(found[0] if found else path)

        monkeypatch.setattr(os, "lstat", lstat)

    @pytest.mark.parametrize("names", [[], ["a.jpg"], ["1", "Ab.JPG"], ["sub/x"]])
    @pytest.mark.parametrize("below", ["", "new/folder"])
    def test_finds_out(self, tmp_path: Path, request: pytest.FixtureRequest, names: list[str], below: str) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        before = sorted(tmp_path.rglob("*"))
        assert not ignores_case(tmp_path / below)
        request.getfixturevalue("forgiving")
        assert ignores_case(tmp_path / below)
        assert sorted(tmp_path.rglob("*")) == before

    def test_one_file_by_two_names(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").touch()
        os.link(tmp_path / "a.jpg", tmp_path / "A.JPG")
        assert not ignores_case(tmp_path)
