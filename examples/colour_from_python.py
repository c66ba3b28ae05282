"""Colour photographs from Python, with colours that are known.

python examples/colour_from_python.py old_photos/*.jpg --to coloured --hint "40,60=#3355aa"
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from colorgan import Colorizer, Hint


def main(arguments: Sequence[str] | None = None) -> None:
    """Colour each photograph that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--to", type=Path, required=True, help="folder for the results")
    parser.add_argument("--hint", default=[], action="append", metavar="X,Y=#RRGGBB", help="X and Y in per cent")
    options = parser.parse_args(arguments)

    hints = [read_hint(text) for text in options.hint]
    colorizer = Colorizer.load("default")  # once; it serves any number of photographs
    options.to.mkdir(parents=True, exist_ok=True)
    for path in options.photos:
        with Image.open(path) as photograph:
            coloured = colorizer.colorize(photograph, hints=hints)
        coloured.save(options.to / path.with_suffix(".png").name)
        print(options.to / path.with_suffix(".png").name)


def read_hint(text: str) -> Hint:
    """Read "40,60=#3355aa": a place in per cent of width and height, and its colour."""
    place, _, color = text.partition("=")
    x, _, y = place.partition(",")
    return Hint(float(x), float(y), color, percent=True)


if __name__ == "__main__":
    main()
