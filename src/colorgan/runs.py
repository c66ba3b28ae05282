"""The folder of a training run: the name of every file in it."""

from dataclasses import dataclass
from pathlib import Path

from colorgan.files import status_of

__all__ = ["RECORD_NAME", "RUNS_FOLDER", "RunFolder"]

RUNS_FOLDER = "runs"
"""Where training runs lie by default, below the current folder."""

RECORD_NAME = "run.json"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where the files of a run lie; whether they do is another question."""

    path: Path

    @property
    def record(self) -> Path:
        """What the run is made of."""
        return self.path / RECORD_NAME

    @property
    def journal(self) -> Path:
        """What has happened, a line each."""
        return self.path / "journal.jsonl"

    @property
    def best(self) -> Path:
        """The generator with the best score."""
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        """The generator at the end of the run."""
        return self.path / "last.safetensors"

    @property
    def curves(self) -> Path:
        """A picture of losses and scores."""
        return self.path / "curves.png"

    @property
    def lock(self) -> Path:
        """What keeps a second trainer out."""
        return self.path / "run.lock"

    @property
    def tensorboard(self) -> Path:
        """The folder of what TensorBoard reads."""
        return self.path / "tensorboard"

    @property
    def story(self) -> Path:
        """Its sample sheets, one after the other."""
        return self.path / "story.webp"

    def find_sheets(self) -> list[Path]:
        """Return the sample sheets that there are, oldest first."""
        return sorted(self.path.glob("sheet-*.png"))

    def sheet(self, step: int) -> Path:
        """The sample sheet of a step."""
        return self.path / f"sheet-{step:08}.png"

    def checkpoint(self, step: int) -> Path:
        """The checkpoint of a step."""
        return self.path / f"checkpoint-{step:08}.pt"

    def find_checkpoints(self) -> list[Path]:
        """Return the checkpoints that there are, oldest first."""
        return sorted(self.path.glob("checkpoint-*.pt"))

    def find_weights(self) -> Path | None:
        """Return the file of the best generator, by its present name or that of version 0.1; None if there is none."""
        return next((file for file in (self.best, self.path / "best.pt") if status_of(file) is not None), None)
