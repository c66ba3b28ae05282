import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Hint,
    Side,
    add_hints,
    plan_paths,
    read_hints,
    run_jobs,
)
from colorgan.colorization.serve import EditRequest, EditSession
from colorgan.config import ColorInput, Existing, LookConfig
from colorgan.errors import ImageReadError, UsageError
from colorgan.images import describe
from colorization_support import drawn, pixels
from support import draw_photo

RED = Hint(50, 50, "#aa2020", percent=True)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


class TestShowing:
    def test_small_pictures(self, session: EditSession) -> None:
        before, after = pixels(session.show_before(0)), pixels(session.show_after(0, EditRequest()))
        assert before.shape == after.shape == (30, 850, 3)
        assert np.ptp(before, axis=-1).max() == 0
        assert np.ptp(after, axis=-1).mean() > 5
        assert max(pixels(session.show_choice(0, EditRequest())).shape) <= 240

    def test_follows_the_request(self, session: EditSession) -> None:
        grey = pixels(session.show_after(1, EditRequest((), 0.0)))
        hinted = pixels(session.show_after(1, EditRequest((RED,), 0.0)))
        assert np.ptp(grey, axis=-1).max() <= 2
        red, _, blue = hinted[28:33, 43:48].mean((0, 1))
        assert red > blue + 40

    def test_a_look(self, begin: Callable[..., EditSession]) -> None:
        session = begin()
        shown = {name: session.show_after(1, EditRequest(look=name)) for name in ("", "natural", "muted", "postcard")}
        assert shown[""] == shown["natural"]
        assert len(set(shown.values())) == 3
        with pytest.raises(UsageError, match="did you mean 'muted'"):
            session.show_after(1, EditRequest(look="mutted"))

    def test_looks_of_a_persons_own(self, folder: Path, colorizer: Colorizer) -> None:
        plan, options = plan_paths([folder], folder.with_name("out")), ColorizeOptions(render=colorizer.render)
        session = EditSession(plan, colorizer, options, {"warm": LookConfig(warmth=12, strength=0.5)})
        red, _, blue = pixels(session.show_after(1, EditRequest(strength=0, look="warm"))).mean((0, 1))
        assert red > blue + 10
        assert session.describe()["looks"][1] == {"name": "warm", "label": "warm", "strength": 0.5}

    @pytest.mark.parametrize("variant", [-1, 6])
    def test_variants_that_are_not_there(self, session: EditSession, variant: int) -> None:
        with pytest.raises(UsageError, match="variants 0 to 5"):
            session.show_after(1, EditRequest(variant=variant))

    @pytest.mark.parametrize("number", [-1, 2])
    def test_other_numbers(self, session: EditSession, number: int) -> None:
        for ask in (session.show_before, session.show_thumbnail, session.given_mask):
            with pytest.raises(IndexError):
                ask(number)
        with pytest.raises(IndexError):
            session.save(number, EditRequest())

    def test_one_that_cannot_be_read(self, folder: Path, begin: Callable[..., EditSession]) -> None:
        (folder / "sub/b.png").write_bytes((folder / "sub/b.png").read_bytes()[:60])
        session = begin()
        for ask in (session.show_before, session.show_thumbnail, lambda number: session.save(number, EditRequest())):
            with pytest.raises(ImageReadError):
                ask(1)
            assert session.show_before(0)


class TestDescribe:
    def test_what_there_is(self, session: EditSession) -> None:
        found = session.describe()
        assert [photograph["name"] for photograph in found["photographs"]] == ["a.png", "sub/b.png"]
        assert [look["label"] for look in found["looks"]] == ["natural", "vivid", "muted", "postcard"]
        assert found["looks"][1] == {"name": "vivid", "label": "vivid", "strength": 1.3}
        assert found["strengths"] == [0.4, 0.7, 1.0, 1.3, 1.6]
        assert (found["variants"], found["repair"]) == (6, True)
        json.dumps(found)

    def test_what_the_session_began_with_comes_first(self, begin: Callable[..., EditSession]) -> None:
        assert [look["label"] for look in begin(warmth=3.0).describe()["looks"]][:2] == ["as started", "natural"]
        assert [look["label"] for look in begin(look="muted", warmth=1.0).describe()["looks"]] == [
            "muted", "natural", "vivid", "postcard",
        ]  # fmt: skip

    def test_given_hints_in_per_cent(self, session: EditSession, folder: Path) -> None:
        plan = plan_paths([folder / "sub"], folder.with_name("out"))
        hinted = add_hints(plan, [Hint(44, 29, "#aa2020")])
        (photograph,) = EditSession(hinted, session.colorizer, session.options).describe()["photographs"]
        (hint,) = photograph["hints"]
        assert float(hint["x"].rstrip("%")) == pytest.approx(49.4444, abs=1e-3)

    def test_what_is_saved(self, session: EditSession, begin: Callable[..., EditSession]) -> None:
        session.save(1, EditRequest())
        first, second = session.describe()["photographs"]
        assert (first["saved"], first["done"]) == (None, False)
        assert second["saved"]["status"] == "colorized"
        assert begin().describe()["photographs"][1] | {"done": None} == first | {"name": "sub/b.png", "done": None}
        assert begin().describe()["photographs"][1]["done"]


