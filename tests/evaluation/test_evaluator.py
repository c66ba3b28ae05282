import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from colorgan.config import Degradation, Framing, Occlusion
from colorgan.data import PhotoFile, find_photos
from colorgan.errors import DataError, EvaluationError, UsageError, WeightsNotFoundError
from colorgan.evaluation import EvaluationRequest, Protocol, Report, evaluate, evaluator, report_to_json
from colorgan.evaluation.evaluator import OnProgress
from colorgan.weights.file import LoadedGenerator
from evaluation_support import COUNT, figure, make_loaded
from support import draw_photo


class TestEvaluate:
    def measure(
        self,
        data: Path | list[PhotoFile],
        models: list[LoadedGenerator],
        on_progress: OnProgress | None = None,
        **options: Any,
    ) -> Report:
        options = {"metrics": ["psnr"], "device": "cpu", "precision": "float32"} | options
        return evaluate(EvaluationRequest(data, models, **options), on_progress)

    def test_strength_0_is_grey(self, folder, tiny_config):
        report = self.measure(folder, [make_loaded(tiny_config, "m")], strength=0.0, metrics=["psnr", "colorfulness"])
        assert figure(report, "psnr", "m") == pytest.approx(figure(report, "psnr", "grey"), abs=0.02)
        assert figure(report, "colorfulness", "m") < 0.1

    def test_folding_for_speed_changes_rounding_only(self, folder, tiny_config, monkeypatch):
        model = make_loaded(tiny_config, "m")
        folded = self.measure(folder, [model], metrics=["psnr", "ab-rmse"])
        monkeypatch.setattr(evaluator, "prepare_for_inference", lambda network, dtype: network)
        plain = self.measure(folder, [model], metrics=["psnr", "ab-rmse"])
        for metric in ("psnr", "ab-rmse"):
            values = [report.candidates[2].values[metric] for report in (folded, plain)]
            assert np.abs(values[0] - values[1]).max() < 0.002

    def test_leaves_the_network_that_it_was_given_alone(self, folder, tiny_config):
        model = make_loaded(tiny_config, "m")
        before = {key: value.clone() for key, value in model.network.state_dict().items()}
        self.measure(folder, [model])
        after = model.network.state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)

    def test_overrides_are_stated(self, folder, tiny_config):
        report = self.measure(folder, [make_loaded(tiny_config, "m")], strength=0.5, render_size=64)
        assert report.candidates[2].facts["settings"] == "render size 64, strength 0.5"

    def test_is_reproducible(self, folder, tiny_config):
        protocol = Protocol(occlusion=Occlusion.PAPER, hints=2, degradation=Degradation.OLD_PHOTO, resamples=100)
        runs = [self.measure(folder, [make_loaded(tiny_config, "m")], protocol=protocol) for _ in range(2)]
        assert report_to_json(runs[0]) == report_to_json(runs[1])

    def test_ageing_leaves_the_grey_baseline_alone(self, folder, tiny_config):
        clean = self.measure(folder, [make_loaded(tiny_config, "m")])
        aged = self.measure(
            folder, [make_loaded(tiny_config, "m")], protocol=Protocol(degradation=Degradation.OLD_PHOTO)
        )
        assert figure(clean, "psnr", "grey") == figure(aged, "psnr", "grey")
        assert figure(clean, "psnr", "m") != figure(aged, "psnr", "m")

    def test_missing_luminance_costs(self, folder, tiny_config):
        clean = self.measure(folder, [make_loaded(tiny_config, "m")])
        patchy = self.measure(folder, [make_loaded(tiny_config, "m")], protocol=Protocol(occlusion=Occlusion.PAPER))
        assert figure(patchy, "psnr", "grey") < figure(clean, "psnr", "grey")
        assert figure(patchy, "psnr-missing", "grey") < figure(patchy, "psnr", "grey")
        assert [metric.name for metric in clean.metrics] == ["psnr"]
        assert figure(patchy, "psnr", "m") != figure(clean, "psnr", "m")

    def test_repair_is_measured_where_luminance_was_missing(self, folder, tiny_config):
        def grey_in_holes(model):
            report = self.measure(folder, [model], protocol=Protocol(occlusion=Occlusion.RECTANGLES))
            return figure(report, "psnr-repair", "m"), figure(report, "psnr-repair", "grey")

        repaired, mid_grey = grey_in_holes(make_loaded(tiny_config, "m"))
        assert repaired > mid_grey + 1
        passed_through, mid_grey = grey_in_holes(make_loaded(dataclasses.replace(tiny_config, repair_widths=()), "m"))
        assert passed_through == pytest.approx(mid_grey, abs=0.1)  # and not the photograph's own

    def test_hints_reach_the_network(self, folder, tiny_config):
        model = make_loaded(tiny_config, "m")
        torch.nn.init.normal_(model.network.encoder.canvas.weight)
        plain = self.measure(folder, [model])
        hinted = self.measure(folder, [model], protocol=Protocol(hints=20))
        assert figure(plain, "psnr", "m") != figure(hinted, "psnr", "m")

    def test_full_size_and_several_shapes(self, tmp_path, tiny_config):
        for number, size in enumerate([(80, 64), (80, 64), (33, 90), (80, 64)]):
            draw_photo(number, size).save(tmp_path / f"{number}.png")
        report = self.measure(tmp_path, [make_loaded(tiny_config, "m")], protocol=Protocol(framing=Framing.FULL))
        assert len(report.names) == 4
        alone = self.measure(
            find_photos(tmp_path)[2:3], [make_loaded(tiny_config, "m")], protocol=Protocol(framing=Framing.FULL)
        )
        assert report.candidates[2].values["psnr"][2] == pytest.approx(alone.candidates[2].values["psnr"][0], abs=1e-3)

    def test_grey_and_damaged_pictures_are_left_out_and_named(self, tmp_path, tiny_config):
        draw_photo(1).save(tmp_path / "good.png")
        draw_photo(2).convert("L").save(tmp_path / "grey.png")
        (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
        report = self.measure(tmp_path, [make_loaded(tiny_config, "m")])
        assert report.names == ("good.png",)
        assert [name for name, _ in report.left_out] == ["grey.png", "torn.jpg"]
        assert report.left_out_counts == {"grey or nearly so": 1, "cannot be read": 1}

    def test_nothing_but_grey_is_an_error(self, tmp_path, tiny_config):
        draw_photo(2).convert("L").save(tmp_path / "grey.png")
        with pytest.raises(EvaluationError, match=r"none of 1 photographs .* grey\.png: grey"):
            self.measure(tmp_path, [make_loaded(tiny_config, "m")])

    def test_progress_ends_at_the_end(self, folder, tiny_config):
        heard: list[tuple[str, int, int]] = []
        self.measure(folder, [make_loaded(tiny_config, "m")], on_progress=lambda *event: heard.append(event))
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
            evaluate(EvaluationRequest(folder, [make_loaded(tiny_config, "m"), make_loaded(tiny_config, "m")]))

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
            EvaluationRequest(folder, [make_loaded(tiny_config, "m")], pairs=perfect, metrics=["psnr"], device="cpu")
        )
        row = next(r for r in report.rows if r.statistic.key == "psnr" and r.candidate == str(perfect))
        assert row.against_first is not None
        assert row.against_first.low > 0

    def test_pictures_of_another_size_need_a_squash(self, folder, perfect):
        Image.new("RGB", (10, 10)).save(perfect / "deep" / "photo0.webp")
        with pytest.raises(EvaluationError, match="10 x 10 pixels, its original 80 x 64"):
            evaluate(
                EvaluationRequest(folder, [], pairs=perfect, protocol=Protocol(framing=Framing.FULL), device="cpu")
            )
