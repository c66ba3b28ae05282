import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.colorization import ColorizeOptions, Colorizer, Desk, Hint, add_hints, plan_paths, read_hints
from colorgan.colorization.serve.desk import Wish
from colorgan.errors import UsageError
from support import draw_photo


@pytest.fixture
def desk(tmp_path: Path, colorizer: Colorizer) -> Desk:
    for name, size in (("a.png", (1500, 60)), ("sub/b.png", (90, 60))):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        draw_photo(1, size).convert("L").save(tmp_path / "in" / name)
    plan = plan_paths([tmp_path / "in"], tmp_path / "out")
    return Desk(plan, colorizer, ColorizeOptions(render=colorizer.render))


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


class TestDesk:
    def test_shows_small_pictures(self, desk: Desk) -> None:
        before, after = pixels(desk.show_before(0)), pixels(desk.show_after(0, Wish((), 1.0)))
        assert before.shape == after.shape == (30, 750, 3)
        assert np.ptp(before, axis=-1).max() == 0
        assert np.ptp(after, axis=-1).mean() > 5

    def test_follows_the_wish(self, desk: Desk) -> None:
        grey = pixels(desk.show_after(1, Wish((), 0.0)))
        hinted = pixels(desk.show_after(1, Wish((Hint(50, 50, "#aa2020", percent=True),), 0.0)))
        assert np.ptp(grey, axis=-1).max() <= 2
        red, _, blue = hinted[28:33, 43:48].mean((0, 1))
        assert red > blue + 40

    def test_saves_at_full_size_with_the_hints(self, desk: Desk, tmp_path: Path) -> None:
        hint = Hint(12.5, 50, "#aa2020", percent=True)
        path = desk.save(0, Wish((hint,), 1.2))
        assert path == tmp_path / "out" / "a.png"
        with Image.open(path) as saved:
            assert saved.size == (1500, 60)
        assert read_hints(tmp_path / "out" / "a.png.hints.json", ["a.png"]) == {"a.png": (hint,)}

    def test_masks_are_written_with_the_picture_only(self, desk: Desk, tmp_path: Path) -> None:
        mask = tmp_path / "masks" / "mask.png"
        desk.jobs = tuple(dataclasses.replace(job, filled=mask) for job in desk.jobs)
        desk.show_before(0)
        desk.show_after(0, Wish((), 1.0))
        assert not mask.exists()
        desk.save(0, Wish((), 1.0))
        assert mask.exists()

    def test_starts_with_given_hints_in_per_cent(self, desk: Desk, tmp_path: Path) -> None:
        plan = plan_paths([tmp_path / "in" / "sub"], tmp_path / "out")
        hinted = add_hints(plan, [Hint(44, 29, "#aa2020")])
        (picture,) = Desk(hinted, desk.colorizer, desk.options).describe()
        assert picture["name"] == "b.png"
        (hint,) = picture["hints"]
        assert float(hint["x"].rstrip("%")) == pytest.approx(49.4444, abs=1e-3)
        json.dumps(picture)

    @pytest.mark.parametrize("number", [-1, 2])
    def test_other_numbers(self, desk: Desk, number: int) -> None:
        with pytest.raises(IndexError):
            desk.show_before(number)

    def test_no_streams(self, desk: Desk) -> None:
        with pytest.raises(UsageError, match="standard input or output"):
            Desk(plan_paths([Path("-")], Path("-")), desk.colorizer, desk.options)


class TestWish:
    def test_as_the_page_sends_it(self) -> None:
        wish = Wish.from_mapping({"hints": [{"x": "50%", "y": "3.25%", "color": "#102030"}], "strength": 1})
        assert wish == Wish((Hint(50, 3.25, "#102030", percent=True),), 1.0)

    @pytest.mark.parametrize(
        "values",
        [
            None, [], {}, {"hints": 3, "strength": 1}, {"hints": [], "strength": "1"}, {"hints": [1], "strength": 1},
            {"hints": [{"x": 1, "y": 2}], "strength": 1}, {"hints": [{"x": 1, "y": 2, "color": "red"}], "strength": 1},
        ],
    )  # fmt: skip
    def test_nonsense(self, values: object) -> None:
        with pytest.raises(UsageError):
            Wish.from_mapping(values)
