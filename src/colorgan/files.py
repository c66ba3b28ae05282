"""Files on disk: written whole or not at all, what dead writers left swept away, and names that can be shown.

Every file that colorgan makes grows under a name of its own beside its target and is renamed once it is complete. The
name is random and created exclusively, so that no two writers share one, be they threads, processes with the same
number in two containers, or machines on one network drive; and nothing that lies there already is ever opened.
"""

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

from colorgan.errors import UsageError

if sys.platform != "win32":
    import fcntl

__all__ = [
    "SYSTEM_FOLDERS",
    "atomic_write",
    "ignores_case",
    "is_folder",
    "is_there",
    "make_folder",
    "printable",
    "status_of",
    "sweep_leftovers",
    "write_whole",
]

SYSTEM_FOLDERS = frozenset(
    {"@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin", "recycler",
     "lost+found", "system volume information", "__macosx"}
)  # fmt: skip
"""Folders, in lower case, that systems and network drives make beside photographs: thumbnails, what was deleted."""


_LEFTOVER = re.compile(r"\.colorgan-(?:(?P<machine>[0-9a-f]{8})-[0-9a-f]{16}|[0-9]+-[0-9]+)\.part")
_SURELY_DEAD = 24 * 3600  # seconds since a leftover was last written to, where no lock can tell
_UNNAMED = "00000000"  # a machine whose start has no name
_TRIES = 100


@contextmanager
def atomic_write(target: Path, *, times: tuple[int, int] | None = None) -> Iterator[BinaryIO]:
    """Open a hidden file beside `target`, to write and read; it takes the target's name once it is complete.

    Args:
        target: Where to; an existing file is replaced, and stays until then.
        times: Access and modification time (nanoseconds) that the file shall have.

    Raises:
        OSError: The system does not let it be written. Nothing is left behind, as after any exception.
    """
    if os.path.isdir(target):  # noqa: PTH112 - unlike Path's, it never raises
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    file, temporary = _create(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "win32":  # where an open file cannot be renamed
                file.close()
            if times is not None:
                os.utime(temporary, ns=times)
            temporary.replace(target)  # while it is locked still: nobody may take it for a leftover
    finally:
        with suppress(OSError):  # the folder is gone or closed to us: there is nothing to remove
            temporary.unlink(missing_ok=True)


def write_whole(target: Path, *parts: bytes | memoryview) -> None:
    """Write a file from its parts, one behind the other; see `atomic_write`.

    Raises:
        OSError: The system does not let it be written.
    """
    with atomic_write(target) as file:
        for part in parts:
            file.write(part)


def _create(target: Path) -> tuple[BinaryIO, Path]:
    """Make a file beside `target` that nobody else has open, and lock it for as long as it is."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    for _ in range(_TRIES):
        path = target.with_name(f".colorgan-{_machine()}-{os.urandom(8).hex()}.part")
        try:
            descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o666)
        except FileExistsError:
            continue
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return open(path, "w+b", opener=partial(_take, descriptor)), path  # unlike fdopen's, it knows its name
        os.close(descriptor)  # it was swept away before it was locked
    raise FileExistsError(errno.EEXIST, "no free name for a temporary file", str(target))


def _take(descriptor: int, *_: object) -> int:
    return descriptor


def _lock(descriptor: int) -> bool | None:
    """Lock an open file without waiting; False where another one holds it, None where there are no locks."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has none
        return None
    return True


@cache
def _machine() -> str:
    """Name the running system, so that it knows its own files: locks of another one may not be seen here."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return _UNNAMED


def sweep_leftovers(folders: Iterable[Path]) -> int:
    """Remove the temporary files of writers that are surely gone; return how many there were.

    Surely gone is a writer of this machine, since its last start, whose file on a local disk is not locked: the system
    holds the lock for as long as the writer lives. All other leftovers, those on network drives among them, count as
    abandoned once they have not been written to for 24 hours.

    Args:
        folders: Where to look, not in folders below them. Those that cannot be listed are passed over.
    """
    count = 0
    for folder in set(folders):
        try:
            with os.scandir(folder) as entries:
                found = [match for entry in entries if (match := _LEFTOVER.fullmatch(entry.name))]
        except OSError:
            continue
        local = bool(found) and _machine() != _UNNAMED and _is_local(folder)
        for match in found:
            with suppress(OSError):
                own = local and match["machine"] == _machine()
                count += _remove_abandoned(folder / match.string, trust_lock=own)
    return count


def _remove_abandoned(path: Path, *, trust_lock: bool) -> bool:
    """Remove a leftover if its writer is gone; nothing but a plain file of that name is touched."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return False
        locked = _lock(descriptor)
        old = time.time() - status.st_mtime > _SURELY_DEAD
        if locked is False or not (old or (trust_lock and locked)):
            return False
        if sys.platform != "win32":
            path.unlink()
    finally:
        os.close(descriptor)
    if sys.platform == "win32":  # which removes no file that is open, be it by its writer or by us
        path.unlink()
    return True


_NETWORK = ("nfs", "cifs", "smb", "9p", "virtiofs", "fuse", "ceph", "gluster", "lustre", "afs", "gfs", "ocfs", "beegfs",
            "gpfs", "vboxsf", "prl_fs", "vmhgfs")  # fmt: skip


def _is_local(folder: Path) -> bool:
    """Tell whether a folder lies on a disk that only this system writes to; False where that is not known."""
    try:
        table = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
        real = os.path.realpath(folder)
    except OSError:
        return False
    best, kind = "", ""
    for line in table:
        fields, _, rest = line.partition(" - ")
        mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4])
        if len(mount) >= len(best) and (real == mount or real.startswith(mount.rstrip("/") + "/")):
            best, kind = mount, rest.split(" ")[0]  # of two on one place the later one is seen
    return bool(kind) and not kind.startswith(_NETWORK)


