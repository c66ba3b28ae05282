"""Damaged photographs give photographs or colorgan's own errors. `tests/benchmarks/fuzz_reading.py` runs longer."""

import io
import time
from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import ImageReadError
from colorgan.images import read_photos
from image_mutants import mutants, photographs

_COUNT = 1040


def test_whole_ones_are_read() -> None:
    for name, data in photographs().items():
        photos = read_photos(io.BytesIO(data))
        assert len(photos) == (2 if name == "tiff-book" else 1), name


@pytest.mark.parametrize("seed", [1, 2])
def test_mutants(seed: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read = refused = 0
    for name, data in mutants(_COUNT // 2, seed):
        path = tmp_path / name  # every other one is read from memory: decoders take other ways then
        path.write_bytes(data)
        started, sentence = time.process_time(), ""
        try:
            photos = read_photos(path if read % 2 else io.BytesIO(data))
        except ImageReadError as error:
            refused, sentence = refused + 1, str(error)
        else:
            read += 1
            assert all(photo.grey.size and photo.grey.dtype in (np.uint8, np.uint16) for photo in photos), name
        assert time.process_time() - started < 5, name
        assert "\n" not in sentence, name
    assert min(read, refused) > _COUNT // 20
    assert capfd.readouterr() == ("", "")
