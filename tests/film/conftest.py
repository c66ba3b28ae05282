import pytest

from colorgan.colorization import ColorizeOptions, Colorizer


@pytest.fixture
def options(colorizer: Colorizer) -> ColorizeOptions:
    return ColorizeOptions(render=colorizer.render)
