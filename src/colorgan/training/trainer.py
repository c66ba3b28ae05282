"""The training loop, readable from top to bottom."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colorgan.config import CacheChoice
from colorgan.data import (
    Batch,
    DeviceDataset,
    PhotoSets,
    PositionSampler,
    TrainingPhotos,
    derive_seed,
    draw_batches,
    make_loader,
    worker_deaths_explained,
)
from colorgan.errors import ColorganError, DataError, TrainingError
from colorgan.files import sweep_leftovers
from colorgan.losses import GeneratorLoss, PerceptualLoss
from colorgan.model import Generator
from colorgan.runs import RunFolder
from colorgan.runtime import Runtime
from colorgan.training.checkpoint import save_checkpoint
from colorgan.training.distributed import PeerFailedError, Processes
from colorgan.training.events import Budget, Event, Finished, Saved, StepDone, Validated
from colorgan.training.files import refusals_explained
from colorgan.training.guard import LossGuard
from colorgan.training.journal import Averages, Journal, read_journal
from colorgan.training.lock import RunLock
from colorgan.training.networks import GanNetworks
from colorgan.training.plots import draw_curves
from colorgan.training.preview import write_sheet
from colorgan.training.recipe import Recipe
from colorgan.training.resume import RunState, digest_photos, require_same_run
from colorgan.training.score import Score
from colorgan.training.story import write_story
from colorgan.training.tasks import pick_task
from colorgan.training.validation import ValidationSet
from colorgan.weights.file import save_generator

__all__ = ["RunRequest", "Trainer"]

_SHEET_ROWS = 8


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is trained, on what, for how long, and by which means."""

    recipe: Recipe
    photos: PhotoSets  # to train and to validate on
    run_dir: Path  # of the journal, checkpoints, sample sheets and weights; made when the run starts
    _: KW_ONLY
    budget: Budget
    runtime: Runtime
    seed: int = 0  # of everything random
    workers: int = 1  # processes that decode photographs; 0 decodes in this one
    cache: CacheChoice = CacheChoice.NONE  # where decoded photographs are kept
    compiled: bool = False  # whether the generator is compiled with `torch.compile`
    perceptual_state: Mapping[str, Tensor] | None = None  # of the backbone, if the recipe's loss needs one
    processes: Processes = field(default_factory=Processes)  # this one among those that train together


