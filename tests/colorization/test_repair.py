"""Repair from masks to results: the library and the real command."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from colorgan.color import luminance_to_grey, rgb_to_lab
from colorgan.colorization import Colorizer, Notice, Outcome, Side
from colorgan.colorization.masks import add_masks, mask_from_image
from colorgan.colorization.paths import plan_paths
from colorgan.config import Existing, ModelConfig, RenderConfig
from colorgan.errors import UsageError
from colorgan.model import build_generator
from colorgan.session import colorize_paths
from colorgan.weights.file import save_generator
from support import draw_photo, run_colorgan


@pytest.fixture(scope="module")
def no_repair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = ModelConfig(bottleneck_width=8, decoder_widths=(8,), attention_stages=(), attention_heads=1)
    path = tmp_path_factory.mktemp("plain") / "plain.pt"
    save_generator(path, build_generator(config), render=RenderConfig(size=32), provenance={"name": "plain"})
    return path


def grey_photo(size: tuple[int, int] = (90, 70)) -> Image.Image:
    return draw_photo(1, size).convert("L")


def some_mask(size: tuple[int, int] = (90, 70)) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, (20, 10, 50, 40))
    return mask


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
    def test_fills_what_the_mask_says(self, colorizer: Colorizer, turn: object) -> None:
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


class TestMaskFromImage:
    def test_transparent_places_are_not_missing(self) -> None:
        mask = Image.new("RGBA", (2, 1), (255, 255, 255, 0))
        mask.putpixel((0, 0), (255, 255, 255, 255))
        assert mask_from_image(mask).tolist() == [[True, False]]

    def test_grey_counts_as_what_it_is_nearer_to(self) -> None:
        assert mask_from_image(np.array([[0, 127, 128, 255]], np.uint8)).tolist() == [[False, False, True, True]]
        assert mask_from_image(np.array([[0, 65535]], np.uint16)).tolist() == [[False, True]]
        assert mask_from_image(np.array([[0.2, 0.7]])).tolist() == [[False, True]]

    @pytest.mark.parametrize("wrong", [np.zeros((4, 4, 3)), np.array([["a"]]), np.zeros(4)])
    def test_refuses_what_is_no_mask(self, wrong: np.ndarray) -> None:
        with pytest.raises(UsageError, match=r"a mask is an array \(H, W\)"):
            mask_from_image(wrong)


class TestAddMasks:
    @pytest.fixture
    def photos(self, tmp_path: Path) -> Path:
        folder = tmp_path / "photos"
        (folder / "deep").mkdir(parents=True)
        for name in ("a.jpg", "deep/b.png", "deep/c.png"):
            grey_photo().save(folder / name)
        return folder

    @pytest.mark.parametrize("name", ["deep/b.png", "deep/b.png.png", "deep/b.tif"])
    def test_masks_are_found_by_path(self, photos: Path, tmp_path: Path, name: str) -> None:
        (tmp_path / "masks" / "deep").mkdir(parents=True)
        some_mask().save(tmp_path / "masks" / name)
        plan = add_masks(plan_paths([photos], tmp_path / "out"), tmp_path / "masks")
        assert [job.mask for job in plan.jobs] == [None, tmp_path / "masks" / name, None]

    @pytest.mark.parametrize(
        ("photo", "mask"),
        [
            ("Ko\u0308ln.jpg", "K\u00f6ln.png"),  # NFD, as macOS has names, and NFC
            ("K\u00f6ln.jpg", "Ko\u0308ln.jpg.png"),
            ("a.jpg", "a.jpg.PNG"),
            ("a.JPG", "a.jpg.tif"),
            ("a.jpg", "a.JPG"),
            ("x.y.jpg", "x.y.png"),
        ],
    )
    def test_names_that_differ_in_form_or_suffix_alone(self, tmp_path: Path, photo: str, mask: str) -> None:
        for folder, name in (("photos", photo), ("masks", mask)):
            (tmp_path / folder).mkdir()
            grey_photo().save(tmp_path / folder / name)
        plan = add_masks(plan_paths([tmp_path / "photos"], tmp_path / "out"), tmp_path / "masks")
        assert [job.mask for job in plan.jobs] == [tmp_path / "masks" / mask]
        assert plan.notes == ()

    def test_masks_that_fit_nothing_are_named(self, photos: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        (tmp_path / "masks").mkdir()
        for name in ("a.png", "b.png", "c.jpg.png"):
            some_mask().save(tmp_path / "masks" / name)
        plan = add_masks(plan_paths([photos], tmp_path / "out"), tmp_path / "masks")
        folder = tmp_path / "masks"
        assert plan.notes == (
            f"{folder} has a mask for 1 of 3 photographs",
            f"these masks fit no photograph: {folder / 'b.png'}, {folder / 'c.jpg.png'}",
        )
        assert plan.shard(0, 2).notes == plan.notes
        events = colorize_paths([photos], tmp_path / "out", colorizer=colorizer, repair=folder)
        assert [event.message for event in events if isinstance(event, Notice)] == list(plan.notes)

    def test_a_mask_of_a_further_page_fits(self, tmp_path: Path) -> None:
        wide = np.asarray(grey_photo())
        (tmp_path / "masks").mkdir()
        tifffile.imwrite(tmp_path / "book.tif", np.stack([wide, wide]), photometric="minisblack")
        for name in ("book.png", "book-page2.png"):
            some_mask().save(tmp_path / "masks" / name)
        assert add_masks(plan_paths([tmp_path / "book.tif"], tmp_path / "out"), tmp_path / "masks").notes == ()

    def test_a_mask_that_marks_nothing_is_told_of(self, photos: Path, tmp_path: Path, colorizer: Colorizer) -> None:
        mask = tmp_path / "black.png"
        Image.new("L", grey_photo().size).save(mask)
        notice, outcome = colorize_paths([photos / "a.jpg"], tmp_path / "out", colorizer=colorizer, repair=mask)
        assert isinstance(notice, Notice)
        assert notice.message == f"the mask {mask} marks nothing; nothing of {photos / 'a.jpg'} was filled"
        assert isinstance(outcome, Outcome)

    def test_masks_are_not_written_over_themselves(self, photos: Path, tmp_path: Path) -> None:
        masks = tmp_path / "masks"
        masks.mkdir()
        some_mask().save(masks / "a.jpg.png")
        plan = plan_paths([photos], tmp_path / "out", side_folders={Side.MASK: masks}, existing=Existing.SKIP)
        assert [job.sides.get(Side.MASK) for job in add_masks(plan, masks).jobs] == [None] * 3
        with pytest.raises(UsageError, match=r"a\.jpg\.png, a file that colorgan did not make"):
            plan_paths([photos], tmp_path / "out", side_folders={Side.MASK: masks}, existing=Existing.OVERWRITE)

    def test_turned_photographs_are_measured_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        grey_photo().save(tmp_path / "turned.jpg", exif=exif)
        some_mask((70, 90)).save(tmp_path / "mask.png")
        plan = plan_paths([tmp_path / "turned.jpg"], tmp_path / "out")
        assert add_masks(plan, tmp_path / "mask.png").jobs[0].mask == tmp_path / "mask.png"
        some_mask((90, 70)).save(tmp_path / "mask.png")
        with pytest.raises(UsageError, match=r"mask.png has 90 x 70 pixels, .*turned.jpg has 70 x 90 \(upright\)"):
            add_masks(plan, tmp_path / "mask.png")

    def test_refusals(self, photos: Path, tmp_path: Path) -> None:
        plan, masks = plan_paths([photos], tmp_path / "out"), tmp_path / "masks"
        with pytest.raises(UsageError, match="there is no mask"):
            add_masks(plan, masks)
        masks.mkdir()
        with pytest.raises(UsageError, match=r"holds no mask for any of the photographs, such as .*a.jpg.png"):
            add_masks(plan, masks)
        (masks / "a.png").write_text("no picture")
        with pytest.raises(UsageError, match=r"the mask .*a.png is not a picture"):
            add_masks(plan, masks)
        some_mask().save(masks / "a.png")
        with pytest.raises(UsageError, match="is for one photograph, and there are 3"):
            add_masks(plan, masks / "a.png")
        some_mask().save(masks / "a.gif")
        with pytest.raises(UsageError, match="could both be the mask"):
            add_masks(plan, masks)


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
        assert [str(e.status) for e in events] == ["colorized"] * 2
        first, second = (tifffile.imread(tmp_path / "out" / name) for name in ("pages.tif", "pages-page2.tif"))
        assert first.dtype == np.uint16
        plain = list(colorize_paths([tmp_path / "in"], tmp_path / "plain", colorizer=colorizer))
        assert len(plain) == 2
        assert np.array_equal(second, tifffile.imread(tmp_path / "plain" / "pages-page2.tif"))
        assert (first[missing] != second[missing]).any()
        assert read(tmp_path / "out" / "alpha.png").shape[-1] == 4
