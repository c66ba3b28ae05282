"""Every error that colorgan raises on purpose.

::

    ColorganError                 anything below; exit code 1
    ├── UsageError                wrong options or arguments, nothing was done; exit code 2
    │   └── ConfigError           a recipe or a configuration that is not valid
    ├── DeviceError               a device or precision was asked for that this machine lacks; exit code 2
    ├── ImageError                one picture
    │   ├── ImageReadError        it cannot be read
    │   └── ImageWriteError       its result cannot be written
    ├── DataError                 a data set: missing, empty, or without usable photographs
    ├── WeightsError              a weights file
    │   ├── WeightsNotFoundError  it is not on this machine
    │   ├── WeightsInvalidError   it is damaged, unsafe, or made for another network
    │   └── DownloadError         it could not be fetched
    ├── CheckpointError           a training run cannot be resumed from this file
    │   └── CheckpointFormatError it is of another version
    ├── TrainingError             training cannot go on (a loss that is not a number, for example)
    └── EvaluationError           a measurement cannot be made as asked

A message says in one sentence what was got, what was expected and what to do. `colorgan.cli.main` is the one
place that turns these into a line on stderr and an exit code.
"""

from typing import ClassVar, Final

__all__ = [
    "CheckpointError",
    "CheckpointFormatError",
    "ColorganError",
    "ConfigError",
    "DataError",
    "DeviceError",
    "DownloadError",
    "EvaluationError",
    "ImageError",
    "ImageReadError",
    "ImageWriteError",
    "TrainingError",
    "UsageError",
    "WeightsError",
    "WeightsInvalidError",
    "WeightsNotFoundError",
]


_LONGEST: Final = 6000  # characters of a message: the longest path that a system takes, and a sentence


class ColorganError(Exception):
    """The root of all errors that colorgan raises on purpose. What a message repeats of a file is cut if need be."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return the message."""
        text = super().__str__()
        half = _LONGEST // 2
        return text if len(text) <= _LONGEST else f"{text[:half]}...{text[-half:]}"


class UsageError(ColorganError):
    """The options or arguments are not valid; nothing was done."""

    exit_code: ClassVar[int] = 2


class ConfigError(UsageError):
    """A recipe or a configuration holds a value that is not valid."""


class DeviceError(ColorganError):
    """A device or a precision was asked for that this machine does not have."""

    exit_code: ClassVar[int] = 2


class ImageError(ColorganError):
    """One picture could not be read or written."""


class ImageReadError(ImageError):
    """A picture cannot be read."""


class ImageWriteError(ImageError):
    """A result cannot be written."""


class DataError(ColorganError):
    """A data set is missing, empty, or holds no usable photographs."""


class WeightsError(ColorganError):
    """Something is wrong with a weights file."""


class WeightsNotFoundError(WeightsError):
    """A weights file is not on this machine."""


class WeightsInvalidError(WeightsError):
    """A weights file is damaged, unsafe to load, or made for another network."""


class DownloadError(WeightsError):
    """A weights file could not be fetched."""


class CheckpointError(ColorganError):
    """A training run cannot be resumed from this checkpoint."""


class CheckpointFormatError(CheckpointError):
    """A checkpoint is whole, but of another version of colorgan."""


class TrainingError(ColorganError):
    """Training cannot go on."""


class EvaluationError(ColorganError):
    """A measurement cannot be made as asked."""
