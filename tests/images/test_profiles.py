"""ICC profiles are applied, at the picture's depth."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms
from skimage import color as skcolor

from colorgan.images import PhotoKind, photo_from_image, read_photos
from colorgan.images.profiles import srgb_profile, tone_tables
from colorgan.images.toning import Toning

# Adobe RGB (1998), adapted to D50 as in its profile: rows X, Y, Z; columns red, green, blue.
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(n * 65536)) for n in numbers)


def _gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256)) + bytes(2)


def _profile(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    """Build a version 2 display profile."""
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {
        b"desc": text,
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + _fixed(0.9642, 1, 0.8249),
    } | tags
    offset = 132 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, offset + len(data), len(padded))
        data += padded
    header = struct.pack(">I4sI4s4s4s", offset + len(data), b"lcms", 0x02400000, b"mntr", space, connection)
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + data


def adobe_rgb(gamma: float = 2.19921875) -> bytes:
    tags = {f"{c}XYZ".encode(): b"XYZ " + bytes(4) + _fixed(*ADOBE[:, i]) for i, c in enumerate("rgb")}
    return _profile(b"RGB ", tags | {f"{c}TRC".encode(): _gamma(gamma) for c in "rgb"})


def gray_gamma(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _gamma(gamma)})


def dot_gain() -> bytes:
    """A printer's curve: 20 % dot gain, roughly, as a table of 256 entries."""
    curve = (np.linspace(0, 1, 256) ** 1.75 * 65535).round().astype(">u2").tobytes()
    return _profile(b"GRAY", {b"kTRC": b"curv" + bytes(4) + struct.pack(">I", 256) + curve})


def srgb_of(light: NDArray) -> NDArray:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def with_profile(array: NDArray, icc: bytes) -> Image.Image:
    image = Image.fromarray(array)
    image.info["icc_profile"] = icc
    return image


