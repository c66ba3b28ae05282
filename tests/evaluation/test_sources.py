import os
from collections.abc import Callable
from pathlib import Path

import pytest

from colorgan.data.run_record import write_record
from colorgan.errors import DataError
from colorgan.evaluation import find_data
from support import draw_photo

MakeFolder = Callable[..., Path]


class TestFindData:
    def test_a_folder(self, photo_folder: MakeFolder):
        found = find_data(photo_folder(3))
        assert [p.name for p in found.photos] == [f"photo00{n}.png" for n in range(3)]
        assert found.weights is None

    @pytest.mark.parametrize("name", ["val", "validation"])
    def test_the_val_of_imagenet_mini(self, tmp_path, photo_folder: MakeFolder, name: str):
        photo_folder(2, name="data/train/n01440764")
        photo_folder(1, name=f"data/{name}/n01440764")
        found = find_data(tmp_path / "data")
        assert [p.name for p in found.photos] == ["n01440764/photo000.png"]
        assert found.source == str(tmp_path / "data" / name)

    @pytest.mark.parametrize("weights", ["best.safetensors", "best.pt"])
    def test_the_latest_run_comes_first(self, tmp_path, photo_folder: MakeFolder, weights: str):
        photos = photo_folder(4)
        photo_folder(1, name="imagenet-mini/val")
        for age, name in enumerate(["new", "old"]):
            run = tmp_path / "runs" / name
            run.mkdir(parents=True)
            write_record(run, photos, photos, [f"photo00{age}.png", "photo003.png"], {})
            os.utime(run / "run.json", (1000 - age, 1000 - age))
        (tmp_path / "runs" / "new" / weights).touch()
        found = find_data(None, root=tmp_path)
        assert [p.name for p in found.photos] == ["photo000.png", "photo003.png"]
        assert found.weights == tmp_path / "runs" / "new" / weights

    def test_a_run_without_weights(self, tmp_path, photo_folder: MakeFolder):
        run = tmp_path / "runs" / "only"
        run.mkdir(parents=True)
        photos = photo_folder(2)
        write_record(run, photos, photos, ["photo001.png"], {})
        assert find_data(None, root=tmp_path).weights is None

    def test_imagenet_mini_comes_next(self, tmp_path, photo_folder: MakeFolder):
        photo_folder(1, name="imagenet-mini/val")
        assert len(find_data(None, root=tmp_path).photos) == 1

    def test_else_a_sentence(self, tmp_path):
        draw_photo(1).save(tmp_path / "photo.png")
        with pytest.raises(DataError, match=r"no training run in \./runs and no \./imagenet-mini; pass .* --data"):
            find_data(None, root=tmp_path)
