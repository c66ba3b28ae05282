"""Which photographs and which weights are measured when the user does not say."""

from dataclasses import dataclass
from pathlib import Path

from colorgan.data import PhotoFile, find_photos, find_validation_folder
from colorgan.data.run_record import latest_run, validation_photos
from colorgan.errors import DataError
from colorgan.files import is_folder
from colorgan.runs import RUNS_FOLDER, RunFolder

__all__ = ["EvaluationData", "find_data"]

_IMAGENET_MINI = "imagenet-mini"


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """Photographs to measure on."""

    photos: list[PhotoFile]
    source: str  # where they come from, for people
    weights: Path | None  # of the training run that they belong to


def find_data(data: Path | None, *, root: Path = Path()) -> EvaluationData:
    """Find the photographs: those of `data`, else of the latest training run, else of `./imagenet-mini`.

    A folder that has `val` or `validation` inside (the layout of ImageNet and ImageNet-mini) means that.

    Args:
        data: A folder or .tar file, or None.
        root: Where `runs` and `imagenet-mini` are looked for.

    Raises:
        DataError: There is nothing, or no photographs in it.
        UsageError: The system does not let `data` be looked at.
    """
    if data is not None:
        return _from_folder(data)
    run = latest_run(root / RUNS_FOLDER)
    if run is not None:
        source = f"the validation photographs of the training run {run}"
        return EvaluationData(validation_photos(run), source, RunFolder(run).find_weights())
    if is_folder(root / _IMAGENET_MINI):
        return _from_folder(root / _IMAGENET_MINI)
    raise DataError(
        f"there is nothing to measure on: no training run in ./{RUNS_FOLDER} and no ./{_IMAGENET_MINI}; pass a folder "
        "of colour photographs, or a .tar file of them, with --data"
    )


def _from_folder(data: Path) -> EvaluationData:
    chosen = find_validation_folder(data) or data
    return EvaluationData(find_photos(chosen), str(chosen), None)
