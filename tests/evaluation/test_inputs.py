import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.color import grey_to_luminance, rgb_to_lab
from colorgan.config import Degradation, Framing, Occlusion
from colorgan.evaluation.inputs import age_photo, frame_picture, make_batch, occlude, place_hints
from colorgan.evaluation.protocol import PATCHY_SHARE, Protocol
from support import draw_photo


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestFramePicture:
    @pytest.mark.parametrize("size", [(80, 64), (300, 700), (256, 255), (1, 9)])
    @pytest.mark.parametrize("framing", [Framing.SQUASH256, Framing.CROP256])
    def test_becomes_256(self, size, framing):
        assert frame_picture(Image.new("RGB", size), framing).size == (256, 256)

    def test_the_crop_is_the_middle_and_keeps_the_aspect(self):
        image = Image.new("RGB", (512, 256), "red")
        image.paste("blue", (128, 0, 384, 256))
        assert np.unique(np.asarray(frame_picture(image, Framing.CROP256)).reshape(-1, 3), axis=0).tolist() == [
            [0, 0, 255]
        ]
        assert len(np.unique(np.asarray(frame_picture(image, Framing.SQUASH256))[..., 0])) > 1

    def test_full_and_ready_pictures_are_not_touched(self):
        image = draw_photo(1, (70, 50))
        assert frame_picture(image, Framing.FULL) is image
        ready = draw_photo(1, (256, 256))
        assert frame_picture(ready, Framing.SQUASH256) is ready


class TestMakeBatch:
    @pytest.mark.parametrize(
        "protocol",
        [
            Protocol(occlusion=Occlusion.PAPER, hints=3),
            Protocol(occlusion=Occlusion.RECTANGLES),
            Protocol(occlusion=Occlusion.SCRATCHES, degradation=Degradation.OLD_PHOTO),
        ],
    )
    def test_a_picture_is_shown_the_same_in_any_company(self, protocol):
        images = [draw_photo(n, (48, 40)) for n in range(3)]
        together = make_batch(["a", "b", "c"], images, protocol)
        alone = make_batch(["b"], images[1:2], protocol)
        for name in ("target", "lab", "luminance", "shown", "known", "hints"):
            whole, one = getattr(together, name), getattr(alone, name)
            assert (whole is None) == (one is None)
            if whole is not None:
                torch.testing.assert_close(whole[1:2], one)

    def test_the_seed_and_the_name_change_the_damage(self):
        images = [draw_photo(1, (48, 40))]

        def known(name: str, seed: int) -> torch.Tensor:
            found = make_batch([name], images, Protocol(occlusion=Occlusion.PAPER, seed=seed)).known
            assert found is not None
            return found

        assert not torch.equal(known("a", 0), known("b", 0))
        assert not torch.equal(known("a", 0), known("a", 1))

    def test_clean_input_is_the_photographs_luminance(self):
        image = draw_photo(1, (48, 40))
        batch = make_batch(["a"], [image], Protocol())
        expected = rgb_to_lab(torch.from_numpy(np.array(image)).permute(2, 0, 1).float()[None] / 255)
        torch.testing.assert_close(batch.shown, expected[:, :1])
        torch.testing.assert_close(batch.luminance, expected[:, :1])
        assert batch.known is None
        assert batch.hints is None

    def test_missing_luminance_is_mid_grey(self):
        batch = make_batch(["a"], [draw_photo(1, (48, 40))], Protocol(occlusion=Occlusion.PAPER))
        assert batch.known is not None
        missing = batch.luminance[batch.known == 0]
        torch.testing.assert_close(missing, grey_to_luminance(torch.tensor(0.5)).expand_as(missing))
        assert torch.equal(batch.luminance[batch.known == 1], batch.lab[:, :1][batch.known == 1])

    def test_ageing_changes_what_is_shown_and_not_what_is_kept(self):
        batch = make_batch(["a"], [draw_photo(1, (48, 40))], Protocol(degradation=Degradation.OLD_PHOTO))
        assert torch.equal(batch.luminance, batch.lab[:, :1])
        assert (batch.shown - batch.luminance).abs().mean() > 1


class TestOcclude:
    def test_paper_removes_single_pixels(self):
        mask = occlude((200, 300), Occlusion.PAPER, rng())
        assert mask.shape == (200, 300)
        assert np.unique(mask).tolist() == [0, 1]
        assert (mask == 0).mean() == pytest.approx(PATCHY_SHARE, abs=0.01)

    @pytest.mark.parametrize("occlusion", [Occlusion.RECTANGLES, Occlusion.SCRATCHES])
    @pytest.mark.parametrize("seed", range(5))
    def test_others_remove_something_and_leave_most(self, occlusion, seed):
        missing = (occlude((120, 160), occlusion, rng(seed)) == 0).mean()
        assert 0 < missing < 0.5

    @pytest.mark.parametrize("occlusion", [Occlusion.PAPER, Occlusion.RECTANGLES, Occlusion.SCRATCHES])
    def test_one_pixel(self, occlusion):
        assert occlude((1, 1), occlusion, rng()).shape == (1, 1)


class TestPlaceHints:
    def test_a_hint_is_the_mean_true_colour_of_its_place(self):
        ab = torch.randn(2, 256, 256) * 30
        (hint,) = place_hints(ab, 1, rng())
        left, top = (round(float(share) * 256 - 3) for share in hint[:2])
        torch.testing.assert_close(hint[2:], ab[:, top : top + 6, left : left + 6].mean((1, 2)))

    def test_their_side_follows_the_picture(self):
        ab = torch.randn(2, 1024, 1024) * 30
        (hint,) = place_hints(ab, 1, rng())
        left, top = (round(float(share) * 1024 - 12) for share in hint[:2])
        torch.testing.assert_close(hint[2:], ab[:, top : top + 24, left : left + 24].mean((1, 2)))
        assert place_hints(torch.zeros(2, 1, 5), 2, rng()).shape == (2, 4)


class TestAgePhoto:
    def test_is_faded_tinted_and_reproducible(self):
        photo = np.asarray(draw_photo(3, (80, 64)))
        aged = age_photo(photo, rng())
        assert aged.shape == photo.shape
        assert np.array_equal(aged, age_photo(photo, rng()))
        assert aged[..., 0].mean() > aged[..., 2].mean() + 5  # sepia
        assert np.ptp(aged.astype(float).mean(2)) < np.ptp(photo.astype(float).mean(2)) + 10

    def test_one_pixel(self):
        assert age_photo(np.zeros((1, 1, 3), np.uint8), rng()).shape == (1, 1, 3)
