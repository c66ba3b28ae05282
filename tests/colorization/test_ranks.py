"""Several processes for one plan; here threads stand for them, each with its own connection to the others."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from colorgan.colorization import Ranks
from colorgan.errors import ConfigError


@pytest.fixture
def meeting_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(port))
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)


class TestGather:
    @pytest.mark.usefixtures("meeting_place")
    def test_everyone_gets_all_in_the_order_of_ranks(self) -> None:
        parts: list[list[object]] = [["a"], [], ["b", ("c", 3)]]
        with ThreadPoolExecutor(3) as threads:
            running = [
                threads.submit(lambda r, p: Ranks(r, 3).gather(p), rank, part) for rank, part in enumerate(parts)
            ]
            results = [future.result(60) for future in running]
        assert results == [["a", "b", ("c", 3)]] * 3
        assert not dist.is_initialized()  # gloo's groups hang now and then while they are taken down

    def test_a_lone_process_talks_to_nobody(self) -> None:
        assert Ranks().gather(["a", "b"]) == ["a", "b"]


class TestFromEnvironment:
    def test_reads_what_torchrun_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RANK", "1")
        monkeypatch.setenv("WORLD_SIZE", "3")
        assert Ranks.from_environment() == Ranks(1, 3)
        assert not Ranks.from_environment().is_main

    @pytest.mark.parametrize(("rank", "world"), [("3", "3"), ("-1", "2"), ("one", "2")])
    def test_refuses_what_does_not_go_together(self, monkeypatch: pytest.MonkeyPatch, rank: str, world: str) -> None:
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", world)
        with pytest.raises(ConfigError, match="do not go together"):
            Ranks.from_environment()
