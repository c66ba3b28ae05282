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


def test_as_a_table(tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.mkv", "b.mkv"):
        write_color_film(tmp_path / name, 3)
    (tmp_path / "notes.txt").write_text("none of a film")
    measure_clips(tmp_path, str(tiny_weights), render_size=32, device="cpu", precision="float32", as_json=False)
    heard = capsys.readouterr()
    assert [name for name in ("a.mkv (3 frames)", "b.mkv (3 frames)") if name in heard.out] == [
        "a.mkv (3 frames)", "b.mkv (3 frames)",
    ]  # fmt: skip
    assert heard.out.count("as a film") == heard.out.count("its own colours") == 2
    assert f"measuring {tmp_path / 'a.mkv'}" in heard.err


@pytest.mark.parametrize("name", [None, "nowhere"])
def test_nothing_named(name: str | None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cdc is measured on clips in colour; name one"):
        measure_clips(
            None if name is None else tmp_path / name, "default", render_size=None, device="cpu", precision="float32",
            as_json=True,
        )  # fmt: skip


def test_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colorgan.commands.clips.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'colorgan\[video\]'"):
        measure_clips(tmp_path, "default", render_size=None, device="cpu", precision="float32", as_json=True)
