"""Training photographs that lie decoded on the device that trains, and batches made of them there.

A GPU trains a compact network on thousands of pictures a second, more than any number of processes can crop.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from colorgan.config import AugmentConfig
from colorgan.data.augment import draw_maps, draw_squares, vary
from colorgan.data.batch import Batch
from colorgan.data.cache import PhotoCache, shrink_photo
from colorgan.data.dataset import (
    CACHE_MARGIN,
    PATIENCE,
    WORKER_START,
    PositionSampler,
    begin_worker,
    draw_all,
    open_usable,
    photo_order,
)
from colorgan.data.folder import PhotoFile, open_photo
from colorgan.data.loading import plan_loading
from colorgan.data.random_source import RandomSource
from colorgan.errors import DataError

__all__ = ["DeviceDataset"]

_AT_ONCE = 64  # photographs that a worker decodes, and that go to the device together

Pixels = NDArray[np.uint8]  # (H, W, 3)


class DeviceDataset:
    """Batches of training samples, made on a device from photographs that lie there.

    The samples are varied as those of `TrainingPhotos` are, by the same numbers, but for noise pixel by pixel, of
    which each kind of device has its own. But photographs are scaled to a little over `size` at first, then cropped by
    cubic interpolation; and damaged and nearly grey ones are left out from the start, and named with the first batch.

    Args:
        photos: What to train on.
        size: Side of the samples, pixels.
        augment: How to vary them.
        seed: Seed of the run.
        device: Where they shall lie.
        workers: Processes that decode at the start; 0: this one.

    Raises:
        DataError: No photograph is usable, or they do not fit the device.
    """

    def __init__(
        self,
        photos: Sequence[PhotoFile],
        size: int,
        augment: AugmentConfig,
        seed: int,
        device: torch.device,
        *,
        workers: int = 1,
    ) -> None:
        self.size, self.augment, self.seed, self.device = size, augment, seed, device
        self.left_out: list[tuple[str, str]] = []
        cache = PhotoCache(len(photos), math.ceil(CACHE_MARGIN * size))
        try:
            found = self._load(photos, cache, workers)
            if not found:
                raise DataError(
                    f"none of {len(photos)} photographs can be trained on; the last, {self.left_out[-1][0]}: "
                    f"{self.left_out[-1][1]}"
                )
            shapes = torch.tensor([x.shape[:2] for x in found], device=device)
            self._pixels = self._bring(found)
        finally:
            cache.close()
        self._heights, self._widths = shapes.unbind(1)
        counts = shapes.prod(1)
        self._starts = counts.cumsum(0) - counts

    def __len__(self) -> int:
        return len(self._heights)

    def batches(self, batch_size: int, first_step: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches of one of `world` processes from a step on, without end."""
        batches = self._draw_batches(batch_size, first_step, rank, world)
        return _made_ahead(batches, self.device) if self.device.type == "cuda" else batches

    def _draw_batches(self, batch_size: int, first_step: int, rank: int, world: int) -> Iterator[Batch]:
        left_out = tuple(self.left_out) if rank == 0 and first_step == 0 else ()
        for positions in PositionSampler(batch_size, first_step, rank, world):
            source = RandomSource.at(positions, self.seed, self.device)
            places = [divmod(position, len(self)) for position in positions]
            numbers = torch.tensor([photo_order(self.seed, epoch, len(self))[i] for epoch, i in places])
            yield self._make_batch(source.bring(numbers), source)._replace(left_out=left_out)
            left_out = ()

    def crop(self, numbers: Tensor, left: Tensor, top: Tensor, side: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
        """Cut squares from photographs, by cubic interpolation; beyond an edge is the photograph's reflection.

        Args:
            numbers: Which photographs, `(B,)`.
            left: The squares' left edges in the photographs, pixels, `(B,)`.
            top: Their upper edges, `(B,)`.
            side: Their sides, `(B,)`.
            matrix: How the squares are turned, `(B, 2, 2)`, see `augment.draw_maps`.
            shift: And moved, `(B, 2)`.

        Returns:
            `(B, 3, size, size)`, uint8.
        """
        B, size = len(numbers), self.size
        line = (torch.arange(size, device=self.device) + 0.5) * (2 / size) - 1
        target = torch.stack((line.expand(size, size), line[:, None].expand(size, size)))  # x and y
        source = torch.einsum("bij,jhw->bihw", matrix, target) + shift[:, :, None, None]
        edges = torch.stack((left, top), 1)[:, :, None, None]
        place = edges + (source + 1) / 2 * side[:, None, None, None] - 0.5  # in pixels from the first one's middle
        whole = place.floor()
        weights = _cubic_weights(place - whole)  # 4 of (B, 2, S, S)
        start, width, height = (x[numbers][:, None, None] for x in (self._starts, self._widths, self._heights))
        x, y = whole.long().unbind(1)
        columns = [_reflect(x + d, width) for d in (-1, 0, 1, 2)]
        result = torch.zeros(B, size, size, 4, device=self.device)
        for row in range(4):
            line_start = start + _reflect(y + (row - 1), height) * width
            for column in range(4):
                packed = self._pixels[line_start + columns[column]]  # (B, size, size), int32: red, green, blue, nothing
                weight = weights[row][:, 1] * weights[column][:, 0]
                result += packed.view(torch.uint8).view(B, size, size, 4) * weight[..., None]
        return result[..., :3].round().clamp(0, 255).to(torch.uint8).permute(0, 3, 1, 2).contiguous()

    def _make_batch(self, numbers: Tensor, source: RandomSource) -> Batch:
        fraction, left, top = draw_squares(self.augment, source).unbind(1)
        width, height = self._widths[numbers], self._heights[numbers]
        side = torch.minimum(width, height) * fraction
        maps = draw_maps(self.augment, source)
        rgb = self.crop(numbers, (width - side) * left, (height - side) * top, side, *maps)
        return vary(rgb, self.augment, source)

    # --- loading ----------------------------------------------------------------------------------------------------

    def _load(self, photos: Sequence[PhotoFile], cache: PhotoCache, workers: int) -> list[Pixels]:
        """Decode all photographs into the cache; return the pixels of the usable ones."""
        workers = plan_loading(1, 1, workers).workers  # which share nothing but locks
        loader: DataLoader[list[str]] = DataLoader(
            _Decoding(photos, cache),  # type: ignore[arg-type]
            batch_size=_AT_ONCE,
            num_workers=workers,
            collate_fn=list,
            worker_init_fn=begin_worker if workers else None,
            timeout=PATIENCE if workers else 0,
            multiprocessing_context=WORKER_START if workers else None,
        )
        with closing(draw_all(loader)) as lots:
            reasons = list(itertools.chain.from_iterable(lots))
        found: list[Pixels] = []
        for number, (photo, reason) in enumerate(zip(photos, reasons, strict=True)):
            if reason:
                self.left_out.append((photo.name, reason))
                continue
            pixels = cache.view(number)
            found.append(pixels if pixels is not None else _decode(photo, cache.short_side))
        return found

    def _bring(self, found: Sequence[Pixels]) -> Tensor:
        """Bring photographs to the device: one int32 a pixel, so that one reading fetches all its colours."""
        count = sum(x.shape[0] * x.shape[1] for x in found)
        try:
            pixels = torch.empty(count, dtype=torch.int32, device=self.device)
        except torch.cuda.OutOfMemoryError as error:
            raise DataError(
                f"the decoded photographs take {4 * count / 1e9:.1f} GB, more than {self.device} has free; train with "
                "--cache ram, or on fewer photographs"
            ) from error
        place = 0
        for some in (found[i : i + _AT_ONCE] for i in range(0, len(found), _AT_ONCE)):
            colors = torch.from_numpy(np.concatenate([x.reshape(-1, 3) for x in some])).to(self.device)
            pixels[place : place + len(colors)] = F.pad(colors, (0, 1)).view(torch.int32)[:, 0]
            place += len(colors)
        return pixels


def _made_ahead(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """Make each batch on a stream of its own, beside the step that uses the one before."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    while True:
        with torch.cuda.stream(stream):
            batch = next(batches)
        user = torch.cuda.current_stream(device)
        user.wait_stream(stream)
        for tensor in batch:
            if isinstance(tensor, Tensor):
                tensor.record_stream(user)
        yield batch


class _Decoding(Dataset[str]):
    """Decodes photographs into a cache; an item is why the photograph cannot be used, or nothing."""

    def __init__(self, photos: Sequence[PhotoFile], cache: PhotoCache) -> None:
        self.photos, self.cache = tuple(photos), cache

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, number: int) -> str:
        image = open_usable(self.photos[number], self.cache.short_side)
        if isinstance(image, str):
            return image
        self.cache.put(number, image)
        return ""


def _decode(photo: PhotoFile, short_side: int) -> Pixels:
    return np.asarray(shrink_photo(open_photo(photo, short_side=short_side), short_side))


def _reflect(index: Tensor, count: Tensor) -> Tensor:
    """Bring indices into 0..count - 1 by reflection at the edges, which are doubled."""
    folded = index.remainder(2 * count)
    return torch.minimum(folded, 2 * count - 1 - folded)


def _cubic_weights(part: Tensor, a: float = -0.5) -> list[Tensor]:
    """Return the weights of four neighbours for places part of the way from the second to the third (Keys, 1981)."""

    def near(d: Tensor) -> Tensor:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Tensor) -> Tensor:
        return ((d - 5) * d + 8) * a * d - 4 * a

    return [far(1 + part), near(part), near(1 - part), far(2 - part)]
