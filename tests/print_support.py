"""Old prints for tests: toned ones."""

import numpy as np
from numpy.typing import NDArray

from colorgan.images import PhotoKind, photo_from_image
from support import draw_photo


def grey_photo(seed: int = 1) -> NDArray:
    return np.asarray(draw_photo(seed, (400, 300)).convert("L")) / 255


def tint(grey: NDArray, *stops: tuple[int, int, int]) -> NDArray:
    """Map black to the first colour, white to the last, and what is between smoothly between."""
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(grey, places, [stop[i] for stop in stops]) for i in range(3)], axis=-1)


def kind_of(rgb: NDArray) -> PhotoKind:
    return photo_from_image(rgb.clip(0, 255).round().astype(np.uint8)).kind
