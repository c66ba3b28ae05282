"""Photographs as training batches, each a function of the seed and its position in the run."""

import functools
import math
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from colorgan.config import AugmentConfig
from colorgan.data.augment import cut_squares, is_nearly_grey, vary
from colorgan.data.batch import Batch
from colorgan.data.bytes import leave_time_to_others
from colorgan.data.cache import PhotoCache
from colorgan.data.folder import PhotoFile, open_photo
from colorgan.data.loading import PREFETCHED, plan_loading
from colorgan.data.random_source import RandomSource, derive_seed
from colorgan.errors import DataError, ImageReadError

__all__ = [
    "CACHE_MARGIN",
    "PositionSampler",
    "TrainingPhotos",
    "draw_batches",
    "leave_signals_alone",
    "make_loader",
    "open_usable",
    "photo_order",
    "worker_deaths_explained",
]

_MOST_REPLACEMENTS = 50
PATIENCE = 600.0
"""Seconds until the next batch has come."""
WORKER_START = "fork" if sys.platform == "linux" else None
"""How processes that decode begin; None is Python's choice.

From Python 3.14 on that would be a server on Linux: each would import torch anew, and, not being a child of this
process, could die without the loader's hearing of it before its time is out.
"""
CACHE_MARGIN = 1.2  # short side of cached photographs, as a multiple of the training size


class TrainingPhotos(Dataset[Batch | DataError]):
    """Training samples by position.

    Position p is the p-th sample of an endless run that passes over all photographs in a new order each time. The
    order and everything random in a sample depend on the seed and the position only: not on workers, processes, or
    where a run was resumed. A photograph that is damaged or nearly grey is replaced by another, and reported.

    Args:
        photos: What to train on.
        size: Side of the samples, pixels.
        augment: How to vary them.
        seed: Seed of the run.
        cached: Whether to keep decoded photographs in memory, scaled down to a little over `size`.
    """

    def __init__(
        self,
        photos: Sequence[PhotoFile],
        size: int,
        augment: AugmentConfig,
        seed: int,
        *,
        cached: bool = False,
    ) -> None:
        if not photos:
            raise DataError("there are no photographs to train on")
        self.photos = tuple(photos)
        self.size = size
        self.augment = augment
        self.seed = seed
        self.cache = PhotoCache(len(photos), math.ceil(CACHE_MARGIN * size)) if cached else None
        self._short_side = math.ceil(size / augment.crop_from)

    def __getitem__(self, positions: Sequence[int]) -> Batch | DataError:
        """Make the samples of some positions. An error is returned: raised, it would lose its plain words."""
        source = RandomSource.at(positions, self.seed)
        left_out: list[tuple[str, str]] = []
        images = (self._usable_photo(position, left_out) for position in positions)  # one at a time: they may be large
        try:
            squares = cut_squares(images, self.size, self.augment, source)
        except DataError as error:
            return error
        return vary(squares, self.augment, source)._replace(left_out=tuple(left_out))

    def _usable_photo(self, position: int, left_out: list[tuple[str, str]]) -> Image.Image:
        """Return the photograph of a position, or another where it is of no use, and note that."""
        epoch, place = divmod(position, len(self.photos))
        index = int(photo_order(self.seed, epoch, len(self.photos))[place])
        for attempt in range(1, _MOST_REPLACEMENTS + 1):
            image = self._open(index)
            if not isinstance(image, str):
                return image
            left_out.append((self.photos[index].name, image))
            index = derive_seed(self.seed, 3, position, attempt) % len(self.photos)
        raise DataError(
            f"{_MOST_REPLACEMENTS} photographs in a row cannot be trained on, the last because: "
            f"{left_out[-1][1]} ({left_out[-1][0]}); check the data set"
        )

    def _open(self, index: int) -> Image.Image | str:
        """Return a photograph, or why it cannot be used."""
        if self.cache is None:
            return open_usable(self.photos[index], self._short_side)
        kept = self.cache.get(index)
        if kept is not None:
            return kept
        image = open_usable(self.photos[index], self.cache.short_side)
        return image if isinstance(image, str) else self.cache.put(index, image)


def open_usable(photo: PhotoFile, short_side: int | None = None) -> Image.Image | str:
    """Return a photograph to learn from, or why it cannot be one."""
    try:
        image = open_photo(photo, short_side=short_side)
    except ImageReadError as error:
        return str(error)
    return "nearly grey" if is_nearly_grey(image) else image


