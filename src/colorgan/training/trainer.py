"""The training loop, readable from top to bottom."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from colorgan.color import grey_to_luminance, lab_to_rgb, rgb_to_lab
from colorgan.config import config_to_mapping
from colorgan.data import Batch, PhotoSets, PositionSampler, TrainingPhotos, make_loader
from colorgan.errors import CheckpointError, TrainingError
from colorgan.losses import GeneratorLoss, PerceptualLoss, assemble_rgb, discriminator_loss
from colorgan.model import Discriminator, Generator, Prediction, build_discriminator, build_generator
from colorgan.runtime import Runtime
from colorgan.training.checkpoint import save_checkpoint
from colorgan.training.distributed import Processes
from colorgan.training.journal import Averages, Journal
from colorgan.training.optimization import (
    AveragedGenerator,
    build_discriminator_optimizer,
    build_generator_optimizer,
    freeze_early_stages,
    rate_factor,
    set_rate,
)
from colorgan.training.preview import write_sheet
from colorgan.training.recipe import Recipe
from colorgan.training.validation import Score, ValidationSet, validate
from colorgan.weights.file import save_generator

__all__ = ["Budget", "Event", "Finished", "Saved", "StepDone", "Trainer", "Validated"]

BEST_NAME, LAST_NAME = "best.pt", "last.pt"
_SHEET_ROWS = 8


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a run is: a number of steps or of minutes; the learning rate's course is fitted to it."""

    steps: int | None = None
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Return the share that is spent after `step` steps and `seconds` of training; 1 or more ends the run."""
        if self.steps is not None:
            return step / max(self.steps, 1)
        return seconds / 60 / max(self.minutes or 0.0, 1e-9)


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step was taken."""

    step: int
    progress: float  # 0..1
    seconds: float  # of training so far, over all sessions of the run
    images_per_second: float
    waiting: float  # share of the time that went into waiting for data
    terms: dict[str, float]  # each loss, before its weight
    left_out: tuple[tuple[str, str], ...]  # photographs passed over, with the reason


@dataclass(frozen=True, slots=True)
class Validated:
    """The averaged generator was scored and a sample sheet written."""

    step: int
    score: Score
    is_best: bool
    sheet: Path


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint was written."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over, or was asked to stop."""

    step: int
    weights: Path  # the best generator by score, which `colorize --weights` takes
    stopped: bool  # whether it was asked to stop before its budget was spent


Event = StepDone | Validated | Saved | Finished


class Truth(NamedTuple):
    """A batch as the losses and the generator see it."""

    lab: Tensor  # (B, 3, H, W); L is that of the picture before anything was hidden
    known: Tensor | None  # (B, 1, H, W)
    hints: Tensor | None  # (B, 3, H, W): mask, a, b


