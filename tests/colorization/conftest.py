import pytest
import torch

from colorgan.runtime import Runtime


@pytest.fixture
def cpu() -> Runtime:
    return Runtime(torch.device("cpu"), torch.float32)
