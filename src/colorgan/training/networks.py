"""The networks of a run and one step of their training."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from colorgan.color import lab_to_rgb
from colorgan.data import Batch
from colorgan.errors import CheckpointError
from colorgan.losses import GeneratorLoss, Need, assemble_rgb, discriminator_loss, needs
from colorgan.metrics import colorfulness
from colorgan.model import Discriminator, Generator, Prediction, build_discriminator, build_generator
from colorgan.runtime import Runtime
from colorgan.training.batch_norm import batch_norms_untouched
from colorgan.training.distributed import Processes
from colorgan.training.fitting import require_fitting, require_fitting_optimizer
from colorgan.training.guard import is_gradient
from colorgan.training.optimization import (
    AveragedGenerator,
    build_discriminator_optimizer,
    build_generator_optimizer,
    freeze_early_stages,
    freeze_idle_parts,
    rate_factor,
    set_rate,
)
from colorgan.training.recipe import Recipe
from colorgan.training.targets import Targets, build_targets, halve
from colorgan.training.tasks import pick_task

__all__ = ["GanNetworks"]

_COLORFULNESS_PICTURES = 8  # of a batch, enough to follow it


def _build_scaler(runtime: Runtime) -> torch.GradScaler:
    """Make what scales the loss in float16, and on a GPU passes over gradients that are not finite without waiting."""
    if runtime.dtype is torch.float16:
        return torch.GradScaler(runtime.device.type)
    never = 2**31 - 1
    return torch.GradScaler(
        runtime.device.type, init_scale=1.0, growth_interval=never, enabled=runtime.device.type == "cuda"
    )


class _Comparison(nn.Module):
    """Lets a discriminator judge photographs and generated pictures, each as a batch of its own.

    In one batch together, batch norm would let it tell them apart by their distance from the common mean. The
    generator, whose pictures are judged alone, would then hear nothing of what gives them away.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, real: Tensor, fake: Tensor, luminance: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return the logits on both; pictures `(B, 3, H, W)` in 0..1 that share the luminance `(B, 1, H, W)`."""
        return self.discriminator(real, luminance), self.discriminator(fake, luminance)


class GanNetworks:
    """Generator and discriminator, their optimisers, and the averaged generator.

    Args:
        recipe: What to train and how.
        loss: The generator's.
        runtime: Where, and in which precision.
        processes: This process among those that train together.
    """

    def __init__(
        self, recipe: Recipe, loss: GeneratorLoss, runtime: Runtime, processes: Processes | None = None
    ) -> None:
        self.recipe, self.runtime = recipe, runtime
        self.processes = processes or Processes()
        self.loss = loss.to(runtime.device)
        self.loss.mean_over_processes = self.processes.mean
        self.generator: Generator = build_generator(recipe.model).to(runtime.device)
        self._task = pick_task(recipe)
        self._trained_part: nn.Module = self._task.trained_part(self.generator)  # shared, once the run begins
        self.generator.encoder.set_drop_path(recipe.optimizer.drop_path)
        freeze_early_stages(self.generator, recipe.optimizer.freeze_to_stride)
        freeze_idle_parts(self.generator, recipe.loss)
        self.optimizer = build_generator_optimizer(self.generator, recipe.optimizer)
        self.average = AveragedGenerator(self.generator, recipe.run.ema_decay)
        self.discriminator: Discriminator | None = None
        self.discriminator_optimizer: Optimizer | None = None
        if recipe.adversarial:
            self.discriminator = build_discriminator(recipe.discriminator).to(runtime.device)
            self.discriminator_optimizer = build_discriminator_optimizer(self.discriminator, recipe.optimizer)
        self._scaler = _build_scaler(runtime)
        self._comparison: nn.Module | None = None if self.discriminator is None else _Comparison(self.discriminator)

    def begin(self, *, compiled: bool = False) -> None:
        """Make ready for the first step, once all weights are set: join the processes, compile."""
        if self.runtime.device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # all batches have one shape
            torch.backends.cudnn.benchmark_limit = 3  # the likeliest come first; to try all takes half a minute
        synced = self.recipe.run.sync_batch_norm
        self._trained_part = self.processes.share(self._trained_part, sync_batch_norm=synced)
        if self._comparison is not None:
            self._comparison = self.processes.share(self._comparison, sync_batch_norm=synced)
        if compiled:
            self.generator.compile()

    # --- one step ---------------------------------------------------------------------------------------------------

    def train_step(self, batch: Batch, step: int, progress: float, *, measure: bool = False) -> dict[str, Tensor]:
        """Update the discriminator, then the generator, on one batch.

        Args:
            batch: This process's pictures.
            step: Steps done so far.
            progress: The share of the run that is done, 0..1.
            measure: Whether to measure the generated pictures' colourfulness too.

        Returns:
            Each loss before its weight, gradient norms and the discriminator's mean probabilities, of this process.
            They lie where the network does: a GPU is waited for when they are read, not here.
        """
        config = self.recipe.optimizer
        factor = rate_factor(config, step, progress)
        targets = build_targets(batch.to(self.runtime.device))
        self.generator.train()
        freeze_early_stages(self.generator, config.freeze_to_stride)

        with self.runtime.autocast():
            prediction = self._task.predict(self._trained_part, targets)
        found: dict[str, Tensor] = {}
        plays = self.discriminator is not None and progress >= config.adversarial_from
        if plays:
            found |= self._step_discriminator(prediction, targets, factor)
        found |= self._step_generator(prediction, targets, factor, plays=plays)
        if measure:
            made = assemble_rgb(prediction).detach()[:_COLORFULNESS_PICTURES].clamp(0, 1)
            found["colorfulness"] = colorfulness(made).mean()
        return found

    def _predict_smaller(self, targets: Targets) -> Prediction:
        """Ask the generator about the batch at half the size; its batch norms learn nothing of it."""
        small = halve(targets)
        with batch_norms_untouched(self.generator):
            prediction: Prediction = self.generator(small.lab[:, :1], small.known, small.hints)
        return prediction

    def _step_discriminator(self, prediction: Prediction, targets: Targets, factor: float) -> dict[str, Tensor]:
        """Teach the discriminator on this batch's photographs and on what the generator made, which stays as it is."""
        discriminator = cast("Discriminator", self.discriminator)
        discriminator.train().requires_grad_(True)
        real, fake = lab_to_rgb(targets.lab).clamp(0, 1), assemble_rgb(prediction).detach().clamp(0, 1)
        luminance = targets.lab[:, :1]
        with self.runtime.autocast():
            on_real, on_fake = cast("nn.Module", self._comparison)(real, fake, luminance)
        loss = discriminator_loss(on_real, on_fake)
        optimizer = cast("Optimizer", self.discriminator_optimizer)
        norm = self._update(loss, discriminator, optimizer, factor, limit=math.inf)
        return {
            "discriminator": loss,
            "d_real": torch.stack([x.float().sigmoid().mean() for x in on_real]).mean(),
            "d_fake": torch.stack([x.float().sigmoid().mean() for x in on_fake]).mean(),
            "discriminator_gradient_norm": norm,
        }

    def _step_generator(
        self, prediction: Prediction, targets: Targets, factor: float, *, plays: bool
    ) -> dict[str, Tensor]:
        """Teach the generator; the discriminator, if it plays, is asked but not changed."""
        logits = None
        if plays:
            discriminator = cast("Discriminator", self.discriminator).requires_grad_(False)
            with self.runtime.autocast():
                logits = discriminator(assemble_rgb(prediction), targets.lab[:, :1])
        with self.runtime.autocast():
            smaller = self._predict_smaller(targets) if needs(self.recipe.loss, Need.SMALLER) else None
            total, terms = self.loss(prediction, targets.lab, targets.known, logits, smaller)
        limit = self.recipe.optimizer.max_grad_norm or math.inf
        norm = self._update(total, self.generator, self.optimizer, factor, limit=limit)
        self._scaler.update()
        return {**terms, "total": total, "gradient_norm": norm}

    def _update(self, loss: Tensor, network: nn.Module, optimizer: Optimizer, factor: float, *, limit: float) -> Tensor:
        """Follow a loss's gradient one step, unless it is not finite; return the gradient's norm."""
        set_rate(optimizer, factor)
        optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], limit)
        if self._scaler.is_enabled() or math.isfinite(float(norm)):
            self._scaler.step(optimizer)  # which passes over gradients that are not finite
        return norm

    def read(self, steps: Sequence[Mapping[str, Tensor]]) -> list[dict[str, float]]:
        """Read what some steps returned, waiting for the device once; means over the processes."""
        values = torch.stack([value.detach().float() for found in steps for value in found.values()])
        numbers = iter(self.processes.mean(values).tolist())
        terms = [{name: next(numbers) for name in found} for found in steps]
        if self.runtime.dtype is torch.float16:  # which overflows until the scale suits, and the scaler sees to it
            terms = [{k: v for k, v in x.items() if not is_gradient(k) or math.isfinite(v)} for x in terms]
        return terms

    # --- weights and state ------------------------------------------------------------------------------------------

    def start_from(self, network: Generator) -> None:
        """Begin with the weights of another generator of the same shape; parts that it lacks stay as they are.

        Raises:
            CheckpointError: A tensor has another shape.
        """
        own = self.generator.state_dict()
        state = {name: tensor for name, tensor in network.state_dict().items() if name in own}
        for name, tensor in state.items():
            if own[name].shape != tensor.shape:
                raise CheckpointError(
                    f"the weights to start from have {name} of shape {tuple(tensor.shape)}, the recipe's network needs "
                    f"{tuple(own[name].shape)}; use the recipe that made them, or change its [model]"
                )
        self.generator.load_state_dict(state, strict=False)
        self.average.restart(self.generator)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that further steps depend on."""
        state: dict[str, Any] = {
            "generator": self.generator.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loss": {"bin_frequency": self.loss.bin_frequency},
            "scaler": self._scaler.state_dict(),
        }
        if self.discriminator is not None and self.discriminator_optimizer is not None:
            state["discriminator"] = self.discriminator.state_dict()
            state["discriminator_optimizer"] = self.discriminator_optimizer.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            CheckpointError: It is not the state of these networks; nothing was taken over.
        """
        self._require_fitting(state)
        self.generator.load_state_dict(state["generator"])
        self.average.network.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.loss.bin_frequency.copy_(state["loss"]["bin_frequency"])
        if state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])
        if self.discriminator is not None and self.discriminator_optimizer is not None:
            self.discriminator.load_state_dict(state["discriminator"])
            self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])

    def _require_fitting(self, state: Mapping[str, Any]) -> None:
        own = self.state_dict()
        for part in ("generator", "average", "loss", "discriminator"):
            if part in own:
                require_fitting(own[part], state.get(part), part)
        require_fitting_optimizer(self.optimizer, state.get("optimizer"), "optimizer")
        if self.discriminator_optimizer is not None:
            name = "discriminator_optimizer"
            require_fitting_optimizer(self.discriminator_optimizer, state.get(name), name)
