"""A small local page on which a person colours a folder's photographs by hand."""

from colorgan.colorization.serve.edit_request import EditRequest
from colorgan.colorization.serve.edit_session import EditSession
from colorgan.colorization.serve.server import PageServer

__all__ = ["EditRequest", "EditSession", "PageServer"]
