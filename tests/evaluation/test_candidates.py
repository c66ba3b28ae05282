"""What is measured: baselines, generators, and pictures that another program coloured."""

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image

from colorgan.color import rgb_to_lab
from colorgan.config import Framing, ModelConfig, Occlusion
from colorgan.data import PhotoFile, find_photos
from colorgan.errors import EvaluationError
from colorgan.evaluation import Protocol
from colorgan.evaluation.candidates import ForeignPictures, GreyBaseline, MeanColorBaseline, Model, match_names
from colorgan.evaluation.inputs import make_batch
from colorgan.metrics import colorfulness
from colorgan.runtime import pick_runtime
from evaluation_support import make_loaded
from support import draw_photo


class TestBaselines:
    def test_grey_keeps_the_luminance_to_8_bits(self):
        image = draw_photo(1, (32, 32)).convert("L").convert("RGB")
        batch = make_batch(["a"], [image], Protocol())
        assert torch.equal((GreyBaseline().color(batch) * 255).round(), (batch.target * 255).round())

    def test_mean_colour_is_the_colour_given(self):
        batch = make_batch(["a"], [Image.new("RGB", (8, 8), (120, 120, 120))], Protocol())
        tinted = make_batch(["a"], [_to_image(MeanColorBaseline((10.0, -20.0)).color(batch)[0])], Protocol())
        torch.testing.assert_close(tinted.lab[0, 1:].mean((1, 2)), torch.tensor([10.0, -20.0]), atol=0.5, rtol=0)


def _to_image(rgb: torch.Tensor) -> Image.Image:
    return Image.fromarray((rgb * 255).round().byte().permute(1, 2, 0).numpy())


class TestModel:
    @pytest.fixture
    def model(self, tiny_config: ModelConfig) -> Model:
        loaded = make_loaded(tiny_config, "m")
        return Model("m", loaded.network, loaded.render, pick_runtime("cpu", "float32"))

    @torch.no_grad()
    def test_one_prediction_serves_every_strength(self, model: Model) -> None:
        batch = make_batch(["a", "b"], [draw_photo(n, (48, 40)) for n in range(2)], Protocol())
        fitted = model.predict(batch)
        levels = (GreyBaseline().color(batch) - fitted.compose(0.0)) * 255
        assert levels.abs().max() <= 1.01  # the compositor's own rounding
        assert torch.equal(fitted.compose(model.render.strength), model.color(batch))
        weak, strong = (colorfulness(fitted.compose(strength)) for strength in (0.5, 1.5))
        assert (strong > weak).all()

    @torch.no_grad()
    def test_is_asked_at_any_size(self, model: Model) -> None:
        batch = make_batch(["a"], [draw_photo(1, (64, 64))], Protocol())
        assert model.ask(batch, 32).shape == (1, 2, 8, 8)  # of the coarse answer, at stride 4
        assert model.ask(batch, 64).shape == (1, 2, 16, 16)

    @torch.no_grad()
    @pytest.mark.parametrize("repairs", [True, False])
    def test_what_is_known_keeps_its_luminance(self, tiny_config: ModelConfig, *, repairs: bool) -> None:
        config = tiny_config if repairs else dataclasses.replace(tiny_config, repair_widths=())
        loaded = make_loaded(config, "m")
        model = Model("m", loaded.network, loaded.render, pick_runtime("cpu", "float32"))
        batch = make_batch(["a"], [draw_photo(1, (64, 64))], Protocol(occlusion=Occlusion.RECTANGLES))
        assert batch.known is not None
        difference = (rgb_to_lab(model.color(batch))[:, :1] - batch.luminance).abs()
        known = batch.known > 0
        assert difference[known].mean() < 1
        if repairs:
            assert difference[~known].mean() > 2  # what was missing is painted


class TestForeignPictures:
    def find(self, folder: Path, size: tuple[int, int]) -> list[PhotoFile]:
        folder.mkdir()
        draw_photo(1, size).save(folder / "a.png")
        return find_photos(folder)

    def test_are_read_as_they_are(self, tmp_path: Path) -> None:
        photos = self.find(tmp_path / "photos", (48, 40))
        pictures = ForeignPictures("other", {"a.png": photos[0]}, Framing.FULL)
        batch = make_batch(["a.png"], [draw_photo(1, (48, 40))], Protocol(framing=Framing.FULL))
        assert torch.equal(pictures.color(batch), batch.target)

    def test_of_another_size_are_refused(self, tmp_path: Path) -> None:
        photos = self.find(tmp_path / "photos", (10, 12))
        pictures = ForeignPictures("other", {"a.png": photos[0]}, Framing.FULL)
        batch = make_batch(["a.png"], [draw_photo(1, (48, 40))], Protocol(framing=Framing.FULL))
        with pytest.raises(EvaluationError, match="10 x 12 pixels, its original 48 x 40"):
            pictures.color(batch)


def test_match_names_looks_at_the_path_alone() -> None:
    originals = [
        PhotoFile(name, Path(name)) for name in ("deep/a.png", "b.png", "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png")
    ]
    coloured = [PhotoFile(name, Path("out") / name) for name in ("deep/a.webp", "deep/b.png", "cafe\u0301.jpg")]
    found = match_names(originals, coloured)
    assert found == {"deep/a.png": coloured[0], "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png": coloured[2]}
