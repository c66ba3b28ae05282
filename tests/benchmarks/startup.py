"""How long `colorgan --help` and `--version` take over a bare Python.

Run it with `python tests/benchmarks/startup.py`. It ends with 1 if one of them takes more than 0.15 s over
`python -c pass` (the best of several runs, so that a busy machine does not count).
"""

import subprocess
import sys
from time import perf_counter

LIMIT = 0.15  # seconds
RUNS = 15
START = "import sys; sys.argv = ['colorgan', {option!r}]; from colorgan.cli import main; main()"


def best_time(code: str) -> float:
    """Return the shortest of several runs of Python on this code, in seconds."""

    def once() -> float:
        start = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        return perf_counter() - start

    return min(once() for _ in range(RUNS))


def main() -> int:
    """Measure, print a line each, and say whether all are quick enough."""
    bare = best_time("pass")
    print(f"{'python -c pass':<24}{bare:.3f} s")
    slow = False
    for option in ("--help", "--version"):
        over = best_time(START.format(option=option)) - bare
        print(f"{'colorgan ' + option:<24}{over:.3f} s over it (limit {LIMIT} s)")
        slow |= over > LIMIT
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
