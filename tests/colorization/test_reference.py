"""A reference: where a photograph matches it, it takes its colours; where nothing does, nothing changes."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.colorization import Colorizer, Notice, Outcome, Reference
from colorgan.errors import UsageError
from colorgan.images import describe, photo_from_image
from colorgan.rendering import View, match_places
from colorgan.session import colorize_paths
from support import run_colorgan


def scene(seed: int, size: int = 256) -> Image.Image:
    """Draw patches of any shade and hue at several scales: enough to tell places apart."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((size, size, 3), np.float32)
    for cells, weight in ((4, 50), (10, 45), (24, 30)):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        picture += (np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC), np.float32) - 128) * weight / 100
    return Image.fromarray((picture + 128).clip(0, 255).astype(np.uint8))


def distance(image: Image.Image, truth: Image.Image) -> float:
    return float(np.sqrt(np.mean((np.asarray(image, float) - np.asarray(truth, float)) ** 2)))


@pytest.fixture(scope="module")
def shipped() -> Colorizer:
    return Colorizer.load(device="cpu", precision="float32")


class TestPlaces:
    """Places with features of their own, known one by one."""

    @pytest.fixture
    def places(self) -> torch.Tensor:
        torch.manual_seed(0)
        return torch.nn.functional.normalize(torch.randn(64, 12, 16), dim=0)

    def test_finds_where_each_went(self, places: torch.Tensor) -> None:
        ab = torch.arange(2 * 12 * 16.0).view(2, 12, 16)
        points = match_places(places, [View(places.roll((2, 3), (1, 2)), ab.roll((2, 3), (1, 2)))])
        assert len(points) >= 16  # one in each block of 3 x 3, but along the seam
        x, y = (points[:, 0] * 16 - 0.5).round().long(), (points[:, 1] * 12 - 0.5).round().long()
        assert torch.equal(points[:, 2:].T, ab[:, y, x])

    def test_the_view_with_the_most_pairs_counts(self, places: torch.Tensor) -> None:
        red, blue = torch.full((2, 12, 16), 40.0), torch.full((2, 12, 16), -40.0)
        points = match_places(places, [View(places.flip(-1), red), View(places, blue)])
        assert (points[:, 2:] == -40).all()

    @pytest.mark.parametrize("what", ["others", "shuffled", "flat"])
    def test_nothing_in_common(self, places: torch.Tensor, what: str) -> None:
        other = {
            "others": torch.nn.functional.normalize(torch.randn(64, 12, 16), dim=0),
            "shuffled": places.flatten(1)[:, torch.randperm(12 * 16)].view_as(places),  # alike, but nowhere together
            "flat": torch.full_like(places, 64**-0.5),
        }[what]
        assert match_places(places, [View(other, torch.zeros(2, 12, 16))]).shape == (0, 4)


class TestColors:
    @pytest.mark.parametrize("mirrored", [False, True])
    def test_a_view_of_the_same_brings_its_colours(self, shipped: Colorizer, mirrored: bool) -> None:
        truth = scene(1)
        view = truth.crop((30, 20, 250, 240))
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else view
        plain = shipped.colorize(truth)
        told = shipped.colorize(truth, reference=Reference(np.asarray(view)))
        assert distance(told, truth) < 0.75 * distance(plain, truth)

    def test_another_picture_changes_nothing(self, shipped: Colorizer) -> None:
        reference = Reference(np.asarray(scene(2)))
        assert np.array_equal(
            np.asarray(shipped.colorize(scene(1))), np.asarray(shipped.colorize(scene(1), reference=reference))
        )

    def test_hints_of_a_person_come_after_it(self, shipped: Colorizer) -> None:
        network_input = shipped.prepare(photo_from_image(scene(1)), shipped.render)
        given = torch.tensor([[0.5, 0.5, 60.0, 0.0]])
        matched = shipped.match(
            type(network_input)(
                network_input.luminance, network_input.shape, network_input.render_shapes, points=given
            ),
            Reference(np.asarray(scene(1))),
        )
        assert matched.points is not None
        assert len(matched.points) > 1
        assert torch.equal(matched.points[-1:], given)

    def test_travels_to_other_processes(self) -> None:
        reference = pickle.loads(pickle.dumps(Reference(np.asarray(scene(1)), "a.png")))  # noqa: S301 - our own bytes
        assert (reference.name, reference.rgb.shape) == ("a.png", (256, 256, 3))


class TestFiles:
    def test_noted_and_told(self, tmp_path: Path, shipped: Colorizer) -> None:
        (tmp_path / "in").mkdir()
        scene(1).save(tmp_path / "frame.png")
        scene(1).convert("L").save(tmp_path / "in" / "same.png")
        scene(3).convert("L").save(tmp_path / "in" / "other.png")
        events = list(
            colorize_paths([tmp_path / "in"], tmp_path / "out", colorizer=shipped, reference=tmp_path / "frame.png")
        )
        assert sum(isinstance(event, Outcome) for event in events) == 2
        (notice,) = [event.message for event in events if isinstance(event, Notice)]
        assert "other.png has nothing in common with the reference" in notice
        note = describe(tmp_path / "out" / "same.png")
        assert note is not None
        assert note.settings["reference"] == "frame.png"

    def test_what_is_no_reference(self, tmp_path: Path) -> None:
        scene(1).convert("L").save(tmp_path / "grey.png")
        with pytest.raises(UsageError, match="no colours"):
            Reference.from_file(tmp_path / "grey.png")
        with pytest.raises(UsageError, match="no picture"):
            Reference.from_file(tmp_path / "none.png")

    def test_by_the_command(self, tmp_path: Path, shipped: Colorizer) -> None:
        grey = scene(1).convert("L")
        grey.save(tmp_path / "a.png")
        scene(1).save(tmp_path / "frame.png")
        done = run_colorgan(
            "colorize", tmp_path / "a.png", "-o", tmp_path / "b.png", "--reference", tmp_path / "frame.png"
        )
        assert done.returncode == 0, done.stderr
        with Image.open(tmp_path / "b.png") as told:
            assert distance(told, scene(1)) < 0.75 * distance(shipped.colorize(grey), scene(1))
