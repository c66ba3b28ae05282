import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.color import rgb_to_lab
from colorgan.colorization import Colorizer, Hint, add_hints, plan_paths
from colorgan.colorization.hints import hints_to_json, hints_to_points, parse_hint, read_hints
from colorgan.errors import UsageError
from support import draw_photo, run_colorgan


def lab_of(image: Image.Image) -> torch.Tensor:
    return rgb_to_lab(torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).double() / 255)


def draw_rooms() -> Image.Image:
    """A dark room and a light one beside it, with a little texture."""
    rng = np.random.default_rng(0)
    levels = np.where(np.arange(240) < 120, 90.0, 190.0) + rng.normal(0, 4, (200, 240))
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def shipped() -> Colorizer:
    """The network that comes with colorgan."""
    return Colorizer.load("default", device="cpu", precision="float32")


class TestHint:
    @pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "#12345g", "", "123456"])
    def test_malformed_colors(self, color: str) -> None:
        with pytest.raises(UsageError, match="must look like #RRGGBB"):
            Hint(1, 1, color)

    @pytest.mark.parametrize("place", [(-1, 0), (0, float("nan")), (float("inf"), 0)])
    def test_impossible_places(self, place: tuple[float, float]) -> None:
        with pytest.raises(UsageError, match="a hint's place must be"):
            Hint(*place, "#000000")

    def test_more_than_all(self) -> None:
        with pytest.raises(UsageError, match=r"must be in 0%..100%, got 101%,5%"):
            Hint(101, 5, "#000000", percent=True)

    def test_shares(self) -> None:
        assert Hint(0, 99, "#000000").shares(200, 100) == (0.0025, 0.995)
        assert Hint(50, 100, "#000000", percent=True).shares(7, 9) == (0.5, 1.0)

    def test_outside(self) -> None:
        with pytest.raises(UsageError, match=r"200,5=#000000 lies outside the picture of 200 x 100 pixels"):
            Hint(200, 5, "#000000").shares(200, 100)

    def test_points(self) -> None:
        ((x, y, a, b),) = hints_to_points([Hint(25, 75, "#ff0000", percent=True)], 10, 10).tolist()
        assert (x, y) == (0.25, 0.75)
        assert (a, b) == pytest.approx((80.09, 67.20), abs=0.02)  # of sRGB red in Lab (D65)


