"""A command."""


def download_weights() -> None:
    """Not there yet."""
    raise NotImplementedError
