"""Fixtures that tests of the commands share with those of what the commands run."""

from training_support import make_trainer, one_thread, photos, runtime, tiny_recipe
from weights_support import file_server

__all__ = ["file_server", "make_trainer", "one_thread", "photos", "runtime", "tiny_recipe"]
