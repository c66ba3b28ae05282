"""Writing a run's files: whole or not at all, and one sentence where the system refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colorgan.errors import ColorganError, TrainingError
from colorgan.files import write_whole

__all__ = ["refusals_explained", "write_file"]


@contextmanager
def refusals_explained(path: Path, kind: type[ColorganError] = TrainingError) -> Iterator[None]:
    """Say in plain words that the system does not let a file of a run be written: a full disk, a closed folder.

    Raises:
        TrainingError: It does not, or the `kind` of error that is asked for.
    """
    try:
        yield
    except OSError as error:
        raise kind(
            f"{path} cannot be written: {error.strerror or error}; what was written before is whole, so see to the "
            "disk or the folder and go on from the last checkpoint with --resume"
        ) from error


def write_file(path: Path, *parts: bytes | memoryview, kind: type[ColorganError] = TrainingError) -> None:
    """Write a file whose name appears only once everything is on the disk; the one before stays until then.

    Args:
        path: Where to.
        parts: Its content, one behind the other.
        kind: The error to raise.

    Raises:
        TrainingError: It cannot be written, or the `kind` of error that is asked for.
    """
    with refusals_explained(path, kind):
        write_whole(path, *parts)
