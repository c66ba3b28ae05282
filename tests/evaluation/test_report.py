"""The report of an evaluation: its figures, JSON and CSV."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorgan.config import ModelConfig
from colorgan.evaluation import (
    CORE_METRICS,
    EvaluationRequest,
    Protocol,
    Report,
    evaluate,
    report_to_csv,
    report_to_json,
)
from evaluation_support import COUNT, figure, make_loaded


@pytest.fixture(scope="module")
def report(folder: Path, tiny_config: ModelConfig) -> Report:
    models = [make_loaded(tiny_config, "first"), make_loaded(tiny_config, "second", seed=1)]
    return evaluate(
        EvaluationRequest(folder, models, front=True, examples=2, protocol=Protocol(resamples=100), device="cpu")
    )


class TestReport:
    def test_measures_baselines_and_models_on_the_same_pictures(self, report):
        assert [c.name for c in report.candidates] == ["grey", "mean colour", "first", "second"]
        assert report.names == tuple(f"deep/photo{n}.png" for n in range(COUNT))
        for candidate in report.candidates:
            assert set(candidate.values) == set(CORE_METRICS)
            assert all(values.shape == (COUNT,) for values in candidate.values.values())
        assert report.photographs["colorfulness"].shape == (COUNT,)

    def test_grey_has_no_colour_and_the_mean_colour_has(self, report):
        assert figure(report, "colorfulness", "grey") == 0
        assert figure(report, "colorfulness-share", "grey") == 0
        assert 0 < figure(report, "colorfulness", "mean colour") < figure(report, "colorfulness", "photographs")

    def test_differences_are_those_of_the_figures(self, report):
        rows = {r.candidate: r for r in report.rows if r.statistic.key == "psnr"}
        assert rows["grey"].against_grey is None
        assert rows["mean colour"].against_grey is None
        grey, first, second = (rows[name] for name in ("grey", "first", "second"))
        assert first.against_grey is not None
        assert first.against_grey.value == pytest.approx(first.figure.value - grey.figure.value)
        assert first.against_first is None
        assert second.against_first is not None
        assert second.against_first.value == pytest.approx(second.figure.value - first.figure.value)
        assert second.against_first.low <= second.against_first.value <= second.against_first.high

    def test_front_at_strength_1_is_the_table(self, report):
        sweep = report.sweeps[0]
        gain = sweep.gains[sweep.strengths.index(1.0)]
        expected = figure(report, "psnr", "first") - figure(report, "psnr", "grey")
        assert gain == pytest.approx(expected, abs=0.02)  # the sweep's own grey goes through the gamut's rounding
        assert sweep.shares[sweep.strengths.index(1.0)] == pytest.approx(
            figure(report, "colorfulness-share", "first"), rel=1e-3
        )
        assert sweep.gains[0] == sweep.shares[0] == 0

    def test_examples_are_the_ends(self, report):
        gains = report.candidates[2].values["psnr"] - report.candidates[0].values["psnr"]
        order = np.argsort(gains)
        assert [e.name for e in report.examples["worst"]] == [report.names[n] for n in order[:2]]
        assert [e.name for e in report.examples["best"]] == [report.names[n] for n in order[::-1][:2]]
        assert Image.open(io.BytesIO(report.examples["worst"][0].coloured)).size == (256, 256)

    def test_json_holds_protocol_weights_and_figures(self, report):
        content = json.loads(report_to_json(report))
        assert content["protocol"]["framing"] == "squash256"
        assert content["protocol"]["description"]["luminance"].startswith("kept")
        assert content["candidates"][2]["sha256"] == "first" * 8
        assert {"colorgan", "torch", "device"} <= content["environment"].keys()
        assert content["pictures"] == COUNT
        psnr = [f for f in content["figures"] if f["figure"] == "psnr" and f["candidate"] == "second"]
        assert psnr[0]["value"] == pytest.approx(figure(report, "psnr", "second"))
        assert psnr[0]["better"] == "higher"
        assert "against_first" in psnr[0]
        assert content["fronts"][0]["gain_at_share"][0]["share"] == 0.56

    def test_csv_has_a_line_for_each_picture_and_candidate(self, report):
        rows = list(csv.DictReader(io.StringIO(report_to_csv(report))))
        assert len(rows) == COUNT * 5
        line = next(r for r in rows if r["picture"] == "deep/photo3.png" and r["candidate"] == "first")
        assert float(line["psnr"]) == pytest.approx(report.candidates[2].values["psnr"][3], rel=1e-5)
        line = next(r for r in rows if r["candidate"] == "photographs")
        assert line["psnr"] == ""
        assert float(line["colorfulness"]) > 0
