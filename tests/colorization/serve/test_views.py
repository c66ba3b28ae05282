"""What is kept of photographs while the page shows them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Hint,
    plan_paths,
)
from colorgan.colorization.serve import EditRequest, EditSession, views
from colorgan.colorization.serve.views import Bounded, as_jpeg, read_thumbnail, shrink_jpeg
from colorgan.errors import ImageReadError
from colorgan.images import Photo, iter_photos
from colorgan.rendering import PredictedColor
from colorization_support import pixels
from support import draw_photo

RED = Hint(50, 50, "#aa2020", percent=True)


class TestViews:
    def test_the_network_is_not_asked_twice(self, session: EditSession, monkeypatch: pytest.MonkeyPatch) -> None:
        asked, predict = list[object](), session.colorizer.predict

        def note(*given: Any, **how: Any) -> list[PredictedColor]:
            asked.append(how)
            return predict(*given, **how)

        monkeypatch.setattr(session.colorizer, "predict", note)
        shown = [session.show_after(0, EditRequest(strength=strength)) for strength in (0.4, 1.0, 1.6)]
        assert len(set(shown)) == 3
        session.show_choice(0, EditRequest(strength=0.7))
        assert len(asked) == 1
        session.show_after(0, EditRequest((RED,)))
        session.show_after(0, EditRequest(variant=2))
        session.show_after(0, EditRequest())
        assert len(asked) == 3

    def test_photographs_are_not_read_twice_and_not_kept(
        self, folder: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(10):
            draw_photo(number, (40, 30)).convert("L").save(folder / f"more{number}.png")
        session = EditSession(
            plan_paths([folder], folder.with_name("out")), colorizer, ColorizeOptions(render=colorizer.render)
        )
        read = list[Path]()

        def note(source: Path, **how: Any) -> Iterator[Photo]:
            read.append(source)
            return iter_photos(source, **how)

        monkeypatch.setattr(views, "iter_photos", note)
        first = session.show_after(0, EditRequest())
        session.show_after(1, EditRequest())
        session.show_before(1)
        assert session.show_after(0, EditRequest()) == first
        assert len(read) == 2
        for number in range(12):
            session.show_after(number, EditRequest())
        assert len(session._views._kept) < 10
        assert session.show_after(0, EditRequest()) == first


class TestThumbnails:
    def test_of_the_photograph_and_then_of_its_result(self, session: EditSession) -> None:
        before = pixels(session.show_thumbnail(1))
        assert np.ptp(before, axis=-1).max() == 0
        session.save(1, EditRequest(strength=2))
        after = pixels(session.show_thumbnail(1))
        assert max(after.shape) <= 192
        assert np.ptp(after, axis=-1).mean() > 5

    def test_of_the_result_of_an_earlier_run(self, session: EditSession, begin: Callable[..., EditSession]) -> None:
        session.save(1, EditRequest(strength=2))
        assert np.ptp(pixels(begin().show_thumbnail(1)), axis=-1).mean() > 5
        session.jobs[1].target.write_bytes(b"no picture")
        assert np.ptp(pixels(begin().show_thumbnail(1)), axis=-1).max() == 0


class TestBounded:
    def test_what_was_asked_for_last_stays(self) -> None:
        kept, made = Bounded[str, str](2), list[str]()

        def make(name: str) -> str:
            made.append(name)
            return name.upper()

        for name in "abacab":
            assert kept.take(name, partial(make, name)) == name.upper()
        assert "".join(made) == "abcb"
        assert list(kept) == ["a", "b"]

    def test_what_is_kept_anew_takes_the_place(self) -> None:
        kept = Bounded[str, int](2)
        for name, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
            kept.keep(name, value)
        assert dict(kept) == {"a": 3, "c": 4}


class TestSmallPictures:
    def test_the_first_that_can_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "bad.png").write_text("no picture")
        draw_photo(1, (800, 600)).save(tmp_path / "good.png")
        thumbnail = read_thumbnail([tmp_path / "gone.png", tmp_path / "bad.png", tmp_path / "good.png"])
        assert pixels(thumbnail).shape == (120, 160, 3)  # 800 x 600 by a whole number, at most 192 pixels
        with pytest.raises(ImageReadError, match="bad"):
            read_thumbnail([tmp_path / "bad.png"])

    def test_a_thumbnail_of_what_is_shown(self) -> None:
        image: Image.Image = draw_photo(1, (800, 600))
        small = pixels(shrink_jpeg(as_jpeg(image)))
        assert max(small.shape) <= 192
        factor = image.width // small.shape[1]
        assert np.abs(np.asarray(image.reduce(factor)).astype(int) - small).mean() < 3
