"""Follow a training run in MLflow or Weights & Biases (`pip install mlflow`, `pip install wandb`).

python examples/track_with_mlflow_or_wandb.py photos/ --minutes 60 --to mlflow
"""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from colorgan.training import Event, Tracker, TrainingOptions, begin_run, event_numbers, follow, prepare_training


class MlflowTracker:
    """Sends numbers to MLflow."""

    def __init__(self, mlflow: ModuleType) -> None:
        self.mlflow = mlflow
        mlflow.start_run()

    def take(self, event: Event) -> None:
        """Send what an event holds."""
        if numbers := event_numbers(event):
            self.mlflow.log_metrics(numbers, step=event.step)

    def close(self) -> None:
        """End the run."""
        self.mlflow.end_run()


class WandbTracker:
    """Sends numbers to Weights & Biases."""

    def __init__(self, wandb: ModuleType) -> None:
        self.run = wandb.init(project="colorgan")

    def take(self, event: Event) -> None:
        """Send what an event holds."""
        if numbers := event_numbers(event):
            self.run.log(numbers, step=event.step)

    def close(self) -> None:
        """End the run."""
        self.run.finish()


TRACKERS: dict[str, Callable[[ModuleType], Tracker]] = {"mlflow": MlflowTracker, "wandb": WandbTracker}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, with a tracker beside."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--to", choices=TRACKERS, required=True)
    parser.add_argument("--recipe", default="default")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float)
    length.add_argument("--steps", type=int)
    options = parser.parse_args(arguments)
    setup = prepare_training(
        TrainingOptions(data=options.photos, recipe=options.recipe, minutes=options.minutes, steps=options.steps)
    )
    begin_run(setup)
    tracker = TRACKERS[options.to](import_module(options.to))
    for _ in follow(setup.trainer.run(), tracker):
        pass


if __name__ == "__main__":
    main()
