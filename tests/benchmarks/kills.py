"""Kills runs of `colorgan colorize` with SIGKILL at random moments, runs them again, and looks at every file.

    python tests/benchmarks/kills.py --rounds 60

Each round colours drawn photographs, some of them TIFFs of three pages, with maps of doubt and masks of what was
filled, into a new folder; is killed somewhere between its first file and its end; and is run again. Before and after
the second run every visible file must equal, byte for byte, that of a run that was left alone. Prints the sum as JSON,
and ends with 1 if anything was wrong.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

import colorgan.colorization  # noqa: F401 - loaded once, for all runs: they are forked
from colorgan import cli


def draw(folder: Path, photographs: int, books: int, seed: int) -> None:
    """Draw grey photographs with scratches, every third a 16-bit PNG, and TIFFs of three pages."""
    folder.mkdir()
    rng = np.random.default_rng(seed)

    def picture() -> np.ndarray:
        height, width = rng.integers(60, 400, 2)
        y, x = np.mgrid[0:height, 0:width] / 400
        levels = 90 + 80 * np.sin(3 * x + rng.uniform(0, 6)) * np.cos(4 * y) + rng.normal(0, 2, (height, width))
        levels[height // 3, 5 : width - 5] = 250
        return levels.clip(0, 255).astype(np.uint8)

    for number in range(photographs):
        levels = picture()
        Image.fromarray(levels if number % 3 else levels.astype(np.uint16) * 257).save(folder / f"{number:03}.png")
    for number in range(books):
        with tifffile.TiffWriter(folder / f"book{number}.tif") as tiff:
            for _ in range(3):
                tiff.write(picture(), photometric="minisblack")


def start(source: Path, out: Path, weights: str) -> int:
    """Start a run in a process and a group of its own; return its number."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    sys.argv = ["colorgan", "colorize", str(source), "-o", str(out / "results"), "--weights", weights, "-q"]
    sys.argv += ["--uncertainty", str(out / "doubt"), "--repair", "auto", "--save-mask", str(out / "masks")]
    sys.argv += ["--device", "cpu", "--precision", "float32", "--workers", "2"]
    code = 1
    try:
        cli.main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def finish(pid: int) -> None:
    """Wait for a run that must end well."""
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"a run ended with {os.waitstatus_to_exitcode(status)}")


def visible(out: Path) -> dict[str, bytes]:
    """Return the files that a person sees, and what is in them."""
    files = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def measure(source: Path, out: Path, weights: str) -> tuple[float, float]:
    """Let a run end; return the seconds until its first file and until its end."""
    begun, first = time.monotonic(), 0.0
    pid = start(source, out, weights)
    while not first:
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            raise SystemExit("a run ended without a file")
        first = time.monotonic() - begun if any(out.rglob("*.png")) else 0.0
        time.sleep(0.002)
    finish(pid)
    return first, time.monotonic() - begun


def main() -> None:
    """Do as many rounds as are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--photographs", type=int, default=40)
    parser.add_argument("--books", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", default="default")
    given = parser.parse_args()
    rng, sums, wrong = random.Random(given.seed), Counter[str](), []  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="colorgan-kills-") as name:
        source, folder = Path(name, "in"), Path(name)
        draw(source, given.photographs, given.books, given.seed)
        first, end = measure(source, folder / "whole", given.weights)
        expected = visible(folder / "whole")
        for number in range(given.rounds):
            out = folder / f"round{number}"
            pid = start(source, out, given.weights)
            time.sleep(rng.uniform(first, end))
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            found = visible(out)
            sums["files visible after a kill"] += len(found)
            sums["temporary files left by a kill"] += len(list(out.rglob("*.part")))
            sums["rounds killed between first and last file"] += 0 < len(found) < len(expected)
            wrong += [f"round {number}: {path}" for path in found if found[path] != expected.get(path)]
            finish(start(source, out, given.weights))
            found = visible(out)
            sums["files after the second run"] += len(found)
            sums["temporary files after the second run"] += len(list(out.rglob("*.part")))
            wrong += [f"round {number}: {path}" for path in expected if found.get(path) != expected[path]]
            shutil.rmtree(out)
    facts = {"rounds": given.rounds, "files of a whole run": len(expected), **sums, "wrong or lost": wrong}
    print(json.dumps(facts, indent=2))
    sys.exit(bool(wrong) or sums["temporary files after the second run"] > 0)


if __name__ == "__main__":
    main()
