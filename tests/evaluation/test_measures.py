from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models import squeezenet1_1
from torchvision.models.vgg import vgg19

from colorgan.color import rgb_to_lab
from colorgan.config import Occlusion
from colorgan.errors import UsageError, WeightsNotFoundError
from colorgan.evaluation.inputs import make_batch
from colorgan.evaluation.measures import (
    CORE_METRICS,
    METRICS,
    Comparison,
    Measure,
    build_measures,
    choose_metrics,
    find_labels,
    read_labels,
)
from colorgan.evaluation.protocol import Protocol
from colorgan.metrics import ab_rmse_of_lab, delta_e_2000
from support import draw_photo

CPU = torch.device("cpu")


def build(names: list[str], **tools: Any) -> list[Measure]:
    return build_measures(choose_metrics(names), **tools)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    batch = make_batch(["0001_a", "0002_b"], [draw_photo(n, (64, 64)) for n in range(2)], Protocol())
    return Comparison(batch.target.flip(0), batch)


@pytest.fixture(scope="module")
def squeezenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("backbones") / "squeezenet.pth"
    torch.save(squeezenet1_1(weights=None).state_dict(), path)
    return path


class TestChooseMetrics:
    def test_where_luminance_is_missing_more_is_measured_beside_the_psnr(self):
        assert [m.name for m in choose_metrics(["ssim", "psnr"])] == ["ssim", "psnr"]
        chosen = [m.name for m in choose_metrics(["ssim", "psnr"], Occlusion.SCRATCHES)]
        assert chosen == ["ssim", "psnr", "psnr-missing", "psnr-repair"]
        assert [m.name for m in choose_metrics(["ssim"], Occlusion.SCRATCHES)] == ["ssim"]

    def test_once_each(self):
        assert [m.name for m in choose_metrics(["psnr", "ssim", "psnr"])] == ["psnr", "ssim"]

    def test_the_core_is_what_needs_no_files(self):
        assert CORE_METRICS == ("psnr", "ssim", "colorfulness", "delta-e", "ab-rmse")

    @pytest.mark.parametrize("name", ["colourfulness", "zzz"])
    def test_an_unknown_one_lists_all(self, name):
        with pytest.raises(UsageError, match=f"unknown metric '{name}'.* are psnr, .*, size-stability"):
            choose_metrics([name])


