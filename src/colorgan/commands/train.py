"""`colorgan train`: train a network on a folder of photographs."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorgan import console
from colorgan.commands.options import DeviceOption, PrecisionOption, QuietOption, VerboseOption
from colorgan.config import DeviceChoice, PrecisionChoice

if TYPE_CHECKING:
    from colorgan.training import Finished, Setup, StepDone, Trainer, TrainingOptions, Validated

_LENGTH, _WEIGHTS, _MACHINE = "How long", "Weights to start from", "Machine"
_TALK_SECONDS = 30.0  # between lines about progress where there is no terminal


def train(
    *,
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="Folder of photographs, a .tar file of them, or a folder with train and val inside (ImageNet-mini).",
            show_default=False,
        ),
    ],
    validation_data: Annotated[
        Path | None,
        typer.Option("--val-data", help="Photographs to validate on. Default: the val folder, or 2 % of --data."),
    ] = None,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="default|paper|debug|FILE.toml", help="What to train, and how.")
    ] = "default",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe, such as loss.bins=0.5."),
    ] = None,
    print_recipe: Annotated[
        bool, typer.Option("--print-recipe", help="Print the recipe with every value, as TOML, and stop.")
    ] = False,
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
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, help="Photographs a step and process.")] = None,
    size: Annotated[int | None, typer.Option("--size", min=8, help="Side of the training pictures, pixels.")] = None,
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
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and build everything, then stop.")] = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train a network that colours photographs.

    Writes a journal, checkpoints, sample sheets and the best generator to the run's folder. Ctrl-C saves and stops;
    --resume auto goes on.
    """
    from colorgan.training import TrainingOptions, load_recipe, recipe_to_toml

    if print_recipe:
        console.stdout().print(recipe_to_toml(load_recipe(recipe, overrides or ())), markup=False, end="")
        return
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
    )
    raise typer.Exit(_run(options, dry_run=dry_run))


def _run(options: "TrainingOptions", *, dry_run: bool) -> int:
    from colorgan.runtime import pick_runtime
    from colorgan.training import prepare_training
    from colorgan.training.distributed import joined_processes

    runtime = pick_runtime(options.device, options.precision)
    with joined_processes(runtime) as processes:
        setup = prepare_training(options, processes)
        if processes.leads:
            _introduce(setup)
        return 0 if dry_run else _train(setup.trainer)


def _introduce(setup: "Setup") -> None:
    trainer = setup.trainer
    console.say(f"computes on {trainer.runtime}")
    for note in setup.notes:
        console.say(note)
    console.say(f"the run's files go to {trainer.run_dir}")


@contextmanager
def _gentle_interrupts(trainer: "Trainer") -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) end the run after the step at hand, and the second at once."""

    def ask(number: int, frame: object) -> None:
        if trainer.stop_requested:
            raise KeyboardInterrupt
        trainer.stop_requested = True
        console.say("stopping after this step; press Ctrl-C again to stop at once")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _train(trainer: "Trainer") -> int:
    from colorgan.training import Finished, Saved, StepDone, Validated

    left_out = 0
    said = time.monotonic()
    with _gentle_interrupts(trainer), console.progress_bar() as bar:
        task = bar.add_task("training", total=1000, note="")
        for event in trainer.run():
            match event:
                case StepDone():
                    left_out += len(event.left_out)
                    bar.update(task, completed=round(1000 * event.progress), note=_summary(event))
                    if bar.disable and time.monotonic() - said > _TALK_SECONDS:
                        said = time.monotonic()
                        console.say(f"step {event.step}, {event.progress:.1%}: {_summary(event)}")
                case Validated():
                    console.say(_verdict(event))
                case Saved():
                    console.say(f"saved {event.path}", detail=True)
                case Finished():
                    return _conclude(trainer, event, left_out)
    return 0


def _summary(event: "StepDone") -> str:
    terms = ", ".join(f"{name} {value:.3g}" for name, value in event.terms.items())
    return f"{event.images_per_second:.0f} images/s, {terms}"


def _verdict(event: "Validated") -> str:
    score = event.score
    return (
        f"step {event.step}: PSNR {score.psnr:.2f} dB (grey {score.grey_psnr:.2f}), colourfulness "
        f"{score.colorfulness:.1f} (real {score.real_colorfulness:.1f}), score {score.score:+.3f} dB"
        f"{', the best so far' if event.is_best else ''}; {event.sheet}"
    )


def _conclude(trainer: "Trainer", event: "Finished", left_out: int) -> int:
    if left_out:
        console.warn(
            f"{left_out} times a photograph was passed over (damaged or nearly grey); {trainer.journal.path} names them"
        )
    if event.stopped:
        console.say(f"stopped at step {event.step}; go on with --resume {trainer.run_dir}")
        return 130
    console.say(f"the best generator, for colorgan colorize --weights {event.weights}:")
    console.stdout().print(str(event.weights), markup=False)
    return 0
