"""`colorgan train`: train a network on a folder of photographs."""

import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorgan import console
from colorgan.commands.loading import quick_imports
from colorgan.commands.options import (
    DeviceOption,
    LogOption,
    PrecisionOption,
    PrintConfigOption,
    QuietOption,
    VerboseOption,
)
from colorgan.config import CacheChoice, DeviceChoice, PrecisionChoice
from colorgan.errors import UsageError
from colorgan.runs import RunFolder

if TYPE_CHECKING:
    from colorgan.training import Finished, Setup, StepDone, Tracker, Trainer, TrainingOptions, Validated
    from colorgan.training.preflight import Preflight

_LENGTH, _WEIGHTS, _MACHINE, _LOOK = "How long", "Weights to start from", "Machine", "Looking at recipes and runs"
# Read from the folder: to import the package that it belongs to would load torch.
_RECIPES = sorted(path.stem for path in (Path(__file__).parents[1] / "training" / "recipes").glob("*.toml"))
_SAME_REQUEST_SECONDS = 1.0
_TALK_SECONDS = 30.0  # between lines about progress where there is no terminal


def train(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Folder of photographs, a .tar file of them, or a folder with train and val inside (ImageNet-mini).",
        ),
    ] = None,
    validation_data: Annotated[
        Path | None,
        typer.Option("--val-data", help="Photographs to validate on. Default: the val folder, or 2 % of --data."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="|".join((*_RECIPES, "FILE.toml")),
            help="What to train, and how. Default: default, or that of the resumed run.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe, such as loss.bins=0.5."),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option("--run-dir", help="Where the run's files go. Default: runs/RECIPE-TIME.")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="Passes over the photographs.", rich_help_panel=_LENGTH)
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Steps in all.", rich_help_panel=_LENGTH)] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", help="Time to train; the schedule is fitted to it.", rich_help_panel=_LENGTH),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Photographs a step and process.")
    ] = None,
    size: Annotated[int | None, typer.Option("--size", min=8, help="Side of the training pictures, pixels.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of everything random. Default: 0.")] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="auto|PATH",
            help="Go on with a run: the latest one, a run's folder, or a checkpoint.",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            "--init-from", metavar="NAME|FILE", help="Begin with a trained generator.", rich_help_panel=_WEIGHTS
        ),
    ] = None,
    encoder_weights: Annotated[
        str | None,
        typer.Option(
            "--encoder-weights",
            metavar="imagenet|none|FILE",
            help="What the encoder begins with. Default: as the recipe says.",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None,
    perceptual_weights: Annotated[
        Path | None,
        typer.Option(
            "--perceptual-weights",
            help="File of the perceptual loss's backbone. Default: the one in the store.",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None,
    device: DeviceOption = DeviceChoice.AUTO,
    precision: PrecisionOption = PrecisionChoice.AUTO,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, help="Processes that decode photographs.", rich_help_panel=_MACHINE),
    ] = None,
    cache: Annotated[
        CacheChoice | None,
        typer.Option(
            "--cache",
            help="Keep decoded photographs in memory, or on the GPU, which then crops and varies them too.",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile", help="Compile the generator: minutes to start, faster on GPUs.", rich_help_panel=_MACHINE
        ),
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write for TensorBoard.", rich_help_panel=_MACHINE)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check data, disk, speed and memory, then stop.", rich_help_panel=_LOOK)
    ] = False,
    print_recipe: Annotated[
        bool,
        typer.Option(
            "--print-recipe", help="Print the recipe with every value, as TOML, and stop.", rich_help_panel=_LOOK
        ),
    ] = False,
    status: Annotated[
        Path | None, typer.Option("--status", metavar="RUN_DIR", help="Sum a run up, and stop.", rich_help_panel=_LOOK)
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="RUN_DIR", help="Draw a run's curves, and stop.", rich_help_panel=_LOOK),
    ] = None,
    log: LogOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    print_config: PrintConfigOption = False,
) -> None:
    """Train a network that colours photographs.

    Writes a journal, checkpoints, sample sheets and the best generator to the run's folder. Ctrl-C saves and stops;
    --resume auto goes on.
    """
    if print_recipe:
        return _print_recipe(recipe or "default", overrides or [])
    if status is not None:
        return _print_status(status)
    if plots is not None:
        return _print_plots(plots)

    # Read when torch is loaded: its C++ parts remark on ordinary things, once a process.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    with quick_imports():
        from colorgan.training import TrainingOptions

    options = TrainingOptions(
        data=data,
        validation_data=validation_data,
        recipe=recipe,
        overrides=tuple(overrides or ()),
        run_dir=run_dir,
        epochs=epochs,
        steps=steps,
        minutes=minutes,
        batch_size=batch_size,
        size=size,
        device=device,
        precision=precision,
        resume=resume,
        init_from=init_from,
        encoder_weights=encoder_weights,
        perceptual_weights=str(perceptual_weights) if perceptual_weights else None,
        seed=seed,
        workers=workers,
        cache=cache,
        compile=compiled,
    )
    raise typer.Exit(_run(options, dry_run=dry_run, tensorboard=tensorboard))


