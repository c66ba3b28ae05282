"""colorgan eval on clips."""

import json
from pathlib import Path

import pytest

from colorgan.commands.clips import measure_clips
from colorgan.errors import UsageError
from film_support import write_color_film


class TestMeasureClips:
    def test_a_clip(self, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = write_color_film(tmp_path / "clip.mkv", 8)
        measure_clips(path, str(tiny_weights), render_size=None, device="cpu", precision="float32", as_json=True)
        (scores,) = json.loads(capsys.readouterr().out)
        assert scores["frames"] == 8
        assert scores["own"]["psnr"] == 100
        assert scores["grey"]["colorfulness"] < 1
        assert scores["steady"]["cdc"] > 0

    def test_no_clips(self, tmp_path: Path) -> None:
        for name in (".cache", "#recycle"):  # as photographs are looked for, so are films
            (tmp_path / name).mkdir()
            (tmp_path / name / "clip.mkv").touch()
        with pytest.raises(UsageError, match="holds no clips"):
            measure_clips(tmp_path, "default", render_size=None, device="cpu", precision="float32", as_json=True)
