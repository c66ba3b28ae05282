"""`colorgan colorize`: options become a request, a session carries it out, and what comes of it is shown."""

import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorgan import console
from colorgan.commands.colorize_display import RunDisplay, describe_inputs, print_plan, summarize, tell_passed_over
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
from colorgan.commands.settings import find_look, find_looks, outranks
from colorgan.commands.signals import StopSignals
from colorgan.commands.watching import watch_folders
from colorgan.config import LOOKS, ColorInput, Existing, LookConfig, PrecisionChoice, SourceType
from colorgan.errors import UsageError
from colorgan.request import STREAM, ColorizeRequest, FilmOptions, Product, Purpose, VideoCodec

if TYPE_CHECKING:
    from colorgan.session import ColorizeSession

__all__ = ["colorize"]


def _panel(name: str) -> Any:
    return partial(typer.Option, rich_help_panel=name, show_default=False)


_color, _result, _file, _report = map(_panel, ("Colours", "Other results", "Files", "Reports"))
_page, _watch, _film, _machine = map(_panel, ("Page", "Watch", "Film", "Machine"))


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
        _file(
            "--output",
            "-o",
            help="Folder for the results, mirroring the inputs; for one photograph, a file; - for standard output.",
        ),
    ] = None,
    strength: Annotated[
        float | None, _color(min=0, max=2, help="Factor on the colours: 0 is grey. Default: what suits the network.")
    ] = None,
    look: Annotated[
        str | None,
        _color(
            metavar="NAME",
            help=f"A named set of strength, warmth, limit and palette: {', '.join(LOOKS)}, or one of your own.",
        ),
    ] = None,
    render_size: Annotated[
        str,
        _color(
            metavar="auto|N",
            show_default=True,
            help="The network sees the picture with sides of about N pixels. Results have full size whatever it is.",
        ),
    ] = "auto",
    mute_uncertain: Annotated[bool, _color("--mute-uncertain", help="Mute colours that are a guess.")] = False,
    color_input: Annotated[
        ColorInput,
        _color(
            show_default=True,
            help="What to do with photographs that are in colour already. "
            "Sepia and tinted ones count as black-and-white.",
        ),
    ] = ColorInput.SKIP,
    weights: Annotated[
        str, _color(show_default=True, help="The network: a name, a file or a folder of a hub.")
    ] = "default",
    hint: Annotated[
        list[str] | None,
        _color(
            metavar="X,Y=#RRGGBB",
            help="The colour at a place of the only photograph, in pixels or, 50%,30%=..., in per cent; repeatable.",
        ),
    ] = None,
    hints: Annotated[
        Path | None, _color(metavar="FILE.json|.csv", help="A file of such colours, by photograph.")
    ] = None,
    palette: Annotated[
        str | None,
        _color(
            metavar="FILE|#RRGGBB,...",
            help="Colours, or a photograph that has them, towards which the whole picture leans.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        _color(
            metavar="PICTURE",
            help="A coloured picture of the same things: where a photograph matches it, it takes its colours.",
        ),
    ] = None,
    album: Annotated[
        bool,
        _color(
            "--album",
            help="Photographs of one folder share white balance and saturation; takes a pass over them first.",
        ),
    ] = False,
    repair: Annotated[
        str,
        _color(
            metavar="auto|MASK|DIR|off",
            show_default=True,
            help="Fill what is missing, luminance and colour: white in a mask, in a folder's mask for each "
            "photograph, or found (patches, scratches, dust).",
        ),
    ] = "off",
    compare: Annotated[
        bool, _result("--compare", help="Write the grey and the coloured picture side by side.")
    ] = False,
    chroma_only: Annotated[
        bool,
        _result(
            "--chroma-only",
            help="Write the colour alone, as a transparent layer to lay over the original in an editor.",
        ),
    ] = False,
    uncertainty: Annotated[
        Path | None,
        _result(
            metavar="DIR", help="Also write, for each photograph, a map that is bright where its colour is a guess."
        ),
    ] = None,
    save_mask: Annotated[
        Path | None, _result(metavar="DIR", help="Also write, for each photograph, the mask of what --repair filled.")
    ] = None,
    variants: Annotated[
        int, _result(min=1, max=16, show_default=True, help="Several plausible renderings, numbered on one sheet.")
    ] = 1,
    pick: Annotated[int | None, _result(min=1, help="Of the --variants, write this one at full size.")] = None,
    strength_strip: Annotated[
        bool, _result("--strength-strip", help="The picture at five strengths on one sheet.")
    ] = False,
    image_format: Annotated[
        str | None,
        _file(
            "--format",
            metavar="jpg|png|tif|webp|...",
            help="Format of the results. Default: each source's own, if it can hold colour.",
        ),
    ] = None,
    quality: Annotated[int, _file(min=1, max=100, show_default=True, help="Of JPEG, WebP and AVIF.")] = 95,
    existing: Annotated[
        Existing,
        _file(
            show_default=True,
            help="What to do where a result is there already; skip makes a second run go on where the first one ended.",
        ),
    ] = Existing.SKIP,
    suffix: Annotated[
        str, _file(metavar="TEXT", help="Added to the names of results: -coloured makes a-coloured.jpg of a.jpg.")
    ] = "",
    include: Annotated[
        list[str] | None,
        _file(metavar="PATTERN", help="Of the files in folders, take only these ('*.tif', '1923/*'); repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None, _file(metavar="PATTERN", help="Of the files in folders, leave these out; repeatable.")
    ] = None,
    strip_metadata: Annotated[
        bool,
        _file(
            "--strip-metadata",
            help="Leave EXIF, XMP, text and times behind; the marks that colorgan made the colours stay.",
        ),
    ] = False,
    keyword: Annotated[
        list[str] | None, _file(metavar="WORD", help="Add a keyword to the results; repeatable.")
    ] = None,
    source_type: Annotated[
        SourceType, _file(show_default=True, help="What IPTC's DigitalSourceType calls the results.")
    ] = SourceType.COMPOSITE,
    dry_run: Annotated[bool, _file("--dry-run", help="Print the plan and do nothing.")] = False,
    fail_fast: Annotated[bool, _file("--fail-fast", help="End the run at the first failure.")] = False,
    report: Annotated[
        Path | None,
        _report(
            metavar="FILE.html",
            help="Write a page of the whole run, before and after under a slider; it needs no other file.",
        ),
    ] = None,
    contact_sheet: Annotated[
        Path | None, _report(metavar="FILE.jpg", help="Write all photographs, before and after, as one picture.")
    ] = None,
    manifest: Annotated[
        Path | None,
        _report(
            metavar="FILE.jsonl|.csv",
            help="Write for each file the sha256 of source and result, model, settings and date.",
        ),
    ] = None,
    describe: Annotated[
        bool, _report("--describe", help="Print what the inputs say of who made them, and how, and do nothing else.")
    ] = False,
    json: Annotated[bool, _report("--json", help="Print a JSON object for each file.")] = False,
    serve: Annotated[
        bool,
        _page("--serve", help="Open a page on this machine for the folder: colours by click, looks, repair by brush."),
    ] = False,
    port: Annotated[int, _page(min=0, max=65535, show_default=True, help="Of the page; 0 takes a free one.")] = 0,
    watch: Annotated[
        bool, _watch("--watch", help="Stay, and colour what arrives in the folders, once it is whole.")
    ] = False,
    watch_poll: Annotated[
        float | None,
        _watch(
            metavar="SECONDS",
            min=0.5,
            help="With --watch, look every so often: for network drives, which tell of no changes.",
        ),
    ] = None,
    video_codec: Annotated[
        str,
        _film(
            metavar="h264|hevc|vp9|av1|ffv1",
            help="How films are written; ffv1 loses nothing. Default: h264, vp9 in WebM.",
        ),
    ] = "auto",
    crf: Annotated[
        int | None, _film(min=0, help="Quality, lower is better. Default: what looks like the source.")
    ] = None,
    key_frames: Annotated[
        str,
        _film(
            metavar="auto|N",
            show_default=True,
            help="The network colours every N-th frame; between them colours follow what moves.",
        ),
    ] = "auto",
    start: Annotated[str | None, _film(metavar="TIME", help="Begin here: 63.2 or 1:03.2.")] = None,
    end: Annotated[str | None, _film(metavar="TIME", help="End here.")] = None,
    deinterlace: Annotated[bool, _film("--deinterlace", help="Make interlaced films progressive.")] = False,
    workers: Annotated[int | None, _machine(min=1, help="Processes (or threads). Default: one a core.")] = None,
    shard: Annotated[str | None, _machine(metavar="I/N", help="Do only part I of N, for job arrays.")] = None,
    confidence: Annotated[Path | None, _result(hidden=True)] = None,
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
    purpose = _purpose(serve=serve, watch=watch, json=json, dry_run=dry_run, watch_poll=watch_poll)
    if compare and chroma_only:
        raise UsageError("--compare and --chroma-only ask for different results; give one of them")
    if json and output == STREAM:
        raise UsageError("--json and -o - would both write to standard output; give a file or a folder with -o")
    if hint and hints is not None:
        raise UsageError("--hint and --hints were both given; write all hints into the file")
    request = ColorizeRequest(
        inputs,
        output,
        weights=weights,
        device=device,
        precision=precision,
        strength=strength,
        render_size=_parse_render_size(render_size),
        mute_uncertain=mute_uncertain,
        color_input=color_input,
        hints=tuple(hint or ()) if hints is None else hints,
        palette=palette,
        reference=reference,
        album=album,
        repair=repair,
        product=Product.COMPARISON if compare else Product.LAYER if chroma_only else Product.PICTURE,
        variants=variants,
        pick=pick,
        strength_strip=strength_strip,
        uncertainty=uncertainty or _renamed(confidence),
        save_mask=save_mask,
        format=image_format,
        quality=quality,
        existing=existing,
        suffix=suffix,
        strip_metadata=strip_metadata,
        keywords=tuple(keyword or ()),
        source_type=source_type,
        report=report,
        contact_sheet=contact_sheet,
        manifest=manifest,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        film=_film_options(video_codec, crf, key_frames, start, end, deinterlace=deinterlace),
        shard=_parse_shard(shard),
        workers=workers,
        fail_fast=fail_fast,
        purpose=purpose,
    )
    if look is not None:
        kept = [name for name in ("strength", "palette") if outranks(context, name, "look")]
        request = request.with_look(look, find_look(context, look), keep=kept)
    stop = StopSignals()
    if not serve:  # whose Ctrl-C is no interruption
        context.with_resource(stop)
    with quick_imports():
        from colorgan.images.budget import let_overtime_end_process
        from colorgan.session import ColorizeSession

    if not serve:
        let_overtime_end_process(console.fail)
    if output == STREAM and console.is_stdout_closed():
        raise UsageError("standard output, which the picture was to go to, is closed; give a file with -o")
    session = ColorizeSession(request, processes=True)
    if session.is_main:
        tell_passed_over(session.plan)
    if dry_run:
        _warn(session)
        print_plan(session.part)
    elif serve:
        _warn(session)
        _serve_page(session, port, find_looks(context))
    elif watch:
        all_well = _stay(session, stop, poll=watch_poll, json=json)
        raise typer.Exit(0 if all_well else 1)
    else:
        _run(session, stop, json=json)


def _run(session: "ColorizeSession", stop: StopSignals, *, json: bool) -> None:
    several = session.ranks.count > 1
    display = RunDisplay(json=json, silent=session.request.target == STREAM, streams=not several)
    with stop.deferred():
        finished = display.follow(session.run(should_stop=stop.has_come))
        if finished is not None and session.is_main:
            if several:
                display.print_results(finished.outcomes)
            summarize(finished.outcomes, finished.planned)
    if stop.has_come():
        console.say(f"ended by {stop.name}; the same line goes on where this run ended")
        raise typer.Exit(stop.exit_code)
    outcomes = () if finished is None else finished.outcomes
    if any(str(outcome.status) == "failed" for outcome in outcomes) or session.plan.sources.unreadable:
        raise typer.Exit(1)


def _stay(session: "ColorizeSession", stop: StopSignals, *, poll: float | None, json: bool) -> bool:
    display = RunDisplay(json=json)
    with stop.deferred():
        return watch_folders(session, display.follow, poll=poll, should_stop=stop.has_come)


def _serve_page(session: "ColorizeSession", port: int, looks: Mapping[str, LookConfig]) -> None:
    from colorgan.colorization.serve import EditSession, PageServer

    with session:
        RunDisplay().follow(session.prepare())
        with PageServer(EditSession(session.part, session.colorizer, session.options, looks), port) as server:
            console.stdout().print(server.url, soft_wrap=True)
            console.say("click where a colour belongs; only this machine can reach the page; end with Ctrl-C")
            if console.stdout().is_terminal:
                webbrowser.open(server.url)
            with suppress(KeyboardInterrupt):
                server.serve_forever()


def _warn(session: "ColorizeSession") -> None:
    for note in session.notes:
        console.warn(note)


# --- what options say -------------------------------------------------------------------------------------------------


def _purpose(*, serve: bool, watch: bool, json: bool, dry_run: bool, watch_poll: float | None) -> Purpose:
    if watch_poll is not None and not watch:
        raise UsageError("--watch-poll says how often --watch looks; give --watch too")
    if serve and (watch or json):
        raise UsageError(f"--serve does not go with {'--watch' if watch else '--json'}; leave one of them out")
    if watch and dry_run:
        raise UsageError("--watch does not know what will arrive; leave --dry-run out")
    return Purpose.PAGE if serve else Purpose.WATCH if watch else Purpose.RUN


def _renamed(confidence: Path | None) -> Path | None:
    if confidence is not None:
        console.warn("--confidence is called --uncertainty now, which is what its maps show; please write that")
    return confidence


def _film_options(
    codec: str, crf: int | None, key_frames: str, start: str | None, end: str | None, *, deinterlace: bool
) -> FilmOptions:
    if codec not in list(VideoCodec):
        raise UsageError(f"--video-codec must be one of {', '.join(VideoCodec)}, got {codec!r}")
    if key_frames != "auto" and not key_frames.isdecimal():
        raise UsageError(f"--key-frames takes auto or a number of frames, got {key_frames!r}")
    return FilmOptions(
        codec=VideoCodec(codec),
        crf=crf,
        key_frames=None if key_frames == "auto" else int(key_frames),
        begin=_parse_time(start),
        end=_parse_time(end),
        deinterlace=deinterlace,
    )


def _parse_time(text: str | None) -> Fraction | None:
    if text is None:
        return None
    from colorgan.colorization import parse_time

    return parse_time(text)


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
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise UsageError(f"--shard takes I/N with I from 1 to N, such as 1/4, got {text!r}")
    return int(index), int(count)
