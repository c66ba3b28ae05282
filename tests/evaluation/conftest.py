"""What evaluation tests measure on."""

from pathlib import Path

import pytest

from evaluation_support import COUNT
from support import draw_photo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `COUNT` drawn photographs; never written to."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "deep").mkdir()
    for number in range(COUNT):
        draw_photo(number, (80, 64)).save(folder / "deep" / f"photo{number}.png")
    return folder
