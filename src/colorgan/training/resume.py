"""What a checkpoint says of its run, and whether it is the run that wants to go on."""

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from colorgan.config import config_from_mapping, config_to_mapping
from colorgan.errors import CheckpointError, ColorganError
from colorgan.training.events import Budget
from colorgan.training.recipe import Recipe
from colorgan.weights.tensors import brief

if TYPE_CHECKING:
    from colorgan.training.trainer import Trainer

__all__ = ["describe_run", "photos_digest", "require_same_run", "stored_budget", "stored_recipe"]

_FIXED_TABLES = ("model", "loss", "discriminator", "augment", "optimizer")
_FIXED_RUN_KEYS = ("size", "ema_decay")


def describe_run(trainer: "Trainer") -> dict[str, Any]:
    """Return the part of a checkpoint that says where in which run it was made."""
    return {
        "step": trainer.step,
        "seconds": trainer.seconds,
        "best_score": trainer.best_score,
        "seed": trainer.seed,
        "world": trainer.processes.world,
        "recipe": config_to_mapping(trainer.recipe),
        "budget": {"steps": trainer.budget.steps, "minutes": trainer.budget.minutes},
        "photos": photos_digest(trainer),
        "cache": str(trainer.cache),
    }


def photos_digest(trainer: "Trainer") -> str:
    """Return a number that changes with the names of the photographs that are trained on."""
    names = "\n".join(photo.name for photo in trainer.photos.train)
    return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()


def stored_recipe(state: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a checkpoint's run. Values that it does not hold, being older, are the defaults.

    Raises:
        CheckpointError: It holds values that this version does not know.
    """
    try:
        return config_from_mapping(Recipe, state["recipe"], where="the checkpoint's recipe")
    except Exception as error:  # values that no recipe has can fail anywhere on the way to one
        raise CheckpointError(f"the checkpoint was made by another version of colorgan: {brief(error)}") from error


def stored_budget(state: Mapping[str, Any]) -> Budget | None:
    """Return how long a checkpoint's run was to be; None if it does not say.

    Raises:
        CheckpointError: It says something that is not a number of steps or minutes.
    """
    budget = state.get("budget")
    if budget is None:
        return None
    try:
        steps, minutes = budget["steps"], budget["minutes"]
        if not all(value is None or 0 < value < math.inf for value in (steps, minutes)):
            raise ValueError  # noqa: TRY301 - said below, as whatever else is wrong with it
        return Budget(None if steps is None else int(steps), None if minutes is None else float(minutes))
    except (KeyError, TypeError, ValueError, ColorganError) as error:
        raise CheckpointError("the checkpoint says nothing usable of its budget; give --steps or --minutes") from error


def require_same_run(trainer: "Trainer", state: Mapping[str, Any]) -> None:
    """Raise `CheckpointError` unless the checkpoint is from the same network, recipe, seed and batch size."""
    theirs, mine = config_to_mapping(stored_recipe(state)), config_to_mapping(trainer.recipe)
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
    if state["seed"] != trainer.seed:
        raise CheckpointError(
            f"the checkpoint was made with --seed {state['seed']}, this run has {trainer.seed}; leave --seed out"
        )
    given = theirs["run"]["batch_size"] * state["world"]
    wanted = mine["run"]["batch_size"] * trainer.processes.world
    if given != wanted:
        raise CheckpointError(
            f"the checkpoint was made with {given} photographs a step ({state['world']} processes of "
            f"{theirs['run']['batch_size']}), this run has {wanted} ({trainer.processes.world} of "
            f"{mine['run']['batch_size']}); set --batch-size so that they agree"
        )
