"""Small pictures for the reports of a run, kept on disk while it lasts: of an archive they would fill the memory."""

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from colorgan.colorization.products import Preview
from colorgan.colorization.work import Outcome
from colorgan.errors import UsageError
from colorgan.files import make_folder

__all__ = ["PreviewStore", "StoredPreview"]


class PreviewStore:
    """A file without a name that previews go to; use it as a context.

    Args:
        folder: On the disk that the reports go to, which must have room for them; it is made if need be.

    Raises:
        UsageError: Nothing can be written there.
    """

    def __init__(self, folder: Path) -> None:
        try:
            make_folder(folder)
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, prefix=".colorgan-")  # noqa: SIM115
        except OSError as error:
            raise UsageError(
                f"{folder} cannot be written to: {error.strerror or error}; give another place for the report"
            ) from error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the room back."""
        self._file.close()

    def keep(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose preview is on disk instead of in memory."""
        if not isinstance(outcome.preview, Preview):
            return outcome
        try:
            start = self._file.seek(0, 2)
            self._file.write(outcome.preview.before + outcome.preview.after)
        except OSError:  # the disk is full: writing the report will say so
            return dataclasses.replace(outcome, preview=None)
        sizes = len(outcome.preview.before), len(outcome.preview.after)
        return dataclasses.replace(outcome, preview=StoredPreview(self._file, start, *sizes))


@dataclass(frozen=True, slots=True)
class StoredPreview:
    """A preview on disk; see `Preview`."""

    file: IO[bytes]
    start: int
    before_size: int
    after_size: int

    @property
    def before(self) -> bytes:
        """The photograph before, as a JPEG file."""
        self.file.seek(self.start)
        return self.file.read(self.before_size)

    @property
    def after(self) -> bytes:
        """The photograph after, as a JPEG file."""
        self.file.seek(self.start + self.before_size)
        return self.file.read(self.after_size)
