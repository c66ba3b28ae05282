"""Whether a checkpoint's state is one that a run can take over: looked at before anything of the run is changed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from colorgan.errors import CheckpointError

__all__ = ["require_fitting", "require_fitting_optimizer"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where in a state something stands, for messages."""

    name: str

    def inside(self, key: object) -> "_Place":
        return _Place(f"{self.name}[{str(key)[:60]!r}]")

    def refuse(self, given: object, expected: str) -> CheckpointError:
        found = f"a tensor of shape {tuple(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
        return CheckpointError(
            f"the checkpoint does not fit its own recipe: {self.name} is {found}, expected {expected}; resume from an "
            "earlier one, or start anew with --init-from"
        )


def require_fitting(own: Any, given: Any, name: str) -> None:
    """Raise `CheckpointError` unless `given` has the keys, the shapes and the kinds of values of `own`."""
    _compare(own, given, _Place(name))


def require_fitting_optimizer(optimizer: Optimizer, given: Any, name: str) -> None:
    """Raise `CheckpointError` unless `given` is a state that an optimizer of these parameters can have."""
    place = _Place(name)
    if not isinstance(given, Mapping) or given.keys() != {"state", "param_groups"}:
        raise place.refuse(given, "an optimizer's state")
    _compare(optimizer.state_dict()["param_groups"], given["param_groups"], place.inside("param_groups"))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    place = place.inside("state")
    if not isinstance(given["state"], Mapping) or not set(given["state"]) <= set(range(len(parameters))):
        raise place.refuse(given["state"], f"values of {len(parameters)} parameters")
    moments: set[str] | None = None
    for index, values in given["state"].items():
        _compare_moments(parameters[index], values, place.inside(index))
        moments = moments or set(values)
        if set(values) != moments:
            raise place.inside(index).refuse(values, f"values of {', '.join(sorted(map(str, moments)))[:60]}")


def _compare_moments(parameter: Tensor, values: Any, place: _Place) -> None:
    if not isinstance(values, Mapping) or "step" not in values:
        raise place.refuse(values, "an optimizer's values of one parameter")
    for key, value in values.items():
        shape = () if key == "step" else parameter.shape
        if not isinstance(value, Tensor) or value.shape != shape or not value.is_floating_point():
            raise place.inside(key).refuse(value, f"numbers of shape {tuple(shape)}")


def _compare(own: Any, given: Any, place: _Place) -> None:
    if isinstance(own, Tensor):
        if not isinstance(given, Tensor) or given.shape != own.shape or given.dtype != own.dtype:
            raise place.refuse(given, f"{own.dtype} numbers of shape {tuple(own.shape)}")
    elif isinstance(own, Mapping):
        if not isinstance(given, Mapping) or given.keys() != own.keys():
            raise place.refuse(given, f"{len(own)} values by the names of this version")
        for key, value in own.items():
            _compare(value, given[key], place.inside(key))
    elif isinstance(own, Sequence) and not isinstance(own, str):
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != len(own):
            raise place.refuse(given, f"{len(own)} values")
        for number, (value, other) in enumerate(zip(own, given, strict=True)):
            _compare(value, other, place.inside(number))
    elif _kind(own) is not _kind(given):
        raise place.refuse(given, _kind(own).__name__)


def _kind(value: Any) -> type:
    """Take whole numbers for numbers, and what is not set for off."""
    if value is None or isinstance(value, bool):
        return bool
    return float if isinstance(value, int) else type(value)
