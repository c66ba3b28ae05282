"""Loading what a command works with."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quick_imports"]


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without the garbage collector, and keep it from what was imported.

    Importing torch makes some hundred thousand objects, none of them garbage: the collector would go through them again
    and again on the way, and once more as the program ends, which together takes a third of the time of torch's import.
    What the command makes afterwards is collected as ever.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
