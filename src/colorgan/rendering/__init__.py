"""From a trained generator and a luminance to colours: shared by colourising, training and evaluation."""

from colorgan.rendering.predict import Rendering, predict_rendering, render_shape, shrink

__all__ = ["Rendering", "predict_rendering", "render_shape", "shrink"]
