"""ICC profiles: into sRGB, by their curves where the depth must survive, through Little CMS otherwise.

Pillow's Little CMS works on 8 bits a channel only. What colorgan needs of a picture at full depth is its luminance,
and for profiles made of a matrix and curves (cameras, displays, Adobe RGB, ProPhoto) or of one grey curve that is a
table a channel, computed here. Format: ICC.1:2022.
"""

import io
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from colorgan.images.grey import ToneTables, decode_srgb, srgb_tables
from colorgan.srgb import LUMINANCE, RGB_TO_XYZ_D50

__all__ = ["convert_to_srgb", "profile_space", "srgb_profile", "tone_tables"]

_SAME = 0.002  # tables that differ by less in Y count as sRGB's own


@dataclass(frozen=True)
class _Profile:
    space: str  # "RGB", "GRAY", "CMYK", "Lab"
    connection: str  # "XYZ" or "Lab"
    tags: dict[str, bytes]


def _parse(icc: bytes) -> _Profile:
    """Read a profile's header and tags.

    Raises:
        ValueError: It is no profile, or it is cut off.
    """
    if len(icc) < 132 or icc[36:40] != b"acsp":
        raise ValueError("not an ICC profile")
    (count,) = struct.unpack_from(">I", icc, 128)
    if 132 + 12 * count > len(icc):
        raise ValueError("tag table cut off")
    tags = {}
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * index)
        tags[name.decode("latin-1")] = icc[offset : offset + size]
    return _Profile(icc[16:20].decode("latin-1").strip(), icc[20:24].decode("latin-1").strip(), tags)


def profile_space(icc: bytes) -> str | None:
    """Return the colour space that a profile describes ("RGB", "GRAY", "CMYK", "Lab"), None if it is damaged."""
    try:
        return _parse(icc).space
    except ValueError:
        return None


def _curve(tag: bytes, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate a tone curve ('curv' or 'para') at x in 0..1."""
    kind = tag[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return x
        values = np.frombuffer(tag, ">u2", count, 12).astype(np.float64)
        if count == 1:
            return np.asarray(x ** (values[0] / 256))
        return np.interp(x, np.linspace(0, 1, count), values / 65535)
    if kind == b"para":
        (form,) = struct.unpack_from(">H", tag, 8)
        sizes = (1, 3, 4, 5, 7)
        if form >= len(sizes):
            raise ValueError("unknown parametric curve")
        g, a, b, c, d, e, f = _parameters(form, np.frombuffer(tag, ">i4", sizes[form], 12) / 65536)
        return np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
    raise ValueError("unknown curve")


def _parameters(form: int, p: NDArray[np.float64]) -> tuple[float, ...]:
    """Bring the five forms of parametric curves to the last: (ax + b)^g + e from d on, cx + f below."""
    if form == 0:
        return (p[0], 1, 0, 0, 0, 0, 0)
    if form == 1:
        return (p[0], p[1], p[2], 0, -p[2] / p[1], 0, 0)
    if form == 2:
        return (p[0], p[1], p[2], 0, -p[2] / p[1], p[3], p[3])
    return (*p, 0, 0) if form == 3 else tuple(p)


def _xyz(tag: bytes) -> NDArray[np.float64]:
    return np.frombuffer(tag, ">i4", 3, 8) / 65536


@lru_cache(maxsize=16)
def tone_tables(icc: bytes, levels: int) -> ToneTables | None:
    """Return what each level of each channel adds to the luminance Y of sRGB.

    Args:
        icc: A grey profile, or an RGB profile made of a matrix and curves.
        levels: 256 or 65536.

    Returns:
        Tables `(1 or 3, levels)`; sRGB's own where the profile is sRGB in all but name. None for profiles of
        another kind (tables in three dimensions, CMYK, damaged ones).
    """
    try:
        profile = _parse(icc)
        x = np.arange(levels) / (levels - 1)
        if profile.space == "GRAY":
            tables = _grey_table(profile, x)
            plain: NDArray[Any] = decode_srgb(x)[None]
        elif profile.space == "RGB" and "A2B0" not in profile.tags:
            tables = _matrix_tables(profile, x)
            plain = srgb_tables(levels)
        else:
            return None
    except (ValueError, KeyError, struct.error, ZeroDivisionError):
        return None
    same = np.abs(tables - plain).max() < _SAME
    return np.asarray(plain if same else tables, np.float32)


def is_plain(tables: ToneTables) -> bool:
    """Tell whether tables are those of sRGB itself."""
    levels = tables.shape[1]
    plain = srgb_tables(levels) if len(tables) == 3 else decode_srgb(np.arange(levels) / (levels - 1))[None]
    return bool(np.abs(tables - plain).max() < 1e-6)


def _grey_table(profile: _Profile, x: NDArray[np.float64]) -> NDArray[np.float64]:
    light = _curve(profile.tags["kTRC"], x)
    if profile.connection == "Lab":  # then the curve gives L*
        f = (100 * light + 16) / 116
        light = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2)
    return np.asarray(light).clip(0, 1)[None]


def _matrix_tables(profile: _Profile, x: NDArray[np.float64]) -> NDArray[np.float64]:
    primaries = np.stack([_xyz(profile.tags[f"{c}XYZ"]) for c in "rgb"], axis=1)  # columns, D50
    weights = np.array(LUMINANCE) @ np.linalg.inv(RGB_TO_XYZ_D50) @ primaries
    weights = weights / weights.sum()
    curves = np.stack([_curve(profile.tags[f"{c}TRC"], x) for c in "rgb"])
    return np.asarray(weights[:, None] * curves)


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """Return the ICC profile of sRGB that results are tagged with."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Little CMS notes the moment of its making; results must be the same from one run to the next.
    return made[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + made[36:84] + bytes(16) + made[100:]


@lru_cache(maxsize=16)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )


def convert_to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Convert an 8-bit picture of mode RGB, L, CMYK or LAB to RGB in sRGB.

    Raises:
        ValueError: The profile is damaged or belongs to another kind of picture.
    """
    try:
        converted = ImageCms.applyTransform(image, _transform(icc, image.mode))
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise ValueError(f"unusable colour profile: {error}") from error
    assert converted is not None  # noqa: S101 - only None when asked to work in place
    return converted


@lru_cache(maxsize=1)
def lab_profile() -> bytes:
    """Return a profile of CIE L*a*b*, for pictures in Lab."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
