"""A small local page on which a person colours a folder's photographs by hand."""

from colorgan.colorization.serve.request import EditRequest
from colorgan.colorization.serve.server import PageServer
from colorgan.colorization.serve.session import EditSession

__all__ = ["EditRequest", "EditSession", "PageServer"]
