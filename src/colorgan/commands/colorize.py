"""`colorgan colorize`: options become a plan, the library carries it out, the results are printed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorgan import console
from colorgan.commands.colorize_display import RunDisplay, print_plan, summarize
from colorgan.commands.options import DeviceOption, PrecisionOption, QuietOption, VerboseOption
from colorgan.config import ColorInput, Existing, PrecisionChoice
from colorgan.errors import UsageError

if TYPE_CHECKING:
    from colorgan.colorization import Plan

__all__ = ["colorize"]

_COLORS, _FILES, _REPORTS, _MACHINE = "Colours", "Files", "Reports", "Machine"


def colorize(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Photographs, folders of them (searched recursively), or - for standard input.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the results, mirroring the inputs; for one photograph, a file; - for standard output.",
            rich_help_panel=_FILES,
            show_default=False,
        ),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=2,
            help="Factor on the colours: 0 is grey. Default: what suits the network.",
            rich_help_panel=_COLORS,
            show_default=False,
        ),
    ] = None,
    render_size: Annotated[
        str,
        typer.Option(
            metavar="auto|N",
            help="The network sees the picture with sides of about N pixels. Results have full size whatever it is.",
            rich_help_panel=_COLORS,
        ),
    ] = "auto",
    mute_uncertain: Annotated[
        bool, typer.Option("--mute-uncertain", help="Mute colours that are a guess.", rich_help_panel=_COLORS)
    ] = False,
    color_input: Annotated[
        ColorInput,
        typer.Option(
            help="What to do with photographs that are in colour already. Sepia and tinted ones count as "
            "black-and-white.",
            rich_help_panel=_COLORS,
        ),
    ] = ColorInput.SKIP,
    weights: Annotated[str, typer.Option(help="The network: a name or a file.", rich_help_panel=_COLORS)] = "default",
    image_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="jpg|png|tif|webp|...",
            help="Format of the results. Default: each source's own, if it can hold colour.",
            rich_help_panel=_FILES,
            show_default=False,
        ),
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG, WebP and AVIF.", rich_help_panel=_FILES)] = 95,
    existing: Annotated[
        Existing,
        typer.Option(
            help="What to do where a result is there already; skip makes a second run go on where the first one ended.",
            rich_help_panel=_FILES,
        ),
    ] = Existing.SKIP,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Of the files in folders, take only these ('*.tif', '1923/*'); repeatable.",
            rich_help_panel=_FILES,
            show_default=False,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Of the files in folders, leave these out; repeatable.",
            rich_help_panel=_FILES,
            show_default=False,
        ),
    ] = None,
    strip_metadata: Annotated[
        bool,
        typer.Option(
            "--strip-metadata",
            help="Leave EXIF, XMP, text and times behind; the note that colorgan made the colours stays.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and do nothing.", rich_help_panel=_FILES)
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="End the run at the first failure.", rich_help_panel=_FILES)
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each file.", rich_help_panel=_REPORTS)
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads. Default: one a core.", rich_help_panel=_MACHINE, show_default=False),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Do only part I of N, for job arrays.", rich_help_panel=_MACHINE, show_default=False
        ),
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = PrecisionChoice.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Colour photographs; the luminance of each stays as it is, at full size.

    [bold]colorgan colorize old_photos/ -o coloured/[/bold]
    """
    if output is None:
        raise UsageError("no place for the results was given; give a folder with -o")
    size = _parse_render_size(render_size)
    part = _parse_shard(shard)
    from colorgan import colorization as library

    plan = library.plan_paths(
        inputs,
        output,
        include=include or (),
        exclude=exclude or (),
        image_format=image_format,
        existing=existing,
    )
    _tell_passed_over(plan)
    if part is not None:
        plan = plan.shard(*part)
    if dry_run:
        print_plan(plan)
        return
    if not plan.jobs:
        raise UsageError("the inputs hold no photographs; nothing was done")
    colorizer = library.Colorizer.load(weights, device=device, precision=precision)
    console.say(f"{colorizer.name} {colorizer.sha256[:8]} on {colorizer.runtime}")
    options = library.ColorizeOptions(
        render=colorizer.settings(strength=strength, render_size=size),
        quality=quality,
        existing=existing,
        color_input=color_input,
        strip_metadata=strip_metadata,
        mute_uncertain=mute_uncertain,
        stream_format=image_format,
    )
    outcomes = []
    with RunDisplay(len(plan.jobs), json=json, silent=output == library.STREAM) as display:
        for event in library.run_jobs(plan.jobs, colorizer, options, workers=workers):
            display.show(event, colorizer)
            if isinstance(event, library.Outcome):
                outcomes.append(event)
                if fail_fast and event.status is library.Status.FAILED:
                    break
    summarize(outcomes, planned=len(plan.jobs))
    if any(outcome.status is library.Status.FAILED for outcome in outcomes) or plan.sources.unreadable:
        raise typer.Exit(1)


def _parse_render_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(f"--render-size takes auto or a number of pixels, got {text!r}")
    return int(text)


def _parse_shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise UsageError(f"--shard takes I/N with I from 1 to N, such as 1/4, got {text!r}")
    return int(index) - 1, int(count)


def _tell_passed_over(plan: "Plan") -> None:
    sources = plan.sources
    counts = ((sources.hidden, "hidden"), (sources.not_images, "not images"), (sources.excluded, "excluded"))
    parts = [f"{count} {what}" for count, what in counts if count]
    if parts:
        console.say(f"passed over: {', '.join(parts)}")
    for folder, reason in sources.unreadable:
        console.warn(f"{folder} cannot be searched: {reason}")
