"""Colour profiles, put together by hand."""

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Adobe RGB (1998), adapted to D50 as in its profile: rows X, Y, Z; columns red, green, blue.
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(n * 65536)) for n in numbers)


def gamma_curve(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256)) + bytes(2)


def pack_profile(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    """Build a version 2 display profile."""
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {
        b"desc": text,
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249),
    } | tags
    offset = 132 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, offset + len(data), len(padded))
        data += padded
    header = struct.pack(">I4sI4s4s4s", offset + len(data), b"lcms", 0x02400000, b"mntr", space, connection)
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + data


def adobe_rgb(gamma: float = 2.19921875) -> bytes:
    tags = {f"{c}XYZ".encode(): b"XYZ " + bytes(4) + fixed(*ADOBE[:, i]) for i, c in enumerate("rgb")}
    return pack_profile(b"RGB ", tags | {f"{c}TRC".encode(): gamma_curve(gamma) for c in "rgb"})


def gray_gamma(gamma: float) -> bytes:
    return pack_profile(b"GRAY", {b"kTRC": gamma_curve(gamma)})


def dot_gain() -> bytes:
    """A printer's curve: 20 % dot gain, roughly, as a table of 256 entries."""
    curve = (np.linspace(0, 1, 256) ** 1.75 * 65535).round().astype(">u2").tobytes()
    return pack_profile(b"GRAY", {b"kTRC": b"curv" + bytes(4) + struct.pack(">I", 256) + curve})


def srgb_of(light: NDArray) -> NDArray:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def with_profile(array: NDArray, icc: bytes) -> Image.Image:
    image = Image.fromarray(array)
    image.info["icc_profile"] = icc
    return image


def to_d65(xyz: NDArray) -> NDArray:
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = (bradford @ [0.95047, 1, 1.08883]) / (bradford @ [0.9642, 1, 0.8249])
    return xyz @ (np.linalg.inv(bradford) @ np.diag(scale) @ bradford).T
