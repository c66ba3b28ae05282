"""A batch as the losses and the generator see it."""

import torch

from colorgan.color import rgb_to_lab
from colorgan.training.targets import Targets, build_targets, halve
from training_support import draw_batch


class TestBuildTargets:
    def test_gives_the_truth_in_lab_and_the_jittered_grey_as_luminance(self):
        batch = draw_batch()
        targets = build_targets(batch)
        exact = rgb_to_lab(batch.rgb.float() / 255)
        assert torch.equal(targets.lab[:, 1:], exact[:, 1:])
        assert torch.equal(targets.lab[1::2, :1], exact[1::2, :1])
        assert not torch.allclose(targets.lab[::2, :1], exact[::2, :1])

    def test_hides_hint_colours_where_there_is_no_hint(self):
        targets = build_targets(draw_batch())
        assert targets.hints is not None
        mask = targets.hints[:, :1]
        assert not (targets.hints[:, 1:] * (1 - mask)).any()
        assert (targets.hints[:, 1:] * mask).any()


class TestHalve:
    def test_shrinks_all_parts(self):
        targets = build_targets(draw_batch(size=16))
        small = halve(targets)
        assert small.lab.shape == (4, 3, 8, 8)
        assert targets.known is not None
        assert targets.hints is not None
        assert small.known is not None
        assert small.hints is not None
        blocks = targets.known.unfold(2, 2, 2).unfold(3, 2, 2)
        assert torch.equal(small.known, blocks.amin((-1, -2)))
        assert torch.equal(small.hints[:, :1], targets.hints[:, :1].unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2)))

    def test_a_hint_keeps_its_colour(self):
        hints = torch.zeros(1, 3, 4, 4)
        hints[0, :, 1, 1] = torch.tensor([1.0, 40.0, -20.0])
        small = halve(Targets(torch.zeros(1, 3, 4, 4), None, hints))
        assert small.known is None
        assert small.hints is not None
        assert small.hints[0, :, 0, 0].tolist() == [1, 40, -20]
        assert small.hints[0, :, 1:, 1:].abs().sum() == 0
