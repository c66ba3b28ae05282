"""What a run has done so far."""

import pytest

from colorgan.errors import CheckpointError
from colorgan.training.status import summarize_run

SCORE = {"psnr": 22.1, "grey_psnr": 21.9, "colorfulness": 20.0, "real_colorfulness": 40.0}


class TestSummarizeRun:
    def test_sums_up_a_run_that_goes_on(self, journal):
        for step in (10, 20):
            journal.write(
                "step",
                step=step,
                seconds=step * 3.0,
                progress=step / 80,
                total=1 / step,
                images_per_second=50,
                waiting=0.1,
            )
        journal.write("left_out", step=20, name="a.png", reason="nearly grey")
        journal.write("left_out", step=20, name="a.png", reason="nearly grey")
        journal.write("validation", step=15, score=0.5, **SCORE)
        journal.write("validation", step=20, score=0.2, **SCORE)
        status = summarize_run(journal.path.parent)
        assert (status.state, status.step, status.progress, status.seconds) == ("running", 20, 0.25, 60)
        assert status.seconds_left == pytest.approx(180)
        assert (status.images_per_second, status.waiting) == (50, 0.1)
        assert status.losses == {"total": 0.05}
        assert status.best is not None
        assert status.last is not None
        assert (status.best["step"], status.last["step"]) == (15, 20)
        assert (status.left_out, status.checkpoint) == (1, None)

    @pytest.mark.parametrize(
        ("kind", "values", "state"),
        [
            ("finished", {"stopped": False}, "finished"),
            ("finished", {"stopped": True}, "stopped on request"),
            ("failed", {"reason": "bins became nan"}, "failed: bins became nan"),
        ],
    )
    def test_says_how_a_run_ended(self, journal, kind, values, state):
        journal.write(kind, step=3, **values)
        assert summarize_run(journal.path.parent).state == state

    def test_says_what_is_no_run(self, tmp_path):
        with pytest.raises(CheckpointError, match="folder of a run"):
            summarize_run(tmp_path)
