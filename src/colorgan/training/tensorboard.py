"""A run's numbers for TensorBoard, where the `tensorboard` extra is installed."""

from pathlib import Path
from typing import TYPE_CHECKING

from colorgan.errors import UsageError
from colorgan.training.events import Event, StepDone, Validated
from colorgan.training.files import refusals_explained

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["TensorBoardLog"]


class TensorBoardLog:
    """Writes the events of a run for TensorBoard.

    Args:
        folder: Where to.
        every: Steps between the ones that are written.

    Raises:
        UsageError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, every: int) -> None:
        try:
            from torch.utils import tensorboard  # noqa: F401 - to see that it is there
        except ImportError as error:
            raise UsageError(
                "--tensorboard needs TensorBoard, which is not installed: pip install 'colorgan[tensorboard]'"
            ) from error
        self._folder = folder
        self._writer: SummaryWriter | None = None
        self._every = every

    def take(self, event: Event) -> None:
        """Write what an event holds.

        Raises:
            TrainingError: The system does not let it be written.
        """
        if isinstance(event, StepDone) and event.step % self._every == 0:
            speed = {"images_per_second": event.images_per_second, "waiting": event.waiting}
            self._write("train", event.step, {**event.terms, **speed})
        elif isinstance(event, Validated):
            self._write("validation", event.step, event.score.numbers())

    def close(self) -> None:
        """Write what is still held back."""
        if self._writer is not None:
            with refusals_explained(self._folder):
                self._writer.close()

    def _write(self, group: str, step: int, numbers: dict[str, float]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with refusals_explained(self._folder):
            if self._writer is None:
                self._writer = SummaryWriter(str(self._folder))
            for name, value in numbers.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)