class TestSaving:
    def test_at_full_size_with_the_hints(self, session: EditSession, tmp_path: Path) -> None:
        hint = Hint(12.5, 50, "#aa2020", percent=True)
        saved = session.save(0, EditRequest((hint,), 1.2))
        assert saved["path"] == str(tmp_path / "out" / "a.png")
        assert read(tmp_path / "out" / "a.png").shape == (60, 1700, 3)
        assert read_hints(tmp_path / "out" / "a.png.hints.json", ["a.png"]) == {"a.png": (hint,)}
        session.save(0, EditRequest())
        assert read_hints(tmp_path / "out" / "a.png.hints.json", ["a.png"]) == {}

    def test_nothing_lies_beside_it_without_hints_and_mask(self, session: EditSession, tmp_path: Path) -> None:
        session.save(0, EditRequest())
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]

    def test_a_variant_is_that_of_a_run(self, session: EditSession, begin: Callable[..., EditSession]) -> None:
        session.save(1, EditRequest(variant=3))
        of_the_page, note = read(session.jobs[1].target), describe(session.jobs[1].target)
        options = dataclasses.replace(begin(existing=Existing.OVERWRITE).options, variants=6, pick=4)
        list(run_jobs(session.jobs[1:], session.colorizer, options))
        assert np.array_equal(of_the_page, read(session.jobs[1].target))
        assert note is not None
        assert (note.settings["variant"], note.settings["variants"]) == (4, 6)

    def test_the_note_names_the_look(self, session: EditSession) -> None:
        session.save(1, EditRequest(look="postcard", strength=1.1))
        note = describe(session.jobs[1].target)
        assert note is not None
        assert note.settings["look"] == "postcard"
        assert note.settings["warmth"] == 6
        assert note.settings["palette"].startswith("#7fb3c9")

    def test_colours_and_results_that_nobody_looked_at_stay(
        self, folder: Path, begin: Callable[..., EditSession]
    ) -> None:
        draw_photo(2, (90, 60)).save(folder / "sub/b.png")
        session = begin()
        unseen = EditRequest(seen=False)
        assert session.save(1, unseen)["status"] == "skipped"
        assert not session.jobs[1].target.exists()
        assert session.save(1, EditRequest())["status"] == "colorized"
        content = session.jobs[1].target.read_bytes()
        skipped = session.save(1, EditRequest(strength=0.2, seen=False))
        assert (skipped["status"], skipped["files"]) == ("skipped", [str(session.jobs[1].target)])
        assert session.jobs[1].target.read_bytes() == content
        recolored = begin(color_input=ColorInput.RECOLOR, existing=Existing.OVERWRITE)
        assert recolored.save(1, EditRequest(strength=0.2, seen=False))["status"] == "colorized"

    @pytest.mark.parametrize("name", ["b.png", "b.png.mask.png"])
    def test_files_of_others_are_not_written_over(
        self, begin: Callable[..., EditSession], tmp_path: Path, name: str
    ) -> None:
        other = tmp_path / "out/sub" / name
        other.parent.mkdir(parents=True)
        draw_photo(3).save(other)
        content = other.read_bytes()
        request = EditRequest(mask=drawn(90, 60, 10, 10, 20, 20))
        with pytest.raises(UsageError, match="a file that colorgan did not make"):
            begin().save(1, request)
        assert other.read_bytes() == content
        if name == "b.png":
            assert begin(existing=Existing.OVERWRITE).save(1, request)["status"] == "colorized"

    def test_says_what_could_not_be_kept(self, folder: Path, begin: Callable[..., EditSession]) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Artist] = "Anna"
        draw_photo(1, (90, 60)).convert("L").save(folder / "sub/b.png", exif=exif)
        session = begin(image_format="bmp")
        assert session.save(0, EditRequest())["left_out"] == []
        assert session.save(1, EditRequest())["left_out"] == ["EXIF, for which BMP has no place"]
        assert begin(image_format="png").save(1, EditRequest())["left_out"] == []

    def test_masks_are_written_with_the_picture_only(self, session: EditSession, tmp_path: Path) -> None:
        mask = tmp_path / "masks" / "mask.png"
        session.jobs = tuple(dataclasses.replace(job, sides={Side.MASK: mask}) for job in session.jobs)
        session.show_before(0)
        session.show_after(0, EditRequest())
        assert not mask.exists()
        session.save(0, EditRequest())
        assert mask.exists()

    def test_no_streams(self, session: EditSession) -> None:
        with pytest.raises(UsageError, match="standard input or output"):
            EditSession(plan_paths([Path("-")], Path("-")), session.colorizer, session.options)


