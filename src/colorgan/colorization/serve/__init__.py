"""A small local page on which a person points at a photograph and says its colours."""

from colorgan.colorization.serve.desk import Desk
from colorgan.colorization.serve.server import PageServer

__all__ = ["Desk", "PageServer"]
