"""From a trained generator and a luminance to colours: shared by colourising, training and evaluation."""

from colorgan.rendering.batch_compositor import BatchCompositor
from colorgan.rendering.chroma import ChromaField, Compositor, fit_chroma
from colorgan.rendering.hint_guidance import HINT_FRACTION, draw_hints, keep_hints
from colorgan.rendering.inpaint import inpaint_grey
from colorgan.rendering.matching import View, describe_places, match_places
from colorgan.rendering.pipeline import (
    FittedColor,
    NetworkInput,
    PredictedColor,
    fit_color,
    make_inputs,
    predict_colors,
)
from colorgan.rendering.predict import (
    Query,
    Rendering,
    chroma_factor,
    mostly_known,
    predict_rendering,
    render_shape,
    render_shapes,
    resample,
)

__all__ = [
    "HINT_FRACTION",
    "BatchCompositor",
    "ChromaField",
    "Compositor",
    "FittedColor",
    "NetworkInput",
    "PredictedColor",
    "Query",
    "Rendering",
    "View",
    "chroma_factor",
    "describe_places",
    "draw_hints",
    "fit_chroma",
    "fit_color",
    "inpaint_grey",
    "keep_hints",
    "make_inputs",
    "match_places",
    "mostly_known",
    "predict_colors",
    "predict_rendering",
    "render_shape",
    "render_shapes",
    "resample",
]
