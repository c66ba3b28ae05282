"""`colorgan eval`: measure how well pictures are coloured."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorgan import console
from colorgan.commands.clips import measure_clips
from colorgan.commands.loading import quick_imports
from colorgan.commands.options import (
    DeviceOption,
    LogOption,
    MaxPixelsOption,
    PrecisionOption,
    PrintConfigOption,
    QuietOption,
    VerboseOption,
)
from colorgan.config import Degradation, DeviceChoice, Framing, Occlusion, PrecisionChoice
from colorgan.errors import EvaluationError, UsageError
from colorgan.files import write_whole

if TYPE_CHECKING:
    from rich.table import Table

    from colorgan.data import PhotoFile
    from colorgan.evaluation import Report

_INPUT, _OUTPUT, _MACHINE = "What the networks are shown", "Results", "Machine"
_EXAMPLES = 8
_LEFT_OUT_SHOWN = 5


def evaluate(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Folder of colour photographs, or a .tar file of them; a val folder inside is used. Default: the "
            "validation photographs of the latest training run, else ./imagenet-mini.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="NAME|FILE",
            help="Generator to measure; repeat it to compare several. Default: the latest training run's where its "
            "photographs are used, else the one that comes with colorgan.",
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="psnr, ssim, colorfulness, delta-e, ab-rmse (the default), perceptual, lpips, top5, fid, "
            "size-stability; repeat it. Or cdc: how steadily clips in colour, named with --data, are coloured.",
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="DIR", help="Pictures coloured by any program, named as the photographs."),
    ] = None,
    front: Annotated[
        bool, typer.Option("--front", help="Sweep the strength, to compare at equal colourfulness.")
    ] = False,
    framing: Annotated[
        Framing, typer.Option("--protocol", help="How pictures are brought to size.")
    ] = Framing.SQUASH256,
    occlusion: Annotated[
        Occlusion, typer.Option("--occlusion", help="Luminance to take away.", rich_help_panel=_INPUT)
    ] = Occlusion.NONE,
    degradation: Annotated[
        Degradation, typer.Option("--degrade", help="Damage to simulate.", rich_help_panel=_INPUT)
    ] = Degradation.NONE,
    hints: Annotated[
        int, typer.Option("--hints", min=0, help="True colours given at random places.", rich_help_panel=_INPUT)
    ] = 0,
    render_size: Annotated[
        int | None,
        typer.Option("--render-size", min=16, help="Size at which the networks see pictures.", rich_help_panel=_INPUT),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option("--strength", min=0, max=2, help="Factor on the colours' chroma.", rich_help_panel=_INPUT),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="FILE.csv", help="Picture names and ImageNet classes, for top5."),
    ] = None,
    backbones: Annotated[
        list[str] | None,
        typer.Option("--backbone", metavar="NAME=FILE", help="A backbone's file, instead of the one in the store."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of damage, hints and the bootstrap.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of tables.", rich_help_panel=_OUTPUT)
    ] = False,
    per_image: Annotated[
        Path | None,
        typer.Option("--per-image", metavar="FILE.csv", help="Write each picture's values.", rich_help_panel=_OUTPUT),
    ] = None,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.html", help="Write a page to look at.", rich_help_panel=_OUTPUT),
    ] = None,
    max_pixels: MaxPixelsOption = None,
    device: DeviceOption = DeviceChoice.AUTO,
    precision: PrecisionOption = PrecisionChoice.AUTO,
    log: LogOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    print_config: PrintConfigOption = False,
) -> None:
    """Measure how well networks, or any other program, colour photographs.

    The photographs' colours are taken away and put back, and the result is compared to them, beside the grey picture
    and one constant colour. The protocol is printed with every result.
    """
    with quick_imports():
        from colorgan import evaluation
        from colorgan.images.budget import let_overtime_end_process

    let_overtime_end_process(console.fail)
    if metrics and "cdc" in metrics:
        if len(metrics) > 1 or (weights and len(weights) > 1):
            raise UsageError("cdc is measured on clips, and with one network; give no other --metric or --weights")
        measure_clips(
            data,
            weights[0] if weights else "default",
            render_size=render_size,
            device=device,
            precision=precision,
            as_json=as_json,
        )
        return
    found = evaluation.find_data(data)
    _check_targets([file for file in (per_image, report_file) if file is not None], found.photos)
    chosen: list[str] | list[Path] = weights or ([found.weights] if found.weights else ["default"])
    if pairs is not None and not weights:
        chosen = []
    console.say(f"{len(found.photos)} photographs: {found.source}")
    request = evaluation.EvaluationRequest(
        found.photos,
        chosen,
        metrics=metrics or evaluation.CORE_METRICS,
        protocol=evaluation.Protocol(
            framing=framing, occlusion=occlusion, degradation=degradation, hints=hints, seed=seed
        ),
        render_size=render_size,
        strength=strength,
        pairs=pairs,
        front=front,
        examples=_EXAMPLES if report_file else 0,
        labels=evaluation.read_labels(labels) if labels else None,
        backbones=_parse_backbones(backbones or []),
        device=device,
        precision=precision,
    )
    with _progress() as on_progress:
        report = evaluation.evaluate(request, on_progress)
    if as_json:
        typer.echo(evaluation.report_to_json(report))
    else:
        _print_report(report)
    if per_image:
        _write(per_image, evaluation.report_to_csv(report))
    if report_file:
        _write(report_file, evaluation.report_to_html(report))


def _parse_backbones(options: list[str]) -> dict[str, Path]:
    backbones = {}
    for option in options:
        name, found, file = option.partition("=")
        if not found or not name or not file:
            raise UsageError(f"--backbone takes NAME=FILE, got {option!r}")
        backbones[name] = Path(file)
    return backbones


def _check_targets(files: "list[Path]", photos: "list[PhotoFile]") -> None:
    """See before the work that results can be written, and over no photograph."""
    from colorgan.files import is_folder

    sources = {os.path.realpath(photo.path): photo for photo in photos}
    for file in files:
        if not is_folder(file.absolute().parent):
            raise UsageError(f"there is no folder {file.parent} to write {file.name} to; make it first")
        if is_folder(file):
            raise UsageError(f"{file} is a folder; give the name of a file in it")
        if os.path.realpath(file) in sources:
            raise UsageError(f"{file} is one of the photographs to measure on; give another name")
    if len({os.path.realpath(file) for file in files}) < len(files):
        raise UsageError(f"--per-image and --report would both be written to {files[0]}; give two names")


def _write(file: Path, text: str) -> None:
    try:
        write_whole(file, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise EvaluationError(f"{file} cannot be written: {error.strerror}") from error
    console.say(f"wrote {file}")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    with console.progress_bar(unit="photographs") as bar:
        tasks = {}

        def show(doing: str, done: int, total: int) -> None:
            if doing not in tasks:
                tasks[doing] = bar.add_task(doing, total=total, note="")
            bar.update(tasks[doing], completed=done)

        yield show


def _print_report(report: "Report") -> None:
    out = console.stdout()
    facts = {"measured": f"{len(report.names)} photographs", **report.protocol.describe()}
    for candidate in report.candidates:
        if candidate.facts:
            facts[candidate.name] = ", ".join(f"{key} {value}" for key, value in candidate.facts.items())
    facts["made with"] = ", ".join(f"{key} {value}" for key, value in report.environment.items())
    for reason, count in report.left_out_counts.items():
        facts[f"left out: {count}"] = reason
    table = console.make_table("", "")
    table.show_header = False
    for name, text in facts.items():
        table.add_row(name, text)
    out.print(table)
    for name, reason in report.left_out[:_LEFT_OUT_SHOWN]:
        console.say(f"left out {name}: {reason}")
    out.print()
    out.print(_figures_table(report))
    if report.sweeps:
        out.print()
        for part in _sweep_tables(report):
            out.print(part)


def _figures_table(report: "Report") -> "Table":
    from colorgan.evaluation.page import format_difference, format_figure, format_range

    several = any(row.against_first for row in report.rows)
    heads = ["figure", "of", ">value", ">95 % interval", ">against grey, paired"]
    table = console.make_table(*heads, *([f">against {report.first_model}, paired"] if several else []))
    last = ""
    for row in report.rows:
        statistic = row.statistic
        is_new, last = statistic.key != last, statistic.key
        if is_new and table.row_count:
            table.add_row()
        cells = [
            f"{statistic.label} ({statistic.unit}; {statistic.better} is better)" if is_new else "",
            row.candidate,
            format_figure(row.figure, statistic.digits),
            format_range(row.figure, statistic.digits),
            format_difference(row.against_grey, statistic.digits),
        ]
        cells += [format_difference(row.against_first, statistic.digits)] if several else []
        table.add_row(*cells)
    return table


def _sweep_tables(report: "Report") -> Iterator["Table"]:
    from colorgan.evaluation.page import format_difference

    shares = list(report.sweeps[0].at_shares)
    table = console.make_table(
        "PSNR gain over grey (dB; higher is better)", *(f">at colourfulness {s:g}" for s in shares), ">best"
    )
    for sweep in report.sweeps:
        gains = [sweep.at_shares[share] for share in shares]
        cells = ["not reached" if gain is None else format_difference(gain, 2) for gain in gains]
        table.add_row(sweep.name, *cells, format_difference(sweep.best, 2))
    yield table
    for sweep in report.sweeps:
        curve = console.make_table(f"\n{sweep.name}: strength", *(f">\n{s:g}" for s in sweep.strengths))
        curve.add_row("PSNR gain, dB", *(f"{gain:+.2f}" for gain in sweep.gains))
        curve.add_row("colourfulness share", *(f"{share:.2f}" for share in sweep.shares))
        yield curve
