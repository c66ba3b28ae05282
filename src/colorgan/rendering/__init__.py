"""From a trained generator and a luminance to colours: shared by colourising, training and evaluation."""

from colorgan.rendering.batch_compositor import ColoredBatch
from colorgan.rendering.chroma import ChromaField, Painting, fit_chroma
from colorgan.rendering.hint_guidance import HINT_SHARE, draw_hints, keep_hints
from colorgan.rendering.inpaint import repair_grey
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
    enliven,
    mostly_known,
    predict_rendering,
    render_shape,
    render_shapes,
    shrink,
)

__all__ = [
    "HINT_SHARE",
    "ChromaField",
    "ColoredBatch",
    "FittedColor",
    "NetworkInput",
    "Painting",
    "PredictedColor",
    "Query",
    "Rendering",
    "View",
    "describe_places",
    "draw_hints",
    "enliven",
    "fit_chroma",
    "fit_color",
    "keep_hints",
    "make_inputs",
    "match_places",
    "mostly_known",
    "predict_colors",
    "predict_rendering",
    "render_shape",
    "render_shapes",
    "repair_grey",
    "shrink",
]
