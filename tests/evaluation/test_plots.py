"""The plots of a report."""

import dataclasses

import numpy as np

from colorgan.evaluation.plots import plot_distributions, plot_sweeps
from colorgan.evaluation.statistics import Interval
from colorgan.evaluation.sweep import StrengthSweep


class TestPlotDistributions:
    def test_equal_values_are_said_in_words(self):
        assert "same value" in plot_distributions({"grey": np.zeros(5)}, {"grey": 0}, "dB")

    def test_one_picture(self):
        assert "<svg" in plot_distributions({"a": np.array([1.0, 1.0, 2.0])}, {"a": 0}, "dB")

    def test_an_outline_a_candidate_that_varies(self):
        values = np.random.default_rng(0).normal(20, 3, (2, 50))
        columns = {"first": values[0], "second": values[1], "grey": np.zeros(50)}
        drawn = plot_distributions(columns, {"first": 0, "second": 1, "grey": 2}, "PSNR, dB")
        assert "Distribution of PSNR, dB" in drawn
        assert [name in drawn for name in columns] == [True, True, False]


class TestPlotSweeps:
    SWEEP = StrengthSweep(
        "first", (0.0, 1.0, 2.0), (0.0, 1.0, -1.0), (0.0, 0.5, 1.1), {0.56: None, 0.98: None}, Interval(1, 0.9, 1.1)
    )

    def test_a_line_a_model_and_a_dot_a_strength(self):
        second = dataclasses.replace(self.SWEEP, name="second")
        drawn = plot_sweeps([self.SWEEP, second], {"first": 0, "second": 1})
        assert drawn.count("<circle") == 2 * 3
        for text in ("first", "second", "strength 1", "strength 2", ">0.56<", ">0.98<"):
            assert text in drawn

    def test_marks_no_share_that_no_strength_reaches(self):
        dull = dataclasses.replace(self.SWEEP, shares=(0.0, 0.3, 0.6))
        drawn = plot_sweeps([dull], {"first": 0})
        assert ">0.56<" in drawn
        assert ">0.98<" not in drawn
