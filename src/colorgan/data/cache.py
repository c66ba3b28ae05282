"""Decoded photographs kept in memory, shared by the processes that make training samples."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorgan.data.loading import SHARED_MEMORY
from colorgan.errors import DataError

__all__ = ["PhotoCache", "bytes_to_share", "shrink_photo"]

_LONGEST_ASPECT = 3  # panoramas beyond it are decoded anew each time
_TYPICAL_ASPECT = 1.5


class PhotoCache:
    """Photographs by number, as 8-bit RGB with a short side of `short_side`.

    They lie in a sparse file that every process maps: memory where the system offers files in memory, else a
    temporary file, of which the system keeps in memory what it can. Each photograph has its own place, so processes
    need no lock: two that store the same one at the same time store the same bytes.

    Args:
        count: How many photographs there are.
        short_side: To which they are scaled down; smaller ones stay as they are.
    """

    def __init__(self, count: int, short_side: int) -> None:
        self.count = count
        self.short_side = short_side
        folder = _roomy_folder(_bytes_needed(count, short_side))
        self.shared_bytes = _bytes_needed(count, short_side) if folder == SHARED_MEMORY else 0
        """How much of the shared memory it will take."""
        self._handle, name = tempfile.mkstemp(prefix="colorgan-cache-", dir=folder)
        self._path, self._owner = Path(name), os.getpid()
        os.truncate(self._handle, self._slot_bytes * count + 4 * count)
        handles = Path("/proc") / str(self._owner) / "fd"
        if handles.exists():  # Linux: a file without a name, which ends with its processes however they end
            self._path.unlink()
            self._path = handles / str(self._handle)
        self._map: np.memmap[tuple[int], np.dtype[np.uint8]] | None = None

    @property
    def _slot_bytes(self) -> int:
        return 3 * _LONGEST_ASPECT * self.short_side**2

    def get(self, number: int) -> Image.Image | None:
        """Return a photograph that was stored, or None."""
        pixels = self.view(number)
        return None if pixels is None else Image.fromarray(np.array(pixels))

    def view(self, number: int) -> NDArray[np.uint8] | None:
        """Return the pixels of a photograph that was stored, `(H, W, 3)`, as they lie there; or None."""
        height, width = (int(v) for v in self._shape(number))
        if height == 0:
            return None
        start = number * self._slot_bytes
        return self._bytes()[start : start + 3 * height * width].reshape(height, width, 3)

    def put(self, number: int, image: Image.Image) -> Image.Image:
        """Store a photograph, if it fits its place, and return it as `get` will."""
        small = shrink_photo(image, self.short_side)
        pixels = np.asarray(small)
        if pixels.size <= self._slot_bytes:
            start = number * self._slot_bytes
            self._bytes()[start : start + pixels.size] = pixels.reshape(-1)
            self._shape(number)[:] = pixels.shape[:2]  # last, since it says that the rest is there
        return small

    def close(self) -> None:
        """Free the memory; only the process that made the cache does."""
        self._map = None
        if os.getpid() == self._owner and self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
            if not self._path.is_relative_to("/proc"):
                self._path.unlink(missing_ok=True)

    def __getstate__(self) -> dict[str, object]:
        """Go to another process by name."""
        return {**self.__dict__, "_map": None}

    def _bytes(self) -> np.memmap[tuple[int], np.dtype[np.uint8]]:
        if self._map is None:
            self._map = np.memmap(self._path, dtype=np.uint8, mode="r+")
        return self._map

    def _shape(self, number: int) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
        start = self.count * self._slot_bytes + 4 * number
        return self._bytes()[start : start + 4].view(np.uint16)


def shrink_photo(image: Image.Image, short_side: int) -> Image.Image:
    """Scale a photograph down to a short side; a smaller one stays as it is."""
    scale = short_side / min(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3)


def bytes_to_share(count: int, short_side: int) -> int:
    """Return how much of the shared memory a cache that is yet to be made will take.

    Raises:
        DataError: It fits nowhere.
    """
    needed = _bytes_needed(count, short_side)
    return needed if _roomy_folder(needed) == SHARED_MEMORY else 0


def _bytes_needed(count: int, short_side: int) -> int:
    return round(count * 3 * short_side**2 * _TYPICAL_ASPECT)


def _roomy_folder(needed: int) -> Path:
    """Return a folder with room for `needed` bytes, in memory if possible."""
    for folder in (SHARED_MEMORY, Path(tempfile.gettempdir())):
        if folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 1.2 * needed:
            return folder
    raise DataError(
        f"the cache needs about {needed / 1e9:.1f} GB, more than {SHARED_MEMORY} and {tempfile.gettempdir()} have "
        "free; train without --cache"
    )
