"""The Fréchet inception distance, on torch-fidelity's own network with random weights."""

import builtins
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from colorgan.errors import EvaluationError, WeightsInvalidError
from colorgan.evaluation import EvaluationRequest, evaluate, report_to_csv, report_to_html, report_to_json
from colorgan.evaluation.fid import build_inception, frechet_distance
from support import draw_photo

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the layout of the published file."""
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3", reason="needs torch-fidelity")
    path = tmp_path_factory.mktemp("backbones") / "inception.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = module.FeatureExtractorInceptionV3("random", ["2048"])
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        draw_photo(number, (64, 64)).save(tmp_path / f"{number}.png")
    return tmp_path


def draw_features(count: int, seed: int, size: int = 2048) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0.4 + 0.1 * seed, rng.uniform(0.1, 0.5, (size, 1)), (size, count))


def expected_distance(real: np.ndarray, made: np.ndarray) -> float:
    """The formula itself: the trace of the root of the product is the nuclear norm of the centred sets' product."""
    (a, b), difference = (x - x.mean(1, keepdims=True) for x in (real, made)), real.mean(1) - made.mean(1)
    a, b = a / (real.shape[1] - 1) ** 0.5, b / (made.shape[1] - 1) ** 0.5
    cross = np.linalg.svd(a.T @ b, compute_uv=False).sum()
    return float(difference @ difference + (a * a).sum() + (b * b).sum() - 2 * cross)


class TestFrechetDistance:
    @pytest.fixture(autouse=True)
    def _needs_torchmetrics(self) -> None:
        pytest.importorskip("torchmetrics")

    @pytest.mark.parametrize(("counts", "size"), [((6, 9), 2048), ((200, 150), 40)])
    def test_is_the_formula(self, counts, size):
        real, made = (draw_features(n, seed, size) for seed, n in enumerate(counts))
        assert frechet_distance(real, made) == pytest.approx(expected_distance(real, made), rel=1e-4)

    def test_is_0_for_the_same_set(self):
        real = draw_features(8, 0)
        assert frechet_distance(real, real) == pytest.approx(0, abs=1e-3)

    def test_is_torchmetrics_without_the_detour(self):
        from torchmetrics.image.fid import FrechetInceptionDistance

        real, made = draw_features(60, 0, 30), draw_features(50, 1, 30)
        layer = nn.Identity()
        layer.num_features = 30  # type: ignore[assignment]  # torchmetrics asks for it
        metric = FrechetInceptionDistance(layer)
        metric.update(torch.from_numpy(real.T), real=True)
        metric.update(torch.from_numpy(made.T), real=False)
        assert frechet_distance(real, made) == pytest.approx(float(metric.compute()), rel=1e-5)

    def test_one_picture_is_no_set(self):
        with pytest.raises(EvaluationError, match="needs 2 or more"):
            frechet_distance(draw_features(1, 0, 4), draw_features(1, 1, 4))


class TestBuildInception:
    def test_features_are_those_of_the_network_in_the_file(self, inception_file):
        extract = build_inception(torch.load(inception_file, weights_only=True), CPU)
        module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
        network = module.FeatureExtractorInceptionV3("same", ["2048"], str(inception_file))
        pixels = torch.from_numpy(np.stack([np.asarray(draw_photo(n, (64, 48))) for n in range(2)])).permute(0, 3, 1, 2)
        features = extract(pixels.float() / 255)
        assert features.shape == (2048, 2)
        torch.testing.assert_close(features, network(pixels)[0].T)
        assert features.std() > 0.01

    def test_another_network_is_refused_in_one_sentence(self):
        pytest.importorskip("torch_fidelity")
        with pytest.raises(WeightsInvalidError, match="another network than torch-fidelity's Inception; run `colorgan"):
            build_inception({"weight": torch.zeros(3)}, CPU)


@pytest.mark.parametrize(
    "call", [lambda: build_inception({}, CPU), lambda: frechet_distance(draw_features(3, 0, 4), draw_features(3, 1, 4))]
)
def test_a_missing_extra_is_one_sentence(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> object:
        if name.partition(".")[0] in ("torchmetrics", "torch_fidelity"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(EvaluationError, match=r"install them with `pip install 'colorgan\[metrics\]'`"):
        call()


def test_stands_in_the_report_as_one_figure_for_the_set(folder: Path, inception_file: Path) -> None:
    report = evaluate(
        EvaluationRequest(
            folder, [], metrics=["psnr", "fid"], pairs=folder, backbones={"inception_fid": inception_file}, device="cpu"
        )
    )
    rows = {row.candidate: row for row in report.rows if row.statistic.key == "fid"}
    assert list(rows) == ["grey", "mean colour", str(folder)]
    assert rows[str(folder)].figure.value == pytest.approx(0, abs=0.01 * rows["grey"].figure.value)
    assert rows["grey"].figure.value > 0
    difference = rows[str(folder)].against_grey
    assert difference is not None
    assert difference.value == rows[str(folder)].figure.value - rows["grey"].figure.value
    figures = [f for f in json.loads(report_to_json(report))["figures"] if f["figure"] == "fid"]
    assert [figure["low"] for figure in figures] == [None] * 3
    assert report_to_csv(report).startswith("picture,candidate,psnr\n")
    assert "nan" not in report_to_html(report).partition("<h2>Figures")[2]