class Trainer:
    """Trains a generator; `run` does the work and yields what happens.

    Args:
        request: What is trained, on what, for how long, and by which means.
    """

    def __init__(self, request: RunRequest) -> None:
        torch.manual_seed(request.seed)
        self.recipe, self.photos, self.run_dir = request.recipe, request.photos, request.run_dir
        self.budget, self.runtime, self.seed, self.workers = (
            request.budget, request.runtime, request.seed, request.workers,
        )  # fmt: skip
        self.cache, self.compiled, self.processes = request.cache, request.compiled, request.processes
        self.stop_requested = False
        self.step, self.seconds, self.best_score = 0, 0.0, -math.inf

        recipe, photos, run_dir, runtime = self.recipe, self.photos, self.run_dir, self.runtime
        state = request.perceptual_state
        self.task = pick_task(recipe)
        perceptual = None if state is None else PerceptualLoss(recipe.loss, state)
        self.networks = GanNetworks(recipe, GeneratorLoss(recipe.loss, perceptual), runtime, self.processes)
        self.validation = ValidationSet(photos.validation, recipe.run.validation_count, recipe.run.validation_size)
        self.files = RunFolder(run_dir)
        self.journal = Journal(self.files.journal)
        self.lock = RunLock(run_dir)
        self._guard, self._averages = LossGuard(), Averages()
        self._unread: list[dict[str, Tensor]] = []  # what the last steps returned, still where the network is
        self._terms: dict[str, float] = {}  # of the last step that was read
        self._last_checkpoint: Path | None = None
        self._validation_seconds = 0.0

    @property
    def generator(self) -> Generator:
        """The generator that is trained; the one that is kept is its average."""
        return self.networks.generator

    def start_from(self, network: Generator) -> None:
        """Begin with the weights of another generator of the same shape; parts that it lacks stay as they are."""
        self.networks.start_from(network)

    def request_stop(self) -> None:
        """Let the run save and end after the step at hand; may be called from a signal's handler."""
        self.stop_requested = True

    def open_run_dir(self) -> None:
        """Make the run's folder, lock it, and see that it can be written to.

        Raises:
            TrainingError: It cannot, or another trainer is at work in it.
        """
        try:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            self.lock.acquire()
            self.journal.open()
            sweep_leftovers([self.run_dir])
        except OSError as error:
            raise TrainingError(
                f"the run's folder {self.run_dir} cannot be written: {error.strerror}; choose another with --run-dir"
            ) from error

    # --- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> Iterator[Event]:
        """Train until the budget is spent or `request_stop` was called; yield every event.

        With several processes, all of them run it and the leading one alone scores and saves.

        Raises:
            TrainingError: A loss broke down, or a file cannot be written; the checkpoints written before are good.
            CheckpointError: A checkpoint cannot be written; the ones before are good.
            DataError: There are too few usable photographs.
        """
        if self.processes.is_main:
            self.open_run_dir()
        self.networks.begin(compiled=self.compiled)
        try:
            with worker_deaths_explained(), self._batches() as batches:
                yield from self._train_on(batches)
            self._read()
            if self.processes.is_main:
                yield from self._finish()
        except ColorganError as error:
            with suppress(TrainingError):  # the journal may be what cannot be written
                self._log("failed", reason=str(error))
            raise
        finally:
            self.lock.release()

    def _train_on(self, batches: Iterator[Batch]) -> Iterator[Event]:
        last_saved = started = time.monotonic()
        earlier = self.seconds
        while True:
            # 1. Draw a batch; all processes agree on whether the run goes on.
            begin = time.monotonic()
            batch = self._next_for_all(batches, earlier + begin - started)
            if batch is None:  # the budget is spent, or a process was asked to stop
                return
            waited = time.monotonic() - begin

            # 2. Teach the discriminator, where there is one, then the generator.
            self._seed_step()
            found = self.networks.train_step(batch, self.step, self.progress, measure=self._journal_due())
            self.step += 1

            # 3. Let the averaged generator, the one that is kept, follow.
            self.networks.average.update(self.generator, self.step)

            # 4. Look at the losses: a run that has broken down ends here, before anything of it is kept.
            self._unread.append(found)
            if self._reading_due():
                self._read()

            # 5. Tell of the step, and note the means of the last ones in the journal.
            now = time.monotonic()
            self.seconds = earlier + now - started
            yield self._report(batch, now - begin, waited)
            if not self.processes.is_main:
                continue

            # 6. Now and then, score the average on the validation photographs; keep it if it is the best so far.
            if self._validation_due():
                yield self._validate()

            # 7. Now and then, save all that the rest of the run depends on.
            if now - last_saved >= 60 * self.recipe.run.checkpoint_minutes and not self._unread:  # only what is sound
                last_saved = now
                yield self.save()

    @property
    def progress(self) -> float:
        """The share of the budget that is spent; of a time box, what the last validation will take is kept back."""
        return self.budget.progress(self.step, self.seconds + self._validation_seconds)

    @contextmanager
    def _batches(self) -> Iterator[Iterator[Batch]]:
        """Make this process's batches from the next step on, without end; free what they need at last."""
        photos, run, augment = self.photos.train, self.recipe.run, self.recipe.augment
        rank, world, device = self.processes.rank, self.processes.world, self.runtime.device
        if self.cache is CacheChoice.DEVICE:
            resident = DeviceDataset(photos, run.size, augment, self.seed, device, workers=self.workers)
            yield resident.batches(run.batch_size, self.step, rank, world)
            return
        samples = TrainingPhotos(photos, run.size, augment, self.seed, cached=self.cache is CacheChoice.RAM)
        sampler = PositionSampler(run.batch_size, self.step, rank, world)
        try:
            loader = make_loader(samples, sampler, workers=self.workers, pin_memory=device.type == "cuda")
            with closing(draw_batches(loader)) as batches:
                yield batches
        finally:
            if samples.cache is not None:
                samples.cache.close()

    def _next_for_all(self, batches: Iterator[Batch], seconds: float) -> Batch | None:
        """Draw this process's batch and agree with the others on everything that must be the same in all.

        Returns:
            The batch, with the masks that any process needs; None if the run is over or any was asked to stop.
        """
        batch: Batch | None = None
        failure: DataError | None = None
        try:
            batch = next(batches)
        except DataError as error:
            failure = error
        wishes = (
            failure is not None,
            self.stop_requested,
            batch is not None and batch.known is not None,
            batch is not None and batch.hints is not None,
            batch is not None and len(batch.left_out) > 0,
        )
        *agreed, self.seconds, self._validation_seconds = self.processes.largest(
            *map(float, wishes), seconds, self._validation_seconds
        )
        failed, stop, known, hints, left_out = map(bool, agreed)
        if failure is not None:
            raise failure
        if failed or batch is None:
            raise PeerFailedError("another process has no usable photographs; its message says why")
        if stop or self.progress >= 1:
            return None
        if left_out:
            batch = batch._replace(left_out=self.processes.gather(batch.left_out))
        return batch.complete(known=known, hints=hints)

    def _seed_step(self) -> None:
        """Let what the networks draw at random depend on the step alone, so that a resumed run draws the same."""
        torch.manual_seed(derive_seed(self.seed, 2, self.step, self.processes.rank))

    def _reading_due(self) -> bool:
        """Whether to look at what the last steps returned: on a GPU seldom, since that waits for it."""
        patient = self.runtime.device.type == "cuda" and not self._validation_due()
        return not patient or self.step % self.recipe.run.log_interval == 0

    def _read(self) -> None:
        """Read what the steps since the last reading returned, and see whether the run is sound.

        Raises:
            TrainingError: It is not.
        """
        steps, self._unread = self._unread, []
        for step, terms in enumerate(self.networks.read(steps) if steps else [], self.step - len(steps) + 1):
            self._guard.check(step, terms, self._last_checkpoint)
            self._averages.add({name: value for name, value in terms.items() if math.isfinite(value)})
            self._terms = terms

    def _journal_due(self) -> bool:
        return (self.step + 1) % self.recipe.run.log_interval == 0

    def _validation_due(self) -> bool:
        """Whether it is time; the end of the run has a validation of its own."""
        return self.step % self.recipe.run.eval_interval == 0 and self.progress < 1

    # --- what surrounds it ------------------------------------------------------------------------------------------

    def _report(self, batch: Batch, seconds: float, waited: float) -> StepDone:
        """Note a step in the journal and tell of it."""
        for name, reason in batch.left_out:
            self._log("left_out", name=name, reason=reason)
        waiting = waited / max(seconds, 1e-9)
        speed = len(batch.rgb) * self.processes.world / max(seconds, 1e-9)
        self._averages.add({"images_per_second": speed, "waiting": waiting})
        if self.step % self.recipe.run.log_interval == 0:
            self._log_averages()
        return StepDone(self.step, min(1.0, self.progress), self.seconds, speed, waiting, self._terms, batch.left_out)

    def _log_averages(self) -> None:
        """Note the means of the steps since the last such line, if there were any."""
        means = self._averages.take()
        if means:
            rate = max(float(group["lr"]) for group in self.networks.optimizer.param_groups)
            progress = round(min(1.0, self.progress), 6)
            self._log("step", seconds=round(self.seconds, 1), progress=progress, rate=rate, **means)

    def _log(self, kind: str, **values: Any) -> None:
        if self.processes.is_main:
            self.journal.write(kind, step=self.step, **values)

    def _validate(self) -> Validated:
        """Score the averaged generator, keep it if it is the best so far, and write a sample sheet."""
        begin = time.monotonic()
        network, recipe = self.networks.average.network, self.recipe
        perceptual = self.networks.loss.perceptual
        score = self.task.score(network, self.validation, recipe, self.runtime, perceptual)
        is_best = score.score > self.best_score
        if is_best:
            self.best_score = score.score
            self._write_weights(self.files.best, score)
        sheet = self.files.sheet(self.step)
        rgb = self.validation.rgb[:_SHEET_ROWS]
        write_sheet(sheet, network, rgb, recipe.render.size, recipe.augment, self.runtime)
        self._log("validation", seconds=round(self.seconds, 1), best=is_best, **asdict(score))
        self._validation_seconds = time.monotonic() - begin
        return Validated(self.step, score, is_best, sheet)

    def _write_weights(self, path: Path, score: Score) -> None:
        provenance = {
            "recipe": self.recipe.description,
            "steps": self.step,
            "pictures_seen": self.step * self.recipe.run.batch_size * self.processes.world,
            "photographs": len(self.photos.train),
            "hours": round(self.seconds / 3600, 2),
            "validation": asdict(score),
        }
        with refusals_explained(path):
            save_generator(path, self.networks.average.network, render=self.recipe.render, provenance=provenance)

    def _finish(self) -> Iterator[Event]:
        """Score and keep the last weights too, save, draw the curves; a run that was asked to stop only saves."""
        stopped = self.progress < 1
        self._log_averages()
        if not stopped:
            result = self._validate()
            self._write_weights(self.files.last, result.score)
            yield result
        yield self.save()
        self._log("finished", stopped=stopped, seconds=round(self.seconds, 1))
        curves = draw_curves(read_journal(self.journal.path), self.files.curves)
        best = self.files.best
        story = None if stopped else write_story(self.run_dir)
        yield Finished(self.step, best if best.exists() else None, stopped, curves, story)

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def save(self) -> Saved:
        """Write a checkpoint of everything that the rest of the run depends on."""
        content = self.state().to_checkpoint()
        path = save_checkpoint(self.run_dir, self.step, content, kept=self.recipe.run.checkpoints_kept)
        self._last_checkpoint = path
        self._log("checkpoint", file=path.name)
        return Saved(self.step, path)

    def state(self) -> RunState:
        """Return everything that the rest of the run depends on."""
        return RunState(
            step=self.step,
            seconds=self.seconds,
            best_score=self.best_score,
            seed=self.seed,
            world=self.processes.world,
            recipe=self.recipe,
            budget=self.budget,
            photos=digest_photos(self.photos.train),
            cache=self.cache,
            networks=self.networks.state_dict(),
        )

    def resume(self, state: RunState, path: Path | None = None) -> None:
        """Go on from a checkpoint, exactly.

        Args:
            state: What the checkpoint holds.
            path: Where it lies, for messages.

        Raises:
            CheckpointError: It is from another network, recipe, seed or batch size.
        """
        require_same_run(state, self.state())
        self.networks.load_state_dict(state.networks)
        self.step, self.seconds, self.best_score = state.step, state.seconds, state.best_score
        self._last_checkpoint = path
