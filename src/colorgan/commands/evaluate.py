"""A command."""


def evaluate() -> None:
    """Not there yet."""
    raise NotImplementedError
