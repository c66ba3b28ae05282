import torch

from colorgan.data import Batch


def batch(known: torch.Tensor | None = None, hints: torch.Tensor | None = None) -> Batch:
    rgb = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4)
    return Batch(rgb, rgb[:, :1], torch.tensor([True, False]), known, hints, (("a.png", "it is torn"),))


class TestComplete:
    def test_spells_out_what_stands_as_nothing(self) -> None:
        whole = batch().complete(known=True, hints=True)
        assert whole.known is not None
        assert whole.hints is not None
        assert torch.equal(whole.known, torch.ones(2, 1, 4, 4, dtype=torch.uint8))
        assert torch.equal(whole.hints, torch.zeros(2, 4, 4, 4, dtype=torch.uint8))

    def test_only_what_is_asked_for(self) -> None:
        part = batch().complete(known=True, hints=False)
        assert part.known is not None
        assert part.hints is None

    def test_what_is_there_stays(self) -> None:
        known, hints = torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.full((2, 4, 4, 4), 7, dtype=torch.uint8)
        whole = batch(known, hints).complete(known=True, hints=True)
        assert whole.known is known
        assert whole.hints is hints


def test_to_a_device() -> None:
    moved = batch(known=torch.zeros(2, 1, 4, 4, dtype=torch.uint8)).to(torch.device("meta"))
    assert moved.rgb.device.type == moved.retoned.device.type == "meta"
    assert moved.known is not None
    assert moved.known.device.type == "meta"
    assert moved.hints is None
    assert moved.left_out == (("a.png", "it is torn"),)
