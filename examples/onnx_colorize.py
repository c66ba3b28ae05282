"""Colour a black-and-white photograph at full size with onnxruntime, numpy and Pillow alone: no torch, no colorgan.

colorgan export default.onnx --to onnx
python examples/onnx_colorize.py default.onnx old.jpg coloured.png
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

# What X - Y and Z - Y, relative to the white, add to red, green and blue: two columns of the sRGB matrix.
FROM_X = np.array([3.0799552, -0.9212588, 0.0528874], np.float32)
FROM_Z = np.array([-0.5428161, 0.0452475, 1.1511385], np.float32)


def colorize(session: onnxruntime.InferenceSession, photograph: Image.Image) -> Image.Image:
    """Colour a photograph; the luminance of each pixel stays what it is."""
    grey = np.asarray(photograph.convert("L"), np.float32)[..., None] / 255
    y = np.where(grey > 0.04045, ((grey + 0.055) / 1.055) ** 2.4, grey / 12.92)
    f = np.where(y > 216 / 24389, np.cbrt(y), (24389 / 27 * y + 16) / 116)
    ab = session.run(["ab"], {"luminance": (116 * f - 16)[None, None, ..., 0]})[0][0]
    a, b = (np.asarray(Image.fromarray(plane).resize(photograph.size, 2))[..., None] for plane in ab)  # bilinearly
    x, z = (np.where(t > 6 / 29, t**3, (116 * t - 16) * 27 / 24389) for t in (f + a / 500, f - b / 200))
    excess = (x - y) * FROM_X + (z - y) * FROM_Z  # of linear red, green and blue over the grey
    room = np.where(excess > 0, 1 - y, y)  # what does not fit loses colour, not luminance
    linear = y + excess * np.minimum(1, (room / np.abs(excess).clip(1e-9)).min(-1, keepdims=True))
    rgb = np.where(linear > 0.0031308, 1.055 * linear.clip(1e-9) ** (1 / 2.4) - 0.055, linear * 12.92)
    return Image.fromarray((rgb.clip(0, 1) * 255).round().astype(np.uint8))


if __name__ == "__main__":
    graph, source, target = sys.argv[1:]
    with Image.open(source) as opened:
        upright = ImageOps.exif_transpose(opened)
    colorize(onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]), upright).save(target)
