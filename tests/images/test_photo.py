"""One picture as it was read."""

import numpy as np
from PIL import Image

from colorgan.images import Photo, PhotoKind, photo_from_image
from support import draw_photo


def photo() -> Photo:
    return Photo(grey=np.full((3, 5), 7, np.uint8), depth=8, kind=PhotoKind.GREY)


class TestPhoto:
    def test_size(self) -> None:
        assert (photo().height, photo().width) == (3, 5)

    def test_of_an_image_it_is_that_of_the_image(self) -> None:
        image: Image.Image = draw_photo(1, (31, 17))
        found = photo_from_image(image)
        assert (found.width, found.height) == image.size

    def test_before_is_what_the_file_says_whatever_was_filled(self) -> None:
        one = photo()
        assert one.before is one.grey
        one.original, one.grey = one.grey, np.full((3, 5), 9, np.uint8)
        assert (one.before == 7).all()

    def test_photographs_do_not_share_what_they_say(self) -> None:
        """Metadata is a value of each, not one for all."""
        one, other = photo(), photo()
        one.metadata.texts["Title"] = "Anna"
        assert other.metadata.texts == {}


class TestPhotoKind:
    def test_is_written_as_a_word(self) -> None:
        assert [str(kind) for kind in PhotoKind] == [kind.value for kind in PhotoKind]
        assert f"{photo_from_image(draw_photo(1)).kind}" == "color"
        assert f"{photo_from_image(draw_photo(1).convert('L')).kind}" == "grey"
