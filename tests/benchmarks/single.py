"""Where the processor time of `colorgan colorize one.jpg` goes, from the start of Python to its end, on one thread.

    python tests/benchmarks/single.py --avx2 --photo PHOTOGRAPH [--before OTHER_TREE/src] [--runs 9]

Whole runs of the command are measured by turns, as user and system seconds of each process, and with them those of
another version's source where one is given, of `import torch` and of a bare Python. The steps are those of a first
picture in a fresh process, each time. Medians; the ratio is the median of the ratios of neighbouring runs.

`--avx2` emulates a processor without AVX-512 on one that has it: torch, oneDNN and MKL are told to do without, and the
network runs in float32. What it leaves out: clock and caches stay those of this machine, MKL takes the hint on
processors of Intel alone, and NumPy and Pillow are not told.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from colorize import draw  # type: ignore[import-not-found]  # beside it
from PIL import Image

SIZES = {"1500 x 1000": (1500, 1000), "4000 x 3000": (4000, 3000)}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
STEPS = """
import json, sys, time
from pathlib import Path
steps, last = {}, 0.0
def lap(name):
    global last
    now = time.process_time()
    steps[name] = now - last
    last = now
lap("Python itself")
from colorgan.commands.loading import quick_imports
with quick_imports():
    import torch
    lap("torch is imported")
    import colorgan.cli, colorgan.session
    lap("colorgan and all else is imported")
torch.set_num_threads(1)
from colorgan.colorization import Colorizer
from colorgan.colorization.runner import batch_size
from colorgan.images import iter_photos, write_image
from colorgan.rendering import Compositor, Query
colorizer = Colorizer.load(precision=sys.argv[2])
lap("the network is loaded")
photo = next(iter_photos(Path(sys.argv[1])))
lap("read")
seen = colorizer.prepare(photo, colorizer.render)
lap("shrunk for the network")
(colors,) = colorizer.predict([seen], colorizer.render, Query(pad_to=batch_size(colorizer.runtime)))
lap("network")
field = colorizer.fit(seen, colors, colorizer.render)
lap("colours fitted to edges")
bands = [band.copy() for band in Compositor(photo.grey, field).bands()]
lap("colour at full size")
target = Path(sys.argv[1]).with_name("steps-out.jpg")
write_image(target, iter(bands), format="JPEG", shape=photo.grey.shape, metadata=photo.metadata,
            provenance=colorizer.provenance({}))
lap("encoded and written")
print(json.dumps([torch.backends.cpu.get_cpu_capability(), str(colorizer), steps]))
"""


def processor_seconds(command: list[str], environment: dict[str, str]) -> float:
    """Run a command; return the user and system seconds that it took, with all that it started."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure_steps(photo: Path, precision: str, environment: dict[str, str]) -> tuple[str, dict[str, float]]:
    """Return what ran, and the seconds of each step."""
    command = [sys.executable, "-c", STEPS, str(photo), precision]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    capability, colorizer, steps = json.loads(done.stdout)
    return f"{colorizer}, {capability}", steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, help="a photograph, brought to both sizes; one is drawn if left out")
    parser.add_argument("--before", type=Path, help="the src folder of another version, to measure beside this one")
    parser.add_argument("--avx2", action="store_true", help="emulate a processor without AVX-512")
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    precision = "float32" if arguments.avx2 else "auto"
    own = os.environ | {"OMP_NUM_THREADS": "1"} | (AVX2 if arguments.avx2 else {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Bytecode is kept, as it is where a package was installed, and for each version by itself.
        own |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        trees = {"now": own}
        if arguments.before:
            other = {"PYTHONPATH": str(arguments.before), "PYTHONPYCACHEPREFIX": str(folder / "bytecode-before")}
            trees = {"before": own | other, "now": own}
        photos = {}
        for size, (width, height) in SIZES.items():
            photos[size] = folder / f"{width}.jpg"
            if arguments.photo:
                with Image.open(arguments.photo) as image:
                    grey = image.convert("L").resize((width, height), Image.Resampling.BICUBIC)
            else:
                grey = Image.fromarray(draw(0, width, height))
            grey.save(photos[size], quality=92)
        command = [sys.executable, "-m", "colorgan", "colorize", "--existing", "overwrite", "-o", str(folder / "out")]
        whole = {
            (size, tree): ([*command, "--precision", precision, str(photo)], environment)
            for size, photo in photos.items()
            for tree, environment in trees.items()
        }
        whole |= {("", code): ([sys.executable, "-c", code], own) for code in ("pass", "import torch")}
        seconds: dict[tuple[str, str], list[float]] = {key: [] for key in whole}
        steps: dict[str, list[dict[str, float]]] = {size: [] for size in SIZES}
        what = ""
        for run in range(arguments.runs + 1):  # the first fills caches and is not counted
            for key, (line, environment) in whole.items():
                taken = processor_seconds(line, environment)
                seconds[key] += [taken] if run else []
            for size, photo in photos.items():
                what, found = measure_steps(photo, precision, own)
                steps[size] += [found] if run else []
    print(f"{what}{' (emulated)' if arguments.avx2 else ''}, one thread, medians of {arguments.runs} runs by turns")
    print("\n| whole process, processor seconds | " + " | ".join(trees) + " | ratio |")
    print("|---|" + "---:|" * (len(trees) + 1))
    for size in SIZES:
        runs = [seconds[size, tree] for tree in trees]
        ratio = median(now / before for before, now in zip(runs[0], runs[-1], strict=True))
        print(f"| {size} | " + " | ".join(f"{median(r):.2f}" for r in runs) + f" | {ratio:.2f} |")
    for _, code in [key for key in whole if not key[0]]:
        print(f"| `python -c '{code}'` | " + " | ".join(f"{median(seconds['', code]):.2f}" for _ in trees) + " | |")
    print("\n| step, processor milliseconds | " + " | ".join(SIZES) + " |")
    print("|---|" + "---:|" * len(SIZES))
    medians = {size: {step: median(run[step] for run in runs) for step in runs[0]} for size, runs in steps.items()}
    for step in next(iter(medians.values())):
        print(f"| {step} | " + " | ".join(f"{1000 * medians[size][step]:.0f}" for size in SIZES) + " |")
    pictured = [sum(list(medians[size].values())[-6:]) for size in SIZES]  # from "read" on
    print(
        "| the six steps from reading to writing together | " + " | ".join(f"{1000 * s:.0f}" for s in pictured) + " |"
    )
    rest = [median(seconds[size, "now"]) - sum(medians[size].values()) for size in SIZES]
    print(
        "| besides: command line, plan, progress, end of Python | " + " | ".join(f"{1000 * r:.0f}" for r in rest) + " |"
    )


if __name__ == "__main__":
    main()
