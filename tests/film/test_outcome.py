"""What is told of a film while it is coloured."""

import dataclasses
from pathlib import Path

from colorgan.colorization import ColorizeOptions, Colorizer, Status
from film_support import run, write_color_film


class TestPassedOver:
    def test_what_is_there_and_what_is_in_colour_is_passed_over(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        target = tmp_path / "new.mp4"
        run(old_film, target, colorizer, options)
        assert run(old_film, target, colorizer, options)[0].reason == "its result is there already"
        source = write_color_film(tmp_path / "colour.mkv", 4)
        again, _ = run(source, tmp_path / "again.mkv", colorizer, options)
        assert (again.status, again.reason) == (Status.SKIPPED, "it is in colour already")

    def test_scenes_for_reports(
        self, old_film: Path, tmp_path: Path, colorizer: Colorizer, options: ColorizeOptions
    ) -> None:
        options = dataclasses.replace(options, previews=True)
        outcome, _ = run(old_film, tmp_path / "new.mp4", colorizer, options)
        assert len(outcome.scenes) == 3
