"""The record of a training run, `run.json`: which photographs it used, and with what it was made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colorgan.data.folder import PhotoFile, find_photos
from colorgan.errors import DataError
from colorgan.files import write_whole

__all__ = ["RECORD_NAME", "RUNS_FOLDER", "latest_run", "read_record", "validation_photos", "write_record"]

RUNS_FOLDER = "runs"
"""Where training runs lie by default, below the current folder."""

RECORD_NAME = "run.json"


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
    write_whole(run_dir / RECORD_NAME, json.dumps(record, indent=1).encode())


def read_record(run_dir: Path) -> dict[str, Any]:
    """Read a run's record.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = run_dir / RECORD_NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; is {run_dir} the folder of a training run?") from error
    if not isinstance(record, dict):
        raise DataError(f"{path} does not hold the record of a training run")
    return record


def latest_run(folder: Path) -> Path | None:
    """Return the run below `folder` whose record is the youngest, or None."""
    records = sorted(folder.glob(f"*/{RECORD_NAME}"), key=lambda path: path.stat().st_mtime)
    return records[-1].parent if records else None


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
