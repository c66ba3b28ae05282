"""What the page asks for."""

import json
from typing import Any

import pytest

from colorgan.colorization import (
    Hint,
)
from colorgan.colorization.serve import EditRequest
from colorgan.colorization.serve.edit_request import mask_to_mapping
from colorgan.errors import UsageError
from colorization_support import drawn


class TestEditRequest:
    def test_as_the_page_sends_it(self) -> None:
        hints = [{"x": "50%", "y": "3.25%", "color": "#102030"}]
        assert EditRequest.from_mapping({"hints": hints, "strength": 1}) == EditRequest(
            (Hint(50, 3.25, "#102030", percent=True),), 1.0
        )
        mask = drawn(9, 5, 2, 1, 4, 3)
        values = {"hints": [], "strength": 0.5, "look": "vivid", "variant": 2, "seen": False}
        values["mask"] = json.loads(json.dumps(mask_to_mapping(mask)))
        assert EditRequest.from_mapping(values) == EditRequest((), 0.5, "vivid", 2, mask, seen=False)

    @pytest.mark.parametrize(
        "values",
        [
            None, [], {}, {"hints": 3, "strength": 1}, {"hints": [], "strength": "1"}, {"hints": [1], "strength": 1},
            {"hints": [{"x": 1, "y": 2}], "strength": 1}, {"hints": [{"x": 1, "y": 2, "color": "red"}], "strength": 1},
        ],
    )  # fmt: skip
    def test_nonsense(self, values: object) -> None:
        with pytest.raises(UsageError):
            EditRequest.from_mapping(values)

    @pytest.mark.parametrize(
        "part",
        [
            {"look": 3}, {"look": None}, {"variant": "1"}, {"variant": True}, {"variant": 1.5}, {"mask": []},
            {"mask": {"width": 1, "height": 1}}, {"mask": {"width": 1, "height": 1, "bits": "!"}},
            {"mask": {"width": 8, "height": 1, "bits": ""}}, {"mask": {"width": 8, "height": 1, "bits": "AAAA"}},
            {"mask": {"width": -8, "height": -1, "bits": "AA=="}}, {"mask": {"width": 0, "height": 0, "bits": ""}},
            {"mask": {"width": 1 << 40, "height": 1, "bits": ""}}, {"mask": {"width": 8, "height": 1, "bits": "é"}},
            {"mask": {"width": "8", "height": 1, "bits": "AA=="}},
        ],
    )  # fmt: skip
    def test_parts_that_cannot_be(self, part: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            EditRequest.from_mapping({"hints": [], "strength": 1, **part})
