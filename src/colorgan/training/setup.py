"""From what a user asks for to a trainer that is ready to run."""

import datetime
import math
import os
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from colorgan import __version__
from colorgan.config import EncoderName, config_to_mapping
from colorgan.data import PhotoSets, find_sets
from colorgan.data.runs import RUNS_FOLDER, latest_run, write_record
from colorgan.errors import CheckpointError, ConfigError, TrainingError, UsageError, WeightsError
from colorgan.model.encoders import load_backbone
from colorgan.runtime import pick_runtime
from colorgan.training.checkpoint import load_checkpoint, load_latest
from colorgan.training.distributed import Processes
from colorgan.training.recipe import Recipe, load_recipe
from colorgan.training.trainer import Budget, Trainer
from colorgan.weights.file import load_generator, load_tensors
from colorgan.weights.store import resolve_weights

__all__ = ["Setup", "TrainingOptions", "prepare_training"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """What a user asks for; None leaves a choice to the recipe or to this machine."""

    data: Path
    validation_data: Path | None = None
    recipe: str = "default"
    overrides: tuple[str, ...] = ()  # "table.key=value"
    run_dir: Path | None = None
    epochs: float | None = None
    steps: int | None = None
    minutes: float | None = None
    batch_size: int | None = None
    size: int | None = None
    device: str = "auto"
    precision: str = "auto"
    resume: str | None = None  # "auto", a checkpoint, or the folder of a run
    init_from: str | None = None  # a generator, by name or path
    encoder_weights: str | None = None  # "imagenet", "none" or a file
    perceptual_weights: str | None = None  # a file; the store's if left out
    seed: int = 0
    workers: int | None = None

    def __post_init__(self) -> None:
        """Refuse options that exclude each other or cannot be meant."""
        lengths = [n for n in (self.epochs, self.steps, self.minutes) if n is not None]
        if len(lengths) > 1:
            raise UsageError("--epochs, --steps and --minutes each say how long a run is; give one of them")
        if any(n <= 0 for n in lengths):
            raise UsageError(f"the length of a run must be above 0, got {lengths[0]}")
        if self.resume and self.init_from:
            raise UsageError("--resume goes on with a run and --init-from begins a new one; give one of them")


@dataclass(frozen=True, slots=True)
class Setup:
    """A trainer and what is worth saying before it runs."""

    trainer: Trainer
    notes: tuple[str, ...]


def prepare_training(options: TrainingOptions, processes: Processes | None = None) -> Setup:
    """Find the data, build the networks, bring weights or a checkpoint, and record the run.

    Raises:
        ColorganError: Anything that would keep the run from starting, before anything is written.
    """
    processes = processes or Processes()
    recipe = _resolve_recipe(options)
    runtime = pick_runtime(options.device, options.precision)
    photos = find_sets(options.data, options.validation_data)
    notes = [f"{len(photos.train)} photographs to train on, {len(photos.validation)} to validate on"]
    resumed = _find_checkpoint(options)
    run_dir = resumed.parent if resumed else _choose_run_dir(options)
    trainer = Trainer(
        recipe,
        photos,
        run_dir,
        budget=_budget(options, recipe, photos, processes),
        runtime=runtime,
        seed=options.seed,
        workers=_count_workers(options.workers),
        perceptual_state=_perceptual_state(options, recipe),
        processes=processes,
    )
    if resumed:
        notes += _resume(trainer, resumed)
    elif options.init_from:
        path = resolve_weights(options.init_from)
        trainer.start_from(load_generator(path).network)
        notes.append(f"starts from the weights {path}")
    else:
        notes += _load_encoder(trainer, options, recipe)
    trainer.open_run_dir()
    if processes.leads:
        _record(trainer, options)
    return Setup(trainer, tuple(notes))


def _resolve_recipe(options: TrainingOptions) -> Recipe:
    sizes = {"run.batch_size": options.batch_size, "run.size": options.size}
    overrides = [f"{key}={value}" for key, value in sizes.items() if value is not None]
    recipe = load_recipe(options.recipe, (*options.overrides, *overrides))
    deepest = math.ceil(recipe.run.size / recipe.model.stride)
    if recipe.run.batch_size * deepest**2 < 2:
        raise ConfigError(
            f"a batch of {recipe.run.batch_size} at {recipe.run.size} pixels leaves one value for batch norm at stride "
            f"{recipe.model.stride}; use --batch-size 2 or more, or --size {2 * recipe.model.stride} or more"
        )
    return recipe


def _budget(options: TrainingOptions, recipe: Recipe, photos: PhotoSets, processes: Processes) -> Budget:
    if options.minutes is not None:
        return Budget(minutes=options.minutes)
    if options.steps is not None:
        return Budget(steps=options.steps)
    epochs = recipe.run.epochs if options.epochs is None else options.epochs
    batch = recipe.run.batch_size * processes.world
    return Budget(steps=math.ceil(epochs * len(photos.train) / batch))


def _count_workers(asked: int | None) -> int:
    """Return how many processes decode: by default one for every two cores, at most 8."""
    if asked is not None:
        return asked
    return min(8, max(1, (os.cpu_count() or 1) // 2))


def _choose_run_dir(options: TrainingOptions) -> Path:
    if options.run_dir is not None:
        if any(options.run_dir.glob("checkpoint-*.pt")):
            raise UsageError(
                f"{options.run_dir} holds a run already; go on with it by --resume auto, or choose another --run-dir"
            )
        return options.run_dir
    name = Path(options.recipe).stem
    return Path(RUNS_FOLDER) / f"{name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"  # noqa: DTZ005 - the user's clock


def _find_checkpoint(options: TrainingOptions) -> Path | None:
    """Return the checkpoint to resume from; for a folder, a name in it that stands for its latest good one."""
    if options.resume is None:
        return None
    if options.resume != "auto":
        path = Path(options.resume)
        return path / "checkpoint-latest" if path.is_dir() else path
    folder = options.run_dir or latest_run(Path(RUNS_FOLDER))
    if folder is None:
        raise CheckpointError(f"there is no run in {RUNS_FOLDER}/ to resume; start one without --resume")
    return folder / "checkpoint-latest"


def _resume(trainer: Trainer, checkpoint: Path) -> list[str]:
    if checkpoint.name != "checkpoint-latest":
        trainer.resume(load_checkpoint(checkpoint))
        return [f"resumes from {checkpoint} at step {trainer.step}"]
    state, path, damaged = load_latest(checkpoint.parent)
    trainer.resume(state)
    notes = [f"passes over {bad}, which is torn or damaged" for bad in damaged]
    return [*notes, f"resumes from {path} at step {trainer.step}"]


def _load_encoder(trainer: Trainer, options: TrainingOptions, recipe: Recipe) -> list[str]:
    wanted = options.encoder_weights or ("imagenet" if recipe.pretrained_encoder else "none")
    if wanted == "none":
        return ["the encoder starts from random weights"]
    report = load_backbone(trainer.generator.encoder, _read_backbone(wanted, recipe.model.encoder))
    trainer.weights_changed()
    notes = [f"the encoder starts from {len(report.loaded)} pretrained tensors"]
    if report.missing:
        notes.append(f"{len(report.missing)} of its tensors are not in that file, from {report.missing[0]} on")
    return notes


def _read_backbone(wanted: str, encoder: EncoderName) -> dict[str, Tensor]:
    try:
        return load_tensors(resolve_weights(str(encoder) if wanted == "imagenet" else Path(wanted)))
    except WeightsError as error:
        raise type(error)(
            f"{error}. The encoder needs ImageNet weights: pass a file of them with --encoder-weights FILE, or train "
            "without by --encoder-weights none"
        ) from error


def _perceptual_state(options: TrainingOptions, recipe: Recipe) -> dict[str, Tensor] | None:
    if recipe.loss.perceptual == 0:
        return None
    backbone = str(recipe.loss.perceptual_backbone)
    try:
        return load_tensors(resolve_weights(options.perceptual_weights or backbone))
    except WeightsError as error:
        raise type(error)(
            f"{error}. The recipe's perceptual loss needs {backbone}: pass its file with --perceptual-weights FILE, or "
            "leave the term out by --set loss.perceptual=0"
        ) from error


def _record(trainer: Trainer, options: TrainingOptions) -> None:
    facts = {
        "colorgan": __version__,
        "recipe": config_to_mapping(trainer.recipe),
        "seed": trainer.seed,
        "device": str(trainer.runtime),
    }
    try:
        write_record(trainer.run_dir, options.data, trainer.photos.validation_root, trainer.validation.names, facts)
    except OSError as error:
        raise TrainingError(f"the run's folder {trainer.run_dir} cannot be written: {error.strerror}") from error
