import csv
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from colorgan.cli import app
from colorgan.config import ModelConfig, RenderConfig
from colorgan.data.run_record import write_record
from colorgan.errors import UsageError
from colorgan.model import build_generator
from colorgan.weights.file import save_generator
from support import draw_photo, run_colorgan


@pytest.fixture
def weights(tmp_path: Path, tiny_config: ModelConfig) -> Path:
    save_generator(tmp_path / "tiny.pt", build_generator(tiny_config), render=RenderConfig(size=32))
    return tmp_path / "tiny.pt"


def run_eval(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def test_prints_protocol_direction_unit_and_baselines(photo_folder, weights):
    result = run_eval("--data", photo_folder(3), "--weights", weights, "--metric", "psnr", "--metric", "colorfulness")
    assert result.exception is None
    assert "3 photographs" in result.stderr
    lines = result.stdout.splitlines()
    assert any("squashed to 256 x 256" in line for line in lines)
    assert any("PSNR (dB; higher is better)" in line and "grey" in line for line in lines)
    for text in ("mean colour", str(weights), "photographs", "8-bit levels", "device cpu", "strength 1"):
        assert text in result.stdout


def test_json_alone_is_on_stdout(photo_folder, weights):
    result = run_eval("--data", photo_folder(2), "--weights", weights, "--metric", "psnr", "--json", "--quiet")
    content = json.loads(result.stdout)
    assert content["pictures"] == 2
    assert result.stderr == ""


def test_writes_page_and_table(photo_folder, weights, tmp_path):
    page, table = tmp_path / "report.html", tmp_path / "each.csv"
    arguments = ["--data", photo_folder(3), "--weights", weights, "--metric", "psnr", "--front"]
    result = run_eval(*arguments, "--report", page, "--per-image", table)
    assert result.exception is None
    assert "at colourfulness 0.56" in result.stdout
    assert page.read_text().count("<img") == 9
    assert len(table.read_text().splitlines()) == 1 + 3 * 4


def test_names_that_are_not_utf8_are_escaped_everywhere(photo_folder, weights, tmp_path):
    """With damage and hints, whose seeds come from the names."""
    photos = photo_folder(2)
    os.rename(photos / "photo001.png", os.fsencode(photos) + b"/caf\xe9.png")  # noqa: PTH104 - bytes
    (photos / os.fsdecode(b"bad\xff.png")).write_bytes(b"no picture")
    page, table = tmp_path / "report.html", tmp_path / "each.csv"
    options = ["--occlusion", "scratches", "--degrade", "old-photo", "--hints", 2, "--json"]
    arguments = ["--data", photos, "--weights", weights, "--metric", "psnr", *options]
    result = run_eval(*arguments, "--report", page, "--per-image", table)
    assert result.exception is None
    left_out = json.loads(result.stdout)["left_out"]
    assert left_out[0]["name"] == r"bad\xff.png"
    assert r"bad\xff.png" in left_out[0]["reason"]
    with table.open(encoding="utf-8", newline="") as file:
        assert {row["picture"] for row in csv.DictReader(file)} == {"photo000.png", r"caf\xe9.png"}
    assert r"caf\xe9.png" in page.read_text(encoding="utf-8")


def test_pairs_are_found_in_any_unicode_form(tmp_path):
    for folder, name in (("photos", "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png"), ("coloured", "cafe\u0301.PNG")):
        (tmp_path / folder).mkdir()
        draw_photo(1).save(tmp_path / folder / name)
    result = run_eval("--data", tmp_path / "photos", "--pairs", tmp_path / "coloured", "--metric", "psnr", "--json")
    assert json.loads(result.stdout)["pictures"] == 1


def test_after_a_training_run_nothing_else_need_be_said(photo_folder, tiny_config, tmp_path, monkeypatch):
    photos, run = photo_folder(3), tmp_path / "runs" / "first"
    run.mkdir(parents=True)
    write_record(run, photos, photos, ["photo001.png"], {})
    save_generator(run / "best.safetensors", build_generator(tiny_config))
    monkeypatch.chdir(tmp_path)
    result = run_eval("--metric", "psnr", "--json")
    content = json.loads(result.stdout)
    assert content["pictures"] == 1
    assert content["candidates"][2]["name"] == str(Path("runs/first/best.safetensors"))


def test_pairs_alone_measure_no_model(photo_folder, tmp_path):
    photos = photo_folder(2)
    result = run_eval("--data", photos, "--pairs", photos, "--metric", "psnr", "--json")
    assert [c["name"] for c in json.loads(result.stdout)["candidates"]] == ["grey", "mean colour", str(photos)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "psrn"], "did you mean 'psnr'"),
        (["--backbone", "squeezenet1_1"], "NAME=FILE"),
        (["--report", "no/such/folder/report.html"], "there is no folder"),
        (["--report", "photos"], "is a folder; give the name of a file in it"),
        (["--report", "photos/photo000.png"], "is one of the photographs to measure on"),
        (["--per-image", "link.csv"], "is one of the photographs to measure on"),
        (["--report", "same", "--per-image", "./same"], "give two names"),
        (["--per-image", "y" * 300 + "/a.csv"], "cannot be looked at: its name is too long"),
        (["--data", "y" * 300], "cannot be looked at: its name is too long"),
        (["--labels", "many.csv", "--metric", "top5"], "field larger than field limit"),
        (["--labels", "digits.csv", "--metric", "top5"], "line 2: expected a name and a class number 0..999"),
        (["--labels", "gone.csv", "--metric", "top5"], "the labels gone.csv cannot be read: there is no such file"),
    ],
)
def test_wrong_use_is_a_sentence(photo_folder, weights, arguments, message, tmp_path, monkeypatch):
    photos = photo_folder(1)
    before = (photos / "photo000.png").read_bytes()
    (tmp_path / "link.csv").symlink_to(photos / "photo000.png")
    (tmp_path / "many.csv").write_text("photo000.png," + "1" * 200_000)
    (tmp_path / "digits.csv").write_text("photo000.png,1\nphoto001.png," + "1" * 5000)
    monkeypatch.chdir(tmp_path)
    result = run_eval("--data", photos, "--weights", weights, *arguments)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert len(str(result.exception)) < 1000
    assert (photos / "photo000.png").read_bytes() == before


def test_strength_is_bounded_as_for_colorize(photo_folder, weights):
    result = run_eval("--data", photo_folder(1), "--weights", weights, "--strength", 2.5)
    assert result.exit_code == 2
    assert "'--strength'" in result.stderr


def test_without_photographs_a_sentence_says_what_to_pass(tmp_path):
    result = run_colorgan("eval", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("colorgan: there is nothing to measure on")
    assert "--data" in result.stderr
    assert len(result.stderr.splitlines()) == 1
