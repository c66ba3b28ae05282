"""The state of a run, as a checkpoint holds it, and whether it is the run that wants to go on."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from colorgan.config import CacheChoice, config_from_mapping, config_to_mapping
from colorgan.data import PhotoFile
from colorgan.errors import CheckpointError, ColorganError
from colorgan.training.events import Budget
from colorgan.training.recipe import Recipe, rename_keys
from colorgan.weights.tensors import brief

__all__ = ["CHECKPOINT_FIELDS", "CHECKPOINT_FORMAT", "RunState", "digest_photos", "require_same_run"]

CHECKPOINT_FORMAT = 1
"""Of what `RunState.to_checkpoint` returns. Checkpoints of version 0.1 have no number."""

CHECKPOINT_FIELDS: dict[str, Any] = {
    "step": int, "seconds": int | float, "best_score": int | float, "seed": int, "world": int,
    "recipe": dict, "budget": dict, "photos": str, "cache": str,
    "generator": dict, "average": dict, "optimizer": dict, "loss": dict, "scaler": dict,
}  # fmt: skip
"""What each checkpoint holds, and of which kind it is; the networks of a GAN have more."""

_FIXED_TABLES = ("model", "loss", "discriminator", "augment", "optimizer")
_FIXED_RUN_KEYS = ("size", "ema_decay")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """Everything that the rest of a run depends on."""

    step: int
    seconds: float
    best_score: float
    seed: int
    world: int  # how many processes trained
    recipe: Recipe
    budget: Budget
    photos: str  # of those that are trained on; see `digest_photos`
    cache: CacheChoice
    networks: Mapping[str, Any]  # weights, and the states of their optimisers

    def to_checkpoint(self) -> dict[str, Any]:
        """Return it as plain values and tensors."""
        return {
            "format": CHECKPOINT_FORMAT,
            "step": self.step,
            "seconds": self.seconds,
            "best_score": self.best_score,
            "seed": self.seed,
            "world": self.world,
            "recipe": config_to_mapping(self.recipe),
            "budget": {"steps": self.budget.steps, "minutes": self.budget.minutes},
            "photos": self.photos,
            "cache": str(self.cache),
            **self.networks,
        }

    @classmethod
    def from_checkpoint(cls, content: Mapping[str, Any]) -> "RunState":
        """Build it from what `load_checkpoint` returned.

        Raises:
            CheckpointError: It holds values that this version does not know.
        """
        own = cls.__dataclass_fields__.keys()
        return cls(
            step=content["step"],
            seconds=content["seconds"],
            best_score=content["best_score"],
            seed=content["seed"],
            world=content["world"],
            recipe=_read_recipe(content["recipe"]),
            budget=_read_budget(content["budget"]),
            photos=content["photos"],
            cache=_read_cache(content["cache"]),
            networks={name: part for name, part in content.items() if name not in own and name != "format"},
        )


def _read_recipe(mapping: Mapping[str, Any]) -> Recipe:
    """Return a recipe; values that it does not hold, being older, are the defaults."""
    try:
        where = "the checkpoint's recipe"
        return config_from_mapping(Recipe, rename_keys(mapping, where), where=where)
    except Exception as error:  # values that no recipe has can fail anywhere on the way to one
        raise CheckpointError(f"the checkpoint was made by another version of colorgan: {brief(error)}") from error


def _read_budget(budget: Mapping[str, Any]) -> Budget:
    try:
        steps, minutes = budget["steps"], budget["minutes"]
        if not all(value is None or 0 < value < math.inf for value in (steps, minutes)):
            raise ValueError  # noqa: TRY301 - said below, as whatever else is wrong with it
        return Budget(None if steps is None else int(steps), None if minutes is None else float(minutes))
    except (KeyError, TypeError, ValueError, ColorganError) as error:
        raise CheckpointError(
            "the checkpoint says nothing usable of its budget; resume from an earlier one, or start anew with "
            "--init-from"
        ) from error


def _read_cache(text: str) -> CacheChoice:
    if text not in list(CacheChoice):
        raise CheckpointError(
            f"the checkpoint was made by another version of colorgan: its cache is {brief(text)}, expected one of "
            f"{', '.join(CacheChoice)}"
        )
    return CacheChoice(text)


def digest_photos(photos: Iterable[PhotoFile]) -> str:
    """Return a text that changes with the names of the photographs that are trained on."""
    names = "\n".join(photo.name for photo in photos)
    return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()


def require_same_run(given: RunState, own: RunState) -> None:
    """Raise `CheckpointError` unless a checkpoint is from the same network, recipe, seed and batch size as a run."""
    theirs, mine = config_to_mapping(given.recipe), config_to_mapping(own.recipe)
    different = [
        f"{table}.{key}"
        for table in (*_FIXED_TABLES, "run")
        for key, value in mine[table].items()
        if theirs[table][key] != value and (table != "run" or key in _FIXED_RUN_KEYS)
    ]
    if different:
        raise CheckpointError(
            f"the checkpoint was made with another recipe: it differs in {', '.join(different)}; leave "
            "out --recipe and --set to go on with the recipe that began the run, or use --init-from"
        )
    if given.seed != own.seed:
        raise CheckpointError(
            f"the checkpoint was made with --seed {given.seed}, this run has {own.seed}; leave --seed out"
        )
    theirs_a_step, mine_a_step = given.recipe.run.batch_size * given.world, own.recipe.run.batch_size * own.world
    if theirs_a_step != mine_a_step:
        raise CheckpointError(
            f"the checkpoint was made with {theirs_a_step} photographs a step ({given.world} processes of "
            f"{given.recipe.run.batch_size}), this run has {mine_a_step} ({own.world} of {own.recipe.run.batch_size}); "
            "set --batch-size so that they agree"
        )
