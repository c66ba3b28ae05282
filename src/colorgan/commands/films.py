"""What `colorgan colorize` does with films: its options, and what is shown."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorgan import console
from colorgan.errors import UsageError

if TYPE_CHECKING:
    from colorgan.colorization import ColorizeOptions, Colorizer, Job, Outcome, Plan
    from colorgan.commands.colorize_display import RunDisplay
    from colorgan.film import FilmOptions, FilmOutcome, Progress

__all__ = [
    "CrfOption",
    "DeinterlaceOption",
    "EndOption",
    "KeyFramesOption",
    "StartOption",
    "VideoCodecOption",
    "check_options",
    "color_films",
    "film_options",
    "split_plan",
]

_PANEL = "Film"
_SAY = 10.0  # seconds between two lines where there is no terminal
_MISSING = "films need PyAV, which is not installed: pip install 'colorgan[video]'"

VideoCodecOption = Annotated[
    str,
    typer.Option(
        metavar="h264|hevc|vp9|av1|ffv1",
        help="How films are written; ffv1 loses nothing. Default: h264, vp9 in WebM.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
CrfOption = Annotated[
    int | None,
    typer.Option(
        min=0, help="Quality, lower is better. Default: what looks like the source.", rich_help_panel=_PANEL,
        show_default=False,
    ),
]  # fmt: skip
KeyFramesOption = Annotated[
    str,
    typer.Option(
        metavar="auto|N",
        help="The network colours every N-th frame; between them colours follow what moves.",
        rich_help_panel=_PANEL,
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Begin here: 63.2 or 1:03.2.", rich_help_panel=_PANEL, show_default=False
    ),
]  # fmt: skip
EndOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="End here.", rich_help_panel=_PANEL, show_default=False),
]
DeinterlaceOption = Annotated[
    bool, typer.Option("--deinterlace", help="Make interlaced films progressive.", rich_help_panel=_PANEL)
]


def check_options(plan: "Plan", of_photographs: Mapping[str, bool], of_films: Mapping[str, bool]) -> None:
    """Say which options do nothing for what a plan holds.

    Args:
        plan: The whole plan.
        of_photographs: Options that hold for photographs alone, and whether each was given.
        of_films: Those that hold for films alone.

    Raises:
        UsageError: There are only films, and options of photographs; or the other way round.
    """
    films = sum(job.film for job in plan.jobs)
    photographs = len(plan.jobs) - films
    for given, ours, others, kind, other_kind in (
        (of_photographs, photographs, films, "photographs", "films"),
        (of_films, films, photographs, "films", "photographs"),
    ):
        names = " and ".join(name for name, is_given in given.items() if is_given)
        if not names or not others:
            continue
        hold = f"{names} {'hold' if ' and ' in names else 'holds'} for {kind} alone"
        if not ours:
            raise UsageError(f"{hold}, and the inputs are {other_kind}; leave {names} out; nothing was done")
        console.warn(f"{hold}; {other_kind} ({others}) are coloured as if it was not given")


def split_plan(plan: "Plan") -> "tuple[Plan, tuple[Job, ...]]":
    """Take the films out of a plan. Without PyAV they are named and passed over, if there are photographs too.

    Raises:
        UsageError: There are only films, and PyAV is missing.
    """
    missing = find_spec("av") is None
    if missing:
        plan = _stilled(plan)
    films = tuple(job for job in plan.jobs if job.film)
    photographs = dataclasses.replace(plan, jobs=tuple(job for job in plan.jobs if not job.film))
    if films and missing:
        if not photographs.jobs:
            raise UsageError(f"{_MISSING}; nothing was done")
        console.warn(f"{len(films)} films are passed over: {_MISSING}")
        films = ()
    return photographs, films


def _stilled(plan: "Plan") -> "Plan":
    """Take animations for photographs, of which the first frame is coloured, as far as their names let that be."""
    from colorgan.images import format_of, is_film_name

    def is_still(job: "Job") -> bool:
        return bool(job.film and not job.frames and not is_film_name(job.source) and format_of(job.target))

    if stills := sum(map(is_still, plan.jobs)):
        console.warn(f"of {stills} animations the first frame is coloured: {_MISSING}")
    jobs = tuple(dataclasses.replace(job, film=False) if is_still(job) else job for job in plan.jobs)
    return dataclasses.replace(plan, jobs=jobs)


def film_options(
    *, codec: str, crf: int | None, key_frames: str, start: str | None, end: str | None, deinterlace: bool
) -> "FilmOptions":
    """Read the options of the panel.

    Raises:
        UsageError: One is not valid.
    """
    from colorgan.colorization import parse_time
    from colorgan.film import FilmOptions, VideoCodec

    if codec not in list(VideoCodec):
        raise UsageError(f"--video-codec must be one of {', '.join(VideoCodec)}, got {codec!r}")
    if key_frames != "auto" and not key_frames.isdecimal():
        raise UsageError(f"--key-frames takes auto or a number of frames, got {key_frames!r}")
    return FilmOptions(
        codec=VideoCodec(codec),
        crf=crf,
        key_frames=None if key_frames == "auto" else int(key_frames),
        begin=None if start is None else parse_time(start),
        end=None if end is None else parse_time(end),
        deinterlace=deinterlace,
    )


def color_films(
    jobs: "Sequence[Job]",
    colorizer: "Colorizer",
    options: "ColorizeOptions",
    film: "FilmOptions",
    display: "RunDisplay",
    output: Path,
    *,
    fail_fast: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> "list[Outcome]":
    """Colour films, show how far they are, print their results, and return what became of them.

    One that is stopped goes on from its last finished segment when it is coloured again.
    """
    from colorgan.colorization import Notice, Status
    from colorgan.film import Progress, VideoCodec, run_films

    if film.codec is VideoCodec.FFV1:  # needs Matroska, whatever the source is; a name that was given is not changed
        jobs = [job if _keeps_name(job, output) else _as_matroska(job) for job in jobs]
    outcomes: list[Outcome] = []
    with console.progress_bar(unit="frames") as progress, closing(run_films(jobs, colorizer, options, film)) as events:  # type: ignore[type-var]
        task = progress.add_task("colouring", total=None, note="")
        teller = _Teller()
        for event in events:
            if isinstance(event, Notice):
                console.warn(event.message)
            elif isinstance(event, Progress):
                note = f"{event.rate:.1f}/s  {event.job.source.name}"
                progress.update(task, completed=event.done, total=event.total or None, note=note)
                if progress.disable:
                    teller.tell(event)
            else:
                outcomes.append(event)
                _show(event, display)
                if fail_fast and event.status is Status.FAILED:
                    break
            if should_stop():
                break
    return outcomes


def _keeps_name(job: "Job", output: Path) -> bool:
    from colorgan.images import is_film_name

    return job.target in (output, job.target.with_suffix(".mkv")) or not is_film_name(job.source)


def _as_matroska(job: "Job") -> "Job":
    return dataclasses.replace(job, target=job.target.with_name(f"{job.target.name}.mkv"))


class _Teller:
    """Says in a log how far a film is, now and then."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def tell(self, event: "Progress") -> None:
        if time.monotonic() - self.last < _SAY:
            return
        self.last = time.monotonic()
        left = f", {(event.total - event.done) / event.rate:.0f} s left" if event.total and event.rate else ""
        console.say(f"{event.job.source.name}: {event.done}/{event.total or '?'} frames, {event.rate:.1f}/s{left}")


def _show(outcome: "FilmOutcome", display: "RunDisplay") -> None:
    if str(outcome.status) == "failed":
        console.warn(f"{outcome.job.source}: {outcome.reason}", logged=False)
    else:
        what = f"{outcome.pages} frames in {outcome.seconds:.1f} s" if outcome.seconds else outcome.reason
        console.say(f"{outcome.job.source.name}: {outcome.status}; {what}", logged=False)
    display.print_results([outcome])


def scenes_of(outcomes: "Iterable[Outcome]") -> "Iterator[Outcome]":
    """Give an outcome for each scene of a film, named after its place, as reports show them."""
    for outcome in outcomes:
        scenes = getattr(outcome, "scenes", ())  # of films, whose module cannot be loaded without PyAV
        if len(scenes) < 2:
            yield outcome
            continue
        for number, preview in enumerate(scenes, start=1):
            name = Path(f"{outcome.job.source} (scene {number})")
            job = dataclasses.replace(outcome.job, source=name)
            yield dataclasses.replace(outcome, job=job, preview=preview)
