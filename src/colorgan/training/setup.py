"""From what a user asks for to a trainer that is ready to run."""

import datetime as dt
import itertools
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from torch import Tensor

from colorgan.config import CacheChoice, Checked, Count, EncoderName, Pixels, Range, config_to_mapping
from colorgan.data import PhotoSets, find_sets
from colorgan.data.cache import bytes_to_share
from colorgan.data.dataset import CACHE_MARGIN
from colorgan.data.loading import plan_loading
from colorgan.data.run_record import latest_run, read_record, write_record
from colorgan.errors import (
    CheckpointError,
    CheckpointFormatError,
    ColorganError,
    ConfigError,
    TrainingError,
    UsageError,
    WeightsError,
)
from colorgan.files import is_folder, status_of
from colorgan.losses import Need, needs
from colorgan.model.encoders import load_backbone
from colorgan.runs import RUNS_FOLDER, RunFolder
from colorgan.runtime import Runtime, pick_runtime
from colorgan.training.checkpoint import load_checkpoint, load_latest
from colorgan.training.distributed import Processes, own_runtime
from colorgan.training.events import Budget
from colorgan.training.recipe import Recipe, change_recipe, load_recipe
from colorgan.training.resume import RunState, digest_photos
from colorgan.training.tasks import pick_task
from colorgan.training.trainer import RunRequest, Trainer
from colorgan.version import __version__
from colorgan.weights.file import load_generator, load_tensors
from colorgan.weights.store import resolve_weights

