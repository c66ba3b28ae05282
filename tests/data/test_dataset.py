"""Training samples by position."""

import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from colorgan.config import AugmentConfig
from colorgan.data import (
    Batch,
    PositionSampler,
    TrainingPhotos,
    dataset,
    draw_batches,
    find_photos,
    make_loader,
    worker_deaths_explained,
)
from colorgan.data.cache import PhotoCache
from colorgan.data.dataset import leave_signals_alone
from colorgan.errors import DataError
from support import draw_photo

VARIED = AugmentConfig(affine=0.5, tone=0.5, occlusion=0.5, hints=0.5)


def tensors(batch) -> list[torch.Tensor]:
    filled = batch.complete(known=True, hints=True)
    return [filled.rgb, filled.grey, filled.retoned, filled.known, filled.hints]


def draw(samples, workers=0, count=3, first=0, rank=0, world=1, size=4):
    loader = make_loader(samples, PositionSampler(size, first, rank, world), workers=workers)
    return list(itertools.islice(draw_batches(loader), count))


def batch_of(samples: TrainingPhotos, positions: list[int]) -> Batch:
    batch = samples[positions]
    assert isinstance(batch, Batch)
    return batch


def cache_of(samples: TrainingPhotos) -> PhotoCache:
    assert samples.cache is not None
    return samples.cache


@pytest.fixture
def photos(photo_folder):
    return find_photos(photo_folder(10))


class TestTrainingPhotos:
    def test_samples_have_the_promised_shapes(self, photos):
        sample = batch_of(TrainingPhotos(photos, 32, VARIED, 0), [0])
        rgb, grey, retoned, known, hints = tensors(sample)
        assert rgb.shape == (1, 3, 32, 32)
        assert grey.shape == known.shape == (1, 1, 32, 32)
        assert hints.shape == (1, 4, 32, 32)
        assert retoned.dtype is torch.bool
        assert {t.dtype for t in (rgb, grey, known, hints)} == {torch.uint8}

    @pytest.mark.parametrize("workers", [1, 2])
    def test_samples_do_not_depend_on_workers(self, photos, workers):
        samples = TrainingPhotos(photos, 32, VARIED, 7)
        for alone, helped in zip(draw(samples), draw(samples, workers=workers), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(tensors(alone), tensors(helped), strict=True))

    def test_samples_depend_on_seed_and_position(self, photos):
        one, same, other = (TrainingPhotos(photos, 32, VARIED, seed) for seed in (1, 1, 2))
        assert torch.equal(batch_of(one, [3]).rgb, batch_of(same, [3]).rgb)
        assert not torch.equal(batch_of(one, [3]).rgb, batch_of(other, [3]).rgb)
        assert not torch.equal(batch_of(one, [3]).rgb, batch_of(one, [13]).rgb)

    def test_samples_do_not_depend_on_those_beside_them(self, photos):
        samples = TrainingPhotos(photos, 32, VARIED, 7)
        together = tensors(batch_of(samples, [11, 3, 8, 25]))
        for place, position in enumerate((11, 3, 8, 25)):
            alone = tensors(batch_of(samples, [position]))
            assert all(torch.equal(a[0], b[place]) for a, b in zip(alone, together, strict=True))

    def test_every_pass_takes_each_photograph_once(self, photos):
        plain = AugmentConfig(crop_from=1.0, flip=0.0, tone=0.0, occlusion=0.0, hints=0.0)
        samples = TrainingPhotos(photos, 16, plain, 0)
        passes = [[batch_of(samples, [p]).rgb.numpy().tobytes() for p in range(10 * e, 10 * e + 10)] for e in (0, 1)]
        assert all(len(set(one)) == 10 for one in passes)
        assert passes[0] != passes[1]

    def test_occlusion_and_hints_come_as_often_as_asked(self, photos):
        always = AugmentConfig(occlusion=1.0, hints=1.0, tone=1.0)
        never = AugmentConfig(occlusion=0.0, hints=0.0, tone=0.0)
        for p in range(10):
            sample = batch_of(TrainingPhotos(photos, 32, always, 0), [p])
            assert sample.known is not None
            assert not sample.known.all()
            assert sample.hints is not None
            assert sample.hints[:, 3].any()
            assert torch.as_tensor(sample.retoned).all()
            sample = batch_of(TrainingPhotos(photos, 32, never, 0), [p])
            assert sample.known is None
            assert sample.hints is None
            assert not torch.as_tensor(sample.retoned).any()

    def test_replaces_and_names_damaged_and_grey_photographs(self, photo_folder):
        folder = photo_folder(4)
        (folder / "bad.png").write_bytes(b"damaged")
        draw_photo(9).convert("L").save(folder / "grey.png")
        (batch,) = draw(TrainingPhotos(find_photos(folder), 32, AugmentConfig(), 0), count=1, size=6)
        reasons = dict(batch.left_out)
        assert set(reasons) == {"bad.png", "grey.png"}
        assert reasons["grey.png"] == "nearly grey"
        assert len(batch.rgb) == 6

    @pytest.mark.parametrize("workers", [0, 1])
    def test_says_in_plain_words_when_nothing_is_usable(self, tmp_path, workers):
        for number in range(3):
            (tmp_path / f"{number}.png").write_bytes(b"damaged")
        with pytest.raises(DataError, match=r"^50 photographs in a row cannot be trained on.*check the data set$"):
            draw(TrainingPhotos(find_photos(tmp_path), 32, AugmentConfig(), 0), workers=workers)

    def test_refuses_no_photographs(self):
        with pytest.raises(DataError, match="no photographs"):
            TrainingPhotos([], 32, AugmentConfig(), 0)


