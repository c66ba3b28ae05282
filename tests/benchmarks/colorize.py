"""How fast `colorize` is, beside what the same files cost without it.

    python tests/benchmarks/colorize.py [--small 200] [--large 40] [--huge] [--threads] [--photos FOLDER]

Three times for each folder, with the same number of workers: the floor (every file decoded to RGB and encoded at the
same settings, no network), the network alone (inputs in memory, in batches as colorize makes them, no files), and
colorize as a whole.
Everything is generated, greys with film grain, black and white at their darkest and lightest; or give real photographs.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Outcome,
    Status,
    WorkerPool,
    count_cores,
    plan_paths,
    run_jobs,
)
from colorgan.colorization.runner import batch_size
from colorgan.colorization.worker_pool import can_fork
from colorgan.images import iter_photos


def draw(seed: int, width: int, height: int) -> np.ndarray:
    """Draw clouds at every scale, edges, and grain: about as much detail as a scanned photograph."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width), np.float32)
    for cells, weight in ((3, 60), (9, 35), (40, 18), (160, 9)):
        noise = Image.fromarray(rng.normal(0, weight, (cells, cells * 4 // 3)).astype(np.float32))
        picture += np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    picture[:, width // 3 : width // 2] += 40
    picture += rng.normal(0, 4, picture.shape).astype(np.float32)
    return (picture + 120).clip(0, 255).astype(np.uint8)


def fill(folder: Path, count: int, width: int, height: int, photos: list[Path]) -> None:
    """Write drawn pictures, or photographs at that size, the first six over and over."""
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / f"{number:03}.jpg"
        if number >= 6:
            shutil.copy(folder / f"{number % 6:03}.jpg", path)
        elif photos:
            with Image.open(photos[number % len(photos)]) as image:
                image.convert("L").resize((width, height), Image.Resampling.BICUBIC).save(path, quality=92)
        else:
            Image.fromarray(draw(number, width, height)).save(path, quality=92)


def rate(count: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def floor(source: Path, target: Path, workers: int) -> None:
    target.mkdir()

    def convert(path: Path) -> None:
        with Image.open(path) as image:
            image.convert("RGB").save(target / path.name, quality=95, subsampling=0)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(convert, sorted(source.iterdir())))


def network(source: Path, colorizer: Colorizer, workers: int, count: int) -> float:
    paths = sorted(source.iterdir())[:6]
    inputs = [colorizer.prepare(next(iter_photos(path)), colorizer.render) for path in paths]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        batch = batch_size(colorizer.runtime)
        jobs = [[inputs[(n + k) % len(inputs)] for k in range(batch)] for n in range(0, count, batch)]
        result = rate(count, lambda: list(pool.map(lambda job: colorizer.predict(job, colorizer.render), jobs)))
    torch.set_num_threads(threads)
    return result


def whole(source: Path, target: Path, colorizer: Colorizer, pool: WorkerPool | None) -> None:
    options = ColorizeOptions(render=colorizer.render)
    for event in run_jobs(plan_paths([source], target).jobs, colorizer, options, pool=pool):
        assert not isinstance(event, Outcome) or event.status is Status.COLORIZED, event


def measure(
    folder: Path, count: int, width: int, height: int, photos: list[Path], colorizer: Colorizer, pool: WorkerPool | None
) -> str:
    """Return the row of one folder."""
    source, workers = folder / "in", count_cores()
    fill(source, count, width, height, photos)
    floor(source, folder / "warm-up", workers)
    a = rate(count, lambda: floor(source, folder / "floor", workers))
    b = network(source, colorizer, workers, max(count, 60))
    c = rate(count, lambda: whole(source, folder / "out", colorizer, pool))
    return f"| {count} of {width} x {height} | {a:.2f}/s | {b:.1f}/s | {c:.2f}/s | {c / a:.0%} | {c / b:.0%} |"


def peak_of_huge(folder: Path) -> str:
    """Colour a 100-megapixel 16-bit TIFF in a process of its own; return its peak memory and time."""
    path = folder / "huge.tif"
    tile = draw(0, 1000, 1000).astype(np.uint16) * 257
    tifffile.imwrite(path, np.tile(tile, (10, 10)))
    code = (
        "import sys; sys.argv = ['colorgan', 'colorize', *sys.argv[1:]]\n"
        "from colorgan.cli import app\n"
        "app(standalone_mode=False)\n"
        "print(next(int(line.split()[1]) // 1024 for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    started = time.perf_counter()
    command = [sys.executable, "-c", code, str(path), "-o", str(folder / "huge-out.tif"), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (
        f"100 MP, 16-bit TIFF: peak {done.stdout.split()[-1]} MiB, {time.perf_counter() - started:.1f} s with start-up"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=200, help="500 x 375 pictures")
    parser.add_argument("--large", type=int, default=40, help="4000 x 3000 pictures")
    parser.add_argument("--huge", action="store_true", help="also a 100-megapixel 16-bit TIFF")
    parser.add_argument("--threads", action="store_true", help="threads instead of processes")
    parser.add_argument("--photos", type=Path, help="a folder of photographs to use instead of drawn pictures")
    arguments = parser.parse_args()
    photos = sorted(arguments.photos.glob("*.jpg")) if arguments.photos else []
    # As the command does: before anything is computed.
    pools = [None if arguments.threads or not can_fork() else WorkerPool(count_cores()) for _ in range(2)]
    colorizer = Colorizer.load()
    print(f"{colorizer}, {count_cores()} workers")
    print("| folder | floor | network alone | colorize | of the floor | of the network |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        sizes = ((arguments.small, 500, 375), (arguments.large, 4000, 3000))
        for (count, width, height), pool in zip(sizes, pools, strict=True):
            if count:
                print(measure(Path(name) / str(width), count, width, height, photos, colorizer, pool), flush=True)
        own, largest = (
            resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        print(f"peak memory: {own} MiB in this process, {largest} MiB in the largest of the processes it started")
        if arguments.huge:
            print(peak_of_huge(Path(name)))
    for pool in pools:
        if pool is not None:
            pool.close()


if __name__ == "__main__":
    main()