# --- looking at recipes and runs --------------------------------------------------------------------------------------


def _print_recipe(recipe: str, overrides: list[str]) -> None:
    from colorgan.training import load_recipe, recipe_to_toml

    with _warnings_said():
        loaded = load_recipe(recipe, overrides)
    console.stdout().print(recipe_to_toml(loaded), markup=False, end="")


@contextmanager
def _warnings_said(*, aloud: bool = True) -> Iterator[None]:
    """Say in one line what a recipe warns of, and not where in the code."""
    from colorgan.training import RenamedKeyWarning

    with warnings.catch_warnings():
        before = warnings.showwarning

        def say(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, RenamedKeyWarning):
                before(message, category, *place, **more)
            elif aloud:
                console.warn(str(message))

        warnings.simplefilter("always", RenamedKeyWarning)
        warnings.showwarning = say
        yield


def _print_status(run_dir: Path) -> None:
    from colorgan.training.score import describe_score
    from colorgan.training.status import summarize_run

    status = summarize_run(run_dir)
    rows: list[tuple[str, str]] = [("state", status.state), ("step", str(status.step))]
    if status.progress is not None:
        rows.append(("progress", f"{status.progress:.1%}"))
    rows.append(("time", _duration(status.seconds)))
    if status.seconds_left is not None and status.state != "finished":
        rows.append(("time left", f"about {_duration(status.seconds_left)}"))
    if status.images_per_second is not None:
        rows.append(("speed", f"{status.images_per_second:.1f} images/s, {status.waiting or 0:.1%} waiting for data"))
    rows += [(name, f"{value:.4g}") for name, value in status.losses.items()]
    for title, entry in (("best", status.best), ("last", status.last)):
        if entry is not None:
            rows.append((f"{title} score", f"{entry['score']:+.3f} dB at step {entry['step']}"))
            rows.append(("", describe_score(entry)))
    rows.append(("left out", f"{status.left_out} photographs, damaged or nearly grey"))
    rows.append(("checkpoint", str(status.checkpoint or "none yet")))
    table = console.make_table("run", str(run_dir))
    for row in rows:
        table.add_row(*row)
    console.stdout().print(table)


def _print_plots(run_dir: Path) -> None:
    from colorgan.training.journal import read_journal
    from colorgan.training.plots import draw_curves

    files = RunFolder(run_dir)
    path = draw_curves(read_journal(files.journal), files.curves)
    if path is None:
        raise UsageError(f"the journal of {run_dir} has nothing to draw yet; wait until it has taken a few more steps")
    console.stdout().print(str(path), markup=False)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{seconds / 60:.1f} min"


# --- training ---------------------------------------------------------------------------------------------------------


def _run(options: "TrainingOptions", *, dry_run: bool, tensorboard: bool) -> int:
    from colorgan.runtime import pick_runtime
    from colorgan.training import begin_run, prepare_training
    from colorgan.training.distributed import PeerFailedError, joined_processes, own_runtime
    from colorgan.training.preflight import check_before_run
    from colorgan.training.tensorboard import TensorBoardLog

    runtime = own_runtime(pick_runtime(options.device, options.precision))
    try:
        with joined_processes(runtime) as processes:
            with _warnings_said(aloud=processes.is_main):
                setup = prepare_training(options, processes, runtime)
            trainer = setup.trainer
            if processes.is_main:
                _introduce(setup)
            trackers: list[Tracker] = []
            if tensorboard and processes.is_main:
                trackers.append(TensorBoardLog(trainer.files.tensorboard, trainer.recipe.run.log_interval))
            _introduce_check(processes.from_main(lambda: check_before_run(trainer)), trainer)
            if dry_run:
                return 0
            begin_run(setup)
            return _train(trainer, trackers)
    except PeerFailedError as error:  # the process that failed says why
        console.say(str(error), detail=True)
        return error.exit_code


