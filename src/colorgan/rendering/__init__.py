"""From a trained generator and a luminance to colours: shared by colourising, training and evaluation."""

from colorgan.rendering.chroma import ChromaField, Painting, fit_chroma
from colorgan.rendering.predict import Rendering, predict_rendering, render_shape, shrink

__all__ = [
    "ChromaField",
    "Painting",
    "Rendering",
    "fit_chroma",
    "predict_rendering",
    "render_shape",
    "shrink",
]
