"""Fixtures of the tests of weights."""

from weights_support import file_server

__all__ = ["file_server"]