def _introduce(setup: "Setup") -> None:
    trainer = setup.trainer
    several = f", {trainer.processes.world} processes" if trainer.processes.world > 1 else ""
    console.say(f"computes on {trainer.runtime}{several}")
    for note in setup.notes:
        console.say(note)
    console.say(f"the run's files go to {trainer.run_dir}")


def _introduce_check(found: "Preflight", trainer: "Trainer") -> None:
    if not trainer.processes.is_main:
        return
    data = found.data
    least, middle, most = data.short_sides
    console.say(
        f"of {data.looked_at} photographs looked at, {len(data.unreadable)} are unreadable and {len(data.grey)} nearly "
        f"grey; short sides {least} to {most} pixels, half of them {middle} or more"
    )
    for _, reason in data.unreadable:
        console.warn(reason)
    if middle < trainer.recipe.run.size:
        console.warn(f"most photographs are smaller than the training size, {trainer.recipe.run.size} pixels")
    if found.steps_in_all is not None:
        length = f"about {found.steps_in_all} steps in {trainer.budget.minutes:g} minutes"
    else:
        length = f"about {_duration(found.seconds_in_all or 0)} for {trainer.budget.steps} steps"
    memory = "" if found.memory_bytes is None else f", memory {found.memory_bytes / 1e9:.1f} GB"
    console.say(
        f"{found.seconds_per_step:.2f} s a step, {length}{memory}, disk {found.disk_needed / 1e9:.2f} GB of "
        f"{found.disk_free / 1e9:.0f} GB free"
    )


@contextmanager
def _gentle_interrupts(trainer: "Trainer") -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) end the run after the step at hand, a later one at once, a third by force.

    torchrun and batch systems pass one request on to the same process twice; that is not a second one.
    """
    asked, insisted = 0.0, False

    def ask(number: int, frame: object) -> None:
        nonlocal asked, insisted
        if not trainer.stop_requested:
            asked = time.monotonic()
            trainer.request_stop()
            if trainer.processes.is_main:
                console.say("stopping after this step; press Ctrl-C again to stop at once")
        elif insisted:
            os._exit(130)
        elif time.monotonic() - asked > _SAME_REQUEST_SECONDS:
            insisted = True
            _kill_children()
            raise KeyboardInterrupt

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kill_children() -> None:
    """End the processes that decode, which may be stuck, without torch's remarks on their death."""
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in multiprocessing.active_children():
        child.kill()


def _train(trainer: "Trainer", trackers: "list[Tracker]") -> int:
    from colorgan.training import Finished, Saved, StepDone, Validated, follow

    left_out: set[str] = set()
    said = time.monotonic()
    with _gentle_interrupts(trainer), console.progress_bar() as bar:
        task = bar.add_task("training", total=1000, note="")
        for event in follow(trainer.run(), *trackers):
            match event:
                case _ if not trainer.processes.is_main:
                    pass
                case StepDone():
                    left_out.update(name for name, _ in event.left_out)
                    bar.update(task, completed=round(1000 * event.progress), note=_summary(event))
                    if bar.disable and time.monotonic() - said > _TALK_SECONDS:
                        said = time.monotonic()
                        console.say(f"step {event.step}, {event.progress:.1%}: {_summary(event)}")
                case Validated():
                    console.say(_describe_validation(event))
                case Saved():
                    console.say(f"saved {event.path}", detail=True)
                case Finished():
                    _conclude(trainer, event, left_out)
    return 130 if trainer.progress < 1 else 0


def _summary(event: "StepDone") -> str:
    terms = ", ".join(f"{name} {value:.3g}" for name, value in event.terms.items())
    return f"{event.images_per_second:.0f} images/s, {terms}"


def _describe_validation(event: "Validated") -> str:
    from colorgan.training.score import describe_score

    return (
        f"step {event.step}: {describe_score(asdict(event.score))}, score {event.score.score:+.3f} dB"
        f"{', the best so far' if event.is_best else ''}; {event.sheet}"
    )


def _conclude(trainer: "Trainer", event: "Finished", left_out: set[str]) -> None:
    if left_out:
        console.warn(
            f"{len(left_out)} photographs were passed over (damaged or nearly grey); {trainer.journal.path} names them"
        )
    if event.curves is not None:
        console.say(f"the curves of the run: {event.curves}")
    if event.story is not None:
        console.say(f"its sample sheets, one after the other: {event.story}")
    if event.stopped:
        console.say(f"stopped at step {event.step}; go on with --resume {trainer.run_dir}")
    elif event.weights is not None:
        console.say(f"the best generator, for colorgan colorize --weights {event.weights}:")
        console.stdout().print(str(event.weights), markup=False)
