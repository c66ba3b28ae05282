"""Whether a checkpoint's state is one that a run can take over."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from colorgan.errors import CheckpointError
from colorgan.training.fitting import require_fitting, require_fitting_optimizer

OWN = {"layer": {"weight": torch.zeros(2, 3)}, "steps": 3, "rates": [0.1, 0.2], "name": "x", "seed": None}


class TestRequireFitting:
    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"steps": 2.5},
            {"seed": False},
            {"rates": (1, 2)},
            {"name": "another"},
            {"layer": {"weight": torch.full((2, 3), float("nan"))}},
        ],
    )
    def test_values_may_differ(self, change: dict[str, Any]) -> None:
        require_fitting(OWN, {**OWN, **change}, "generator")

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ([], r"generator is list, expected 5 values by the names of this version"),
            ({**OWN, "more": 1}, "generator is dict, expected 5 values by the names"),
            ({**OWN, "layer": {"weight": torch.zeros(3, 2)}}, r"\['layer'\]\['weight'\] is a tensor of shape \(3, 2\)"),
            (
                {**OWN, "layer": {"weight": torch.zeros(2, 3).int()}},
                r"expected torch.float32 numbers of shape \(2, 3\)",
            ),
            ({**OWN, "layer": {"weight": 1.0}}, r"\['weight'\] is float"),
            ({**OWN, "rates": [0.1]}, r"\['rates'\] is list, expected 2 values"),
            ({**OWN, "rates": "ab"}, r"\['rates'\] is str, expected 2 values"),
            ({**OWN, "rates": [0.1, "fast"]}, r"\['rates'\]\['1'\] is str, expected float"),
            ({**OWN, "steps": True}, r"\['steps'\] is bool, expected float"),
            ({**OWN, "name": 1}, r"\['name'\] is int, expected str"),
        ],
    )
    def test_what_does_not_fit_is_named(self, given: object, words: str) -> None:
        with pytest.raises(CheckpointError, match=f"does not fit its own recipe: .*{words}.*--init-from"):
            require_fitting(OWN, given, "generator")


def train_once(network: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer


class TestRequireFittingOptimizer:
    @pytest.fixture
    def state(self) -> dict[str, Any]:
        """The state of an optimizer that took a step."""
        return copy.deepcopy(train_once(nn.Linear(3, 2)).state_dict())

    @pytest.fixture
    def optimizer(self) -> torch.optim.Optimizer:
        """Another optimizer of the same parameters, which took none."""
        return torch.optim.AdamW(nn.Linear(3, 2).parameters())

    def test_a_state_of_another_step(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        require_fitting_optimizer(optimizer, state, "optimizer")
        require_fitting_optimizer(optimizer, {**state, "state": {}}, "optimizer")  # before the first step
        optimizer.load_state_dict(state)
        assert optimizer.state_dict()["state"][0]["step"] == 1

    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            (lambda state: state.pop("state"), "optimizer is dict, expected an optimizer's state"),
            (lambda state: state["param_groups"].append({}), r"\['param_groups'\] is list, expected 1 values"),
            (lambda state: state["param_groups"][0].update(lr="fast"), r"\['lr'\] is str, expected float"),
            (lambda state: state["state"].update({7: {}}), "expected values of 2 parameters"),
            (lambda state: state["state"][1].pop("step"), "expected an optimizer's values of one parameter"),
            (lambda state: state["state"][1].pop("exp_avg"), "expected values of exp_avg, exp_avg_sq, step"),
            (lambda state: state["state"][0].update(exp_avg=torch.zeros(7)), r"expected numbers of shape \(2, 3\)"),
            (lambda state: state["state"][0].update(step=torch.zeros(2)), r"expected numbers of shape \(\)"),
            (lambda state: state["state"][0].update(exp_avg=torch.zeros(2, 3).int()), "expected numbers of shape"),
        ],
    )
    def test_what_does_not_fit_is_named(
        self,
        optimizer: torch.optim.Optimizer,
        state: dict[str, Any],
        damage: Callable[[dict[str, Any]], object],
        words: str,
    ) -> None:
        damage(state)
        with pytest.raises(CheckpointError, match=words):
            require_fitting_optimizer(optimizer, state, "optimizer")
