"""`colorgan colorize`: options become a plan, the library carries it out, the results are printed."""

import dataclasses
import webbrowser
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorgan import console
from colorgan.commands.colorize_display import RunDisplay, describe_inputs, print_plan, summarize, track_album
from colorgan.commands.films import (
    CrfOption,
    DeinterlaceOption,
    EndOption,
    KeyFramesOption,
    StartOption,
    VideoCodecOption,
    check_options,
    color_films,
    film_options,
    scenes_of,
    split_plan,
)
from colorgan.commands.options import (
    DeviceOption,
    LogOption,
    MaxPixelsOption,
    PrecisionOption,
    PrintConfigOption,
    QuietOption,
    VerboseOption,
)
from colorgan.commands.settings import find_look, outranks
from colorgan.commands.signals import StopSignals
from colorgan.commands.watching import PollOption, WatchOption, check_watch, watch_folders
from colorgan.config import LOOKS, ColorInput, Existing, LookConfig, PrecisionChoice, SourceType, shorten
from colorgan.errors import UsageError
from colorgan.files import printable, sweep_leftovers

if TYPE_CHECKING:
    from colorgan.colorization import ColorizeOptions, Colorizer, EditSession, Job, Outcome, Plan, Product

__all__ = ["colorize"]

_COLORS, _RESULTS, _FILES, _REPORTS, _MACHINE = "Colours", "Other results", "Files", "Reports", "Machine"
_PAGE = "Page"
_STRENGTHS = (0.4, 0.7, 1.0, 1.3, 1.6)  # of a strip
_LONGEST_KEYWORD = 64  # bytes, of IPTC-IIM
_QUALITY = 95
_NO_MASKS = ("auto", "off")  # what --repair takes besides paths


