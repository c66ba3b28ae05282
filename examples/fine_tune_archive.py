"""Fine-tune the shipped generator on the colour photographs of one's own archive, and compare before and after.

An archive of one town, one family or one aeroplane works has colours of its own. A tenth of the photographs is put
aside and never trained on; on those both generators are measured, pair by pair.

python examples/fine_tune_archive.py colour_photos/ --minutes 60
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from colorgan import EvaluationRequest, evaluate
from colorgan.training import TrainingOptions, begin_run, prepare_training

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}
# What is known already shall not be forgotten: a low rate, and the encoder lower still.
GENTLE = ("optimizer.learning_rate=1e-4",)


def main(arguments: Sequence[str] | None = None) -> None:
    """Split the archive, fine-tune, and print both generators' figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="a folder of colour photographs")
    parser.add_argument("--weights", default="default", help="the generator to begin with")
    parser.add_argument("--recipe", default="default", help="the recipe of that generator's kind")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float)
    length.add_argument("--steps", type=int)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/archive"))
    parser.add_argument("--set", dest="changes", action="append", default=[], help="a further change to the recipe")
    options = parser.parse_args(arguments)

    train, aside = split(options.archive, options.run_dir / "photos")
    setup = prepare_training(
        TrainingOptions(
            data=train,
            validation_data=aside,
            recipe=options.recipe,
            overrides=(*GENTLE, *options.changes),
            init_from=options.weights,
            minutes=options.minutes,
            steps=options.steps,
            run_dir=options.run_dir,
        )
    )
    begin_run(setup)
    for _ in setup.trainer.run():
        pass

    # last: best was chosen on the very photographs that are measured here, which would flatter it.
    weights = [options.weights, options.run_dir / "last.safetensors"]
    report = evaluate(EvaluationRequest(aside, weights, metrics=["psnr", "colorfulness"]))
    for row in report.rows:
        gain = "" if row.against_first is None else f"   against the first {row.against_first.value:+.2f}"
        print(f"{row.statistic.label:36} {row.candidate:20} {row.figure.value:8.2f}{gain}")


def split(archive: Path, folder: Path) -> tuple[Path, Path]:
    """Copy the photographs of an archive, every tenth one aside; return both folders."""
    photographs = sorted(path for path in archive.rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(photographs) < 20:
        raise SystemExit(f"{archive} has {len(photographs)} photographs; fine-tuning needs 20 or more")
    for number, path in enumerate(photographs):
        target = folder / ("aside" if number % 10 == 0 else "train") / path.relative_to(archive)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder / "train", folder / "aside"


if __name__ == "__main__":
    main()
