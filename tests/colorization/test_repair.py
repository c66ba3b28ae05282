"""Repair from masks to results: the library and the real command."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.colorization import Colorizer, Outcome
from colorgan.config import ModelConfig, RenderConfig
from colorgan.errors import UsageError
from colorgan.model import build_generator
from colorgan.session import colorize_paths
from colorgan.weights.file import save_generator
from colorization_support import grey_photo, some_mask
from support import run_colorgan


@pytest.fixture(scope="module")
def no_repair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = ModelConfig(bottleneck_width=8, decoder_widths=(8,), attention_stages=(), attention_heads=1)
    path = tmp_path_factory.mktemp("plain") / "plain.pt"
    save_generator(path, build_generator(config), render=RenderConfig(size=32), provenance={"name": "plain"})
    return path


def grey_of(image: Image.Image) -> np.ndarray:
    rgb = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).double() / 255
    return (luminance_to_grey(rgb_to_lab(rgb)[0]) * 255).numpy()


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


class TestColorize:
    @pytest.mark.parametrize(
        "turn", [lambda m: m, lambda m: np.asarray(m) > 0, lambda m: (np.asarray(m) > 0).astype(int), np.asarray]
    )
    def test_fills_what_the_mask_says(self, colorizer: Colorizer, turn: Callable[[Image.Image], Any]) -> None:
        photo, missing = grey_photo(), np.asarray(some_mask()) > 0
        damaged = np.where(missing, 0, np.asarray(photo)).astype(np.uint8)
        result = colorizer.colorize(Image.fromarray(damaged), mask=turn(some_mask()))
        found = grey_of(result)
        assert np.abs(found - damaged)[~missing].max() <= 1
        assert found[missing].min() > 10

    def test_colours_do_not_depend_on_what_was_in_the_hole(self, colorizer: Colorizer) -> None:
        grey, missing = np.asarray(grey_photo()), np.asarray(some_mask()) > 0
        one, two = (
            colorizer.colorize(Image.fromarray(np.where(missing, v, grey).astype(np.uint8)), mask=missing)
            for v in (0, 255)
        )
        assert np.array_equal(np.asarray(one), np.asarray(two))

    def test_an_empty_mask_changes_nothing(self, colorizer: Colorizer) -> None:
        photo = grey_photo()
        empty = colorizer.colorize(photo, mask=np.zeros((70, 90), bool))
        assert np.array_equal(np.asarray(empty), np.asarray(colorizer.colorize(photo)))

    @pytest.mark.parametrize("size", [(1, 1), (1, 40), (90, 70)])
    def test_all_white(self, colorizer: Colorizer, size: tuple[int, int]) -> None:
        result = colorizer.colorize(Image.new("L", size), mask=Image.new("1", size, 1))
        assert np.asarray(result).max() > 0

    def test_refuses_another_size(self, colorizer: Colorizer) -> None:
        with pytest.raises(UsageError, match=r"the mask has 20 x 10 pixels, the photograph has 90 x 70"):
            colorizer.colorize(grey_photo(), mask=Image.new("L", (20, 10)))

    def test_refuses_without_a_repair_part(self, no_repair: Path) -> None:
        with pytest.raises(UsageError, match="plain cannot fill what is missing: it has no repair part"):
            Colorizer.load(no_repair, device="cpu").colorize(grey_photo(), mask=some_mask())


class TestCommand:
    @pytest.fixture
    def scratched(self, tmp_path: Path) -> Path:
        wall = 110 + np.random.default_rng(0).normal(0, 2, (200, 260))
        wall[60, 20:240] = 240
        (tmp_path / "in" / "sub").mkdir(parents=True)
        Image.fromarray(wall.astype(np.uint8)).save(tmp_path / "in" / "sub" / "wall.png")
        grey_photo().save(tmp_path / "in" / "good.png")
        return tmp_path / "in"

    def test_auto_and_its_masks_give_the_same(self, scratched: Path, tmp_path: Path, tiny_weights: Path) -> None:
        common = ("--weights", tiny_weights, "--device", "cpu", "--json")
        masks, one, two = (tmp_path / name for name in ("masks", "one", "two"))
        done = run_colorgan("colorize", scratched, "-o", one, "--repair", "auto", "--save-mask", masks, *common)
        assert done.returncode == 0, done.stderr
        facts = {Path(f["input"]).name: f for f in map(json.loads, done.stdout.splitlines())}
        assert 0 < facts["wall.png"]["repaired_share"] < 0.03
        assert facts["good.png"]["repaired_share"] == 0
        assert read(masks / "sub" / "wall.png.png")[60, 30:230].min() == 255
        done = run_colorgan("colorize", scratched, "-o", two, "--repair", masks, *common)
        assert done.returncode == 0, done.stderr
        for name in ("good.png", "sub/wall.png"):
            assert np.array_equal(read(one / name), read(two / name))
        assert read(one / "sub" / "wall.png")[60].mean(-1).max() < 200

    def test_refused_before_any_work(self, scratched: Path, tmp_path: Path, no_repair: Path) -> None:
        common = ("colorize", scratched, "-o", tmp_path / "out", "--weights", no_repair)
        done = run_colorgan(*common, "--repair", "auto")
        assert done.returncode == 2
        assert "plain cannot fill what is missing: it has no repair part" in done.stderr.splitlines()[-1]
        done = run_colorgan(*common, "--save-mask", tmp_path / "m")
        assert done.returncode == 2
        assert "--save-mask writes what --repair filled" in done.stderr
        assert not (tmp_path / "out").exists()

    def test_pages_depth_and_alpha(self, tmp_path: Path, colorizer: Colorizer) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "masks").mkdir()
        wide = np.asarray(grey_photo()).astype(np.uint16) * 257
        missing = np.asarray(some_mask()) > 0
        tifffile.imwrite(tmp_path / "in" / "pages.tif", np.stack([wide, wide]), photometric="minisblack")
        some_mask().save(tmp_path / "masks" / "pages.png")
        grey_photo().convert("LA").save(tmp_path / "in" / "alpha.png")
        some_mask().save(tmp_path / "masks" / "alpha.png")
        events = list(
            colorize_paths([tmp_path / "in"], tmp_path / "out", colorizer=colorizer, repair=tmp_path / "masks")
        )
        assert [str(e.status) for e in events if isinstance(e, Outcome)] == ["colorized"] * 2
        first, second = (tifffile.imread(tmp_path / "out" / name) for name in ("pages.tif", "pages-page2.tif"))
        assert first.dtype == np.uint16
        plain = list(colorize_paths([tmp_path / "in"], tmp_path / "plain", colorizer=colorizer))
        assert len(plain) == 2
        assert np.array_equal(second, tifffile.imread(tmp_path / "plain" / "pages-page2.tif"))
        assert (first[missing] != second[missing]).any()
        assert read(tmp_path / "out" / "alpha.png").shape[-1] == 4
