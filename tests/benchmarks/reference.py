"""What `--reference` gains, and whether a reference of something else does harm.

    python tests/benchmarks/reference.py PHOTOGRAPHS [--count N] [--skip-every N]

PHOTOGRAPHS is a folder or a tar file of photographs in colour that the network was not trained on. Of each, one crop is
coloured from its luminance, and another, in half of the cases mirrored, is the reference; then a crop of the next
photograph is. Crops have 60 to 90 % of either side, at random places. Differences are in PSNR of sRGB to the truth.
"""

import argparse
import math
import random
import statistics
from pathlib import Path

import numpy as np
from PIL import Image

from colorgan.colorization import Colorizer, Reference
from colorgan.data import find_photos, open_photo

HARM = 0.1  # dB


def cut(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return a crop of 60 to 90 % of either side."""
    width, height = (round(side * rng.uniform(0.6, 0.9)) for side in image.size)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def psnr(image: Image.Image, truth: Image.Image) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = np.mean((np.asarray(image, float) - np.asarray(truth, float)) ** 2)
    return 10 * math.log10(255**2 / max(float(error), 1e-6))


def tell(what: str, changes: list[float], used: int) -> None:
    """Print a line of figures."""
    mean, error = statistics.mean(changes), statistics.stdev(changes) / len(changes) ** 0.5
    harmed = sum(change < -HARM for change in changes) / len(changes)
    print(
        f"{what}: {mean:+.2f} dB (standard error {error:.2f}), median {statistics.median(changes):+.2f}, worst "
        f"{min(changes):+.2f}; {100 * harmed:.1f} % lose more than {HARM} dB; matched {used} of {len(changes)}"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--skip-every", type=int, default=0, help="leave out those that the thresholds were chosen on")
    given = parser.parse_args()
    colorizer, rng = Colorizer.load(), random.Random(0)  # noqa: S311 - the same crops every time
    found = find_photos(given.photographs)
    found = [photo for i, photo in enumerate(found) if not given.skip_every or i % given.skip_every][: given.count]
    photos = [open_photo(photo) for photo in found]
    crops = [(cut(photo, rng), cut(photo, rng)) for photo in photos]
    views = [other.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else other for _, other in crops]
    related: list[float] = []
    unrelated: list[float] = []
    for number, (truth, _) in enumerate(crops):
        grey = truth.convert("RGB")
        plain = colorizer.colorize(grey)
        for changes, view in ((related, views[number]), (unrelated, views[(number + 1) % len(views)])):
            colored = colorizer.colorize(grey, reference=Reference(np.asarray(view)))
            same = np.array_equal(np.asarray(colored), np.asarray(plain))
            changes.append(0.0 if same else psnr(colored, truth) - psnr(plain, truth))
    print(f"{len(photos)} photographs, {colorizer.name} {colorizer.sha256[:8]} on {colorizer.runtime}")
    for what, changes in (("another crop of the photograph", related), ("another photograph", unrelated)):
        tell(what, changes, sum(change != 0 for change in changes))


if __name__ == "__main__":
    main()