class TestDrawnMasks:
    def test_what_is_drawn_is_filled_and_written_beside(self, session: EditSession, folder: Path) -> None:
        request = EditRequest(mask=drawn(90, 60, 20, 10, 40, 30))
        session.save(1, request)
        missing = np.zeros((60, 90), np.bool_)
        missing[10:30, 20:40] = True
        expected = session.colorizer.colorize(Image.open(folder / "sub/b.png"), mask=missing)
        assert np.array_equal(read(session.jobs[1].target), np.asarray(expected))
        beside = read(session.jobs[1].target.with_name("b.png.mask.png"))
        assert np.array_equal(beside[..., 0] > 127, missing)

    def test_the_file_beside_says_what_was_filled_last(self, session: EditSession) -> None:
        beside = session.jobs[1].target.with_name("b.png.mask.png")
        session.save(1, EditRequest(mask=drawn(90, 60, 20, 10, 40, 30)))
        assert read(beside).any()
        session.save(1, EditRequest())
        assert not read(beside).any()

    def test_what_is_shown_is_what_is_saved(self, session: EditSession) -> None:
        request = EditRequest((RED,), 1.3, mask=drawn(90, 60, 20, 10, 40, 30))
        shown = pixels(session.show_after(1, request))
        session.save(1, request)
        assert np.abs(shown - read(session.jobs[1].target)).mean() < 3  # of a JPEG
        assert np.abs(pixels(session.show_after(1, EditRequest((RED,), 1.3))) - shown)[10:30, 20:40].mean() > 1
        assert session.show_before(1) == session.show_before(1)

    def test_small_masks_stand_for_squares(self, session: EditSession) -> None:
        session.save(0, EditRequest(mask=drawn(850, 30, 100, 3, 120, 9)))
        beside = read(session.jobs[0].target.with_name("a.png.mask.png"))[..., 0] > 127
        assert beside.sum() == 40 * 12
        assert beside[6:18, 200:240].all()

    def test_it_takes_the_place_of_the_given_one(
        self, folder: Path, begin: Callable[..., EditSession], tmp_path: Path
    ) -> None:
        masks = tmp_path / "masks" / "sub"
        masks.mkdir(parents=True)
        mask = Image.new("L", (90, 60))
        mask.paste(255, (20, 10, 40, 30))
        mask.save(masks / "b.png")
        Image.new("L", (1700, 60)).save(masks.parent / "a.png")  # it marks nothing
        session = begin(mask=masks.parent)
        assert session.given_mask(0) is None
        given = session.given_mask(1)
        assert given == drawn(90, 60, 20, 10, 40, 30)
        filled = session.show_after(1, EditRequest())
        assert session.show_after(1, EditRequest(mask=given)) == filled
        assert session.show_after(1, EditRequest(mask=drawn(90, 60, 0, 0, 0, 0))) != filled

    def test_further_pages_keep_theirs(self, folder: Path, begin: Callable[..., EditSession], tmp_path: Path) -> None:
        (folder / "sub/b.png").unlink()
        pages = [draw_photo(seed, (90, 60)).convert("L") for seed in (1, 2)]
        pages[0].save(folder / "sub/b.tif", save_all=True, append_images=pages[1:])
        masks = [Image.new("L", (90, 60)) for _ in pages]
        for mask in masks:
            mask.paste(255, (20, 10, 40, 30))
        (tmp_path / "masks/sub").mkdir(parents=True)
        masks[0].save(tmp_path / "masks/sub/b.tif", save_all=True, append_images=masks[1:])
        session = begin(mask=tmp_path / "masks")
        session.save(1, EditRequest(mask=drawn(90, 60, 50, 10, 60, 30)))
        for name, box in (("b.tif.mask.png", np.s_[10:30, 50:60]), ("b.tif.mask-page2.png", np.s_[10:30, 20:40])):
            beside = read(tmp_path / "out/sub" / name)[..., 0] > 127
            assert beside[box].all()
            assert beside.sum() == beside[box].size

    @pytest.mark.parametrize("shape", [(60, 90), (91, 60), (1, 2)])
    def test_masks_of_another_shape(self, session: EditSession, shape: tuple[int, int]) -> None:
        request = EditRequest(mask=drawn(*shape, 0, 0, 1, 1))
        with pytest.raises(UsageError, match="not the shape of a picture of 90 x 60"):
            session.show_after(1, request)
        with pytest.raises(UsageError, match="not the shape"):
            session.save(1, request)
        assert not session.jobs[1].target.exists()
