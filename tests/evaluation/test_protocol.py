"""The protocol: what it refuses, and what it says of itself."""

import pytest

from colorgan.config import Degradation, Occlusion
from colorgan.errors import UsageError
from colorgan.evaluation import Protocol


def test_protocol_refuses_what_cannot_be_meant() -> None:
    with pytest.raises(UsageError, match="hints"):
        Protocol(hints=-1)
    with pytest.raises(UsageError, match="resamples must be in 100"):
        Protocol(resamples=1)


def test_protocol_describes_every_damage() -> None:
    protocol = Protocol(occlusion=Occlusion.SCRATCHES, degradation=Degradation.OLD_PHOTO, hints=7)
    text = " ".join(protocol.describe().values())
    assert all(word in text for word in ("scratches", "aged", "7 true colour hints", "before ageing", "mid-grey"))