class TestWorkerDeathsExplained:
    def test_says_in_plain_words_that_a_worker_died(self, photos):
        batches = draw_batches(make_loader(TrainingPhotos(photos, 32, VARIED, 0), PositionSampler(4), workers=1))
        next(batches)
        (worker,) = multiprocessing.active_children()
        worker.kill()
        with pytest.raises(DataError, match="use fewer --workers"), worker_deaths_explained():
            list(itertools.islice(batches, 100))

    def test_lets_other_errors_pass(self):
        with pytest.raises(RuntimeError, match="something else"), worker_deaths_explained():
            raise RuntimeError("something else")


class TestPositionSampler:
    def test_processes_share_the_positions_without_overlap(self):
        shares = [list(itertools.islice(PositionSampler(3, 0, rank, 4), 5)) for rank in range(4)]
        steps = [sorted(itertools.chain(*(share[step] for share in shares))) for step in range(5)]
        assert steps == [list(range(12 * step, 12 * step + 12)) for step in range(5)]

    def test_begins_where_a_run_was_left(self):
        whole = list(itertools.islice(PositionSampler(3, 0, 1, 2), 6))
        assert list(itertools.islice(PositionSampler(3, 2, 1, 2), 4)) == whole[2:]

    def test_processes_together_see_the_batch_of_one(self, photos):
        samples = TrainingPhotos(photos, 32, VARIED, 0)
        (whole,) = draw(samples, count=1, size=4)
        parts = [draw(samples, count=1, size=2, rank=rank, world=2)[0] for rank in (0, 1)]
        for one, two in zip(tensors(whole), zip(*map(tensors, parts), strict=True), strict=True):
            assert torch.equal(one, torch.cat(two))


class TestBatch:
    def test_masks_stand_as_none_where_they_say_nothing(self, photos):
        never = AugmentConfig(occlusion=0.0, hints=0.0)
        (batch,) = draw(TrainingPhotos(photos, 32, never, 0), count=1)
        assert batch.known is None
        assert batch.hints is None
        filled = batch.complete(known=True, hints=True)
        assert bool(filled.known.all())
        assert not bool(filled.hints.any())


