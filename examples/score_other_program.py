"""Score pictures that another program coloured, beside colorgan, on the same photographs by the same ruler.

Take colour photographs, make them grey, colour the grey ones with the other program, and keep the names:

python examples/score_other_program.py photos/ --write-grey grey/
other-program grey/ coloured/
python examples/score_other_program.py photos/ --coloured coloured/
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from colorgan import EvaluationRequest, evaluate
from colorgan.evaluation import report_to_html

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write grey pictures, or score coloured ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="a folder of colour photographs")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--write-grey", type=Path, metavar="FOLDER")
    task.add_argument("--coloured", type=Path, metavar="FOLDER")
    parser.add_argument("--report", type=Path, help="a page with the worst and best pictures")
    options = parser.parse_args(arguments)
    if options.write_grey is not None:
        write_grey(options.photos, options.write_grey)
    else:
        score(options.photos, options.coloured, options.report)


def write_grey(photos: Path, folder: Path) -> None:
    """Write the photographs of a folder without colour, as PNG."""
    for path in sorted(path for path in photos.rglob("*") if path.suffix.lower() in SUFFIXES):
        target = (folder / path.relative_to(photos)).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as photograph:
            photograph.convert("L").save(target)


def score(photos: Path, coloured: Path, page: Path | None) -> None:
    """Print the figures of all candidates, with 95 % intervals, and the differences from colorgan's."""
    metrics = ["psnr", "colorfulness", "delta-e"]
    report = evaluate(EvaluationRequest(photos, ["default"], pairs=coloured, metrics=metrics, examples=4))
    for row in report.rows:
        interval = f"[{row.figure.low:.2f}, {row.figure.high:.2f}]"
        print(f"{row.statistic.label:36} {row.candidate:20} {row.figure.value:8.2f} {interval}")
    for name, reason in report.left_out:
        print(f"left out: {name}: {reason}")
    if page is not None:
        page.write_text(report_to_html(report), encoding="utf-8")


if __name__ == "__main__":
    main()
