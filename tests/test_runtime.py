import pytest
import torch

from colorgan.errors import DeviceError
from colorgan.runtime import Runtime, pick_runtime


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with a CPU that has no bfloat16, and nothing else; tests add to it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    return monkeypatch


def add_cuda(machine: pytest.MonkeyPatch, *, count: int = 1, bfloat16: bool = True) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: count)
    machine.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bfloat16)


class TestPickRuntime:
    def test_auto_on_a_plain_cpu(self, machine: pytest.MonkeyPatch) -> None:
        assert pick_runtime() == Runtime(torch.device("cpu"), torch.float32)

    def test_auto_takes_native_bfloat16(self, machine: pytest.MonkeyPatch) -> None:
        machine.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
        assert pick_runtime() == Runtime(torch.device("cpu"), torch.bfloat16)

    def test_auto_takes_cuda_first(self, machine: pytest.MonkeyPatch) -> None:
        machine.setattr(torch.backends.mps, "is_available", lambda: True)
        add_cuda(machine)
        assert pick_runtime() == Runtime(torch.device("cuda"), torch.bfloat16)

    def test_auto_without_native_bfloat16(self, machine: pytest.MonkeyPatch) -> None:
        add_cuda(machine, bfloat16=False)
        assert pick_runtime() == Runtime(torch.device("cuda"), torch.float32)

    def test_auto_takes_mps_before_the_cpu(self, machine: pytest.MonkeyPatch) -> None:
        machine.setattr(torch.backends.mps, "is_available", lambda: True)
        assert pick_runtime() == Runtime(torch.device("mps"), torch.float32)

    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_an_asked_precision_is_taken(self, machine: pytest.MonkeyPatch, precision: str) -> None:
        assert pick_runtime("cpu", precision).dtype is getattr(torch, precision)

    def test_a_numbered_device(self, machine: pytest.MonkeyPatch) -> None:
        add_cuda(machine, count=2)
        assert pick_runtime("cuda:1", "float16") == Runtime(torch.device("cuda:1"), torch.float16)

    @pytest.mark.parametrize(
        ("device", "precision", "message"),
        [
            (
                "cuda",
                "auto",
                "device cuda was asked for, but this machine has 0 usable CUDA devices; use --device",
            ),
            ("mps", "auto", "device mps was asked for, but this machine has none"),
            ("meta", "auto", "device 'meta' is not supported; use auto, cpu, cuda, cuda:N or mps"),
            ("gpu", "auto", "unknown device 'gpu'; use auto, cpu, cuda, cuda:N or mps"),
            ("cpu", "float16", "precision float16 needs a GPU"),
            ("cpu", "int8", "unknown precision 'int8'; use one of auto, float32, bfloat16, float16"),
        ],
    )
    def test_what_is_not_there_is_refused(
        self, machine: pytest.MonkeyPatch, device: str, precision: str, message: str
    ) -> None:
        with pytest.raises(DeviceError, match=message):
            pick_runtime(device, precision)

    def test_a_device_beyond_the_last_is_refused(self, machine: pytest.MonkeyPatch) -> None:
        add_cuda(machine, count=2)
        with pytest.raises(DeviceError, match="this machine has 2 usable CUDA devices"):
            pick_runtime("cuda:2")

    def test_older_torch_cannot_say(self, machine: pytest.MonkeyPatch) -> None:
        machine.delattr(torch.cpu, "get_capabilities", raising=False)
        assert pick_runtime().dtype is torch.float32


class TestRuntime:
    def test_reads_well(self) -> None:
        assert str(Runtime(torch.device("cuda", 1), torch.bfloat16)) == "cuda:1, bfloat16"

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_autocast_sets_the_arithmetic(self, dtype: torch.dtype) -> None:
        layer = torch.nn.Conv2d(1, 1, 1)
        with Runtime(torch.device("cpu"), dtype).autocast():
            assert layer(torch.zeros(1, 1, 2, 2)).dtype is dtype