class TestParseHint:
    def test_pixels_and_per_cent(self) -> None:
        assert parse_hint("12,30.5=#AABBCC") == Hint(12, 30.5, "#AABBCC")
        assert parse_hint("50%,30%=#aabbcc") == Hint(50, 30, "#aabbcc", percent=True)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("12,30", "a hint looks like"),
            ("12=#aabbcc", "a hint looks like"),
            ("a,b=#aabbcc", "number of pixels or a percentage"),
            ("50%,30=#aabbcc", "both x and y in pixels or both in per cent"),
            ("150%,30%=#aabbcc", r"must be in 0%..100%"),
            ("1,1=blue", "must look like #RRGGBB"),
        ],
    )
    def test_nonsense(self, text: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            parse_hint(text)

    def test_written_as_read(self) -> None:
        for text in ("12,30.5=#aabbcc", "50%,30%=#aabbcc"):
            assert str(parse_hint(text)) == text


class TestReadHints:
    NAMES = ("a.jpg", "sub/b.jpg")

    def read(
        self, tmp_path: Path, text: str, suffix: str = ".json", names: tuple[str, ...] = NAMES
    ) -> Mapping[str, tuple[Hint, ...]]:
        path = tmp_path / f"hints{suffix}"
        path.write_text(text, encoding="utf-8")
        return read_hints(path, names)

    def test_json_there_and_back(self, tmp_path: Path) -> None:
        several = (Hint(1, 2.5, "#102030"), Hint(3, 4, "#000000", percent=True))
        hints = {"a.jpg": several, "sub/b.jpg": (Hint(0, 0, "#ffffff"),)}
        assert self.read(tmp_path, hints_to_json(hints)) == hints

    def test_csv(self, tmp_path: Path) -> None:
        text = "file,x,y,color\na.jpg, 1, 2, #102030\nsub/b.jpg,50%,5%,#445566\na.jpg,7,8,#000000\n"
        found = self.read(tmp_path, text, ".csv")
        assert found == {
            "a.jpg": (Hint(1, 2, "#102030"), Hint(7, 8, "#000000")),
            "sub/b.jpg": (Hint(50, 5, "#445566", percent=True),),
        }

    @pytest.mark.parametrize(
        "content",
        [
            b"file;x;y;color\r\na.jpg;12,5;2;#102030\r\n;;;\r\n\r\nsub/b.jpg;50%;5,5%;#445566\r\n",
            b"\xef\xbb\xbfFile ; X ; Y ; Color \n a.jpg ; 12.5 ; 2 ; #102030 \n sub/b.jpg ; 50% ; 5.5% ; #445566\n",
            b'\n,,,\nfile,x,y,color\n a.jpg , 12.5 , 2 , #102030 \n , , , \n"sub/b.jpg",50%,5.5%,#445566\n',
            b"file\tx\ty\tcolor\na.jpg\t12.5\t2\t#102030\nsub/b.jpg\t50%\t5.5%\t#445566\n",
            "file\tx\ty\tcolor\r\na.jpg\t12.5\t2\t#102030\r\nsub/b.jpg\t50%\t5.5%\t#445566\r\n".encode("utf-16"),
            b"sep=;\r\nfile;x;y;color\r\na.jpg;12,5;2;#102030\r\nsub/b.jpg;50%;5,5%;#445566\r\n",
        ],
    )
    def test_csv_of_spreadsheets(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "hints.csv"
        path.write_bytes(content)
        assert read_hints(path, self.NAMES) == {
            "a.jpg": (Hint(12.5, 2, "#102030"),),
            "sub/b.jpg": (Hint(50, 5.5, "#445566", percent=True),),
        }

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
    def test_names_in_csv(self, tmp_path: Path, encoding: str) -> None:
        path = tmp_path / "hints.csv"
        path.write_bytes("file,x,y,color\nK\u00f6ln.JPG,1,2,#102030\n".encode(encoding))
        name = "Ko\u0308ln.jpg"  # as macOS has it
        assert read_hints(path, [name]) == {name: (Hint(1, 2, "#102030"),)}

    def test_exact_names_go_first(self, tmp_path: Path) -> None:
        names = ("a.JPG", "a.jpg")
        found = self.read(tmp_path, "file,x,y,color\na.jpg,1,1,#000000\na.JPG,2,2,#000000\n", ".csv", names)
        assert found == {"a.jpg": (Hint(1, 1, "#000000"),), "a.JPG": (Hint(2, 2, "#000000"),)}

    def test_names_that_are_no_unicode(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"caf\xe9.jpg")
        text = hints_to_json({name: [Hint(1, 2, "#102030")]})
        assert self.read(tmp_path, text, names=(name,)) == {name: (Hint(1, 2, "#102030"),)}

    def test_many(self, tmp_path: Path) -> None:
        """In a time that grows with their number, not with its square."""
        names = tuple(f"box/{n}.jpg" for n in range(20_000))
        text = "file,x,y,color\n" + "".join(f"{name},1,2,#102030\n" for name in names)
        started = time.process_time()
        found = self.read(tmp_path, text, ".csv", names)
        assert len(found) == len(names)
        assert time.process_time() - started < 5

    def test_a_list_alone_is_for_a_single_picture(self, tmp_path: Path) -> None:
        text = '[{"x": 1, "y": 2, "color": "#102030"}]'
        assert self.read(tmp_path, text, names=("a.jpg",)) == {"a.jpg": (Hint(1, 2, "#102030"),)}
        with pytest.raises(UsageError, match="names no pictures, and there are 2"):
            self.read(tmp_path, text)

    @pytest.mark.parametrize(
        ("text", "suffix", "message"),
        [
            ('{"gone.jpg": []}', ".json", "no picture 'gone.jpg' among the inputs"),
            ("file,x,y,color\ngone.jpg,1,1,#000000", ".csv", "no picture 'gone.jpg' among the inputs"),
            ("{", ".json", "are not JSON"),
            ("3", ".json", "must look like"),
            ('{"a.jpg": [1]}', ".json", "must look like"),
            ('{"a.jpg": [{"x": 1, "y": 2}]}', ".json", "'color' is missing"),
            ('{"a.jpg": [{"x": 1, "y": 2, "color": 5}]}', ".json", "hint 1: a hint's colour"),
            ('{"a.jpg": [{"x": [], "y": 2, "color": "#000000"}]}', ".json", "a number of pixels"),
            ("file,x,y\na.jpg,1,1", ".csv", "must name the columns"),
            ("file,x,y,color\na.jpg,1,1", ".csv", "'color' is missing"),
            ("", ".txt", "are read from .json and .csv"),
            ("", ".csv", "must name the columns"),
            (f"file,x,y,color\na.jpg,1,1,{'x' * 140_000}", ".csv", "are not CSV: field larger than"),
        ],
    )
    def test_nonsense(self, tmp_path: Path, text: str, suffix: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            self.read(tmp_path, text, suffix)

    @pytest.mark.parametrize("key", ["x", "y", "color", "file"])
    def test_long_values_make_short_messages(self, tmp_path: Path, key: str) -> None:
        hint = {"x": 1, "y": 1, "color": "#102030"} | {key: "7" * 70_000 + "k"}
        (tmp_path / "h.json").write_text(json.dumps({hint.pop("file", "a.jpg"): [hint]}))
        with pytest.raises(UsageError) as caught:
            read_hints(tmp_path / "h.json", ["a.jpg"])
        assert len(str(caught.value)) < 400 + len(str(tmp_path))

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read"):
            read_hints(tmp_path / "gone.json", ["a.jpg"])


class TestAddHints:
    def test_by_path_below_the_input(self, tmp_path: Path) -> None:
        for name in ("a.png", "sub/b.png"):
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (20, 10), 90).save(tmp_path / "in" / name)
        file = tmp_path / "hints.json"
        file.write_text(hints_to_json({"sub/b.png": [Hint(19, 9, "#102030")]}))
        plan = plan_paths([tmp_path / "in"], tmp_path / "out")
        assert [job.hints for job in add_hints(plan, file).jobs] == [(), (Hint(19, 9, "#102030"),)]
        file.write_text(hints_to_json({"sub/b.png": [Hint(20, 9, "#102030")]}))
        with pytest.raises(UsageError, match=r"b.png: the hint 20,9=#102030 lies outside .* nothing was done"):
            add_hints(plan, file)
        with pytest.raises(UsageError, match="are for one picture, and there are 2"):
            add_hints(plan, [Hint(1, 1, "#102030")])
        assert add_hints(plan, []) == plan


class TestColorize:
    """The shipped network, asked as users ask it."""

    @pytest.mark.parametrize("strength", [0.5, 1.0, 1.6])
    def test_the_color_at_the_spot(self, shipped: Colorizer, strength: float) -> None:
        photo = draw_photo(3, (300, 220)).convert("L")
        hints = [Hint(40, 30, "#7da2c9"), Hint(150, 180, "#a08c5a"), Hint(290, 210, "#8a8a8a")]
        result = lab_of(shipped.colorize(photo, hints=hints, strength=strength))
        for hint, point in zip(hints, hints_to_points(hints, 300, 220), strict=True):
            found = result[1:, int(hint.y), int(hint.x)]
            assert float((found - point[2:]).norm()) < 2, hint

    def test_keeps_luminance(self, shipped: Colorizer) -> None:
        photo = draw_rooms()
        result = lab_of(shipped.colorize(photo, hints=[Hint(30, 30, "#3344cc")]))
        assert (result[0] - lab_of(photo)[0]).abs().max() < 1

    def test_spreads_over_the_object_and_not_over_the_edge(self, shipped: Colorizer) -> None:
        photo = draw_rooms()
        plain = lab_of(shipped.colorize(photo))[1:]
        hinted = lab_of(shipped.colorize(photo, hints=[Hint(50, 100, "#5a4ba0")]))[1:]
        change = (hinted - plain).norm(dim=0)
        inside, beyond = change[80:120, 30:90].mean(), change[:, 130:].mean()
        assert inside > 15
        assert beyond < inside / 2  # the network, which knows photographs, spreads far on a drawing

    def test_grey_means_neutral(self, shipped: Colorizer) -> None:
        photo = draw_photo(3, (300, 220)).convert("L")
        plain = lab_of(shipped.colorize(photo))[1:, 190:210, 40:60].norm(dim=0).mean()
        hinted = lab_of(shipped.colorize(photo, hints=[Hint(50, 200, "#808080")]))[1:, 190:210, 40:60]
        assert hinted.norm(dim=0).mean() < plain / 2

    def test_no_hints_change_nothing(self, shipped: Colorizer) -> None:
        photo = draw_rooms()
        assert np.array_equal(np.asarray(shipped.colorize(photo)), np.asarray(shipped.colorize(photo, hints=[])))

    @pytest.mark.parametrize("size", [(1, 1), (1, 300), (5, 3)])
    def test_tiny_pictures(self, colorizer: Colorizer, size: tuple[int, int]) -> None:
        photo = Image.new("L", size, 120)
        result = lab_of(colorizer.colorize(photo, hints=[Hint(100, 100, "#786e82", percent=True)]))
        assert result.isfinite().all()

    def test_outside(self, colorizer: Colorizer) -> None:
        with pytest.raises(UsageError, match="outside the picture"):
            colorizer.colorize(draw_rooms(), hints=[Hint(240, 0, "#102030")])


def test_the_command(tmp_path: Path, tiny_weights: Path) -> None:
    """Colours, notes what was given, and leaves other pictures as they are without hints."""
    for number in range(2):
        draw_photo(number, (90, 60)).convert("L").save(tmp_path / f"{number}.png")
    (tmp_path / "hints.json").write_text('{"1.png": [{"x": "50%", "y": "80%", "color": "#808090"}]}')
    common = ("colorize", tmp_path / "0.png", tmp_path / "1.png", "--weights", tiny_weights)
    assert run_colorgan(*common, "-o", tmp_path / "plain").returncode == 0
    done = run_colorgan(*common, "-o", tmp_path / "hinted", "--hints", tmp_path / "hints.json")
    assert done.returncode == 0, done.stderr
    for name, same in (("0.png", True), ("1.png", False)):
        assert ((tmp_path / "plain" / name).read_bytes() == (tmp_path / "hinted" / name).read_bytes()) is same
    spot = lab_of(Image.open(tmp_path / "hinted" / "1.png"))[1:, 48, 45]
    expected = hints_to_points([Hint(0, 0, "#808090")], 1, 1)[0, 2:]
    assert float((spot - expected).norm()) < 2
    described = run_colorgan("colorize", tmp_path / "hinted" / "1.png", "--describe", "--json")
    assert json.loads(described.stdout)["note"]["settings"]["hints"] == ["50%,80%=#808090"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--hint", "1,1=#000000"), "for one picture"),
        (("--hint", "1,1=#000"), "#RRGGBB"),
        (("--hints", "gone.json"), "cannot be read"),
        (("--hint", "1,1=#000000", "--hints", "h.json"), "both given"),
        (("--serve", "--compare"), "--serve writes one plain result"),
    ],
)
def test_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    from colorgan.cli import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        draw_rooms().save(tmp_path / "in" / name)
    with pytest.raises(UsageError, match=message):
        app(["colorize", "in", "-o", "out", *arguments], standalone_mode=False)
    assert not (tmp_path / "out").exists()


class TestTimes:
    def test_of_films(self, tmp_path: Path) -> None:
        file = tmp_path / "hints.json"
        row = {"time": "00:01:03.2", "x": 412, "y": 630, "color": "#3355aa"}
        file.write_text(json.dumps({"film.mp4": [row, row | {"time": 5}]}))
        first, second = read_hints(file, ["film.mp4"])["film.mp4"]
        assert (first.time, second.time) == (63.2, 5.0)
        file.write_text(hints_to_json({"film.mp4": [first]}))
        assert read_hints(file, ["film.mp4"])["film.mp4"] == (first,)
        file.write_text(json.dumps([row | {"time": "soon"}]))
        with pytest.raises(UsageError, match=r"looks like 63\.2"):
            read_hints(file, ["film.mp4"])

    def test_photographs_have_none(self, tmp_path: Path) -> None:
        draw_photo(1).save(tmp_path / "a.png")
        plan = plan_paths([tmp_path / "a.png"], tmp_path / "out")
        with pytest.raises(UsageError, match="only hints of films have a time"):
            add_hints(plan, [Hint(1, 1, "#000000", time=2.0)])
