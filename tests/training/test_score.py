"""What a validation found."""

from dataclasses import asdict

import pytest

from colorgan.training.score import ColorScore, InpaintingScore, describe_score, kind_of_score

COLOR = ColorScore(22.0, 21.0, 10.0, 40.0, 1.0, 0.5, None, 0.5)
REPAIR = InpaintingScore(30.0, 28.5, 1.5)


@pytest.mark.parametrize("score", [COLOR, REPAIR])
def test_the_kind_is_told_by_what_an_entry_holds(score):
    assert kind_of_score({"kind": "validation", "step": 3, **asdict(score)}) is type(score)
    for name in score.needed:
        rest = {key: value for key, value in asdict(score).items() if key != name}
        assert kind_of_score(rest) is None


def test_each_is_described_by_its_own_figures():
    assert describe_score(asdict(COLOR)) == "PSNR 22.00 dB (grey 21.00), colourfulness 10.0 (real 40.0)"
    assert describe_score(asdict(REPAIR)) == "PSNR in holes 30.00 dB (filled smoothly 28.50)"


def test_what_is_followed_from_outside():
    assert COLOR.numbers() == {"psnr": 22.0, "colorfulness": 10.0, "score": 0.5}
    assert REPAIR.numbers() == {"hole_psnr": 30.0, "score": 1.5}
