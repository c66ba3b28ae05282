"""Training generators: recipes, the loop, checkpoints, the journal."""

from colorgan.training.events import Budget, Event, Finished, Saved, StepDone, Validated
from colorgan.training.recipe import Recipe, RenamedKeyWarning, load_recipe, recipe_names, recipe_to_toml
from colorgan.training.setup import Setup, TrainingOptions, begin_run, prepare_training
from colorgan.training.trackers import Tracker, event_numbers, follow
from colorgan.training.trainer import RunRequest, Trainer

__all__ = [
    "Budget",
    "Event",
    "Finished",
    "Recipe",
    "RenamedKeyWarning",
    "RunRequest",
    "Saved",
    "Setup",
    "StepDone",
    "Tracker",
    "Trainer",
    "TrainingOptions",
    "Validated",
    "begin_run",
    "event_numbers",
    "follow",
    "load_recipe",
    "prepare_training",
    "recipe_names",
    "recipe_to_toml",
]
