from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.color import rgb_to_lab
from colorgan.colorization import Colorizer, Palette
from colorgan.errors import ImageReadError, UsageError
from support import draw_photo


def draw_ab(mean: tuple[float, float], spread: float) -> torch.Tensor:
    return torch.tensor(mean)[:, None, None] + spread * torch.randn(2, 40, 50)


class TestAdvise:
    def test_goes_half_way_where_there_is_much_color(self) -> None:
        ab = draw_ab((40, 10), 5)
        palette = Palette.from_ab(draw_ab((40, 40), 5))
        mean = palette.advise(ab).mean((1, 2))
        assert float(mean[1]) == pytest.approx(25, abs=2)
        assert float(mean[0]) == pytest.approx(40, abs=2)

    def test_takes_on_the_spread_too(self) -> None:
        ab = draw_ab((60, 0), 5)
        wide = Palette.from_ab(draw_ab((60, 0), 10)).advise(ab)
        assert float(wide.std(dim=(1, 2)).mean()) == pytest.approx(7.5, rel=0.1)

    def test_grey_stays_grey(self) -> None:
        ab = draw_ab((20, 20), 10)
        ab[:, :5] = 0
        advised = Palette.from_colors(["#3355aa", "#335522"]).advise(ab)
        assert not advised[:, :5].any()
        assert torch.equal(Palette.from_colors(["#3355aa"]).advise(torch.zeros(2, 3, 3)), torch.zeros(2, 3, 3))

    def test_its_own_colors_change_nothing(self) -> None:
        ab = draw_ab((10, -20), 8)
        torch.testing.assert_close(Palette.from_ab(ab).advise(ab), ab, atol=1e-3, rtol=0)

    @pytest.mark.parametrize("ab", [torch.full((2, 1, 1), 30.0), torch.full((2, 9, 9), -20.0)])
    def test_flat_pictures(self, ab: torch.Tensor) -> None:
        assert Palette.from_colors(["#ff0000"]).advise(ab).isfinite().all()


class TestParse:
    def test_colors(self) -> None:
        palette = Palette.parse("#ff0000, #0000ff")
        red_and_blue = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])[:, None]
        torch.testing.assert_close(palette.mean, rgb_to_lab(red_and_blue)[1:, 0].mean(1).double())

    def test_a_photograph(self, tmp_path: Path) -> None:
        image = draw_photo(2)
        image.save(tmp_path / "reference.png")
        ab = rgb_to_lab(torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255)[1:]
        torch.testing.assert_close(Palette.parse(str(tmp_path / "reference.png")).mean, ab.mean((1, 2)).double())

    @pytest.mark.parametrize("text", ["#12345", "#112233,", "#112233,red", "gone.jpg"])
    def test_nonsense(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"#RRGGBB|no picture gone.jpg"):
            Palette.parse(text)

    def test_without_colors(self, tmp_path: Path) -> None:
        Image.new("L", (9, 9), 80).save(tmp_path / "grey.png")
        with pytest.raises(UsageError, match="no colours to take"):
            Palette.from_file(tmp_path / "grey.png")
        (tmp_path / "bad.jpg").write_bytes(b"no")
        with pytest.raises(ImageReadError):
            Palette.from_file(tmp_path / "bad.jpg")


def test_the_picture_leans(colorizer: Colorizer) -> None:
    photo = draw_photo(1, (90, 70)).convert("L")
    plain, blue = (
        np.asarray(colorizer.colorize(photo, palette=palette)).astype(int)
        for palette in (None, Palette.from_colors(["#2040c0", "#4060a0"]))
    )
    change = (blue - plain).mean((0, 1))
    assert change[2] > change[0] + 5
