"""Looking at data, disk and speed before a run takes its first step."""

import copy
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from colorgan.data import PhotoFile, PositionSampler, TrainingPhotos, draw_batches, make_loader, read_photo
from colorgan.data.augment import is_nearly_grey
from colorgan.errors import DataError, ImageReadError, TrainingError
from colorgan.training.networks import GanNetworks
from colorgan.training.trainer import Trainer

__all__ = ["DataCheck", "Preflight", "check_before_run"]

_SAMPLE = 48  # photographs looked at
_PROBE_STEPS, _PROBE_SECONDS = 4, 20.0  # the probe ends with the first of them


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What a sample of the training photographs is like."""

    looked_at: int
    unreadable: tuple[tuple[str, str], ...]  # name and reason
    grey: tuple[str, ...]
    short_sides: tuple[int, int, int]  # least, middle and largest, pixels; of the readable ones


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found before a run."""

    data: DataCheck
    seconds_per_step: float  # measured on real batches, without waiting for data
    seconds_in_all: float | None  # for the steps that remain; None for a run of given minutes
    steps_in_all: int | None  # that fit a run of given minutes
    memory_bytes: int | None  # the most that the probe used; None where the system cannot say
    disk_needed: int
    disk_free: int


def check_before_run(trainer: Trainer) -> Preflight:
    """Look at the data, the disk, and the time and memory of a few steps; nothing of the run changes.

    Raises:
        DataError: The sample holds no photograph that can be trained on.
        TrainingError: The disk has less room than the run's files need.
    """
    data = _check_data(trainer.photos.train, trainer.recipe.run.size)
    seconds, needed = _probe(trainer)
    free = shutil.disk_usage(_existing(trainer.run_dir)).free
    if free < needed:
        raise TrainingError(
            f"the run's files need {needed / 1e9:.2f} GB, {trainer.run_dir} has {free / 1e9:.2f} GB free; make room, "
            "choose another --run-dir, or keep fewer checkpoints (--set run.checkpoints_kept=1)"
        )
    in_all = fitting = None
    if trainer.budget.steps is not None:
        in_all = seconds * max(trainer.budget.steps - trainer.step, 0)
    elif trainer.budget.minutes is not None:
        fitting = trainer.step + int(max(60 * trainer.budget.minutes - trainer.seconds, 0) / seconds)
    return Preflight(data, seconds, in_all, fitting, _memory_used(trainer), needed, free)


def _check_data(photos: Sequence[PhotoFile], size: int) -> DataCheck:
    unreadable: list[tuple[str, str]] = []
    grey: list[str] = []
    sides: list[int] = []
    sample = photos[:: max(1, len(photos) // _SAMPLE)][:_SAMPLE]
    for photo in sample:
        try:
            colors = read_photo(photo, short_side=size)
        except ImageReadError as error:
            unreadable.append((photo.name, str(error)))
            continue
        sides.append(min(colors.size))
        if is_nearly_grey(colors.image):
            grey.append(photo.name)
    if len(unreadable) + len(grey) == len(sample):
        raise DataError(
            f"none of {len(sample)} photographs looked at can be trained on ({len(unreadable)} unreadable, {len(grey)} "
            f"without colour), such as {(grey or [unreadable[0][0]])[0]}; training needs photographs in colour"
        )
    sides.sort()
    return DataCheck(len(sample), tuple(unreadable), tuple(grey), (sides[0], sides[len(sides) // 2], sides[-1]))


def _probe(trainer: Trainer) -> tuple[float, int]:
    """Take a few steps with networks of their own; return seconds a step and the bytes of the run's files."""
    recipe, runtime = trainer.recipe, trainer.runtime
    with torch.random.fork_rng(devices=[]):
        networks = GanNetworks(recipe, copy.deepcopy(trainer.networks.loss), runtime)
    samples = TrainingPhotos(trainer.photos.train, recipe.run.size, recipe.augment, trainer.seed)
    batches = draw_batches(make_loader(samples, PositionSampler(recipe.run.batch_size), workers=0))
    times: list[float] = []
    while len(times) < _PROBE_STEPS and sum(times) < _PROBE_SECONDS:
        batch = next(batches)
        begin = time.monotonic()
        networks.train_step(batch, len(times), 0.5 if recipe.optimizer.adversarial_from <= 0.5 else 1.0)
        times.append(time.monotonic() - begin)
    checkpoint = _count_bytes(networks.state_dict())
    weights = _count_bytes(networks.generator.state_dict()) // 2
    needed = (recipe.run.checkpoints_kept + 1) * checkpoint + 3 * weights + 50_000_000  # and sheets, and the journal
    return min(times), needed


def _count_bytes(state: object) -> int:
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, dict):
        return sum(_count_bytes(value) for value in state.values())
    return sum(map(_count_bytes, state)) if isinstance(state, list | tuple) else 0


def _memory_used(trainer: Trainer) -> int | None:
    if trainer.runtime.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(trainer.runtime.device))
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _existing(path: Path) -> Path:
    """Return the nearest folder on a path that exists."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if os.path.exists(folder))  # noqa: PTH110 - never raises
