"""Training generators: recipes, the loop, checkpoints, the journal."""

from colorgan.training.recipe import Recipe, load_recipe, recipe_names, recipe_to_toml
from colorgan.training.setup import Setup, TrainingOptions, prepare_training
from colorgan.training.trainer import Budget, Finished, Saved, StepDone, Trainer, Validated

__all__ = [
    "Budget",
    "Finished",
    "Recipe",
    "Saved",
    "Setup",
    "StepDone",
    "Trainer",
    "TrainingOptions",
    "Validated",
    "load_recipe",
    "prepare_training",
    "recipe_names",
    "recipe_to_toml",
]
