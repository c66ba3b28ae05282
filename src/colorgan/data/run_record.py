"""The record of a training run, `run.json`: which photographs it used, and with what it was made."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colorgan.data.bytes import read_part
from colorgan.data.folder import PhotoFile, find_photos
from colorgan.errors import DataError, ImageReadError
from colorgan.files import write_whole
from colorgan.runs import RECORD_NAME, RunFolder

__all__ = ["latest_run", "read_record", "validation_photos", "write_record"]


def write_record(
    run_dir: Path, data: Path, validation_data: Path, validation: Sequence[str], facts: Mapping[str, Any]
) -> None:
    """Write a run's record.

    Args:
        run_dir: The run's folder.
        data: What it was trained on.
        validation_data: Below which its validation photographs lie.
        validation: Their names there.
        facts: Anything else that plain JSON holds.
    """
    record = {
        "data": str(data.resolve()),
        "validation_data": str(validation_data.resolve()),
        "validation": list(validation),
        **facts,
    }
    write_whole(RunFolder(run_dir).record, json.dumps(record, indent=1).encode())


def read_record(run_dir: Path) -> dict[str, Any]:
    """Read a run's record.

    Returns:
        What `write_record` was given: "data" and "validation_data" are text, "validation" is a list of texts, and
        "separate_validation", if there is one, is text or None.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = RunFolder(run_dir).record
    try:
        record = json.loads(read_part(path))
    except ImageReadError as error:
        raise DataError(f"{error}; is {run_dir} the folder of a training run?") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}; is {run_dir} the folder of a training run?") from error
    if not isinstance(record, dict) or not _holds_what_is_needed(record):
        raise DataError(f"{path} does not hold the record of a training run")
    return record


def _holds_what_is_needed(record: Mapping[str, Any]) -> bool:
    texts = [record.get("data"), record.get("validation_data"), record.get("separate_validation") or ""]
    names = record.get("validation")
    return isinstance(names, list) and all(isinstance(text, str) for text in (*texts, *names))


def latest_run(folder: Path) -> Path | None:
    """Return the run below `folder` whose record is the youngest, or None."""
    records = [(status.st_mtime, path) for path in folder.glob(f"*/{RECORD_NAME}") if (status := _status(path))]
    return max(records)[1].parent if records else None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:  # a link that leads nowhere, or a folder that may not be entered
        return None


def validation_photos(run_dir: Path) -> list[PhotoFile]:
    """Return the photographs that a run was validated on.

    Raises:
        DataError: The record is damaged, or the photographs are gone.
    """
    record = read_record(run_dir)
    root, names = Path(record["validation_data"]), set(record["validation"])
    found = [photo for photo in find_photos(root) if photo.name in names]
    if not found:
        raise DataError(f"the validation photographs of the run {run_dir} are no longer in {root}; pass --data")
    return found
