"""`colorgan train`."""


def train() -> None:
    """Train a network."""
    raise NotImplementedError