__all__ = ["Setup", "TrainingOptions", "begin_run", "prepare_training"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions(Checked):
    """What a user asks for; None leaves a choice to the resumed run, else to the recipe, else to this machine."""

    data: Path | None = None  # only a resumed run knows its own
    validation_data: Path | None = None
    recipe: str | None = None  # "default" for a new run
    overrides: tuple[str, ...] = ()  # "table.key=value"
    run_dir: Path | None = None
    epochs: Annotated[float, Range(0, 1e9, above=True)] | None = None
    steps: Annotated[int, Range(1, 10**12)] | None = None
    minutes: Annotated[float, Range(0, 1e9, above=True)] | None = None
    batch_size: Count | None = None
    size: Pixels | None = None
    device: str = "auto"
    precision: str = "auto"
    resume: str | None = None  # "auto", a checkpoint, or the folder of a run
    init_from: str | None = None  # a generator, by name or path
    encoder_weights: str | None = None  # "imagenet", "none" or a file
    perceptual_weights: str | None = None  # a file; the store's if left out
    seed: Annotated[int, Range(0, 2**63 - 1)] | None = None  # 0 for a new run
    workers: Annotated[int, Range(0, 1024)] | None = None
    cache: CacheChoice | None = None  # where decoded photographs are kept
    compile: bool = False

    def _check_together(self) -> None:
        """Refuse options that exclude each other, and photographs that are not there."""
        lengths = [n for n in (self.epochs, self.steps, self.minutes) if n is not None]
        if len(lengths) > 1:
            raise UsageError("--epochs, --steps and --minutes each say how long a run is; give one of them")
        if self.resume and self.init_from:
            raise UsageError("--resume goes on with a run and --init-from begins a new one; give one of them")
        if self.data is None and not self.resume:
            raise UsageError("there is nothing to train on: pass a folder of photographs with --data")
        for option, path in (("--data", self.data), ("--val-data", self.validation_data)):
            if path is not None and status_of(path) is None:
                raise UsageError(f"there is no {path}; {option} needs a folder of photographs, or a .tar file of them")


@dataclass(frozen=True, slots=True)
class Setup:
    """A trainer and what is worth saying before it runs."""

    trainer: Trainer
    notes: tuple[str, ...]
    data: Path
    validation_data: Path | None  # as asked for; None where the data set has its own or is split


class _Resumed(NamedTuple):
    """The checkpoint that a run goes on from."""

    state: RunState
    path: Path
    notes: tuple[str, ...]


def prepare_training(
    options: TrainingOptions, processes: Processes | None = None, runtime: Runtime | None = None
) -> Setup:
    """Find the data, build the networks, bring weights or a checkpoint; nothing is written yet.

    Raises:
        ColorganError: Anything that would keep the run from starting.
    """
    processes = processes or Processes()
    runtime = runtime or own_runtime(pick_runtime(options.device, options.precision))
    resumed = processes.from_main(lambda: _find_checkpoint(options))
    recipe = _resolve_recipe(options, resumed)
    run_dir = processes.from_main(lambda: _choose_run_dir(options, resumed))
    data, validation_data = _find_data(options, resumed)
    photos = find_sets(data, validation_data)
    _require_a_batch(photos, recipe, processes)
    state = resumed.state if resumed else None
    request = RunRequest(
        recipe,
        photos,
        run_dir,
        budget=_budget(options, recipe, photos, processes, state),
        runtime=runtime,
        seed=_first_given(options.seed, state and state.seed, 0),
        workers=_count_workers(options.workers),
        cache=_first_given(options.cache, state and state.cache, CacheChoice.NONE),
        compiled=options.compile,
        perceptual_state=_perceptual_state(options, recipe),
        processes=processes,
    )
    trainer = Trainer(request)
    notes = [f"{len(photos.train)} photographs to train on, {len(photos.validation)} to validate on"]
    if photos.kept_out:
        notes.append(
            f"{photos.kept_out} photographs were kept out of training, since they are among those to validate on"
        )
    size, stride = recipe.run.size, recipe.model.stride
    if size % stride:
        notes.append(
            f"size {size} is not a multiple of {stride}: the network pads each picture, which costs time; "
            f"{stride * max(1, round(size / stride))} fits"
        )
    side = math.ceil(CACHE_MARGIN * size)
    cached = bytes_to_share(len(photos.train), side) if trainer.cache is CacheChoice.RAM else 0
    loading = plan_loading(size, recipe.run.batch_size, trainer.workers, cached)
    if loading.note and trainer.cache is not CacheChoice.DEVICE:
        notes.append(loading.note)
    notes += _bring_weights(trainer, options, recipe, resumed)
    return Setup(trainer, tuple(notes), data, validation_data)


def begin_run(setup: Setup) -> None:
    """Make the run's folder, lock it until the run is over, and write down what the run is made of.

    Raises:
        TrainingError: The folder cannot be written, or another trainer is at work in it.
        UsageError: Another trainer was at work in it since this one was prepared.
    """
    trainer = setup.trainer
    if not trainer.processes.is_main:
        return
    trainer.open_run_dir()
    try:
        if trainer.step > 0:
            _continue_in(trainer.run_dir, RunFolder(trainer.run_dir).checkpoint(trainer.step))
        else:
            _require_no_run(trainer.run_dir)
        _record(setup)
    except ColorganError:
        trainer.lock.release()
        raise
    if trainer.step > 0:
        trainer.journal.write("resumed", step=trainer.step)


def _first_given(*values: Any) -> Any:
    return next(value for value in values if value is not None)


# --- what to train, on what, how long ---------------------------------------------------------------------------------


def _resolve_recipe(options: TrainingOptions, resumed: _Resumed | None) -> Recipe:
    sizes = {"run.batch_size": options.batch_size, "run.size": options.size}
    given = [f"{key}={value}" for key, value in sizes.items() if value is not None]
    overrides = (*options.overrides, *given)
    if resumed and options.recipe is None:
        recipe = change_recipe(resumed.state.recipe, overrides)
    else:
        recipe = _adopt_model(load_recipe(options.recipe or "default", overrides), options)
    deepest = math.ceil(recipe.run.size / recipe.model.stride)
    if recipe.run.batch_size * deepest**2 < 2:
        raise ConfigError(
            f"a batch of {recipe.run.batch_size} at {recipe.run.size} pixels leaves one value for batch norm at stride "
            f"{recipe.model.stride}; use --batch-size 2 or more, or --size {2 * recipe.model.stride} or more"
        )
    return recipe


def _adopt_model(recipe: Recipe, options: TrainingOptions) -> Recipe:
    """Give the recipe the shape and settings of the generator that is begun with, unless another was asked for."""
    asked = options.recipe is not None or any(change.startswith("model.") for change in options.overrides)
    task = pick_task(recipe)
    if not options.init_from or (asked and not task.keeps_shape):
        return recipe
    return task.adopt_shape(recipe, load_generator(resolve_weights(options.init_from)))


def _find_data(options: TrainingOptions, resumed: _Resumed | None) -> tuple[Path, Path | None]:
    """Return the photographs' places: the ones asked for, or those that the resumed run's record names."""
    if options.data is not None:
        return options.data, options.validation_data
    assert resumed is not None  # noqa: S101 - the options were checked
    record = read_record(resumed.path.parent)
    data, separate = Path(record["data"]), record.get("separate_validation")
    if status_of(data) is None:
        raise UsageError(f"the run was trained on {data}, which is gone; pass its photographs with --data")
    return data, options.validation_data or (Path(separate) if separate else None)


def _require_a_batch(photos: PhotoSets, recipe: Recipe, processes: Processes) -> None:
    needed = recipe.run.batch_size * processes.world
    if len(photos.train) < needed:
        raise UsageError(
            f"{len(photos.train)} photographs are fewer than the {needed} of one step; use more photographs, or "
            f"--batch-size {max(1, len(photos.train) // processes.world)} or less"
        )


def _budget(
    options: TrainingOptions,
    recipe: Recipe,
    photos: PhotoSets,
    processes: Processes,
    state: RunState | None,
) -> Budget:
    if options.minutes is not None:
        return Budget(minutes=options.minutes)
    if options.steps is not None:
        return Budget(steps=options.steps)
    if state is not None and options.epochs is None:
        return state.budget
    epochs = recipe.run.epochs if options.epochs is None else options.epochs
    batch = recipe.run.batch_size * processes.world
    return Budget(steps=math.ceil(epochs * len(photos.train) / batch))


def _count_workers(asked: int | None) -> int:
    """Return how many processes decode: by default one for every two cores, at most 8."""
    if asked is not None:
        return asked
    return min(8, max(1, (os.cpu_count() or 1) // 2))


# --- the run's folder and its checkpoint ------------------------------------------------------------------------------


def _choose_run_dir(options: TrainingOptions, resumed: _Resumed | None) -> Path:
    if resumed:
        return _continue_in(options.run_dir or resumed.path.parent, resumed.path)
    if options.run_dir is not None:
        return _require_no_run(options.run_dir)
    name = f"{Path(options.recipe or 'default').stem}-{dt.datetime.now():%Y%m%d-%H%M%S}"  # noqa: DTZ005 - the user's clock
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(folder for folder in (Path(RUNS_FOLDER) / name for name in names) if status_of(folder) is None)


def _require_no_run(folder: Path) -> Path:
    if status_of(folder) is not None and RunFolder(folder).find_checkpoints():
        raise UsageError(f"{folder} holds a run already; go on with it by --resume auto, or choose another --run-dir")
    return folder


def _continue_in(folder: Path, checkpoint: Path) -> Path:
    """Return the folder that a resumed run goes on in, unless it holds later checkpoints, which would be mixed up."""
    found = RunFolder(folder).find_checkpoints() if status_of(folder) is not None else []
    later = [p for p in found if p.name > checkpoint.name and _is_good(p)]
    if later:
        raise UsageError(
            f"{folder} holds a later checkpoint, {later[-1].name}; go on from it by --resume {folder}, or branch off "
            "into a new folder with --run-dir"
        )
    return folder


def _is_good(checkpoint: Path) -> bool:
    try:
        load_checkpoint(checkpoint)
    except CheckpointFormatError:
        return True
    except CheckpointError:
        return False
    return True


def _find_checkpoint(options: TrainingOptions) -> _Resumed | None:
    if options.resume is None:
        return None
    folder = Path(options.resume)
    if options.resume == "auto":
        latest = options.run_dir or latest_run(Path(RUNS_FOLDER))
        if latest is None:
            raise CheckpointError(f"there is no run in {RUNS_FOLDER}/ to resume; start one without --resume")
        folder = latest
    elif not is_folder(folder):
        return _Resumed(RunState.from_checkpoint(load_checkpoint(folder)), folder, ())
    status_of(folder)  # or the system does not say
    content, path, damaged = load_latest(folder)
    return _Resumed(
        RunState.from_checkpoint(content),
        path,
        tuple(f"passes over {bad}, which is torn or damaged" for bad in damaged),
    )


# --- weights ----------------------------------------------------------------------------------------------------------


def _bring_weights(trainer: Trainer, options: TrainingOptions, recipe: Recipe, resumed: _Resumed | None) -> list[str]:
    """Set the weights that the run begins with; return what is worth saying of them."""
    if resumed:
        trainer.resume(resumed.state, resumed.path)
        notes = [*resumed.notes, f"resumes from {resumed.path} at step {trainer.step}"]
        if resumed.state.photos != digest_photos(trainer.photos.train):
            notes.append(
                "the training photographs have changed since: the run goes on, but not exactly as it would have"
            )
        return notes
    if options.init_from:
        path = resolve_weights(options.init_from)
        trainer.start_from(load_generator(path).network)
        return [f"starts from the weights {path}"]
    return _load_encoder(trainer, options, recipe)


def _load_encoder(trainer: Trainer, options: TrainingOptions, recipe: Recipe) -> list[str]:
    wanted = options.encoder_weights or ("imagenet" if recipe.pretrained_encoder else "none")
    if wanted == "none":
        return ["the encoder starts from random weights"]
    report = load_backbone(trainer.generator.encoder, _read_backbone(wanted, recipe.model.encoder))
    trainer.start_from(trainer.generator)
    notes = [f"the encoder starts from {len(report.loaded)} pretrained tensors"]
    if report.missing:
        notes.append(f"{len(report.missing)} of its tensors are not in that file, from {report.missing[0]} on")
    return notes


def _read_backbone(wanted: str, encoder: EncoderName) -> dict[str, Tensor]:
    try:
        return load_tensors(resolve_weights(str(encoder) if wanted == "imagenet" else Path(wanted)))
    except WeightsError as error:
        raise type(error)(
            "the encoder needs ImageNet weights; pass a file of them with --encoder-weights FILE, or train without by "
            f"--encoder-weights none ({error})"
        ) from error


def _perceptual_state(options: TrainingOptions, recipe: Recipe) -> dict[str, Tensor] | None:
    if not needs(recipe.loss, Need.BACKBONE):
        return None
    backbone = str(recipe.loss.perceptual_backbone)
    try:
        return load_tensors(resolve_weights(options.perceptual_weights or backbone))
    except WeightsError as error:
        raise type(error)(
            f"{error}. The recipe's perceptual loss needs {backbone}: pass its file with --perceptual-weights FILE, or "
            "leave the term out by --set loss.perceptual=0"
        ) from error


def _record(setup: Setup) -> None:
    trainer, separate = setup.trainer, setup.validation_data
    facts = {
        "colorgan": __version__,
        "recipe": config_to_mapping(trainer.recipe),
        "seed": trainer.seed,
        "device": str(trainer.runtime),
        "separate_validation": None if separate is None else str(separate.resolve()),
    }
    try:
        root, names = trainer.photos.validation_root, trainer.validation.names
        write_record(trainer.run_dir, setup.data, root, names, facts)
    except OSError as error:
        raise TrainingError(
            f"the run's record {RunFolder(trainer.run_dir).record} cannot be written: {error.strerror}"
        ) from error