def is_there(path: Path) -> bool:
    """Tell whether a path names something that can be looked at; unlike Path's methods, this never raises."""
    return os.path.exists(path)  # noqa: PTH110


def status_of(path: Path) -> os.stat_result | None:
    """Look at what a path names; None if there is nothing.

    Raises:
        UsageError: The system does not let it be looked at.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:  # a name with a zero byte
        raise UsageError(f"{str(path)!r} is no name of a file: {error}; nothing was done") from None
    except OSError as error:
        known = {
            errno.EACCES: "permission denied; change the permissions of its folder, or run as its owner",
            errno.ENAMETOOLONG: "its name is too long",
        }
        reason = known.get(error.errno or 0, error.strerror or str(error))
        raise UsageError(f"{path} cannot be looked at: {reason}; nothing was done") from error


def ignores_case(folder: Path) -> bool:
    """Tell whether a folder, which may not be there yet, takes `A.jpg` and `a.jpg` for one file.

    Nothing is written to find out: something that is there is looked for by its name in the other case.
    """
    there = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay what they are
    while not is_there(there) and there != there.parent:
        there = there.parent
    with suppress(OSError), os.scandir(there) as entries:
        for entry in entries:
            if (found := _is_found_in_other_case(there, entry.name)) is not None:
                return found
    if not os.path.ismount(there) and (found := _is_found_in_other_case(there.parent, there.name)) is not None:
        return found
    return sys.platform in ("win32", "darwin")


def _is_found_in_other_case(folder: Path, name: str) -> bool | None:
    """Look for something by its name in the other case; None if that says nothing."""
    other = name.swapcase()
    if other == name or other.swapcase() != name:
        return None
    try:
        own, found = os.lstat(folder / name), os.lstat(folder / other)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    is_same = (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino)
    return None if is_same and own.st_nlink > 1 and not stat.S_ISDIR(own.st_mode) else is_same  # they may be hard links


def is_folder(path: Path) -> bool:
    """Tell whether a path names a folder.

    Raises:
        UsageError: The system does not let it be looked at.
    """
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, however deep; it may be there already.

    Raises:
        OSError: The system does not let it be made.
    """
    missing = [folder]
    while missing:
        try:
            missing[-1].mkdir(exist_ok=True)
        except FileNotFoundError:
            if missing[-1].parent == missing[-1]:
                raise
            missing.append(missing[-1].parent)
        else:
            missing.pop()


# Control characters, which terminals obey; those that turn the direction of writing, which mislead; and what Python
# makes of bytes that are no Unicode, which cannot be written.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    r"""Return a name, or a text that holds one, as it can be shown anywhere: `caf\xe9.jpg`, `\x1b[2J.jpg`."""
    return _UNPRINTABLE.sub(_escape, str(text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte, as Python's file names carry it
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
