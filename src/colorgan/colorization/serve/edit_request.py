"""What the page asks for, as it is sent: hints, a strength, a look, a variant and a mask, each checked."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from colorgan.colorization.hints import Hint, hint_from_values
from colorgan.colorization.masks import DrawnMask
from colorgan.config import shorten
from colorgan.errors import UsageError

__all__ = ["EditRequest", "mask_to_mapping"]

_MOST_HINTS = 1000  # each takes its time, and the next request waits for it
_OVER_STRENGTH = 1000  # what no strength is; which ones can be is for the colorizer to say
_MOST_SIDE = 1 << 14  # pixels of a mask, which is drawn over a small picture


@dataclass(frozen=True, slots=True)
class EditRequest:
    """How a person wants a photograph."""

    hints: tuple[Hint, ...] = ()
    strength: float = 1.0
    look: str = ""  # the name of one; empty for what the session began with
    variant: int = 0  # of the network's renderings; the first is the plain one
    mask: DrawnMask | None = None  # of what is missing; None for what the session began with
    seen: bool = True  # whether somebody looked at it: otherwise what is done or in colour already stays so

    @classmethod
    def from_mapping(cls, values: Any) -> "EditRequest":
        """Read what the page sends.

        `{"hints": [{"x": "50%", "y": "30%", "color": "#3355aa"}], "strength": 1, "look": "vivid", "variant": 0,
        "mask": {"width": 2, "height": 1, "bits": "gA=="}, "seen": true}`; all but hints and strength can be left out.

        Raises:
            UsageError: It is not that.
        """
        if not isinstance(values, Mapping) or not isinstance(values.get("hints"), list):
            raise UsageError("a request has hints and a strength")
        return cls(
            _hints(values["hints"]),
            _strength(values.get("strength")),
            _look(values.get("look", "")),
            _whole(values.get("variant", 0), "a variant"),
            _mask(values.get("mask")),
            values.get("seen", True) is not False,
        )


def _hints(values: list[Any]) -> tuple[Hint, ...]:
    if not all(isinstance(hint, Mapping) and {"x", "y", "color"} <= hint.keys() for hint in values):
        raise UsageError("a hint has x, y and color")
    if len(values) > _MOST_HINTS:
        raise UsageError(f"a photograph can have up to {_MOST_HINTS} hints, got {len(values):,}; remove some")
    return tuple(hint_from_values(hint["x"], hint["y"], hint["color"], "hint") for hint in values)


def _strength(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _OVER_STRENGTH:
        raise UsageError(f"the strength must be a number, got {str(value)[:20]!r}")
    return float(value)


def _look(value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"a look must be a name, got {shorten(value)}")
    return value


def _whole(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{what} must be a whole number, got {shorten(value)}")
    return value


def _mask(value: Any) -> DrawnMask | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not isinstance(value.get("bits"), str):
        raise UsageError("a mask has width, height and bits")
    width, height = (_whole(value.get(side), f"a mask's {side}") for side in ("width", "height"))
    if max(width, height) > _MOST_SIDE:
        raise UsageError(f"a mask is drawn over a small picture, got sides of {shorten(width)} and {shorten(height)}")
    try:
        bits = b64decode(value["bits"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"the bits of a mask are no base64: {error}") from None
    return DrawnMask(width, height, bits)


def mask_to_mapping(mask: DrawnMask) -> dict[str, Any]:
    """Return a mask as `EditRequest.from_mapping` reads it."""
    return {"width": mask.width, "height": mask.height, "bits": b64encode(mask.bits).decode()}
