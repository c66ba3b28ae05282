"""The numbers of sRGB (IEC 61966-2-1), for tensors and arrays alike."""

__all__ = ["D65", "LUMINANCE", "RGB_TO_XYZ", "RGB_TO_XYZ_D50"]

D65 = (0.9504700, 1.0, 1.0888300)
"""X, Y, Z of the white (CIE 1931, 2 degrees)."""

RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""From linear RGB to X, Y, Z under D65. Each row sums to the white within the last digit."""

RGB_TO_XYZ_D50 = (
    (0.4360747, 0.3850649, 0.1430804),
    (0.2225045, 0.7168786, 0.0606169),
    (0.0139322, 0.0971045, 0.7141733),
)
"""The same adapted to D50 (Bradford), as profiles have it."""

LUMINANCE = (RGB_TO_XYZ[1][0], 1 - RGB_TO_XYZ[1][0] - RGB_TO_XYZ[1][2], RGB_TO_XYZ[1][2])
"""What red, green and blue light add to the relative luminance Y; their sum is 1, so greys stay grey."""