def colorize(
    context: typer.Context,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Photographs, films, folders of them (searched recursively), or - for standard input.",
            show_default=False,
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
    look: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"A named set of strength, warmth, limit and palette: {', '.join(LOOKS)}, or one of your own.",
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
    weights: Annotated[
        str, typer.Option(help="The network: a name, a file or a folder of a hub.", rich_help_panel=_COLORS)
    ] = "default",
    hint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y=#RRGGBB",
            help="The colour at a place of the only photograph, in pixels or, 50%,30%=..., in per cent; repeatable.",
            rich_help_panel=_COLORS,
            show_default=False,
        ),
    ] = None,
    hints: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json|.csv",
            help="A file of such colours, by photograph.",
            rich_help_panel=_COLORS,
            show_default=False,
        ),
    ] = None,
    palette: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|#RRGGBB,...",
            help="Colours, or a photograph that has them, towards which the whole picture leans.",
            rich_help_panel=_COLORS,
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="PICTURE",
            help="A coloured picture of the same things: where a photograph matches it, it takes its colours.",
            rich_help_panel=_COLORS,
            show_default=False,
        ),
    ] = None,
    album: Annotated[
        bool,
        typer.Option(
            "--album",
            help="Photographs of one folder share white balance and saturation; takes a pass over them first.",
            rich_help_panel=_COLORS,
        ),
    ] = False,
    repair: Annotated[
        str,
        typer.Option(
            metavar="auto|MASK|DIR|off",
            help="Fill what is missing, luminance and colour: white in a mask, in a folder's mask for each "
            "photograph, or found (patches, scratches, dust).",
            rich_help_panel=_COLORS,
        ),
    ] = "off",
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Write the grey and the coloured picture side by side.", rich_help_panel=_RESULTS
        ),
    ] = False,
    chroma_only: Annotated[
        bool,
        typer.Option(
            "--chroma-only",
            help="Write the colour alone, as a transparent layer to lay over the original in an editor.",
            rich_help_panel=_RESULTS,
        ),
    ] = False,
    confidence: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also write, for each photograph, a map that is bright where its colour is a guess.",
            rich_help_panel=_RESULTS,
            show_default=False,
        ),
    ] = None,
    save_mask: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also write, for each photograph, the mask of what --repair filled.",
            rich_help_panel=_RESULTS,
            show_default=False,
        ),
    ] = None,
    variants: Annotated[
        int,
        typer.Option(
            min=1, max=16, help="Several plausible renderings, numbered on one sheet.", rich_help_panel=_RESULTS
        ),
    ] = 1,
    pick: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of the --variants, write this one at full size.", rich_help_panel=_RESULTS, show_default=False
        ),
    ] = None,
    strength_strip: Annotated[
        bool,
        typer.Option("--strength-strip", help="The picture at five strengths on one sheet.", rich_help_panel=_RESULTS),
    ] = False,
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
    quality: Annotated[
        int, typer.Option(min=1, max=100, help="Of JPEG, WebP and AVIF.", rich_help_panel=_FILES)
    ] = _QUALITY,
    existing: Annotated[
        Existing,
        typer.Option(
            help="What to do where a result is there already; skip makes a second run go on where the first one ended.",
            rich_help_panel=_FILES,
        ),
    ] = Existing.SKIP,
    suffix: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Added to the names of results: -coloured makes a-coloured.jpg of a.jpg.",
            rich_help_panel=_FILES,
            show_default=False,
        ),
    ] = "",
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
            help="Leave EXIF, XMP, text and times behind; the marks that colorgan made the colours stay.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    keyword: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD", help="Add a keyword to the results; repeatable.", rich_help_panel=_FILES, show_default=False
        ),
    ] = None,
    source_type: Annotated[
        SourceType,
        typer.Option(help="What IPTC's DigitalSourceType calls the results.", rich_help_panel=_FILES),
    ] = SourceType.COMPOSITE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and do nothing.", rich_help_panel=_FILES)
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="End the run at the first failure.", rich_help_panel=_FILES)
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write a page of the whole run, before and after under a slider; it needs no other file.",
            rich_help_panel=_REPORTS,
            show_default=False,
        ),
    ] = None,
    contact_sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jpg",
            help="Write all photographs, before and after, as one picture.",
            rich_help_panel=_REPORTS,
            show_default=False,
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl|.csv",
            help="Write for each file the sha256 of source and result, model, settings and date.",
            rich_help_panel=_REPORTS,
            show_default=False,
        ),
    ] = None,
    describe: Annotated[
        bool,
        typer.Option(
            "--describe",
            help="Print what the inputs say of who made them, and how, and do nothing else.",
            rich_help_panel=_REPORTS,
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each file.", rich_help_panel=_REPORTS)
    ] = False,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Open a page on this machine for the folder: colours by click, looks, repair by brush.",
            rich_help_panel=_PAGE,
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page; 0 takes a free one.", rich_help_panel=_PAGE)
    ] = 0,
    watch: WatchOption = False,
    watch_poll: PollOption = None,
    video_codec: VideoCodecOption = "auto",
    crf: CrfOption = None,
    key_frames: KeyFramesOption = "auto",
    start: StartOption = None,
    end: EndOption = None,
    deinterlace: DeinterlaceOption = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes (or threads). Default: one a core.", rich_help_panel=_MACHINE, show_default=False
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Do only part I of N, for job arrays.", rich_help_panel=_MACHINE, show_default=False
        ),
    ] = None,
    max_pixels: MaxPixelsOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = PrecisionChoice.AUTO,
    log: LogOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    print_config: PrintConfigOption = False,
) -> None:
    """Colour photographs; the luminance of each stays as it is, at full size, where it is not --repair'ed.

    [bold]colorgan colorize old_photos/ -o coloured/[/bold]
    """
    if describe:
        if not describe_inputs(inputs, json=json):
            raise typer.Exit(1)
        return
    if output is None:
        raise UsageError("no place for the results was given; give a folder with -o")
    aside = (save_mask, report, contact_sheet, manifest, shard, reference)
    if serve and (
        compare or chroma_only or variants > 1 or strength_strip or json or any(given is not None for given in aside)
    ):
        raise UsageError(
            "--serve writes one plain result whenever it is saved; leave --compare, --chroma-only, --variants, "
            "--strength-strip, --save-mask, --report, --contact-sheet, --manifest, --json, --shard and --reference out"
        )
    if save_mask is not None and repair == "off":
        raise UsageError("--save-mask writes what --repair filled; give --repair auto, a mask or a folder of masks")
    if repair != "off" and source_type is not SourceType.COMPOSITE:
        raise UsageError(
            f"--source-type {source_type} says that nothing was made up, and --repair makes up what is missing; "
            "leave one of them out"
        )
    _check_combination(
        compare=compare, chroma_only=chroma_only, variants=variants, pick=pick, strength_strip=strength_strip
    )
    chosen = LookConfig() if look is None else find_look(context, look)
    if chosen.strength is not None and not outranks(context, "strength", "look"):
        strength = chosen.strength
    if chosen.palette is not None and not outranks(context, "palette", "look"):
        palette = chosen.palette
    if watch:
        unfit = {
            "--serve": serve,
            "--dry-run": dry_run,
            "--album": album,
            "--hint": hint,
            "--hints": hints,
            "--report": report,
            "--contact-sheet": contact_sheet,
            "--shard": shard,
            "--manifest": manifest,
            "--repair with masks": repair not in _NO_MASKS,
        }
        check_watch(inputs, output, (name for name, given in unfit.items() if given))
    elif watch_poll is not None:
        raise UsageError("--watch-poll says how often --watch looks; give --watch too")
    size, part = _parse_render_size(render_size), _parse_shard(shard)
    stop = StopSignals()
    if not serve:  # whose Ctrl-C is no interruption
        context.with_resource(stop)
    from colorgan import colorization as library
    from colorgan.images import is_film_name
    from colorgan.images.budget import let_overtime_end_process

    if not serve:
        let_overtime_end_process(console.fail)
    if output == library.STREAM and console.is_stdout_closed():
        raise UsageError("standard output, which the picture was to go to, is closed; give a file with -o")
    if hint and hints is not None:
        raise UsageError("--hint and --hints were both given; write all hints into the file")
    known = hints if hints is not None else [library.parse_hint(text) for text in hint or ()]
    ranks = library.Ranks.from_environment()
    if watch and ranks.count > 1:
        raise UsageError("--watch is for one process; leave torchrun out")
    plan_of = partial(
        library.plan_paths,
        inputs,
        output,
        include=include or (),
        exclude=exclude or (),
        image_format=image_format or ("png" if chroma_only else None),
        existing=existing,
        color_input=color_input,
        confidence=confidence,
        save_masks=save_mask,
        films=True,
        suffix=suffix,
    )
    plan = plan_of(only=(lambda _: False) if watch else None)
    if ranks.leads:
        _tell_passed_over(plan)
    if not plan.jobs and not watch:
        raise UsageError("the inputs hold no photographs; nothing was done")
    films_only_video = all(is_film_name(job.source) for job in plan.jobs if job.film)
    of_photographs = {
        "--color-input copy": color_input is ColorInput.COPY,
        "--reference": reference is not None,
        "--album": album,
        "--repair": repair != "off",
        "--save-mask": save_mask is not None,
        "--chroma-only": chroma_only,
        "--confidence": confidence is not None,
        "--variants": variants > 1,
        "--quality": quality != _QUALITY and films_only_video,
        "--source-type": source_type is not SourceType.COMPOSITE and films_only_video,
        "--workers": workers is not None,
    }
    of_films = {
        "--video-codec": video_codec != "auto",
        "--crf": crf is not None,
        "--key-frames": key_frames != "auto",
        "--start": start is not None,
        "--end": end is not None,
        "--deinterlace": deinterlace,
    }
    if ranks.leads and not watch:
        check_options(plan, of_photographs, of_films)
    plan = library.add_hints(plan, known)
    plan = whole = plan if repair in _NO_MASKS else library.add_masks(plan, Path(repair))
    read = {"file of hints": hints, "palette": None if palette is None or palette[:1] == "#" else Path(palette)}
    read["reference"] = reference
    library.check_reports(
        plan,
        report=report,
        contact_sheet=contact_sheet,
        manifest=manifest,
        inputs={what: path for what, path in read.items() if path is not None},
    )
    for remark in plan.notes if ranks.leads else ():
        console.warn(remark)
    for index, count in (part, (ranks.rank, ranks.count)) if part else ((ranks.rank, ranks.count),):
        plan = plan.shard(index, count)
    if dry_run:
        print_plan(plan)
        return
    plan, films = split_plan(plan)
    if serve and films:
        raise UsageError("--serve shows photographs only; leave films out with --exclude")
    if films and strength_strip:
        raise UsageError(f"--strength-strip is for photographs, and {films[0].source} is a film; leave films out")
    film = film_options(
        codec=video_codec, crf=crf, key_frames=key_frames, start=start, end=end, deinterlace=deinterlace
    ) if films or watch else None  # fmt: skip
    written = [path for path in (report, contact_sheet) if path is not None]
    sweep_leftovers(whole.folders | {path.parent for path in (*written, manifest) if path is not None})
    threads = workers or max(1, library.count_cores() // ranks.count_here)
    alone = ranks.count == 1 and not serve
    with (
        library.PreviewStore(written[0].parent) if written and alone else nullcontext() as store,
        library.start_crew(plan.jobs, device, threads) if alone else nullcontext() as crew,  # before anything computes
    ):
        advice = None if palette is None else library.Palette.parse(palette)
        colorizer = library.Colorizer.load(weights, device=ranks.own_device(device), precision=precision)
        console.say(f"{colorizer.name} {colorizer.sha256[:8]} on {colorizer.runtime}")
        if repair != "off":
            colorizer.require_repair()
        options = library.ColorizeOptions(
            render=colorizer.settings(strength=strength, render_size=size, chroma_limit=chosen.limit),
            quality=quality,
            existing=existing,
            color_input=color_input,
            strip_metadata=strip_metadata,
            source_type=source_type,
            keywords=tuple(map(_check_keyword, keyword or ())),
            mute_uncertain=mute_uncertain,
            palette=advice,
            reference=None if reference is None else library.Reference.from_file(reference),
            palette_name="" if palette is None else printable(Path(palette).name),
            warmth=chosen.warmth,
            look=look or "",
            strengths=_STRENGTHS if strength_strip else (),
            stream_format=image_format,
            product=_product(compare, chroma_only),
            variants=variants,
            pick=pick,
            find_damage=repair == "auto",
            previews=bool(written),
        )
        if album:
            stills = dataclasses.replace(whole, jobs=tuple(job for job in whole.jobs if not job.film))
            with track_album() as on_progress:
                plan = library.match_albums(stills, plan, colorizer, options, workers=threads, on_progress=on_progress)
        if serve:
            _serve_page(library.EditSession(plan, colorizer, options), port)
            return
        model = f"{colorizer.name} {colorizer.sha256}"
        silent = output == library.STREAM
        with library.open_manifest(manifest, colorizer, options) if manifest and ranks.leads else nullcontext() as book:
            display = RunDisplay(
                len(plan.jobs),
                model,
                json=json,
                silent=silent,
                streams=ranks.count == 1,
                listeners=[book.add] if book is not None else [],
            )

            def run(plan: "Plan", films: "tuple[Job, ...]", display: RunDisplay) -> "list[Outcome]":
                events = library.run_jobs(
                    plan.jobs, colorizer, options, workers=threads, crew=crew, should_stop=stop.has_come
                )
                outcomes = display.follow(events, fail_fast=fail_fast, keep=None if store is None else store.keep)
                if film is not None and films and not stop.has_come():
                    display.planned += len(films)
                    outcomes += color_films(
                        films, colorizer, options, film, display, output, fail_fast=fail_fast, should_stop=stop.has_come
                    )
                return outcomes

            def run_lot(plan: "Plan") -> "list[Outcome]":
                sweep_leftovers(plan.folders)
                photographs, films = split_plan(plan)
                return run(photographs, films, RunDisplay(len(photographs.jobs), model, json=json))

            if watch:
                find = partial(
                    library.find_pictures, inputs, output, include=include or (), exclude=exclude or (), films=True
                )
                with stop.deferred():
                    all_well = watch_folders(
                        inputs,
                        find,
                        lambda chosen: plan_of(only=chosen),
                        run_lot,
                        poll=watch_poll,
                        fail_fast=fail_fast,
                        should_stop=stop.has_come,
                    )
                raise typer.Exit(0 if all_well else 1)
            with stop.deferred():
                outcomes = run(plan, films, display)
            if not stop.has_come():  # the other processes may be gone already
                outcomes = ranks.gather(outcomes)
            with stop.deferred():
                if ranks.leads:
                    if ranks.count > 1:
                        display.print_results(outcomes)
                    _report(report, contact_sheet, list(scenes_of(outcomes)), colorizer, options)
                    summarize(outcomes, display.planned)
    if stop.has_come():
        console.say(f"ended by {stop.name}; the same line goes on where this run ended")
        raise typer.Exit(stop.exit_code)
    if any(outcome.status is library.Status.FAILED for outcome in outcomes) or plan.sources.unreadable:
        raise typer.Exit(1)


def _report(
    report: Path | None,
    contact_sheet: Path | None,
    outcomes: "list[Outcome]",
    colorizer: "Colorizer",
    options: "ColorizeOptions",
) -> None:
    from colorgan import colorization as library

    if report is not None:
        facts = {"Model": f"{colorizer.name} {colorizer.sha256}", "Device": str(colorizer.runtime)} | {
            name.replace("_", " ").capitalize(): str(value) for name, value in library.settings_of(options).items()
        }
        library.write_report(report, outcomes, facts)
    if contact_sheet is not None:
        note = colorizer.provenance({"what": "contact sheet"})
        if left_out := library.write_sheet(contact_sheet, outcomes, note):
            console.warn(f"{contact_sheet} has no room for {left_out} of the photographs")


def _serve_page(session: "EditSession", port: int) -> None:
    from colorgan.colorization import PageServer

    with PageServer(session, port) as server:
        console.stdout().print(server.url, soft_wrap=True)
        console.say("click where a colour belongs; only this machine can reach the page; end with Ctrl-C")
        if console.stdout().is_terminal:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _check_combination(
    *, compare: bool, chroma_only: bool, variants: int, pick: int | None, strength_strip: bool
) -> None:
    chosen = [name for name, on in (("--compare", compare), ("--chroma-only", chroma_only),
                                    ("--variants", variants > 1 and pick is None),
                                    ("--strength-strip", strength_strip)) if on]  # fmt: skip
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} ask for different results; give one of them")
    if pick is not None and pick > variants:
        raise UsageError(f"--pick {pick} needs --variants of at least {pick}, got {variants}")


def _product(compare: bool, chroma_only: bool) -> "Product":
    from colorgan.colorization import Product

    if chroma_only:
        return Product.LAYER
    return Product.COMPARISON if compare else Product.PICTURE


def _check_keyword(word: str) -> str:
    if not word.isprintable() or not 1 <= len(word.encode("utf-8", "replace")) <= _LONGEST_KEYWORD:
        raise UsageError(f"--keyword takes a word of 1 to {_LONGEST_KEYWORD} bytes, as IPTC does, got {shorten(word)}")
    return word


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
    counts = {
        "hidden": sources.hidden,
        "of the system": sources.system,
        "not images": sources.not_images,
        "excluded": sources.excluded,
    }
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    if parts:
        console.say(f"passed over: {', '.join(parts)}")
    for folder, reason in sources.unreadable:
        console.warn(f"{folder} cannot be searched: {reason}")
