"""Train a generator on a folder of colour photographs, and colour with it.

python examples/train_from_folder.py photos/ --minutes 60 --try grandmother.jpg
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from colorgan import Colorizer
from colorgan.training import Finished, TrainingOptions, Validated, begin_run, prepare_training
from colorgan.training.score import describe_score


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, say how it goes, and colour one photograph with the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--recipe", default="default")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float)
    length.add_argument("--steps", type=int)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/from-folder"))
    parser.add_argument("--try", dest="photograph", type=Path, help="a photograph to colour at the end")
    options = parser.parse_args(arguments)

    setup = prepare_training(
        TrainingOptions(
            data=options.photos,
            recipe=options.recipe,
            minutes=options.minutes,
            steps=options.steps,
            run_dir=options.run_dir,
        )
    )
    begin_run(setup)
    weights = None
    for event in setup.trainer.run():
        match event:
            case Validated(step=step, score=score):
                print(f"step {step}: {describe_score(asdict(score))}")
            case Finished():
                weights = event.weights
    if weights is not None and options.photograph is not None:
        with Image.open(options.photograph) as photograph:
            Colorizer.load(weights).colorize(photograph).save(options.run_dir / "tried.png")


if __name__ == "__main__":
    main()
