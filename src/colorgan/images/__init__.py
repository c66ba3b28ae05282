"""Pictures: from files into grey levels at full size and depth, and from coloured pixels back into files."""

from colorgan.images.animation import is_animated
from colorgan.images.atomic import atomic_file
from colorgan.images.budget import ReadLimits
from colorgan.images.colors import Colors, read_colors
from colorgan.images.files import seekable
from colorgan.images.film_names import (
    film_suffix,
    find_frames,
    frame_path,
    is_film_name,
    is_frame_pattern,
    number_of,
)
from colorgan.images.marks import describe, read_marks
from colorgan.images.metadata import Metadata
from colorgan.images.photo import Photo, PhotoKind
from colorgan.images.provenance import Marks, Origin, Provenance
from colorgan.images.read import (
    SUFFIXES,
    count_pages,
    is_image_name,
    iter_photos,
    photo_from_image,
    read_photos,
    read_size,
)
from colorgan.images.write import (
    FORMATS,
    FORMATS_WITH_ALPHA,
    FORMATS_WITH_DEPTH,
    SUFFIX_OF,
    default_format,
    format_of,
    write_image,
)

__all__ = [
    "FORMATS",
    "FORMATS_WITH_ALPHA",
    "FORMATS_WITH_DEPTH",
    "SUFFIXES",
    "SUFFIX_OF",
    "Colors",
    "Marks",
    "Metadata",
    "Origin",
    "Photo",
    "PhotoKind",
    "Provenance",
    "ReadLimits",
    "atomic_file",
    "count_pages",
    "default_format",
    "describe",
    "film_suffix",
    "find_frames",
    "format_of",
    "frame_path",
    "is_animated",
    "is_film_name",
    "is_frame_pattern",
    "is_image_name",
    "iter_photos",
    "number_of",
    "photo_from_image",
    "read_colors",
    "read_marks",
    "read_photos",
    "read_size",
    "seekable",
    "write_image",
]
