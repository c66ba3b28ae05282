"""What is missing in a photograph, as pictures and files say it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorgan.colorization import (
    Colorizer,
    Job,
    Notice,
    Outcome,
    Side,
)
from colorgan.colorization.masks import DrawnMask, add_masks, mask_from_image
from colorgan.colorization.paths import plan_paths
from colorgan.config import Existing
from colorgan.errors import UsageError
from colorgan.session import colorize_paths
from colorization_support import drawn, grey_photo, some_mask


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


class TestDrawnMask:
    @pytest.mark.parametrize(
        ("height", "width", "factor"), [(1, 1, 1), (7, 5, 1), (7, 5, 3), (1601, 3, 2), (65, 4801, 4)]
    )
    def test_there_and_back(self, height: int, width: int, factor: int) -> None:
        rng = np.random.default_rng(0)
        missing = rng.random((height, width)) < 0.3 / factor**2
        small = DrawnMask.from_full(missing, factor)
        back = small.scale_to((height, width))
        assert back.shape == missing.shape
        assert back[missing].all()
        for top in range(0, height, factor):
            for left in range(0, width, max(factor, width // 50 // factor * factor)):
                square = np.s_[top : top + factor, left : left + factor]
                assert np.all(back[square] == missing[square].any())

    def test_jobs_with_one_can_be_compared_and_travel(self) -> None:
        import pickle

        job = Job(0, Path("a.png"), Path("b.png"), drawn=drawn(9, 6, 1, 1, 3, 3))
        assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301 - made here
        assert hash(job) == hash(dataclasses.replace(job))
