"""Places that two pictures have in common."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from colorgan.color import rgb_to_lab
from colorgan.model import Generator
from colorgan.rendering.matching import View, describe_places, match_places
from support import draw_photo


def draw_places(seed: int, height: int = 12, width: int = 16, channels: int = 32) -> Tensor:
    """Draw places of which no two are alike."""
    noise = torch.randn(channels, height, width, generator=torch.Generator().manual_seed(seed))
    return F.normalize(noise, dim=0)


def draw_colors(height: int = 12, width: int = 16) -> Tensor:
    """Draw colours that tell where they are from: a is the column, b the row."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((x, y)).float()


class TestMatchPlaces:
    def test_the_same_picture_gives_its_own_colours(self) -> None:
        places = draw_places(0)
        hints = match_places(places, [View(places, draw_colors())])
        assert hints.shape == (4 * 6, 4)  # one of each block of 3 x 3 places
        torch.testing.assert_close(hints[:, 0] * 16 - 0.5, hints[:, 2])
        torch.testing.assert_close(hints[:, 1] * 12 - 0.5, hints[:, 3])

    def test_what_has_moved_is_found_where_it_went(self) -> None:
        reference = draw_places(0, 12, 22)
        hints = match_places(reference[..., 6:], [View(reference, draw_colors(12, 22))])
        assert len(hints) == 4 * 6
        torch.testing.assert_close(hints[:, 0] * 16 - 0.5 + 6, hints[:, 2])

    def test_the_view_with_the_most_in_common_counts(self) -> None:
        places, colors = draw_places(0), draw_colors()
        views = [View(draw_places(1), colors + 100), View(places, colors), View(places.flip(2), colors + 200)]
        assert torch.equal(match_places(places, views), match_places(places, views[1:2]))

    def test_pictures_without_anything_in_common_give_none(self) -> None:
        assert match_places(draw_places(0), [View(draw_places(1), draw_colors())]).shape == (0, 4)

    def test_a_few_pairs_are_chance(self) -> None:
        places, other = draw_places(0), draw_places(1)
        other[:, :3, :4] = places[:, :3, :4]
        assert match_places(places, [View(other, draw_colors())]).shape == (0, 4)

    def test_pairs_that_lie_in_disorder_are_none(self) -> None:
        places = draw_places(0)
        order = torch.randperm(12 * 16, generator=torch.Generator().manual_seed(2))
        mixed = places.flatten(1)[:, order].view_as(places)
        assert match_places(places, [View(mixed, draw_colors())]).shape == (0, 4)


class TestDescribePlaces:
    @torch.no_grad()
    def test_vectors_of_length_1_at_stride_8(self, tiny_generator: Generator) -> None:
        pixels = torch.from_numpy(np.array(draw_photo(1, (128, 96)))).permute(2, 0, 1)[None].float() / 255
        places = describe_places(tiny_generator, rgb_to_lab(pixels)[:, :1])
        assert places.shape[1:] == (12, 16)
        assert places.dtype == torch.float32
        torch.testing.assert_close(places.norm(dim=0), torch.ones(12, 16))
