"""The colours that training and evaluation see are those that `colorize` sees: of any format, profile and depth."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from colorgan.errors import ImageReadError
from colorgan.images import ReadLimits, describe, read_colors, read_photos
from colorgan.images.profiles import srgb_profile
from profile_support import ADOBE, fixed, gamma_curve, pack_profile
from support import draw_photo

# ROMM RGB (ProPhoto), D50: ISO 22028-2. And sRGB adapted to D50: IEC 61966-2-1 after Bradford.
PROPHOTO = np.array([[0.79767, 0.13519, 0.03135], [0.28804, 0.71188, 0.00009], [0.0, 0.0, 0.82521]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n{ } loop\n%%EOF\n"


def matrix_profile(primaries: NDArray, gamma: float) -> bytes:
    tags = {f"{c}XYZ".encode(): b"XYZ " + bytes(4) + fixed(*primaries[:, i]) for i, c in enumerate("rgb")}
    return pack_profile(b"RGB ", tags | {f"{c}TRC".encode(): gamma_curve(gamma) for c in "rgb"})


def in_srgb(rgb: NDArray, primaries: NDArray, gamma: float) -> NDArray:
    """Convert levels 0..1 by the definitions, without a colour management system."""
    light = (rgb**gamma @ primaries.T @ np.linalg.inv(SRGB).T).clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055) * 255


def colours_of(path: Path, **options: Any) -> NDArray:
    return np.asarray(read_colors(path, **options).image, dtype=float)


class TestProfiles:
    @pytest.mark.parametrize(
        ("primaries", "gamma", "off"), [(ADOBE, 2.19921875, 4), (PROPHOTO, 1.80078125, 15)], ids=["Adobe", "ProPhoto"]
    )
    @pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
    def test_are_applied(self, tmp_path, primaries, gamma, off, suffix):
        muted = np.asarray(draw_photo(1, (64, 48)), dtype=float) * 0.5 + 64  # within the gamut of sRGB
        path = tmp_path / f"a{suffix}"
        formats: dict[str, dict[str, Any]] = {
            ".jpg": {"quality": 98, "subsampling": 0},
            ".webp": {"lossless": True},
        }
        exact = formats.get(suffix, {})
        Image.fromarray(muted.round().astype(np.uint8)).save(
            path, icc_profile=matrix_profile(primaries, gamma), **exact
        )
        with Image.open(path) as stored:
            wanted = in_srgb(np.asarray(stored, dtype=float) / 255, primaries, gamma)
        found = colours_of(path)
        assert np.abs(found - wanted).mean() < 0.7
        assert np.abs(muted - wanted).mean() > off, "the profile makes too little difference to show anything"

    def test_a_damaged_one_is_worth_no_more_than_none(self, tmp_path):
        draw_photo(1).save(tmp_path / "a.png", icc_profile=b"no profile" * 20)
        assert np.array_equal(colours_of(tmp_path / "a.png"), np.asarray(draw_photo(1)))

    def test_of_srgb_changes_nothing(self, tmp_path):
        draw_photo(1).save(tmp_path / "a.png", icc_profile=srgb_profile())
        assert np.array_equal(colours_of(tmp_path / "a.png"), np.asarray(draw_photo(1)))


class TestTransparency:
    def hidden(self) -> NDArray:
        """A photograph whose left half is transparent, with magenta behind."""
        rgba = np.dstack([np.asarray(draw_photo(2)), np.full((64, 80), 255, np.uint8)])
        rgba[:, :40] = (255, 0, 255, 0)
        return rgba

    @pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
    def test_hides_what_nobody_sees(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        rgba = self.hidden()
        exact: dict[str, Any] = {"lossless": True, "exact": True} if suffix == ".webp" else {}
        Image.fromarray(rgba).save(path, **exact)
        found = colours_of(path)
        assert (found[:, :40] == 255).all()
        assert np.array_equal(found[:, 40:], rgba[:, 40:, :3])

    def test_of_sixteen_bits(self, tmp_path):
        deep = self.hidden().astype(np.uint16) * 257
        tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", extrasamples=["unassalpha"])
        found = colours_of(tmp_path / "a.tif")
        assert (found[:, :40] == 255).all()
        assert np.array_equal(found[:, 40:], self.hidden()[:, 40:, :3])

    def test_by_palette_and_by_one_colour(self, tmp_path):
        image = Image.fromarray(self.hidden()[..., :3])
        image.save(tmp_path / "key.png", transparency=(255, 0, 255))
        image.quantize(16).save(tmp_path / "palette.gif", transparency=image.quantize(16).getpixel((0, 0)))
        for name in ("key.png", "palette.gif"):
            assert (colours_of(tmp_path / name)[:, :38] == 255).all(), name

    def test_half_seen_colours_lie_on_white(self, tmp_path):
        Image.new("RGBA", (4, 4), (200, 0, 0, 51)).save(tmp_path / "a.png")
        assert colours_of(tmp_path / "a.png")[0, 0].tolist() == [244, 204, 204]


class TestGeometry:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
    def test_is_upright_as_colorize_sees_it(self, tmp_path, orientation, suffix):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"a{suffix}"
        draw_photo(1, (60, 40)).save(path, exif=exif)
        (photo,) = read_photos(path, keep_rgb=True)
        assert photo.rgb is not None
        assert np.array_equal(colours_of(path), photo.rgb)
        assert read_colors(path).size == (photo.width, photo.height)

    def test_tells_the_size_of_a_jpeg_that_is_decoded_smaller(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        draw_photo(1, (640, 480)).save(tmp_path / "a.jpg", exif=exif)
        colors = read_colors(tmp_path / "a.jpg", short_side=100)
        assert (colors.image.size, colors.size) == ((120, 160), (480, 640))


class TestSafety:
    @pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.tif"])
    def test_runs_no_postscript(self, tmp_path, monkeypatch, name):
        def start(*arguments: object, **options: Any) -> None:
            raise AssertionError("another program was started")

        monkeypatch.setattr("subprocess.Popen.__init__", start)
        monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
        (tmp_path / name).write_bytes(EPS)
        for read in (read_colors, describe):
            with pytest.raises(ImageReadError, match="not a picture in a format that colorgan reads"):
                read(tmp_path / name)

    def test_refuses_more_pixels_than_the_limit(self, tmp_path):
        draw_photo(1).save(tmp_path / "a.png")
        with pytest.raises(ImageReadError, match=r"80 x 64 pixels, more than the limit of 5,119"):
            read_colors(tmp_path / "a.png", limits=ReadLimits(pixels=5119))

    def test_names_a_stream(self):
        stream = io.BytesIO(b"no picture")
        with pytest.raises(ImageReadError, match="not a picture"):
            read_colors(stream)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "I", "LAB", "YCbCr"])
def test_agrees_with_what_colorize_sees(tmp_path, mode):
    image = draw_photo(1)
    if mode == "LAB":
        image = image.convert("L")
        image = Image.merge("LAB", (image, image, image))
    elif mode in ("I;16", "I"):
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.tif" if mode == "LAB" else "a.png")
    image.save(path)
    (photo,) = read_photos(path, keep_rgb=True)
    assert photo.rgb is not None
    assert np.array_equal(colours_of(path), photo.rgb)
