import re

import pytest

from colorgan import errors
from colorgan.errors import ColorganError, UsageError

ALL = [getattr(errors, name) for name in errors.__all__]


def drawn_tree() -> dict[str, str]:
    """Read the tree in the module's docstring: the name of each error and of the one above it."""
    above: list[str] = []
    parents = {}
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"^    ([│├└─ ]*)(\w+Error)\b", line)
        if drawn:
            depth = len(drawn[1]) // 4
            above[depth:] = [drawn[2]]
            parents[drawn[2]] = above[depth - 1] if depth else "Exception"
    return parents


class TestTree:
    def test_the_drawing_is_the_tree(self) -> None:
        assert drawn_tree() == {error.__name__: error.__base__.__name__ for error in ALL}

    def test_all_are_listed(self) -> None:
        defined = {
            name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, ColorganError)
        }
        assert defined == set(errors.__all__)

    @pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
    def test_exit_codes(self, error: type[ColorganError]) -> None:
        wrong_use = issubclass(error, errors.UsageError | errors.DeviceError)
        assert error.exit_code == (2 if wrong_use else 1)

    @pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
    def test_the_message_is_kept(self, error: type[ColorganError]) -> None:
        assert str(error("got this, expected that")) == "got this, expected that"


def test_a_message_is_short_whatever_it_quotes() -> None:
    text = str(UsageError("the value '" + "7" * 70_000 + "' is too large; give another"))
    assert len(text) < 6_100
    assert text.startswith("the value '777")
    assert text.endswith("is too large; give another")
