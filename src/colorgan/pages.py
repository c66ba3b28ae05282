"""Pages of HTML from the templates of the package, in which every text is escaped that is not `Markup`."""

import base64
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    import jinja2

__all__ = ["Markup", "render_page"]


def render_page(template: str, **values: Any) -> Iterator[str]:
    """Yield a page piece by piece, so that one with many pictures in it need not fit into memory.

    Args:
        template: The name of a file in `templates/`.
        **values: What it shows; all that it asks for must be there.
    """
    return _environment().get_template(template).generate(**values)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2  # a photograph without a report need not wait for it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("colorgan"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["jpeg"] = _jpeg_url
    return environment


def _jpeg_url(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
