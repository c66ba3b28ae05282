"""What torchrun says."""

import pytest

from colorgan.errors import ConfigError
from colorgan.ranks import TorchrunRanks


@pytest.fixture
def say(monkeypatch):
    """Set torchrun's variables, and only those: `say(RANK="1", ...)`."""

    def set_all(**values: str) -> None:
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


def test_alone_without_torchrun(say):
    say()
    assert TorchrunRanks.from_environment() == TorchrunRanks(0, 1, None, 1)


def test_reads_all_that_torchrun_says(say):
    say(RANK="5", WORLD_SIZE="8", LOCAL_RANK="1", LOCAL_WORLD_SIZE="4")
    assert TorchrunRanks.from_environment() == TorchrunRanks(5, 8, 1, 4)


def test_does_without_what_concerns_this_machine(say):
    say(RANK="1", WORLD_SIZE="3")
    assert TorchrunRanks.from_environment() == TorchrunRanks(1, 3, None, 1)


@pytest.mark.parametrize(("rank", "world"), [("3", "3"), ("-1", "2"), ("one", "2"), ("0", "0"), ("0", "many")])
def test_refuses_what_does_not_go_together(say, rank, world):
    say(RANK=rank, WORLD_SIZE=world)
    with pytest.raises(ConfigError, match=f"RANK={rank} and WORLD_SIZE={world} do not go together"):
        TorchrunRanks.from_environment()
