"""Batches come whatever shared memory there is."""

import multiprocessing
from itertools import islice

import pytest
import torch

from colorgan.config import AugmentConfig
from colorgan.data import PositionSampler, TrainingPhotos, draw_batches, find_photos, loading, make_loader
from colorgan.data.loading import plan_loading

VARIED = AugmentConfig(occlusion=0.5, hints=0.5, tone=0.5)


class TestPlan:
    def test_shares_memory_where_there_is_enough(self, monkeypatch):
        monkeypatch.setattr(loading, "_free_bytes", lambda: 2 * 10**9)
        assert plan_loading(128, 32, 8).shares_memory
        assert plan_loading(128, 32, 8).note is None

    @pytest.mark.parametrize("free", [0, 64 * 2**20])
    def test_sends_batches_through_pipes_where_there_is_not(self, monkeypatch, free):
        monkeypatch.setattr(loading, "_free_bytes", lambda: free)
        plan = plan_loading(128, 32, 8)
        assert (plan.workers, plan.shares_memory) == (8, False)
        assert plan.note is not None
        assert "through pipes" in plan.note
        assert "--shm-size" in plan.note

    def test_counts_the_cache_and_the_other_processes(self, monkeypatch):
        monkeypatch.setattr(loading, "_free_bytes", lambda: 400 * 10**6)
        assert plan_loading(128, 32, 8).shares_memory
        assert not plan_loading(128, 32, 8, reserved=300 * 10**6).shares_memory
        monkeypatch.setenv("WORLD_SIZE", "4")
        monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
        assert not plan_loading(128, 32, 8).shares_memory

    def test_asks_for_what_torch_really_takes(self, photo_folder, tmp_path, monkeypatch):
        """The bytes of a full batch are those that the plan counts."""
        monkeypatch.setattr(loading, "_free_bytes", lambda: 0)
        samples = TrainingPhotos(find_photos(photo_folder()), 32, AugmentConfig(occlusion=1, hints=1), 0)
        batch = next(draw_batches(make_loader(samples, PositionSampler(8), workers=0)))
        tensors = [x for x in batch if isinstance(x, torch.Tensor) and x.ndim == 4]
        counted = sum(x.numel() * x.element_size() for x in tensors)
        assert counted == loading._BYTES_A_PIXEL * 8 * 32 * 32

    def test_decodes_alone_where_processes_share_nothing(self, monkeypatch):
        def refuse() -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(multiprocessing, "Lock", refuse)
        plan = plan_loading(128, 32, 8)
        assert plan.workers == 0
        assert plan.note is not None
        assert "share no locks" in plan.note
        assert plan_loading(128, 32, 0).note is None


def test_batches_are_the_same_through_pipes(photo_folder, monkeypatch):
    photos = find_photos(photo_folder(8))

    def draw() -> list:
        loader = make_loader(TrainingPhotos(photos, 32, VARIED, 0), PositionSampler(4), workers=1)
        return list(islice(draw_batches(loader), 3))

    shared = draw()
    monkeypatch.setattr(loading, "_free_bytes", lambda: 0)
    sent = draw()
    for one, two in zip(shared, sent, strict=True):
        assert one.left_out == two.left_out
        for name in ("rgb", "grey", "retoned", "known", "hints"):
            a, b = getattr(one, name), getattr(two, name)
            assert (a is None and b is None) or torch.equal(a, b), name