class TestBuildMeasures:
    def test_lab_metrics_are_those_of_the_library(self, comparison):
        measured = {m.name: m.compute(comparison) for m in build(["delta-e", "ab-rmse"], device=CPU)}
        labs = rgb_to_lab(comparison.coloured), rgb_to_lab(comparison.batch.target)
        torch.testing.assert_close(measured["delta-e"], delta_e_2000(*labs).mean((1, 2)))
        torch.testing.assert_close(measured["ab-rmse"], ab_rmse_of_lab(*labs))

    def test_size_stability_is_the_distance_of_two_answers(self, comparison):
        (measure,) = build(["size-stability"], device=CPU)
        answers = {192: torch.zeros(2, 2, 12, 12), 384: torch.zeros(2, 2, 24, 24)}
        answers[192][1, 0], answers[192][1, 1] = 3.0, -4.0
        measured = measure.compute(Comparison(comparison.coloured, comparison.batch, answers.__getitem__))
        torch.testing.assert_close(measured, torch.tensor([0.0, 5.0]))
        assert not measure.compute(comparison).any()

    def test_a_misspelt_metric_names_the_near_one(self):
        with pytest.raises(UsageError, match="unknown metric 'colourfulness'; did you mean 'colorfulness'"):
            build(["colourfulness"], device=CPU)

    @pytest.mark.parametrize(
        ("metric", "backbone"), [("perceptual", "vgg19"), ("top5", "squeezenet1_1"), ("fid", "inception_fid")]
    )
    def test_a_missing_backbone_is_one_sentence(self, metric, backbone):
        with pytest.raises(WeightsNotFoundError, match=f"{metric} needs .* `colorgan download-weights {backbone}`"):
            build([metric], device=CPU, labels={})

    def test_top5_needs_labels(self, squeezenet_file):
        with pytest.raises(UsageError, match="--labels"):
            build(["top5"], device=CPU, backbones={"squeezenet1_1": squeezenet_file})

    def test_top5_is_the_networks_verdict(self, comparison, squeezenet_file):
        network = squeezenet1_1(weights=None).eval()
        network.load_state_dict(torch.load(squeezenet_file, weights_only=True))
        larger = torch.nn.functional.interpolate(comparison.coloured, size=(256, 256), mode="bilinear", antialias=True)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        logits = network((larger[..., 16:240, 16:240] - mean.view(3, 1, 1)) / std.view(3, 1, 1))
        order = logits.argsort(1, descending=True)
        labels = {"0001_a": int(order[0, 4]), "0002_b": int(order[1, 5])}  # the fifth, and the sixth
        files = {"squeezenet1_1": squeezenet_file}
        (measure,) = build(["top5"], device=CPU, labels=labels, backbones=files)
        with torch.inference_mode():
            assert measure.compute(comparison).tolist() == [1, 0]

    def test_lpips_takes_its_backbone_from_the_file(self, comparison, squeezenet_file):
        pytest.importorskip("torchmetrics")
        before = torch.hub.get_dir()
        (measure,) = build(["lpips"], device=CPU, backbones={"squeezenet1_1": squeezenet_file})
        assert torch.hub.get_dir() == before
        with torch.inference_mode():
            values = measure.compute(comparison)
            same = measure.compute(Comparison(comparison.batch.target, comparison.batch))
        assert values.shape == (2,)
        assert values.min() > 0
        assert same.tolist() == pytest.approx([0, 0], abs=1e-6)

    def test_perceptual_is_one_value_a_picture(self, comparison, tmp_path):
        def shrunk(state: dict[str, Tensor]) -> dict[str, Tensor]:  # all that the taps need, none of the classifier
            return {k: v for k, v in state.items() if k.startswith("features") and int(k.split(".")[1]) <= 25}

        torch.save(shrunk(vgg19(weights=None, init_weights=False).state_dict()), tmp_path / "vgg19.pth")
        (measure,) = build(["perceptual"], device=CPU, backbones={"vgg19": tmp_path / "vgg19.pth"})
        with torch.inference_mode():
            values = measure.compute(comparison)
            same = measure.compute(Comparison(comparison.batch.target, comparison.batch))
        assert values.shape == (2,)
        assert values.min() > 0
        assert same.tolist() == [0, 0]

    def test_all_names_are_known(self):
        for name in METRICS:
            try:
                build([name], device=CPU, labels={})
            except WeightsNotFoundError:
                continue


class TestLabels:
    def test_from_names(self):
        names = ["val/n01440764/0000_n01440764_tench.avif", "0999_x.jpg"]
        assert find_labels(names) == {names[0]: 0, names[1]: 999}

    @pytest.mark.parametrize("name", ["cat.jpg", "12_cat.jpg", "1000_cat.jpg", "2024_01_holiday.jpg"])
    def test_other_names_carry_none(self, name):
        assert find_labels(["0001_a.jpg", name]) is None

    def test_from_a_file(self, tmp_path):
        (tmp_path / "labels.csv").write_text("name,class\nval/a.jpg,3\nb.jpg, 999\n")
        labels = read_labels(tmp_path / "labels.csv")
        assert labels == {"val/a.jpg": 3, "b.jpg": 999}
        assert find_labels(["b.jpg"], labels) == {"b.jpg": 999}
        with pytest.raises(UsageError, match=r"no class for c\.jpg"):
            find_labels(["b.jpg", "c.jpg"], labels)

    def test_a_bad_line_is_named(self, tmp_path):
        (tmp_path / "labels.csv").write_text("a.jpg,3\nb.jpg,tench\n")
        with pytest.raises(UsageError, match="line 2"):
            read_labels(tmp_path / "labels.csv")
