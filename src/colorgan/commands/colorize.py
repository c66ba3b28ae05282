"""A command."""


def colorize() -> None:
    """Not there yet."""
    raise NotImplementedError
