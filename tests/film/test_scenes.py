import numpy as np
import torch

from colorgan.film.scenes import CutFinder, Verdict, glance
from film_support import draw_frames


def judge(frames: list[np.ndarray]) -> list[Verdict]:
    finder, verdicts = CutFinder(), []
    for frame in frames:
        luminance = torch.from_numpy(frame.astype(np.float32))[None, None] * (100 / 255)
        verdict = finder.show(glance(luminance))
        verdicts += [] if verdict is None else [verdict]
    return [*verdicts, *finder.finish()]


def cuts(frames: list[np.ndarray]) -> list[int]:
    return [number for number, verdict in enumerate(judge(frames)) if verdict.begins]


class TestCutFinder:
    def test_cuts_are_found_where_they_are(self) -> None:
        assert cuts(draw_frames(40, cuts=(7, 21, 33))) == [0, 7, 21, 33]

    def test_a_pan_is_no_cut(self) -> None:
        assert cuts(draw_frames(60)[::3]) == [0]

    def test_a_scene_of_two_frames(self) -> None:
        assert cuts(draw_frames(20, cuts=(9, 11))) == [0, 9, 11]

    def test_films_of_one_and_two_frames(self) -> None:
        assert cuts(draw_frames(1)) == [0]
        assert cuts(draw_frames(2)) == [0]
        assert len(judge(draw_frames(2))) == 2

    def test_a_flash_is_out_of_line_and_no_cut(self) -> None:
        frames = draw_frames(20)
        frames[10] = 255 - frames[10]
        verdicts = judge(frames)
        assert [number for number, verdict in enumerate(verdicts) if verdict.begins] == [0]
        assert [number for number, verdict in enumerate(verdicts) if verdict.stray] == [10]

    def test_light_that_flickers_is_no_cut(self) -> None:
        frames = [(frame * (0.7 + 0.3 * (n % 2))).astype(np.uint8) for n, frame in enumerate(draw_frames(20))]
        assert cuts(frames) == [0]

    def test_black_frames_belong_to_the_scene_before_them(self) -> None:
        frames = draw_frames(30, cuts=(14,))
        frames[14:18] = [np.full_like(frames[0], 16)] * 4
        verdicts = judge(frames)
        assert [number for number, verdict in enumerate(verdicts) if verdict.begins] == [0, 18]
        assert all(verdict.stray for verdict in verdicts[14:18])

    def test_a_dissolve_is_no_cut(self) -> None:
        first, second = draw_frames(12), draw_frames(12, cuts=(0,))
        mixed = [
            ((1 - share) * a + share * b).astype(np.uint8)
            for share, a, b in zip(np.linspace(0, 1, 12), first, second, strict=True)
        ]
        assert cuts(mixed) == [0]