class Trainer:
    """Trains a generator by a recipe; `run` does the work and yields what happens.

    Args:
        recipe: What to train and how.
        photos: What to train and to validate on.
        run_dir: Where the journal, checkpoints, sample sheets and weights go; made when the run starts.
        budget: How long.
        runtime: Where, and in which precision.
        seed: Of everything random.
        workers: Processes that decode photographs; 0 decodes in this one.
        perceptual_state: Weights of the perceptual loss's backbone; needed if the recipe has that term.
        processes: This process among those that train together.
    """

    def __init__(
        self,
        recipe: Recipe,
        photos: PhotoSets,
        run_dir: Path,
        *,
        budget: Budget,
        runtime: Runtime,
        seed: int = 0,
        workers: int = 1,
        perceptual_state: Mapping[str, Tensor] | None = None,
        processes: Processes | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.recipe, self.photos, self.run_dir = recipe, photos, run_dir
        self.budget, self.runtime, self.seed, self.workers = budget, runtime, seed, workers
        self.processes = processes or Processes()
        self.stop_requested = False
        self.step, self.seconds, self.best_score = 0, 0.0, -math.inf

        self.generator: Generator = build_generator(recipe.model).to(runtime.device)
        self.discriminator: Discriminator | None = None
        if recipe.adversarial:
            self.discriminator = build_discriminator(recipe.discriminator).to(runtime.device)
        perceptual = PerceptualLoss(recipe.loss, perceptual_state) if perceptual_state is not None else None
        self.loss = GeneratorLoss(recipe.loss, perceptual).to(runtime.device)
        self.validation = ValidationSet(
            photos.validation, recipe.run.validation_count, recipe.run.validation_size
        )
        self.journal = Journal(run_dir / "journal.jsonl")
        self._scaler = torch.GradScaler(runtime.device.type, enabled=runtime.dtype is torch.float16)
        self.weights_changed()

    def weights_changed(self) -> None:
        """Freeze, make the optimisers and the average: at first, and after the weights were set from elsewhere."""
        config = self.recipe.optimizer
        freeze_early_stages(self.generator, config.freeze_to_stride)
        self.optimizer = build_generator_optimizer(self.generator, config)
        self.average = AveragedGenerator(self.generator, self.recipe.run.ema_decay)
        self._shared_generator = self.processes.share(self.generator, self.runtime)
        self._shared_discriminator: nn.Module | None = None
        if self.discriminator is not None:
            self.discriminator_optimizer = build_discriminator_optimizer(self.discriminator, config)
            self._shared_discriminator = self.processes.share(self.discriminator, self.runtime)

    def start_from(self, network: Generator) -> None:
        """Begin with the weights of another generator of the same shape; parts that it lacks stay as they are.

        Raises:
            CheckpointError: A tensor has another shape.
        """
        state = network.state_dict()
        own = self.generator.state_dict()
        for name, tensor in state.items():
            if name in own and own[name].shape != tensor.shape:
                raise CheckpointError(
                    f"the weights to start from have {name} of shape {tuple(tensor.shape)}, the recipe's network needs "
                    f"{tuple(own[name].shape)}; use the recipe that made them, or change its [model]"
                )
        self.generator.load_state_dict({k: v for k, v in state.items() if k in own}, strict=False)
        self.weights_changed()

    def open_run_dir(self) -> None:
        """Make the run's folder and see that it can be written to.

        Raises:
            TrainingError: It cannot.
        """
        try:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            self.journal.path.open("a", encoding="utf-8").close()
        except OSError as error:
            raise TrainingError(
                f"the run's folder {self.run_dir} cannot be written: {error.strerror}; choose another with --run-dir"
            ) from error

    # --- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> Iterator[Event]:
        """Train until the budget is spent or `stop_requested` is set; yield every event."""
        self.open_run_dir()
        recipe, averages = self.recipe, Averages()
        batches = iter(self._loader())
        last_saved = started = time.monotonic()
        earlier = self.seconds

        while self.budget.progress(self.step, self.seconds) < 1 and not self._asked_to_stop():
            begin = time.monotonic()
            batch = next(batches)
            waited = time.monotonic() - begin

            terms = self._take_step(batch)
            self.step += 1
            self.average.update(self.generator, self.step)
            now = time.monotonic()
            self.seconds = earlier + now - started

            speed = len(batch.rgb) * self.processes.world / max(now - begin, 1e-9)
            averages.add({**terms, "images_per_second": speed, "waiting": waited / max(now - begin, 1e-9)})
            yield self._report(terms, speed, waited / max(now - begin, 1e-9), batch)
            if self.step % recipe.run.journal_steps == 0:
                self._log("step", seconds=round(self.seconds, 1), rate=self._rate(), **averages.take())
            if self._validation_due() and self.processes.leads:
                yield self._validate()
            if now - last_saved >= 60 * recipe.run.checkpoint_minutes and self.processes.leads:
                last_saved = now
                yield self.save()

        if self.processes.leads:
            yield from self._finish()

    def _take_step(self, batch: Batch) -> dict[str, float]:
        """Update the discriminator, then the generator, on one batch; return each loss."""
        factor = rate_factor(self.recipe.optimizer, self.step, self.budget.progress(self.step, self.seconds))
        truth = self._look_at(batch.to(self.runtime.device))
        self.generator.train()
        freeze_early_stages(self.generator, self.recipe.optimizer.freeze_to_stride)

        with self.runtime.autocast():
            prediction: Prediction = self._shared_generator(truth.lab[:, :1], truth.known, truth.hints)
        found: dict[str, Tensor] = {}
        if self._is_adversarial():
            found |= self._step_discriminator(prediction, truth, factor)
        found |= self._step_generator(prediction, truth, factor)
        terms = {name: float(value) for name, value in found.items()}
        for name, value in terms.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"{name} became {value} at step {self.step + 1}; the last checkpoint is from before. Lower the "
                    "learning rate (--set optimizer.learning_rate=...) or use --precision float32, and --resume auto"
                )
        return terms

    def _look_at(self, batch: Batch) -> Truth:
        """Turn 8-bit pictures into the truth in Lab and the canvas."""
        lab = rgb_to_lab(batch.rgb.float() / 255)
        retoned = grey_to_luminance(batch.grey.float() / 255)
        luminance = torch.where(batch.retoned[:, None, None, None], retoned, lab[:, :1])
        hints = None
        if batch.hints is not None:
            mask = batch.hints[:, 3:].float()
            hints = torch.cat((mask, rgb_to_lab(batch.hints[:, :3].float() / 255)[:, 1:] * mask), dim=1)
        known = None if batch.known is None else batch.known.float()
        return Truth(torch.cat((luminance, lab[:, 1:]), dim=1), known, hints)

    def _is_adversarial(self) -> bool:
        begins = self.recipe.optimizer.adversarial_from
        return self.discriminator is not None and self.budget.progress(self.step, self.seconds) >= begins

    def _step_discriminator(self, prediction: Prediction, truth: Truth, factor: float) -> dict[str, Tensor]:
        """Teach the discriminator on this batch's photographs and on what the generator made, which stays as it is."""
        assert self.discriminator is not None and self._shared_discriminator is not None  # noqa: S101
        self.discriminator.train().requires_grad_(True)
        real, fake = lab_to_rgb(truth.lab).clamp(0, 1), assemble_rgb(prediction).detach().clamp(0, 1)
        luminance = truth.lab[:, :1]
        with self.runtime.autocast():
            logits = self._shared_discriminator(torch.cat((real, fake)), torch.cat((luminance, luminance)))
        on_real, on_fake = zip(*(scale.float().chunk(2) for scale in logits), strict=True)
        loss = discriminator_loss(on_real, on_fake)
        set_rate(self.discriminator_optimizer, factor)
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        self._scaler.step(self.discriminator_optimizer)
        return {
            "discriminator": loss.detach(),
            "d_real": torch.stack([x.sigmoid().mean() for x in on_real]).mean().detach(),
            "d_fake": torch.stack([x.sigmoid().mean() for x in on_fake]).mean().detach(),
        }

    def _step_generator(self, prediction: Prediction, truth: Truth, factor: float) -> dict[str, Tensor]:
        """Teach the generator; the discriminator, if it takes part, is asked but not changed."""
        verdict = None
        if self.discriminator is not None and self._is_adversarial():
            self.discriminator.requires_grad_(False)
            with self.runtime.autocast():
                verdict = self.discriminator(assemble_rgb(prediction), truth.lab[:, :1])
        with self.runtime.autocast():
            total, terms = self.loss(prediction, truth.lab, truth.known, verdict)
        set_rate(self.optimizer, factor)
        self.optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(total).backward()
        self._scaler.unscale_(self.optimizer)
        limit = self.recipe.optimizer.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.generator.parameters(), limit)
        if math.isfinite(float(norm)) or self._scaler.is_enabled():
            self._scaler.step(self.optimizer)
        self._scaler.update()
        return {**terms, "total": total.detach(), "gradient_norm": norm}

    # --- what surrounds it ------------------------------------------------------------------------------------------

    def _loader(self) -> torch.utils.data.DataLoader[Batch]:
        run = self.recipe.run
        samples = TrainingPhotos(self.photos.train, run.size, self.recipe.augment, self.seed)
        sampler = PositionSampler(run.batch_size, self.step, self.processes.rank, self.processes.world)
        return make_loader(samples, sampler, workers=self.workers, pin_memory=self.runtime.device.type == "cuda")

    def _validation_due(self) -> bool:
        """Whether it is time; the end of the run has a validation of its own."""
        over = self.budget.progress(self.step, self.seconds) >= 1
        return self.step % self.recipe.run.validation_steps == 0 and not over

    def _asked_to_stop(self) -> bool:
        return self.processes.any(self.stop_requested, self.runtime)

    def _rate(self) -> float:
        return max(float(group["lr"]) for group in self.optimizer.param_groups)

    def _log(self, kind: str, **values: Any) -> None:
        if self.processes.leads:
            self.journal.write(kind, step=self.step, **values)

    def _report(self, terms: dict[str, float], speed: float, waiting: float, batch: Batch) -> StepDone:
        for name, reason in batch.left_out:
            self._log("left_out", name=name, reason=reason)
        progress = min(1.0, self.budget.progress(self.step, self.seconds))
        return StepDone(self.step, progress, self.seconds, speed, waiting, terms, batch.left_out)

    def _validate(self) -> Validated:
        """Score the averaged generator, keep it if it is the best so far, and write a sample sheet."""
        network = self.average.network
        score = validate(network, self.validation, self.recipe.render, self.runtime)
        is_best = score.score > self.best_score
        if is_best:
            self.best_score = score.score
            self._write_weights(BEST_NAME, score)
        sheet = self.run_dir / f"sheet-{self.step:08}.png"
        rgb = self.validation.rgb[:_SHEET_ROWS]
        write_sheet(sheet, network, rgb, self.recipe.render.size, self.recipe.augment, self.runtime)
        self._log("validation", seconds=round(self.seconds, 1), best=is_best, **asdict(score))
        return Validated(self.step, score, is_best, sheet)

    def _write_weights(self, name: str, score: Score) -> Path:
        path = self.run_dir / name
        provenance = {
            "recipe": self.recipe.description,
            "steps": self.step,
            "pictures_seen": self.step * self.recipe.run.batch_size * self.processes.world,
            "photographs": len(self.photos.train),
            "hours": round(self.seconds / 3600, 2),
            "validation": asdict(score),
        }
        save_generator(path, self.average.network, render=self.recipe.render, provenance=provenance)
        return path

    def _finish(self) -> Iterator[Event]:
        """Score and keep the last weights too, and save; a run that was asked to stop only saves."""
        stopped = self.budget.progress(self.step, self.seconds) < 1
        best = self.run_dir / BEST_NAME
        if not stopped or not best.exists():
            result = self._validate()
            self._write_weights(LAST_NAME, result.score)
            yield result
        yield self.save()
        self._log("finished", stopped=stopped, seconds=round(self.seconds, 1))
        yield Finished(self.step, best, stopped)

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def save(self) -> Saved:
        """Write a checkpoint of everything that the rest of the run depends on."""
        state: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "best_score": self.best_score,
            "seed": self.seed,
            "world": self.processes.world,
            "recipe": config_to_mapping(self.recipe),
            "generator": self.generator.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loss": {"bin_frequency": self.loss.bin_frequency},
            "scaler": self._scaler.state_dict(),
        }
        if self.discriminator is not None:
            state["discriminator"] = self.discriminator.state_dict()
            state["discriminator_optimizer"] = self.discriminator_optimizer.state_dict()
        path = save_checkpoint(self.run_dir, self.step, state, kept=self.recipe.run.checkpoints_kept)
        self._log("checkpoint", file=path.name)
        return Saved(self.step, path)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, exactly.

        Raises:
            CheckpointError: It is from another network, recipe, seed or number of processes.
        """
        mine = config_to_mapping(self.recipe)
        for table in ("model", "loss", "discriminator", "augment", "optimizer"):
            if state["recipe"][table] != mine[table]:
                different = [k for k, v in mine[table].items() if state["recipe"][table].get(k) != v]
                raise CheckpointError(
                    f"the checkpoint was made with another recipe: [{table}] differs in {', '.join(different)}; "
                    "resume with the recipe that began the run, or use --init-from to take over its weights"
                )
        for key, value in (("seed", self.seed), ("world", self.processes.world)):
            if state[key] != value:
                raise CheckpointError(f"the checkpoint was made with {key} {state[key]}, this run has {value}")
        self.generator.load_state_dict(state["generator"])
        self.average.network.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.loss.bin_frequency.copy_(state["loss"]["bin_frequency"])
        self._scaler.load_state_dict(state["scaler"])
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
            self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        self.step, self.seconds, self.best_score = state["step"], state["seconds"], state["best_score"]
