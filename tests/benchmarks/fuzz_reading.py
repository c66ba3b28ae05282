"""Read thousands of damaged photographs, and tell what became of them.

`python tests/benchmarks/fuzz_reading.py --count 7000`; with `--keep DIR` those that went wrong are written there.
"""

import argparse
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from colorgan.errors import ImageReadError
from colorgan.images import read_photos
from image_mutants import mutants, photographs


def main() -> int:
    """Read them, and say whether each gave a photograph or an error of colorgan's own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=7000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory", type=int, default=4, help="GiB of address space that reading may take")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (arguments.memory << 30, arguments.memory << 30))
    results: Counter[str] = Counter()
    slowest, started = (0.0, ""), time.monotonic()
    folder = Path(tempfile.mkdtemp())
    for name, data in mutants(arguments.count, arguments.seed):
        (folder / "mutant").write_bytes(data)
        begun = time.process_time()
        try:
            read_photos(folder / "mutant")
            result = "photographs"
        except ImageReadError:
            result = "errors of colorgan's own"
        except Exception as error:
            result = "WRONG"
            print(f"{name}: {error!r}")
            if arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                (arguments.keep / name).write_bytes(data)
        results[result] += 1
        slowest = max(slowest, (time.process_time() - begun, name))
    shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{arguments.count} mutants of {len(photographs())} kinds of file: {dict(results)}")
    print(f"{time.monotonic() - started:.0f} s; slowest {slowest[0]:.2f} s ({slowest[1]}); peak {peak:.0f} MB")
    return int(results["WRONG"] > 0)


if __name__ == "__main__":
    sys.exit(main())
