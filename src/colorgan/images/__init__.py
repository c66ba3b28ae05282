"""Pictures: from files into grey levels at full size and depth, and from coloured pixels back into files."""

from colorgan.images.atomic import atomic_file
from colorgan.images.film_names import film_suffix, is_film_name
from colorgan.images.metadata import Metadata, Provenance, describe
from colorgan.images.photo import Photo, PhotoKind
from colorgan.images.read import MAX_PIXELS, is_image_name, iter_photos, photo_from_image, read_photos, read_size
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
    "MAX_PIXELS",
    "SUFFIX_OF",
    "Metadata",
    "Photo",
    "PhotoKind",
    "Provenance",
    "atomic_file",
    "default_format",
    "describe",
    "film_suffix",
    "format_of",
    "is_film_name",
    "is_image_name",
    "iter_photos",
    "photo_from_image",
    "read_photos",
    "read_size",
    "write_image",
]
