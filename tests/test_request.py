"""What a request refuses before anything is loaded."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colorgan.config import LOOKS, ColorInput, LookConfig, SourceType
from colorgan.errors import UsageError
from colorgan.request import ColorizeRequest, FilmOptions, Product, Purpose, VideoCodec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"product": Product.LAYER, "variants": 3}, "--chroma-only and --variants ask for different results"),
            ({"product": Product.COMPARISON, "strength_strip": True}, "--compare and --strength-strip ask for"),
            ({"pick": 3, "variants": 2}, "--pick 3 needs --variants of at least 3, got 2"),
            ({"save_mask": "masks"}, "--save-mask writes what --repair filled"),
            ({"repair": "auto", "source_type": SourceType.ENHANCED}, "leave one of them out"),
            ({"strength": 2.5}, "--strength must be from 0 to 2, got 2.5"),
            ({"strength": math.nan}, "--strength must be from 0 to 2, got nan"),
            ({"variants": 0}, "--variants must be from 1 to 16, got 0"),
            ({"quality": 101}, "--quality must be from 1 to 100"),
            ({"workers": 0}, "--workers must be at least 1, got 0"),
            ({"shard": (3, 2)}, "--shard takes I/N with I from 1 to N, got 3/2"),
            ({"shard": (0, 2)}, "--shard takes I/N"),
            ({"keywords": ["x" * 65]}, "a word of 1 to 64 bytes"),
            ({"keywords": ["a", ""]}, "a word of 1 to 64 bytes, as IPTC does, got ''"),
        ],
    )
    def test_what_does_not_go_together(self, given: dict[str, Any], said: str) -> None:
        with pytest.raises(UsageError, match=said):
            ColorizeRequest(["in"], "out", **given)

    def test_a_variant_that_is_picked_goes_with_other_products(self) -> None:
        assert ColorizeRequest(["in"], "out", product=Product.LAYER, variants=3, pick=2).pick == 2

    @pytest.mark.parametrize("name", ["inputs", "include", "exclude", "keywords"])
    @pytest.mark.parametrize("given", ["photos", Path("photos")])
    def test_one_name_where_a_list_is_meant(self, name: str, given: object) -> None:
        with pytest.raises(TypeError, match=rf"{name} must be a list, got .*photos"):
            ColorizeRequest(**{"inputs": ["in"], "output": "out", name: given})  # type: ignore[arg-type]

    @pytest.mark.parametrize("given", [{"key_frames": 0}, {"begin": 5, "end": 5}, {"begin": 6, "end": 5}], ids=str)
    def test_films(self, given: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="must"):
            FilmOptions(**given)


class TestPage:
    @pytest.mark.parametrize(
        ("given", "names"),
        [
            ({"report": "r.html", "contact_sheet": "s.jpg"}, "--report, --contact-sheet"),
            ({"manifest": "m.csv", "shard": (1, 2)}, "--manifest, --shard"),
            ({"product": Product.COMPARISON}, "--compare"),
            ({"save_mask": "masks", "repair": "auto"}, "--save-mask"),
        ],
    )
    def test_is_not_for_reports(self, given: dict[str, Any], names: str) -> None:
        with pytest.raises(UsageError, match=f"leave {names} out"):
            ColorizeRequest(["in"], "out", purpose=Purpose.PAGE, **given)
        assert ColorizeRequest(["in"], "out", **given).purpose is Purpose.RUN


class TestWatch:
    def test_results_into_what_is_watched(self, folder: Path) -> None:
        with pytest.raises(UsageError, match="another folder"):
            ColorizeRequest([folder], folder.parent / "in" / ".." / "in", purpose=Purpose.WATCH)

    def test_a_file(self, folder: Path) -> None:
        (folder / "a.png").write_bytes(b"x")
        with pytest.raises(UsageError, match="takes folders"):
            ColorizeRequest([folder / "a.png"], folder / "out", purpose=Purpose.WATCH)

    @pytest.mark.parametrize(
        ("given", "names"),
        [
            ({"album": True, "report": "r.html"}, "--album, --report"),
            ({"hints": "h.json"}, "--hints"),
            ({"hints": ["1,2=#ff0000"]}, "--hint"),
            ({"repair": "masks"}, "--repair with masks"),
        ],
    )
    def test_what_is_about_a_set_that_is_known(self, folder: Path, given: dict[str, Any], names: str) -> None:
        with pytest.raises(UsageError, match=f"leave {names} out"):
            ColorizeRequest([folder], folder / "out", purpose=Purpose.WATCH, **given)

    def test_what_may_be(self, folder: Path) -> None:
        request = ColorizeRequest([folder], folder / "out", purpose=Purpose.WATCH, repair="auto", strength=1.2)
        assert request.masks is None


class TestLook:
    def test_says_what_it_says_and_no_more(self) -> None:
        request = ColorizeRequest(["in"], "out", strength=0.5, quality=80)
        look = LookConfig(warmth=4, limit=20)
        assert request.with_look("mine", look) == replace(request, look="mine", warmth=4, chroma_limit=20)

    def test_what_was_given_counts_for_more(self) -> None:
        request = ColorizeRequest(["in"], "out", strength=0.5, palette="#112233")
        changed = request.with_look("postcard", LOOKS["postcard"], keep=["strength"])
        assert (changed.strength, changed.palette) == (0.5, LOOKS["postcard"].palette)


def test_which_options_were_given() -> None:
    plain = ColorizeRequest(["in"], "out")
    assert not any(plain.of_films.values())
    assert not any(plain.of_photographs(films_only_video=True).values())
    given = replace(plain, film=FilmOptions(codec=VideoCodec.AV1, crf=3), color_input=ColorInput.COPY, quality=80)
    assert [name for name, is_given in given.of_films.items() if is_given] == ["--video-codec", "--crf"]
    for only_video, names in ((True, ["--color-input copy", "--quality"]), (False, ["--color-input copy"])):
        asked = given.of_photographs(films_only_video=only_video)
        assert [name for name, is_given in asked.items() if is_given] == names


def test_what_is_read_beside_the_photographs() -> None:
    request = ColorizeRequest(["in"], "out", palette="old.jpg", reference="new.jpg", hints="h.csv")
    assert {str(path) for path in request.read.values()} == {"old.jpg", "new.jpg", "h.csv"}
    assert ColorizeRequest(["in"], "out", palette="#112233", hints=["1,1=#112233"]).read == {}


def test_it_needs_no_torch() -> None:
    """A command refuses at once, and does not load what would do the work."""
    code = "import sys; import colorgan.request; sys.exit('torch' in sys.modules or 'PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
