import csv
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.config import Degradation, Framing, ModelConfig, Occlusion, RenderConfig
from colorgan.data import find_photos
from colorgan.errors import DataError, EvaluationError, UsageError, WeightsNotFoundError
from colorgan.evaluation import (
    CORE_METRICS,
    EvaluationRequest,
    Protocol,
    Report,
    evaluate,
    evaluator,
    report_to_csv,
    report_to_json,
)
from colorgan.evaluation.candidates import GreyBaseline, MeanColorBaseline
from colorgan.evaluation.inputs import make_batch
from colorgan.model import build_generator
from colorgan.weights.file import LoadedGenerator
from support import draw_photo

COUNT = 5


def loaded(config: ModelConfig, name: str, seed: int = 0, **render: object) -> LoadedGenerator:
    torch.manual_seed(seed)
    network = build_generator(config).eval()
    torch.nn.init.normal_(network.color.weight, std=0.3)
    return LoadedGenerator(network, RenderConfig(size=32, **render), {"name": name}, name * 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    (folder / "deep").mkdir()
    for number in range(COUNT):
        draw_photo(number, (80, 64)).save(folder / "deep" / f"photo{number}.png")
    return folder


@pytest.fixture(scope="module")
def report(folder: Path, tiny_config: ModelConfig) -> Report:
    models = [loaded(tiny_config, "first"), loaded(tiny_config, "second", seed=1)]
    return evaluate(
        EvaluationRequest(folder, models, front=True, examples=2, protocol=Protocol(resamples=100), device="cpu")
    )


def figure(report: Report, key: str, candidate: str) -> float:
    return next(r.figure.value for r in report.rows if r.statistic.key == key and r.candidate == candidate)


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
        assert first.against_grey.value == pytest.approx(first.figure.value - grey.figure.value)
        assert first.against_first is None
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


class TestEvaluate:
    def measure(self, folder: Path, models: list, **options: object) -> Report:
        options = {"metrics": ["psnr"], "device": "cpu", "precision": "float32"} | options
        on_progress = options.pop("on_progress", None)
        return evaluate(EvaluationRequest(folder, models, **options), on_progress)

    def test_strength_0_is_grey(self, folder, tiny_config):
        report = self.measure(folder, [loaded(tiny_config, "m")], strength=0.0, metrics=["psnr", "colorfulness"])
        assert figure(report, "psnr", "m") == pytest.approx(figure(report, "psnr", "grey"), abs=0.02)
        assert figure(report, "colorfulness", "m") < 0.1

    def test_folding_for_speed_changes_rounding_only(self, folder, tiny_config, monkeypatch):
        model = loaded(tiny_config, "m")
        folded = self.measure(folder, [model], metrics=["psnr", "ab-rmse"])
        monkeypatch.setattr(evaluator, "prepare_for_inference", lambda network, dtype: network)
        plain = self.measure(folder, [model], metrics=["psnr", "ab-rmse"])
        for metric in ("psnr", "ab-rmse"):
            values = [report.candidates[2].values[metric] for report in (folded, plain)]
            assert np.abs(values[0] - values[1]).max() < 0.002

    def test_leaves_the_network_that_it_was_given_alone(self, folder, tiny_config):
        model = loaded(tiny_config, "m")
        before = {key: value.clone() for key, value in model.network.state_dict().items()}
        self.measure(folder, [model])
        after = model.network.state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)

    def test_overrides_are_stated(self, folder, tiny_config):
        report = self.measure(folder, [loaded(tiny_config, "m")], strength=0.5, render_size=64)
        assert report.candidates[2].facts["settings"] == "render size 64, strength 0.5"

    def test_is_reproducible(self, folder, tiny_config):
        protocol = Protocol(occlusion=Occlusion.PAPER, hints=2, degradation=Degradation.OLD_PHOTO, resamples=100)
        runs = [self.measure(folder, [loaded(tiny_config, "m")], protocol=protocol) for _ in range(2)]
        assert report_to_json(runs[0]) == report_to_json(runs[1])

    def test_ageing_leaves_the_grey_baseline_alone(self, folder, tiny_config):
        clean = self.measure(folder, [loaded(tiny_config, "m")])
        aged = self.measure(folder, [loaded(tiny_config, "m")], protocol=Protocol(degradation=Degradation.OLD_PHOTO))
        assert figure(clean, "psnr", "grey") == figure(aged, "psnr", "grey")
        assert figure(clean, "psnr", "m") != figure(aged, "psnr", "m")

    def test_missing_luminance_costs(self, folder, tiny_config):
        clean = self.measure(folder, [loaded(tiny_config, "m")])
        patchy = self.measure(folder, [loaded(tiny_config, "m")], protocol=Protocol(occlusion=Occlusion.PAPER))
        assert figure(patchy, "psnr", "grey") < figure(clean, "psnr", "grey")
        assert figure(patchy, "psnr-missing", "grey") < figure(patchy, "psnr", "grey")
        assert [metric.name for metric in clean.metrics] == ["psnr"]
        assert figure(patchy, "psnr", "m") != figure(clean, "psnr", "m")

    def test_repair_is_measured_where_luminance_was_missing(self, folder, tiny_config):
        def grey_in_holes(model):
            report = self.measure(folder, [model], protocol=Protocol(occlusion=Occlusion.RECTANGLES))
            return figure(report, "psnr-repair", "m"), figure(report, "psnr-repair", "grey")

        repaired, mid_grey = grey_in_holes(loaded(tiny_config, "m"))
        assert repaired > mid_grey + 1
        passed_through, mid_grey = grey_in_holes(loaded(dataclasses.replace(tiny_config, repair_widths=()), "m"))
        assert passed_through == pytest.approx(mid_grey, abs=0.1)  # and not the photograph's own

    def test_hints_reach_the_network(self, folder, tiny_config):
        model = loaded(tiny_config, "m")
        torch.nn.init.normal_(model.network.encoder.canvas.weight)
        plain = self.measure(folder, [model])
        hinted = self.measure(folder, [model], protocol=Protocol(hints=20))
        assert figure(plain, "psnr", "m") != figure(hinted, "psnr", "m")

    def test_full_size_and_several_shapes(self, tmp_path, tiny_config):
        for number, size in enumerate([(80, 64), (80, 64), (33, 90), (80, 64)]):
            draw_photo(number, size).save(tmp_path / f"{number}.png")
        report = self.measure(tmp_path, [loaded(tiny_config, "m")], protocol=Protocol(framing=Framing.FULL))
        assert len(report.names) == 4
        alone = self.measure(
            find_photos(tmp_path)[2:3], [loaded(tiny_config, "m")], protocol=Protocol(framing=Framing.FULL)
        )
        assert report.candidates[2].values["psnr"][2] == pytest.approx(alone.candidates[2].values["psnr"][0], abs=1e-3)

    def test_grey_and_damaged_pictures_are_left_out_and_named(self, tmp_path, tiny_config):
        draw_photo(1).save(tmp_path / "good.png")
        draw_photo(2).convert("L").save(tmp_path / "grey.png")
        (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
        report = self.measure(tmp_path, [loaded(tiny_config, "m")])
        assert report.names == ("good.png",)
        assert [name for name, _ in report.left_out] == ["grey.png", "torn.jpg"]
        assert report.left_out_counts == {"grey or nearly so": 1, "cannot be read": 1}

    def test_nothing_but_grey_is_an_error(self, tmp_path, tiny_config):
        draw_photo(2).convert("L").save(tmp_path / "grey.png")
        with pytest.raises(EvaluationError, match=r"none of 1 photographs .* grey\.png: grey"):
            self.measure(tmp_path, [loaded(tiny_config, "m")])

    def test_progress_ends_at_the_end(self, folder, tiny_config):
        heard = []
        self.measure(folder, [loaded(tiny_config, "m")], on_progress=lambda *event: heard.append(event))
        assert heard[-1] == ("measuring", COUNT, COUNT)

    @pytest.mark.parametrize(
        ("weights", "error", "message"),
        [
            ([], UsageError, "nothing to measure"),
            (["no/such/file.pt"], WeightsNotFoundError, "no/such/file.pt"),
        ],
    )
    def test_bad_weights(self, folder, weights, error, message):
        with pytest.raises(error, match=message):
            evaluate(EvaluationRequest(folder, weights))

    def test_the_same_weights_twice_are_refused(self, folder, tiny_config):
        with pytest.raises(UsageError, match="given twice"):
            evaluate(EvaluationRequest(folder, [loaded(tiny_config, "m"), loaded(tiny_config, "m")]))

    def test_no_such_folder(self, tmp_path):
        with pytest.raises(DataError):
            evaluate(EvaluationRequest(tmp_path / "nowhere"))


class TestPairs:
    @pytest.fixture
    def perfect(self, folder: Path, tmp_path: Path) -> Path:
        (tmp_path / "out" / "deep").mkdir(parents=True)
        for photo in sorted((folder / "deep").iterdir())[:3]:
            Image.open(photo).save(tmp_path / "out" / "deep" / f"{photo.stem}.webp", lossless=True)
        draw_photo(9).save(tmp_path / "out" / "stranger.png")
        return tmp_path / "out"

    def test_the_photographs_themselves_are_perfect(self, folder, perfect):
        report = evaluate(EvaluationRequest(folder, [], pairs=perfect, device="cpu"))
        name = str(perfect)
        assert report.names == ("deep/photo0.png", "deep/photo1.png", "deep/photo2.png")
        assert [n for n, reason in report.left_out if "coloured" in reason] == [
            "deep/photo3.png",
            "deep/photo4.png",
            "stranger.png",
        ]
        assert figure(report, "psnr", name) == pytest.approx(100)
        assert figure(report, "ssim", name) == pytest.approx(1)
        assert figure(report, "delta-e", name) == pytest.approx(0, abs=1e-3)
        assert figure(report, "ab-rmse", name) == pytest.approx(0, abs=1e-3)
        assert figure(report, "colorfulness-share", name) == pytest.approx(1)

    def test_stands_beside_a_model(self, folder, perfect, tiny_config):
        report = evaluate(
            EvaluationRequest(folder, [loaded(tiny_config, "m")], pairs=perfect, metrics=["psnr"], device="cpu")
        )
        row = next(r for r in report.rows if r.statistic.key == "psnr" and r.candidate == str(perfect))
        assert row.against_first.low > 0

    def test_pictures_of_another_size_need_a_squash(self, folder, perfect):
        Image.new("RGB", (10, 10)).save(perfect / "deep" / "photo0.webp")
        with pytest.raises(EvaluationError, match="10 x 10 pixels, its original 80 x 64"):
            evaluate(
                EvaluationRequest(folder, [], pairs=perfect, protocol=Protocol(framing=Framing.FULL), device="cpu")
            )


class TestBaselines:
    def test_grey_keeps_the_luminance_to_8_bits(self):
        image = draw_photo(1, (32, 32)).convert("L").convert("RGB")
        batch = make_batch(["a"], [image], Protocol())
        assert torch.equal((GreyBaseline().color(batch) * 255).round(), (batch.target * 255).round())

    def test_mean_colour_is_the_colour_given(self):
        batch = make_batch(["a"], [Image.new("RGB", (8, 8), (120, 120, 120))], Protocol())
        tinted = make_batch(["a"], [_to_image(MeanColorBaseline((10.0, -20.0)).color(batch)[0])], Protocol())
        torch.testing.assert_close(tinted.lab[0, 1:].mean((1, 2)), torch.tensor([10.0, -20.0]), atol=0.5, rtol=0)


def _to_image(rgb: torch.Tensor) -> Image.Image:
    return Image.fromarray((rgb * 255).round().byte().permute(1, 2, 0).numpy())


def test_protocol_refuses_what_cannot_be_meant() -> None:
    with pytest.raises(UsageError, match="hints"):
        Protocol(hints=-1)
    with pytest.raises(UsageError, match="resamples must be in 100"):
        Protocol(resamples=1)


def test_protocol_describes_every_damage() -> None:
    protocol = Protocol(occlusion=Occlusion.SCRATCHES, degradation=Degradation.OLD_PHOTO, hints=7)
    text = " ".join(protocol.describe().values())
    assert all(word in text for word in ("scratches", "aged", "7 true colour hints", "before ageing", "mid-grey"))
