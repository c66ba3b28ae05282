"""Training generators: recipes, the loop, checkpoints, the journal."""

from colorgan.training.recipe import Recipe, load_recipe, recipe_names, recipe_to_toml
from colorgan.training.trainer import Budget, Trainer

__all__ = ["Budget", "Recipe", "Trainer", "load_recipe", "recipe_names", "recipe_to_toml"]
