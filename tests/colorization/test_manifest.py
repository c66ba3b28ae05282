"""The manifest of a run, names with a suffix, and keywords, through the command."""

import csv
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from colorgan import __version__
from colorgan.cli import app
from colorgan.colorization import plan_paths
from colorgan.config import ColorInput
from colorgan.errors import UsageError
from colorgan.images import read_marks
from support import draw_photo


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(weights: Path, *arguments: str) -> object:
    return app(["colorize", "in", "-o", "out", "--weights", str(weights), *arguments], standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a photograph, one of two pages, one in colour, and one that is damaged."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    draw_photo(1).convert("L").save("in/a, b.png")
    first, second = (draw_photo(number).convert("L") for number in (2, 3))
    first.save("in/pages.tif", save_all=True, append_images=[second])
    draw_photo(4).save("in/colour.png")
    Path("in/damaged.jpg").write_bytes(b"no picture")
    return Path("in")


class TestManifest:
    def test_json_has_a_line_for_each_file(self, folder: Path, tiny_weights: Path) -> None:
        assert run(tiny_weights, "--manifest", "new/run.jsonl", "--hints", str(write_hints())) == 1
        rows = {row["source"]: row for row in map(json.loads, Path("new/run.jsonl").read_text().splitlines())}
        assert {name: row["status"] for name, row in rows.items()} == {
            "in/a, b.png": "colorized", "in/pages.tif": "colorized", "in/colour.png": "skipped",
            "in/damaged.jpg": "failed",
        }  # fmt: skip
        for name, row in rows.items():
            assert row["source_sha256"] == sha256(Path(name))
            assert abs(datetime.fromisoformat(row["date"]) - datetime.now(UTC)) < timedelta(minutes=5)
            assert row["colorgan"] == __version__
            assert row["results"] == [{"path": r["path"], "sha256": sha256(Path(r["path"]))} for r in row["results"]]
        assert [result["path"] for result in rows["in/pages.tif"]["results"]] == [
            "out/pages.tif",
            "out/pages-page2.tif",
        ]
        row = rows["in/a, b.png"]
        assert (row["model"], row["model_sha256"]) == ("tiny", sha256(tiny_weights))
        note = read_marks(Path("out/a, b.png")).note
        assert note is not None
        assert row["settings"] == note.settings
        assert row["settings"]["hints"]
        assert (row["width"], row["height"], row["repaired_share"]) == (80, 64, 0)
        assert rows["in/damaged.jpg"]["reason"].startswith("it ")
        assert rows["in/damaged.jpg"]["results"] == []
        assert rows["in/damaged.jpg"]["model"] == ""

    def test_csv_has_a_row_for_each_result(self, folder: Path, tiny_weights: Path) -> None:
        run(tiny_weights, "--manifest", "run.csv")
        with Path("run.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        results = {row["result"]: row for row in rows}
        assert sorted(results) == ["", "out/a, b.png", "out/pages-page2.tif", "out/pages.tif"]
        assert results["out/pages-page2.tif"]["page"] == "2"
        assert json.loads(results["out/a, b.png"]["settings"])["render_size"] == 64
        assert len(rows) == 5
        for name, row in results.items():
            assert row["result_sha256"] == (sha256(Path(name)) if name else "")

    def test_a_later_run_writes_over_it_but_over_nothing_else(self, folder: Path, tiny_weights: Path) -> None:
        for _ in range(2):
            run(tiny_weights, "--manifest", "run.jsonl", "--exclude", "damaged.jpg")
        rows = [json.loads(line) for line in Path("run.jsonl").read_text().splitlines()]
        assert {row["status"] for row in rows} == {"skipped"}
        assert all(row["settings"] == {} and row["model"] == "" for row in rows)
        assert any(row["results"] for row in rows)
        Path("other.csv").write_text("name,age\n")
        for name, message in (
            ("other.csv", "none of colorgan"), ("run.txt", "a manifest is a .jsonl or a .csv file"),
            ("in", "is a folder"),
        ):  # fmt: skip
            with pytest.raises(UsageError, match=message):
                run(tiny_weights, "--manifest", name)
        assert Path("other.csv").read_text() == "name,age\n"


def write_hints() -> Path:
    path = Path("hints.csv")
    path.write_text('file,x,y,color\n"a, b.png",5,5,#3355aa\n')
    return path


class TestSuffix:
    def test_of_results_and_not_of_copies(self, folder: Path) -> None:
        plan = plan_paths([folder], Path("out"), suffix="-coloured", color_input=ColorInput.COPY)
        names = {job.source.name: [path.name for path in job.results] for job in plan.jobs}
        assert names["a, b.png"] == ["a, b-coloured.png"]
        assert names["pages.tif"] == ["pages-coloured.tif", "pages-coloured-page2.tif"]
        assert {str(job.copy) for job in plan.jobs if job.source.name == "colour.png"} == {"out/colour.png"}

    def test_a_run_goes_on_where_it_ended(self, folder: Path, tiny_weights: Path) -> None:
        for _ in range(2):
            run(tiny_weights, "--suffix", "-coloured", "--include", "a*")
        assert [path.name for path in Path("out").iterdir()] == ["a, b-coloured.png"]

    def test_a_named_file_keeps_its_name(self, folder: Path) -> None:
        (job,) = plan_paths([folder / "a, b.png"], Path("out.png"), suffix="-coloured").jobs
        assert job.target == Path("out.png")

    @pytest.mark.parametrize("suffix", ["/x", "..\\x", "a\0"])
    def test_no_folders(self, folder: Path, suffix: str) -> None:
        with pytest.raises(UsageError, match="can hold no folder"):
            plan_paths([folder], Path("out"), suffix=suffix)


class TestKeyword:
    def test_each_is_in_the_result(self, folder: Path, tiny_weights: Path) -> None:
        run(tiny_weights, "--include", "a*", "--keyword", "coloured", "--keyword", "1923", "--strip-metadata")
        with Image.open("out/a, b.png") as image:
            xmp = image.info["xmp"].decode()
        assert "<rdf:li>coloured</rdf:li><rdf:li>1923</rdf:li>" in xmp

    @pytest.mark.parametrize("word", ["", "a\nb", "x" * 65])
    def test_nonsense(self, folder: Path, tiny_weights: Path, word: str) -> None:
        with pytest.raises(UsageError, match="takes a word of 1 to 64 bytes"):
            run(tiny_weights, "--keyword", word)
        assert not Path("out").exists()
