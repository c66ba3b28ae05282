"""How fast training is, beside a bare loop over the same network: `python tests/benchmarks/train.py [--data DIR]`.

Both loops run in this process, by turns, in blocks of a few steps, so that whatever else the machine does slows both
alike; the ratio of their speeds is the figure to look at. On a busy machine, look at the ratio of processor time with
one thread (OMP_NUM_THREADS=1) instead; it leaves out what the decoding processes spend. The bare loop has random
tensors in memory, the network, its optimiser, a trivial loss, and nothing else. Beside that: the share of the time
that the trainer waits for data, the arithmetic of an image, and the share of the machine's matrix-multiply peak that
this amounts to.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parent.parent))

from collections.abc import Generator

from colorgan.config import CacheChoice
from colorgan.data import find_sets
from colorgan.losses import PerceptualLoss
from colorgan.model import build_generator
from colorgan.runtime import Runtime, pick_runtime
from colorgan.training import Budget, Recipe, RunRequest, StepDone, Trainer, load_recipe
from colorgan.training.optimization import build_generator_optimizer
from support import draw_photo


def bare_loop(recipe: Recipe, runtime: Runtime) -> Iterator[float]:
    """Train the recipe's generator on random tensors; yield the seconds of each step."""
    network = build_generator(recipe.model).to(runtime.device).train()
    optimizer = build_generator_optimizer(network, recipe.optimizer)
    size, batch = recipe.run.size, recipe.run.batch_size
    luminance = torch.rand(batch, 1, size, size, device=runtime.device) * 100
    while True:
        begin = time.perf_counter()
        with runtime.autocast():
            found = network(luminance)
        outputs = [x for x in (found.coarse_ab, found.bins) if x is not None]
        optimizer.zero_grad(set_to_none=True)
        torch.stack([x.float().square().mean() for x in outputs]).sum().backward()
        optimizer.step()
        _synchronize(runtime)
        yield time.perf_counter() - begin


def real_loop(trainer: Trainer) -> Generator[tuple[float, float], None, None]:
    """Train; yield the seconds of each step, data included, and the share of it that went into waiting."""
    batch = trainer.recipe.run.batch_size
    for event in trainer.run():
        if isinstance(event, StepDone):
            yield batch / event.images_per_second, event.waiting


def count_flops(recipe: Recipe, runtime: Runtime) -> float:
    """Return the floating point operations of an image, forward and backward, of the bare loop's network."""
    network = build_generator(recipe.model).to(runtime.device).train()
    luminance = torch.rand(2, 1, recipe.run.size, recipe.run.size, device=runtime.device)
    with FlopCounterMode(display=False) as counter:
        found = network(luminance)
        outputs = [x for x in (found.coarse_ab, found.bins) if x is not None]
        torch.stack([x.mean() for x in outputs]).sum().backward()
    return counter.get_total_flops() / 2


def measure_peak(runtime: Runtime, side: int = 2048) -> float:
    """Return the FLOP/s of the best of a few large matrix multiplications in the network's precision."""
    a, b = (torch.rand(side, side, device=runtime.device, dtype=runtime.dtype) for _ in range(2))
    times = []
    for _ in range(6):
        begin = time.perf_counter()
        a @ b
        _synchronize(runtime)
        times.append(time.perf_counter() - begin)
    return 2 * side**3 / min(times)


def _synchronize(runtime: Runtime) -> None:
    if runtime.device.type == "cuda":
        torch.cuda.synchronize()


def _draw_photos(folder: Path, count: int) -> Path:
    for number in range(count):
        draw_photo(number, (192, 144)).save(folder / f"{number:04}.jpg", quality=92)
    return folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="photographs; drawn ones of 192 x 144 if left out")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--perceptual-weights", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="changes")
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--block-steps", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cache", type=CacheChoice, default=CacheChoice.NONE)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()

    recipe, runtime = load_recipe(given.recipe, given.changes), pick_runtime(given.device)
    state = torch.load(given.perceptual_weights, weights_only=True) if given.perceptual_weights else None
    if state is not None:
        PerceptualLoss(recipe.loss, state)
    with tempfile.TemporaryDirectory() as scratch:
        data = given.data or _draw_photos(Path(scratch), 8 * recipe.run.batch_size)
        trainer = Trainer(RunRequest(
            recipe, find_sets(data), Path(scratch) / "run", budget=Budget(steps=10**6), runtime=runtime,
            workers=given.workers, cache=given.cache, perceptual_state=state,
        ))  # fmt: skip
        real, bare = real_loop(trainer), bare_loop(recipe, runtime)
        for _ in range(3):  # warm up both
            next(real), next(bare)
        ratios, waits, speeds, bare_speeds, busy = [], [], [], [], []
        for _ in range(given.blocks):
            marks = [time.process_time()]
            mine = [next(real) for _ in range(given.block_steps)]
            marks.append(time.process_time())
            theirs = [next(bare) for _ in range(given.block_steps)]
            marks.append(time.process_time())
            busy.append((marks[2] - marks[1]) / (marks[1] - marks[0]))
            spent, alone = sum(t for t, _ in mine), sum(theirs)
            ratios.append(alone / spent)
            waits.append(sum(t * w for t, w in mine) / spent)
            speeds.append(recipe.run.batch_size * given.block_steps / spent)
            bare_speeds.append(recipe.run.batch_size * given.block_steps / alone)
        real.close()
    flops, peak = count_flops(recipe, runtime), measure_peak(runtime)
    speed, bare_speed = statistics.median(speeds), statistics.median(bare_speeds)
    print(f"recipe {given.recipe}, batch {recipe.run.batch_size}, {recipe.run.size} px, {runtime}")
    print(f"training       {speed:8.1f} images/s, {statistics.median(waits):.1%} of the time waiting for data")
    print(f"bare loop      {bare_speed:8.1f} images/s")
    print(f"ratio          {statistics.median(ratios):8.1%}  (median of {given.blocks} pairs of blocks, "
          f"{min(ratios):.1%} to {max(ratios):.1%})")  # fmt: skip
    print(f"processor time {statistics.median(busy):8.1%}  (bare loop's over training's, of this process)")
    print(f"arithmetic     {flops / 1e9:8.2f} GFLOP an image, forward and backward")
    print(f"peak           {peak / 1e9:8.0f} GFLOP/s measured, {flops * speed / peak:.1%} of it reached in training, "
          f"{flops * bare_speed / peak:.1%} in the bare loop")  # fmt: skip


if __name__ == "__main__":
    main()
