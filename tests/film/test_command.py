"""The real command on films."""

import hashlib
import json
from pathlib import Path

import pytest

from colorgan.commands import colorize as command
from colorgan.commands.clips import measure_clips
from colorgan.errors import UsageError
from colorgan.film import measure_clip
from film_support import draw_frames, packets_of, read_film, write_color_film, write_film
from support import draw_photo, run_colorgan


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class TestColorize:
    def test_a_folder_of_photographs_and_films(self, tmp_path: Path, tiny_weights: Path) -> None:
        old, out = tmp_path / "old", tmp_path / "out"
        (old / "1895").mkdir(parents=True)
        draw_photo(1, (60, 40)).convert("L").save(old / "anna.jpg")
        write_film(old / "1895" / "train.mp4", draw_frames(30, cuts=(12,)), sound=True)
        write_film(old / "1895" / "boat.avi", draw_frames(6), codec="mpeg4", options={"qscale": "2"})
        (old / "broken.mkv").write_bytes(b"no film")
        report = tmp_path / "report.html"
        asides = ("--report", report, "--manifest", tmp_path / "run.jsonl", "--log", tmp_path / "run.log")
        done = run_colorgan("colorize", old, "-o", out, "--weights", tiny_weights, *asides, "--json")
        assert done.returncode == 1, done.stderr
        facts = {Path(line["input"]).name: line for line in map(json.loads, done.stdout.splitlines())}
        assert facts["train.mp4"]["status"] == "colorized"
        assert facts["broken.mkv"]["reason"].startswith("it cannot be read as a film")
        assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
            "1895/boat.mkv",
            "1895/train.mp4",
            "anna.jpg",
        ]
        assert read_film(out / "1895" / "train.mp4")[0] == read_film(old / "1895" / "train.mp4")[0]
        assert packets_of(out / "1895" / "train.mp4", "audio") == packets_of(old / "1895" / "train.mp4", "audio")
        assert len(read_film(out / "1895" / "boat.mkv")[0]) == 6
        page = report.read_text()
        assert "train.mp4 (scene 1)" in page
        assert "train.mp4 (scene 2)" in page
        assert "3 colorized, 1 failed" in done.stderr
        rows = {
            Path(row["source"]).name: row for row in map(json.loads, (tmp_path / "run.jsonl").read_text().splitlines())
        }
        assert rows.keys() == facts.keys()
        for name, row in rows.items():
            assert row["source_sha256"] == sha256(Path(row["source"]))
            assert [sha256(Path(result["path"])) for result in row["results"]] == [r["sha256"] for r in row["results"]]
            assert len(row["results"]) == (name != "broken.mkv")
        log = (tmp_path / "run.log").read_text()
        assert log.count("train.mp4") == 2  # from where, and where to
        assert f" failed    {old / 'broken.mkv'}: it cannot be read as a film" in log


class TestOptions:
    @pytest.mark.parametrize(
        ("given", "said"),
        [({"codec": "divx"}, "one of auto, h264"), ({"key_frames": "often"}, "auto or a number"),
         ({"key_frames": "0"}, "1 and more"), ({"start": "soon"}, "looks like 63.2"),
         ({"start": "1:00", "end": "59"}, "before --end")],
    )  # fmt: skip
    def test_what_cannot_be_meant(self, given: dict[str, str], said: str) -> None:
        plain = {"codec": "auto", "crf": None, "key_frames": "auto", "start": None, "end": None, "deinterlace": False}
        with pytest.raises(UsageError, match=said):
            command._film_options(**(plain | given))

    def test_times(self) -> None:
        plain = {"codec": "auto", "crf": None, "key_frames": "12", "deinterlace": False}
        options = command._film_options(**plain, start="1:03.2", end="00:02:00")
        assert (float(options.begin), float(options.end), options.key_frames) == (63.2, 120.0, 12)


class TestEval:
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

    def test_equal_colourfulness_is_reached(self, tmp_path: Path, colorizer: object) -> None:
        scores = measure_clip(write_color_film(tmp_path / "clip.mkv", 6), colorizer, colorizer.render)
        for score in (scores.alone, scores.steady):
            assert score.colorfulness == pytest.approx(scores.own.colorfulness, rel=0.05) or score.strength == 4
