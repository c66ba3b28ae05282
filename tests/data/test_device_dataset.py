"""Photographs that lie on the device that trains."""

import itertools
import multiprocessing
import time

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.config import AugmentConfig
from colorgan.data import DeviceDataset, TrainingPhotos, find_photos, open_photo, worker_deaths_explained
from colorgan.errors import DataError
from support import draw_photo

CPU = torch.device("cpu")
VARIED = AugmentConfig(affine=0.5, tone=0.5, occlusion=0.5, hints=0.5)
STILL = AugmentConfig(crop_from=1.0, flip=0.0, tone=0.0, occlusion=0.0, hints=0.0)


@pytest.fixture
def photos(photo_folder):
    return find_photos(photo_folder(10))


def make(photos, size=32, augment=VARIED, seed=0, workers=0):
    return DeviceDataset(photos, size, augment, seed, CPU, workers=workers)


def draw(resident, count=3, size=4, first=0, rank=0, world=1):
    return list(itertools.islice(resident.batches(size, first, rank, world), count))


def same(one, two) -> bool:
    filled = [[x for x in b.complete(known=True, hints=True) if isinstance(x, torch.Tensor)] for b in (one, two)]
    return all(torch.equal(a, b) for a, b in zip(*filled, strict=True))


class TestDeviceDataset:
    def test_batches_have_the_promised_shapes(self, photos):
        batch = draw(make(photos), 1)[0].complete(known=True, hints=True)
        assert batch.rgb.shape == (4, 3, 32, 32)
        assert batch.grey.shape == batch.known.shape == (4, 1, 32, 32)
        assert batch.hints.shape == (4, 4, 32, 32)
        assert batch.retoned.shape == (4,)
        assert batch.retoned.dtype is torch.bool
        assert {x.dtype for x in (batch.rgb, batch.grey, batch.known, batch.hints)} == {torch.uint8}

    def test_batches_depend_on_seed_step_and_place_alone(self, photos):
        resident = make(photos)
        assert same(draw(resident, 3)[2], draw(resident, 1, first=2)[0])
        assert same(draw(resident)[0], draw(make(photos, workers=2))[0])
        assert not same(draw(resident)[0], draw(make(photos, seed=1))[0])
        assert not same(draw(resident, world=2)[0], draw(resident, rank=1, world=2)[0])

    def test_samples_are_varied_as_those_of_decoding_processes_are(self, photo_folder):
        photos = find_photos(photo_folder(6, size=(32, 32)))
        varied = AugmentConfig(crop_from=1.0, affine=0, tone=0.5, occlusion=0.5, hints=0.5)
        (batch,) = draw(make(photos, augment=varied, seed=3), 1, size=6)
        decoded = TrainingPhotos(photos, 32, varied, 3)[range(6)]
        assert same(batch, decoded)

    def test_every_pass_takes_each_photograph_once(self, photos):
        batches = draw(make(photos, augment=STILL), 5, size=4)
        seen = [x.numpy().tobytes() for batch in batches for x in batch.rgb]
        assert len(set(seen[:10])) == len(set(seen[10:])) == 10

    def test_where_nothing_varies_the_sample_is_the_photograph(self, tmp_path):
        draw_photo(3, (32, 32)).save(tmp_path / "a.png")
        batch = draw(make(find_photos(tmp_path), augment=STILL), 1, size=1)[0]
        assert np.array_equal(batch.rgb[0].permute(1, 2, 0).numpy(), np.asarray(draw_photo(3, (32, 32))))
        assert batch.known is None
        assert batch.hints is None
        assert not batch.retoned.any()

    def test_leaves_out_what_cannot_be_trained_on_and_says_so_once(self, photo_folder):
        folder = photo_folder(4)
        (folder / "broken.jpg").write_bytes(b"no picture")
        Image.new("RGB", (60, 60), "grey").save(folder / "grey.png")
        resident = make(find_photos(folder))
        assert len(resident) == 4
        first, second = draw(resident, 2)
        assert {name for name, _ in first.left_out} == {"broken.jpg", "grey.png"}
        assert second.left_out == ()
        assert draw(resident, 1, first=5)[0].left_out == ()

    def test_takes_a_panorama_too_long_for_the_cache(self, tmp_path):
        draw_photo(1, (400, 40)).save(tmp_path / "long.png")
        resident = make(find_photos(tmp_path), augment=AugmentConfig(crop_from=1.0))
        assert draw(resident, 1, size=2)[0].rgb.float().std() > 1

    def test_refuses_where_nothing_is_usable(self, tmp_path):
        Image.new("RGB", (60, 60), "grey").save(tmp_path / "grey.png")
        with pytest.raises(DataError, match=r"none of 1 photographs.*grey\.png: nearly grey"):
            make(find_photos(tmp_path))


class TestCrop:
    def crop(self, folder, left, top, side, matrix=((1, 0), (0, 1)), shift=(0, 0), size=48):
        resident = make(find_photos(folder), size=size, augment=STILL)
        numbers = [torch.tensor([float(x)]) for x in (left, top, side)]
        found = resident.crop(
            torch.tensor([0]), *numbers, torch.tensor([matrix]).float(), torch.tensor([shift]).float()
        )
        return found[0].permute(1, 2, 0).numpy().astype(int)

    @pytest.fixture
    def folder(self, tmp_path):
        draw_photo(2, (60, 50)).save(tmp_path / "a.png")
        return tmp_path

    def test_enlarges_as_pillow_does(self, folder):
        image = open_photo(find_photos(folder)[0])
        wanted = image.resize((48, 48), Image.Resampling.BICUBIC, box=(7.5, 3, 37.5, 33))
        difference = np.abs(self.crop(folder, 7.5, 3, 30) - np.asarray(wanted))
        assert difference.mean() < 0.5
        assert difference.max() <= 6

    def test_turns(self, folder):
        plain = self.crop(folder, 2, 1, 48)
        turned = self.crop(folder, 2, 1, 48, matrix=((0, -1), (1, 0)))
        assert np.abs(turned - np.rot90(plain, axes=(0, 1))).max() <= 1 or (
            np.abs(turned - np.rot90(plain, axes=(1, 0))).max() <= 1
        )
        mirrored = self.crop(folder, 2, 1, 48, matrix=((-1, 0), (0, 1)))
        assert np.abs(mirrored - plain[:, ::-1]).max() <= 1

    def test_reflects_beyond_the_edge(self, folder):
        moved = self.crop(folder, 0, 0, 48, shift=(-1, 0))  # half of it lies to the left of the photograph
        assert np.abs(moved[:, :24] - moved[:, 24:][:, ::-1]).max() <= 1


def test_a_drive_that_is_gone_is_not_waited_for(photos, monkeypatch):
    monkeypatch.setattr("colorgan.data.device_dataset.PATIENCE", 2.0)
    monkeypatch.setattr("colorgan.data.dataset.open_photo", lambda *_, **__: time.sleep(1000))
    before = set(multiprocessing.active_children())
    started = time.monotonic()
    with pytest.raises(DataError, match="no photographs came within"), worker_deaths_explained():
        make(photos, workers=1)
    assert time.monotonic() - started < 120
    assert set(multiprocessing.active_children()) <= before
