"""Each example runs as a person would call it, with settings that make it quick."""

import importlib.util
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support import draw_photo
from training_support import TINY

FOLDER = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def load(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photos(photo_folder, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return photo_folder(8)


@pytest.fixture
def quick_training(monkeypatch) -> None:
    """Let every run be tiny and stay in this process."""
    from colorgan import training

    def quick(**options):
        changes = (*options.pop("overrides", ()), *TINY)
        return options_of(**options, overrides=changes, workers=0, device="cpu", precision="float32")

    options_of = training.TrainingOptions
    monkeypatch.setattr(training, "TrainingOptions", quick)


def test_each_is_listed_and_says_how_it_is_called():
    listed = re.findall(r"\| \[(\w+)\.py\]", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == NAMES
    for name in NAMES:
        assert f"\npython examples/{name}.py " in (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        assert f"{name}" in Path(__file__).read_text(encoding="utf-8").partition("# --- runs")[2]


# --- runs -------------------------------------------------------------------------------------------------------------


def test_colour_from_python(photos, tmp_path):
    draw_photo(3, (90, 60)).convert("L").save(tmp_path / "old.jpg")
    load("colour_from_python").main([str(tmp_path / "old.jpg"), "--to", "coloured", "--hint", "50,95=#30a030"])
    with Image.open("coloured/old.png") as coloured:
        assert coloured.size == (90, 60)
        red, green, blue = np.asarray(coloured)[57, 45].astype(int)
    assert green > max(red, blue)


def test_train_from_folder(photos, quick_training, capsys):
    photograph = str(photos / "photo000.png")
    load("train_from_folder").main(
        [str(photos), "--recipe", "debug", "--steps", "2", "--run-dir", "run", "--try", photograph]
    )
    assert "step 2: PSNR" in capsys.readouterr().out
    with Image.open("run/tried.png") as tried:
        assert tried.size == (80, 64)


def test_fine_tune_archive(photo_folder, tmp_path, monkeypatch, quick_training, capsys):
    import torch

    from colorgan.model import build_generator
    from colorgan.training import load_recipe
    from colorgan.weights.file import save_generator

    monkeypatch.chdir(tmp_path)
    archive = photo_folder(20, size=(40, 32))
    torch.manual_seed(0)
    save_generator(tmp_path / "first.pt", build_generator(load_recipe("debug", TINY).model))
    load("fine_tune_archive").main(
        [str(archive), "--weights", "first.pt", "--recipe", "debug", "--steps", "2", "--run-dir", "run"]
    )
    lines = capsys.readouterr().out.splitlines()
    compared = [line for line in lines if "against the first" in line]
    assert compared
    assert all("last" in line for line in compared), lines
    assert len(list(Path("run/photos/aside").iterdir())) == 2
    assert len(list(Path("run/photos/train").iterdir())) == 18


def test_score_other_program(photos, capsys):
    program = load("score_other_program")
    program.main([str(photos), "--write-grey", "grey"])
    for path in Path("grey").iterdir():
        with Image.open(path) as grey:
            assert grey.mode == "L"
    # The other program knows the truth, but for one picture that it does not colour.
    Path("coloured").mkdir()
    for path in sorted(photos.iterdir())[:-1]:
        Image.open(path).save(Path("coloured") / path.name)
    program.main([str(photos), "--coloured", "coloured", "--report", "report.html"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    psnr = {row[-5 + 1]: float(row[-3]) for row in rows if row and row[0] == "PSNR"}
    assert max(psnr.values()) == 100.0
    assert "<html" in Path("report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("service", ["mlflow", "wandb"])
def test_track_with_mlflow_or_wandb(photos, quick_training, monkeypatch, service):
    sent: list[tuple[int, set[str]]] = []
    calls: list[str] = []
    stand_in: Any = types.ModuleType(service)
    stand_in.start_run = lambda: calls.append("begin")
    stand_in.end_run = lambda: calls.append("end")
    stand_in.log_metrics = lambda numbers, step: sent.append((step, set(numbers)))
    run = types.SimpleNamespace(
        log=lambda numbers, step: sent.append((step, set(numbers))), finish=lambda: calls.append("end")
    )

    def init(project: str) -> types.SimpleNamespace:
        calls.append("begin")
        return run

    stand_in.init = init
    monkeypatch.setitem(sys.modules, service, stand_in)
    load("track_with_mlflow_or_wandb").main([str(photos), "--recipe", "debug", "--steps", "2", "--to", service])
    assert calls == ["begin", "end"]
    assert [step for step, names in sent if "train/total" in names] == [1, 2]
    assert any("validation/psnr" in names for _, names in sent)


GRAPH = """
<ir_version: 9, opset_import: ["" : 18]>
stand_in (float[1, 1, H, W] luminance) => (float[1, 2, 12, 9] ab)
<float[1, 2, 1, 1] colour = {%s, %s}, int64[4] shape = {1, 2, 12, 9}, float limit = {50.0}>
{
  bright = ReduceMean <keepdims = 1> (luminance)
  share = Div (bright, limit)
  one = Mul (colour, share)
  ab = Expand (one, shape)
}
"""


def write_stand_in(path, a, b):
    """Write a graph that gives every place the colour (a, b) times the mean L over 50."""
    onnx = pytest.importorskip("onnx")
    path.write_bytes(onnx.parser.parse_model(GRAPH % (float(a), float(b))).SerializeToString())


ALONE = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.modules.update(torch=None, colorgan=None)  # importing them fails
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(("a", "b"), [(0, 0), (6, -9), (-30, 45), (90, -110)])
def test_onnx_colorize(tmp_path, a, b):
    pytest.importorskip("onnxruntime")
    color = pytest.importorskip("skimage.color")
    write_stand_in(tmp_path / "graph.onnx", a, b)
    grey = draw_photo(5, (90, 120)).convert("L")
    grey.paste(0, (0, 0, 20, 20))
    grey.paste(255, (20, 0, 40, 20))
    grey.save(tmp_path / "old.png")
    program: list[Any] = [
        sys.executable,
        "-c",
        ALONE,
        FOLDER / "onnx_colorize.py",
        "graph.onnx",
        "old.png",
        "coloured.png",
    ]
    subprocess.run(program, cwd=tmp_path, check=True)
    with Image.open(tmp_path / "coloured.png") as opened:
        coloured = np.asarray(opened)
    wanted = color.rgb2lab(np.stack([np.asarray(grey)] * 3, -1))
    wanted[..., 1:] = np.array([a, b]) * wanted[..., 0].mean() / 50
    found = color.rgb2lab(coloured)
    assert coloured.shape == (120, 90, 3)
    assert np.abs(found[..., 0] - wanted[..., 0]).max() < 0.5  # to the rounding of 8 bits
    if abs(a) + abs(b) < 20:
        fits = (wanted[..., 0] > 20) & (wanted[..., 0] < 90)
        assert fits.mean() > 0.7
        assert np.abs(found - wanted)[fits].max() < 1
    else:  # what does not fit gives up chroma, in linear light, and keeps its hue roughly
        middle = (wanted[..., 0] > 40) & (wanted[..., 0] < 80)
        assert ((found[middle][:, 1] * a > 0) & (found[middle][:, 2] * b > 0)).all()
