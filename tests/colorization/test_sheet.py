"""The contact sheet."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.colorization import Job, Outcome, Status
from colorgan.colorization.sheet import _Sheet, write_sheet
from colorization_support import outcome


class TestContactSheet:
    def test_thousands_of_photographs(self) -> None:
        """Its size is bounded: cells become smaller, and at last the rest is left out."""
        preview = outcome(0, "a.jpg").preview
        for count, cell in ((700, 240), (3000, 106), (50_000, 48)):
            job = Job(0, Path("a.jpg"), Path("b.jpg"))
            sheet = _Sheet.lay_out([Outcome(job=job, status=Status.COLORIZED, preview=preview)] * count)
            assert sheet.cell == pytest.approx(cell, abs=12)
            assert 50e6 < sheet.width * sheet.height < 105e6
            assert max(sheet.width, sheet.height) < 65_500
            assert next(iter(sheet.bands())).shape == (12, sheet.width, 3)
            assert (len(sheet.pairs) == count) is (count < 10_000)

    def test_its_folder_is_made(self, tmp_path: Path) -> None:
        outcomes = [outcome(n, f"{n}.jpg") for n in range(5)]
        assert write_sheet(tmp_path / "new" / "sheet.jpg", outcomes) == 0
        layout = _Sheet.lay_out(outcomes)
        with Image.open(tmp_path / "new" / "sheet.jpg") as written:
            assert written.size == (layout.width, layout.height)


def test_contact_sheet(tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.png", [outcome(n, f"{n}.jpg") for n in range(3)])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.ptp(np.asarray(sheet).astype(int), axis=-1).max() > 20