class TestCache:
    def test_gives_the_same_samples_from_memory(self, photos):
        samples = TrainingPhotos(photos, 32, VARIED, 0, cached=True)
        try:
            first = [batch_of(samples, [p]) for p in range(10)]
            for photo in photos:
                photo.path.unlink()
            again = [batch_of(samples, [p]) for p in range(10)]
            assert all(torch.equal(a.rgb, b.rgb) for a, b in zip(first, again, strict=True))
        finally:
            cache_of(samples).close()

    def test_is_shared_by_the_processes_that_decode(self, photos):
        samples = TrainingPhotos(photos, 32, VARIED, 0, cached=True)
        try:
            helped = draw(samples, workers=2, count=5)
            assert all(cache_of(samples).get(number) is not None for number in range(10))
            for one, two in zip(draw(samples, count=5), helped, strict=True):
                assert torch.equal(one.rgb, two.rgb)
        finally:
            cache_of(samples).close()

    def test_keeps_photographs_a_little_larger_than_the_samples(self, photo_folder):
        photos = find_photos(photo_folder(1, size=(400, 300)))
        samples = TrainingPhotos(photos, 64, VARIED, 0, cached=True)
        try:
            batch_of(samples, [0])
            kept = cache_of(samples).get(0)
            assert kept is not None
            assert kept.size == (103, 77)
        finally:
            cache_of(samples).close()

    def test_leaves_panoramas_out(self, photo_folder):
        photos = find_photos(photo_folder(1, size=(900, 90)))
        samples = TrainingPhotos(photos, 64, VARIED, 0, cached=True)
        try:
            once, twice = batch_of(samples, [0]), batch_of(samples, [0])
            assert cache_of(samples).get(0) is None
            assert torch.equal(once.rgb, twice.rgb)
        finally:
            cache_of(samples).close()

    def test_frees_its_memory(self, photos):
        samples = TrainingPhotos(photos, 32, VARIED, 0, cached=True)
        path = cache_of(samples)._path
        assert path.exists()
        cache_of(samples).close()
        assert not path.exists()


def test_left_over_positions_are_reproducible_across_epochs(photos):
    order = [np.asarray(batch_of(TrainingPhotos(photos, 16, VARIED, 3), [p]).rgb) for p in (9, 10, 11)]
    again = [np.asarray(batch_of(TrainingPhotos(photos, 16, VARIED, 3), [p]).rgb) for p in (9, 10, 11)]
    assert all(np.array_equal(a, b) for a, b in zip(order, again, strict=True))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_passes_over_a_photograph_that_became_a_pipe(photos):
    photos[3].path.unlink()
    os.mkfifo(photos[3].path)
    samples = TrainingPhotos(photos, 16, VARIED, 3)
    left_out = [item for p in range(len(photos)) for item in batch_of(samples, [p]).left_out]
    assert left_out
    assert {name for name, _ in left_out} == {photos[3].name}
    assert "it is a pipe" in left_out[0][1]


class Stuck(TrainingPhotos):
    """Photographs of which one is never read, whatever the process is told."""

    def __getitem__(self, positions: Sequence[int]) -> Batch | DataError:
        if 4 in positions:
            leave_signals_alone(0)
            time.sleep(300)
        return super().__getitem__(positions)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes cannot be forked safely")
def test_processes_that_decode_are_forked_whatever_python_prefers(photos, monkeypatch):
    monkeypatch.setattr(multiprocessing.context._default_context, "_actual_context", None)
    multiprocessing.set_start_method("forkserver")  # as from Python 3.14 on
    loader = make_loader(TrainingPhotos(photos, 16, VARIED, 0), PositionSampler(4), workers=1)
    batches = draw_batches(loader)
    next(batches)
    begun = {type(process).__name__ for process in multiprocessing.active_children()}
    batches.close()
    assert begun == {"ForkProcess"}


class TestLoaderThatHangs:
    def test_says_so_and_ends_its_processes(self, photos, monkeypatch):
        monkeypatch.setattr(dataset, "PATIENCE", 1.5)
        monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.5)
        loader = make_loader(Stuck(photos, 16, VARIED, 0), PositionSampler(4), workers=1)
        begin = time.monotonic()
        words = r"no photographs came within 1\.5 seconds.*--resume"
        with pytest.raises(DataError, match=words), worker_deaths_explained():
            list(draw_batches(loader))
        assert not multiprocessing.active_children()
        assert time.monotonic() - begin < 30

    def test_ends_its_processes_when_it_is_closed(self, photos, monkeypatch):
        monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.5)
        batches = draw_batches(make_loader(Stuck(photos, 16, VARIED, 0), PositionSampler(4), workers=1))
        next(batches)
        batches.close()
        assert not multiprocessing.active_children()