@functools.lru_cache(maxsize=2)
def photo_order(seed: int, epoch: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the order in which an epoch passes over the photographs."""
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


class PositionSampler(Sampler[list[int]]):
    """The positions of each step's batch, for one of `world` processes.

    Step s of a run covers positions `s * world * batch_size` onwards; process r takes the r-th part of them. So
    together the processes see exactly the samples that one process with the whole batch sees.
    """

    def __init__(self, batch_size: int, first_step: int = 0, rank: int = 0, world: int = 1) -> None:
        self.batch_size = batch_size
        self.first_step = first_step
        self.rank = rank
        self.world = world

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the positions of one batch after the other, without end."""
        step = self.first_step
        while True:
            first = (step * self.world + self.rank) * self.batch_size
            yield list(range(first, first + self.batch_size))
            step += 1


class _Parcel:
    """A batch without tensors, which travel between processes through shared memory."""

    def __init__(self, batch: Batch) -> None:
        self._parts = [x.numpy() if isinstance(x, Tensor) else x for x in batch]

    def unpack(self) -> Batch:
        """Return the batch."""
        return Batch(*(torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in self._parts))  # type: ignore[arg-type]

    def pin_memory(self) -> Batch:
        """Return the batch in memory that a GPU reads directly."""
        return Batch(*(x.pin_memory() if isinstance(x, Tensor) else x for x in self.unpack()))  # type: ignore[arg-type]


def _keep(batch: Any) -> Any:
    return batch


def _pack(batch: Any) -> Any:
    return batch if isinstance(batch, DataError) else _Parcel(batch)


def make_loader(
    photos: TrainingPhotos, sampler: PositionSampler, *, workers: int, pin_memory: bool = False
) -> DataLoader[Batch | DataError]:
    """Make the loader of a run: endless batches, decoded by `workers` processes (0: by this one).

    Where the system has too little shared memory, batches come another way, or fewer processes decode; see
    `loading.plan_loading`.
    """
    reserved = photos.cache.shared_bytes if photos.cache is not None else 0
    plan = plan_loading(photos.size, sampler.batch_size, workers, reserved)
    with _as_many_as_asked_for():
        return DataLoader(
            photos,
            batch_size=None,  # the sampler's items are positions of whole batches
            sampler=sampler,
            num_workers=plan.workers,
            collate_fn=_keep if plan.shares_memory else _pack,
            pin_memory=pin_memory,
            prefetch_factor=PREFETCHED if plan.workers > 0 else None,
            worker_init_fn=begin_worker if plan.workers > 0 else None,
            timeout=PATIENCE if plan.workers > 0 else 0,
            multiprocessing_context=WORKER_START if plan.workers > 0 else None,
        )


@contextmanager
def _as_many_as_asked_for() -> Iterator[None]:
    """Keep torch from remarking that there are more processes than cores: the user has said so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        yield


def begin_worker(number: int) -> None:
    """Make a process that decodes leave signals and time to the one that trains."""
    leave_signals_alone(number)
    leave_time_to_others()  # the loader waits no longer than its time-out


def leave_signals_alone(_: int) -> None:
    """Let only the process that trains answer a request to stop, which may go to all; it ends the workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def draw_batches(loader: DataLoader[Batch | DataError]) -> Generator[Batch, None, None]:
    """Yield the batches of a loader; close it, and its processes end, whatever they are stuck in.

    Raises:
        DataError: Too many photographs in a row are unusable.
    """
    with closing(draw_all(loader)) as batches:
        for batch in batches:
            if isinstance(batch, DataError):
                raise batch
            yield batch.unpack() if isinstance(batch, _Parcel) else batch


def draw_all(loader: DataLoader[Any]) -> Generator[Any, None, None]:
    """Yield what a loader gives; close it, and its processes end, whatever they are stuck in."""
    before = set(multiprocessing.active_children())
    with _as_many_as_asked_for():
        items = iter(loader)
    decoding = set(multiprocessing.active_children()) - before
    try:
        yield from items
    finally:
        if decoding:
            items._shutdown_workers()  # type: ignore[attr-defined] # noqa: SLF001 - else whenever it is collected
        for process in decoding:
            if process.is_alive():  # they do not hear requests to end, and the program would wait for them
                process.kill()
                process.join(1.0)


@contextmanager
def worker_deaths_explained() -> Iterator[None]:
    """Say in plain words that a decoding process died; torch raises that wherever the program happens to be.

    Raises:
        DataError: One died.
    """
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        if "DataLoader timed out" in str(error):
            raise DataError(
                f"no photographs came within {PATIENCE:g} seconds; the drive or network that they lie on may be gone, "
                "or one of them takes for ever to decode: see to it, and --resume"
            ) from error
        # The last two arise where its last batch was being handed over.
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise DataError(
            "a process that decodes photographs died, probably for want of memory; use fewer --workers, and --resume "
            f"(torch says: {error})"
        ) from error