class TestGreyProfiles:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("gamma", [1.0, 1.8, 2.19921875])
    def test_gamma(self, dtype: type, gamma: float) -> None:
        white = np.iinfo(dtype).max
        grey = np.linspace(0, white, 256).astype(dtype).reshape(16, 16)
        photo = photo_from_image(with_profile(grey, gray_gamma(gamma)))
        expected = srgb_of((grey / white) ** (round(gamma * 256) / 256))
        assert np.abs(photo.grey / 65535 - expected).max() < 1e-4
        assert photo.kind is PhotoKind.GREY

    def test_dot_gain(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        photo = photo_from_image(with_profile(grey, dot_gain()))
        assert np.abs(photo.grey / 65535 - srgb_of((grey / 255) ** 1.75)).max() < 1e-3

    def test_agrees_with_little_cms(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        icc = gray_gamma(1.8)
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB"), "L", "RGB"
        )
        reference = np.asarray(ImageCms.applyTransform(Image.fromarray(grey), transform))[..., 1]
        difference = np.abs(photo_from_image(with_profile(grey, icc)).grey / 257 - reference)
        assert difference[1:].max() < 1.0  # Little CMS is coarse in the darkest sixteen levels


class TestRgbProfiles:
    def test_srgb_changes_nothing(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        for mode in ("L", "RGB"):
            image = Image.fromarray(grey).convert(mode)
            image.info["icc_profile"] = srgb_profile()
            photo = photo_from_image(image)
            assert photo.grey.dtype == np.uint8
            assert np.array_equal(photo.grey, grey)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_wide_gamut(self, tmp_path: Path, dtype: type) -> None:
        white = np.iinfo(dtype).max
        rgb = np.random.default_rng(0).uniform(0.4, 0.6, (20, 30, 3))  # inside sRGB
        stored = (rgb * white).round().astype(dtype)
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", iccprofile=adobe_rgb())
        (photo,) = read_photos(tmp_path / "a.tif")
        xyz = ((stored / white) ** (563 / 256)) @ ADOBE.T
        expected = skcolor.rgb2lab(skcolor.xyz2rgb(_to_d65(xyz)))[..., 0]
        measured = skcolor.rgb2lab(np.stack([photo.grey / 65535] * 3, axis=-1))[..., 0]
        assert np.abs(measured - expected).max() < 0.02
        assert photo.kind is PhotoKind.COLOR

    def test_kept_colours_are_converted(self) -> None:
        rgb = np.random.default_rng(0).integers(80, 180, (20, 30, 3), np.uint8)
        photo = photo_from_image(with_profile(rgb, adobe_rgb()), keep_rgb=True)
        assert photo.rgb is not None
        spread = [np.ptp(x.astype(int), axis=-1).mean() for x in (rgb, photo.rgb)]
        assert spread[1] > spread[0] * 1.1  # Adobe's colours are wider

    def test_neutrals_stay_neutral(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        photo = photo_from_image(with_profile(np.stack([grey] * 3, -1), adobe_rgb()))
        assert photo.kind is PhotoKind.GREY
        assert np.abs(photo.grey / 65535 - srgb_of((grey / 255) ** (563 / 256))).max() < 1e-3

    def test_grey_pictures_with_an_rgb_profile(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        photo = photo_from_image(with_profile(grey, adobe_rgb()))
        assert np.abs(photo.grey / 65535 - srgb_of((grey / 255) ** (563 / 256))).max() < 1e-3


def _to_d65(xyz: NDArray) -> NDArray:
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = (bradford @ [0.95047, 1, 1.08883]) / (bradford @ [0.9642, 1, 0.8249])
    return xyz @ (np.linalg.inv(bradford) @ np.diag(scale) @ bradford).T


class TestUselessProfiles:
    @pytest.mark.parametrize("icc", [b"", b"junk" * 50, adobe_rgb()[:150], gray_gamma(2.2)])
    def test_passed_over(self, icc: bytes) -> None:
        rgb = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
        plain, tagged = photo_from_image(rgb), photo_from_image(with_profile(rgb, icc))
        assert np.array_equal(plain.grey, tagged.grey)


class TestCurves:
    @pytest.mark.parametrize(
        ("form", "parameters", "expected"),
        [
            (0, [2.0], lambda x: x**2),
            (1, [2.0, 0.9, 0.1], lambda x: (0.9 * x + 0.1) ** 2),
            (2, [2.0, 0.9, 0.0, 0.1], lambda x: (0.9 * x) ** 2 + 0.1),
            (3, [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045], None),
            (4, [2.0, 0.9, 0.0, 0.5, 0.1, 0.1, 0.0], lambda x: np.where(x >= 0.1, (0.9 * x) ** 2 + 0.1, 0.5 * x)),
        ],
    )
    def test_parametric(self, form: int, parameters: list[float], expected: object) -> None:
        tag = b"para" + bytes(4) + struct.pack(">HH", form, 0) + _fixed(*parameters)
        tables = tone_tables(_profile(b"GRAY", {b"kTRC": tag}), 256)
        assert tables is not None
        x = np.arange(256) / 255
        if expected is None:
            assert np.abs(srgb_of(tables[0].astype(float)) - x).max() < 1e-3
        else:
            assert np.abs(tables[0] - expected(x)).max() < 1e-3

    def test_grey_in_lab(self) -> None:
        tables = tone_tables(_profile(b"GRAY", {b"kTRC": b"curv" + bytes(8)}, b"Lab "), 256)
        assert tables is not None
        assert tables[0, 128] == pytest.approx(((100 * 128 / 255 + 16) / 116) ** 3, abs=1e-4)

    def test_table_profiles_have_none(self) -> None:
        assert tone_tables(_profile(b"RGB ", {b"A2B0": b"mft2" + bytes(40)}), 256) is None


class TestThroughLittleCms:
    """The way of profiles without curves; taken here by a matrix profile, whose result is known."""

    def test_sixteen_bits_keep_their_steps(self) -> None:
        grey = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
        levels = Toning(None, adobe_rgb()).convert(np.stack([grey] * 3, axis=-1))[..., 1]
        assert levels.dtype == np.uint16
        assert len(np.unique(levels)) > 2000
        assert (np.diff(levels.ravel().astype(int)) >= 0).all()
        expected = srgb_of((grey / 65535) ** (563 / 256))
        assert np.abs(levels / 65535 - expected)[grey > 4096].max() < 1 / 255

    def test_eight_bits(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        levels = Toning(None, adobe_rgb()).convert(grey)
        assert levels.shape == (16, 16, 3)
        assert np.abs(levels[..., 1] / 255 - srgb_of((grey / 255) ** (563 / 256)))[grey > 16].max() < 1.5 / 255
