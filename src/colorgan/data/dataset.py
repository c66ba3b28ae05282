"""Photographs as training batches, each a function of the seed and its position in the run."""

import functools
import math
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from colorgan.config import AugmentConfig
from colorgan.data.augment import draw_hints, draw_occlusion, is_nearly_grey, jitter_tone, vary_geometry
from colorgan.data.bytes import leave_time_to_others
from colorgan.data.cache import PhotoCache
from colorgan.data.folder import PhotoFile, open_photo
from colorgan.data.loading import PREFETCHED, plan_loading
from colorgan.errors import DataError, ImageReadError

__all__ = [
    "CACHE_MARGIN",
    "Batch",
    "PositionSampler",
    "Sample",
    "TrainingPhotos",
    "draw_batches",
    "leave_signals_alone",
    "make_loader",
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

LeftOut = tuple[tuple[str, str], ...]  # names of photographs passed over, with the reason


class Sample(NamedTuple):
    """One training picture, `size` x `size`, uint8."""

    rgb: Tensor  # (3, S, S), the photograph
    grey: Tensor  # (1, S, S), the sRGB grey level that the network shall see, changed in tone or not
    retoned: bool  # whether `grey` differs from the photograph's own
    known: Tensor  # (1, S, S), 1 where the luminance is given
    hints: Tensor  # (4, S, S), hint colours in sRGB, then their mask
    left_out: LeftOut


class Batch(NamedTuple):
    """A batch of samples, stacked."""

    rgb: Tensor  # (B, 3, S, S)
    grey: Tensor  # (B, 1, S, S)
    retoned: Tensor  # (B,), bool
    known: Tensor | None  # (B, 1, S, S); None where the luminance of the whole batch is given
    hints: Tensor | None  # (B, 4, S, S); None where the whole batch has none
    left_out: LeftOut

    def complete(self, *, known: bool, hints: bool) -> "Batch":
        """Spell out the masks that are asked for and stand as None: everything known, no hints."""
        B, _, H, W = self.rgb.shape
        given = self
        if known and self.known is None:
            given = given._replace(known=self.rgb.new_ones(B, 1, H, W))
        if hints and self.hints is None:
            given = given._replace(hints=self.rgb.new_zeros(B, 4, H, W))
        return given

    def to(self, device: torch.device) -> "Batch":
        """Bring the tensors to a device."""
        moved = (x.to(device, non_blocking=True) if isinstance(x, Tensor) else x for x in self)
        return Batch(*moved)  # type: ignore[arg-type]


class TrainingPhotos(Dataset[Sample | DataError]):
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

    def __getitem__(self, position: int) -> Sample | DataError:
        """Make the sample of a position (0 or more). An error is returned: raised, it would lose its plain words."""
        rng = np.random.default_rng((self.seed, 1, position))
        try:
            image, left_out = self._usable_photo(position, rng)
        except DataError as error:
            return error
        return self._make_sample(image, left_out, rng)

    def _make_sample(self, image: Image.Image, left_out: LeftOut, rng: np.random.Generator) -> Sample:
        rgb = np.asarray(vary_geometry(image, self.size, self.augment, rng))
        shape = (self.size, self.size)
        grey, retoned = np.zeros(shape, dtype=np.uint8), bool(rng.random() < self.augment.tone)
        if retoned:
            # Rec. 601 grey is near enough where the tone is changed at random anyway; the untouched case is exact.
            grey = jitter_tone(np.asarray(Image.fromarray(rgb).convert("L")), self.augment, rng)
        known = np.ones(shape, dtype=np.uint8)
        if rng.random() < self.augment.occlusion:
            known = draw_occlusion(self.size, self.augment, rng)
        hints = np.zeros((*shape, 4), dtype=np.uint8)
        if rng.random() < self.augment.hints:
            hints[..., :3], hints[..., 3] = draw_hints(rgb, self.augment, rng)
        return Sample(
            _to_tensor(rgb.transpose(2, 0, 1)),
            _to_tensor(grey[None]),
            retoned,
            _to_tensor(known[None]),
            _to_tensor(hints.transpose(2, 0, 1)),
            left_out,
        )

    def _usable_photo(self, position: int, rng: np.random.Generator) -> tuple[Image.Image, LeftOut]:
        epoch, place = divmod(position, len(self.photos))
        index = int(photo_order(self.seed, epoch, len(self.photos))[place])
        left_out: list[tuple[str, str]] = []
        for _ in range(_MOST_REPLACEMENTS):
            try:
                image = self._open(index)
                if not is_nearly_grey(image):
                    return image, tuple(left_out)
                left_out.append((self.photos[index].name, "nearly grey"))
            except ImageReadError as error:
                left_out.append((self.photos[index].name, str(error)))
            index = int(rng.integers(len(self.photos)))
        raise DataError(
            f"{_MOST_REPLACEMENTS} photographs in a row cannot be trained on, the last because: "
            f"{left_out[-1][1]} ({left_out[-1][0]}); check the data set"
        )

    def _open(self, index: int) -> Image.Image:
        if self.cache is None:
            return open_photo(self.photos[index], short_side=self._short_side)
        image = self.cache.get(index)
        if image is None:
            image = self.cache.put(index, open_photo(self.photos[index], short_side=self.cache.short_side))
        return image


@functools.lru_cache(maxsize=2)
def photo_order(seed: int, epoch: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the order in which an epoch passes over the photographs."""
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


def _to_tensor(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    return torch.tensor(array)  # a copy: arrays that belong to a picture may not be written to


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


def _collate_to_send(samples: list[Sample | DataError]) -> "_Parcel | DataError":
    batch = _collate(samples)
    return batch if isinstance(batch, DataError) else _Parcel(batch)


def _collate(samples: list[Sample | DataError]) -> Batch | DataError:
    good = [s for s in samples if isinstance(s, Sample)]
    for sample in samples:
        if isinstance(sample, DataError):
            return sample
    known = torch.stack([s.known for s in good])
    hints = torch.stack([s.hints for s in good])
    return Batch(
        torch.stack([s.rgb for s in good]),
        torch.stack([s.grey for s in good]),
        torch.tensor([s.retoned for s in good]),
        None if bool(known.all()) else known,
        hints if bool(hints[:, 3].any()) else None,
        tuple(item for s in good for item in s.left_out),
    )


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
            photos,  # type: ignore[arg-type]
            batch_sampler=sampler,
            num_workers=plan.workers,
            collate_fn=_collate if plan.shares_memory else _collate_to_send,
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
