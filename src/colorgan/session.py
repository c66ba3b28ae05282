"""Colouring files and folders from a request to its results: all that `colorgan colorize` does but for showing it.

A session owns the order of things. The plan is made, and refused if it cannot be carried out, before anything is
loaded; processes are started before anything is computed; the network is loaded once; photographs come first, then
films, then the reports of both.
"""

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from colorgan.colorization import (
    ColorizeOptions,
    Colorizer,
    Hint,
    Job,
    Manifest,
    Notice,
    Outcome,
    Palette,
    Plan,
    PreviewStore,
    Progress,
    Ranks,
    Reference,
    Side,
    Sources,
    Status,
    WorkerPool,
    add_hints,
    add_masks,
    check_reports,
    count_cores,
    find_pictures,
    match_albums,
    open_manifest,
    parse_hint,
    plan_paths,
    run_jobs,
    settings_of,
    start_worker_pool,
    write_report,
    write_sheet,
)
from colorgan.errors import UsageError
from colorgan.files import printable, sweep_leftovers
from colorgan.images import format_of, is_film_name
from colorgan.request import ColorizeRequest, Product, Purpose, VideoCodec

__all__ = ["ColorizeSession", "Event", "Finished", "Loaded", "Phase", "colorize_paths"]

_MISSING = "films need PyAV, which is not installed: pip install 'colorgan[video]'"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The network is there, and the work begins."""

    colorizer: Colorizer


@dataclass(frozen=True, slots=True)
class Phase:
    """A piece of the work begins; what follows counts `unit`, up to `total` of them if that is known."""

    what: str
    unit: str
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The work is done, or was stopped, and its reports are written."""

    outcomes: tuple[Outcome, ...]  # of all processes, and of this one alone if it was stopped
    planned: int  # files


Event = Loaded | Phase | Progress | Notice | Outcome | Finished


def colorize_paths(
    inputs: Iterable[str | Path],
    output: str | Path,
    *,
    colorizer: Colorizer | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> Generator[Outcome | Notice]:
    """Colour files and folders; yield an `Outcome` for each file, and a `Notice` now and then.

    The plan is made, and refused if it cannot be carried out, before this function returns; the work is done while
    the result is iterated over.

    Args:
        inputs: Files and folders; folders are searched recursively and mirrored below `output`.
        output: The folder for the results; or, for a single file, the result's name.
        colorizer: The network; the one that the settings name, or the default one, if left out.
        should_stop: Is asked now and then whether to end after the files at hand.
        **settings: Fields of `ColorizeRequest`, whatever `colorgan colorize` can do: `strength=0.8`,
            `report="run.html"`.

    Raises:
        UsageError: The plan cannot be carried out; nothing was done.
        TypeError: A setting is none, or a single name is given where a list of them is meant.
    """
    if not isinstance(inputs, str | bytes | Path):
        inputs = tuple(inputs)
    session = ColorizeSession(ColorizeRequest(inputs, output, **settings), colorizer=colorizer)
    return _told(session.run(should_stop=should_stop))


def _told(events: Generator[Event]) -> Generator[Outcome | Notice]:
    with closing(events):
        yield from (event for event in events if isinstance(event, Outcome | Notice))


class ColorizeSession:
    """A request being carried out. Use it as a context to work step by step, or call `run` for all of it.

    Args:
        request: What is to be done.
        colorizer: The network; the one that the request names if left out.
        processes: Whether processes may be started for many photographs, which are faster than threads; only where
            this one has not computed anything with torch before, since such ones do not fork well.

    Attributes:
        plan: The whole plan.
        part: What of it is left to this process: photographs and films.
        notes: What a person should know before the work begins.

    Raises:
        UsageError: The request cannot be carried out; nothing was done.
    """

    def __init__(
        self, request: ColorizeRequest, *, colorizer: Colorizer | None = None, processes: bool = False
    ) -> None:
        self.request = request
        self.ranks = Ranks.from_environment()
        if request.purpose is not Purpose.RUN and self.ranks.count > 1:
            raise UsageError(f"a {request.purpose} is for one process; leave torchrun out")
        self._given = colorizer
        self._may_fork = processes and colorizer is None
        self.plan = self.plan_only((lambda _: False) if request.purpose is Purpose.WATCH else None)
        notes = self._check_options()
        self.plan = add_hints(self.plan, _read_hints(request.hints))
        if request.masks is not None:
            self.plan = add_masks(self.plan, request.masks)
        check_reports(self.plan, **request.reports, inputs=request.read)
        self.part, found = split_films(self._own_part(), request)
        self.notes = (*notes, *self.plan.notes, *found) if self.is_main else ()
        self._opened = ExitStack()
        self._store: PreviewStore | None = None
        self._pool: WorkerPool | None = None
        self._manifest: Manifest | None = None
        self.colorizer: Colorizer
        self.options: ColorizeOptions

    @property
    def is_main(self) -> bool:
        """Whether this process reports for all."""
        return self.ranks.is_main

    @property
    def workers(self) -> int:
        """How many processes or threads share the photographs of this process."""
        return self.request.workers or max(1, count_cores() // self.ranks.count_here)

    # --- the plan -----------------------------------------------------------------------------------------------------

    def plan_only(self, only: Callable[[Path], bool] | None) -> Plan:
        """Plan the results of those files for whose paths `only` says yes; of all without it.

        Raises:
            UsageError: The plan cannot be carried out.
        """
        request = self.request
        layer = "png" if request.product is Product.LAYER else None
        return plan_paths(
            request.paths,
            request.target,
            include=request.include,
            exclude=request.exclude,
            image_format=request.format or layer,
            existing=request.existing,
            color_input=request.color_input,
            side_folders={side: Path(folder) for side in Side if (folder := getattr(request, side)) is not None},
            films=request.films,
            suffix=request.suffix,
            only=only,
        )

    def search(self) -> Sources:
        """Look for the files that the inputs hold now.

        Raises:
            UsageError: An input is gone.
        """
        request = self.request
        return find_pictures(
            request.paths, request.target, include=request.include, exclude=request.exclude, films=request.films
        )

    def _own_part(self) -> Plan:
        parts = [(self.ranks.rank, self.ranks.count)]
        if self.request.shard is not None:
            index, count = self.request.shard
            parts.insert(0, (index - 1, count))
        plan = self.plan
        for index, count in parts:
            plan = plan.shard(index, count)
        return plan

    def _check_options(self) -> list[str]:
        """Return which options do nothing for some of the files.

        Raises:
            UsageError: There are none for which they do anything.
        """
        if self.request.purpose is Purpose.WATCH:
            return []
        if not self.plan.jobs:
            raise UsageError("the inputs hold no photographs; nothing was done")
        only_video = all(is_film_name(job.source) for job in self.plan.jobs if job.film)
        films = sum(job.film for job in self.plan.jobs)
        photographs = len(self.plan.jobs) - films
        notes = []
        for given, ours, others, kind, other_kind in (
            (self.request.of_photographs(films_only_video=only_video), photographs, films, "photographs", "films"),
            (self.request.of_films, films, photographs, "films", "photographs"),
        ):
            names = " and ".join(name for name, is_given in given.items() if is_given)
            if not names or not others:
                continue
            hold = f"{names} {'hold' if ' and ' in names else 'holds'} for {kind} alone"
            if not ours:
                raise UsageError(f"{hold}, and the inputs are {other_kind}; leave {names} out; nothing was done")
            notes.append(f"{hold}; {other_kind} ({others}) are coloured as if it was not given")
        return notes

    # --- the work -----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Start the processes, load the network, and begin the manifest.

        Raises:
            UsageError: The network or a file that is to be read is not there, or does not suit the request.
            DeviceError: This machine lacks the device.
        """
        request, reports = self.request, self.request.reports
        sweep_leftovers(self.plan.folders | {path.parent for path in reports.values()})
        with ExitStack() as opened:
            if self.ranks.count == 1 and request.purpose is not Purpose.PAGE:
                pictured = [path for option, path in reports.items() if option != "manifest"]
                if pictured:
                    self._store = opened.enter_context(PreviewStore(pictured[0].parent))
                if self._may_fork:  # before anything is computed here
                    photographs = [job for job in self.part.jobs if not job.film]
                    self._pool = opened.enter_context(start_worker_pool(photographs, request.device, self.workers))
            self.colorizer = self._given or Colorizer.load(
                request.weights, device=self.ranks.own_device(request.device), precision=request.precision
            )
            if request.repair != "off":
                self.colorizer.require_inpainting()
            self.colorizer.require_bins(*request.of_bins)
            self.options = self._options()
            if self.is_main and "manifest" in reports:
                self._manifest = opened.enter_context(open_manifest(reports["manifest"], self.colorizer, self.options))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """End the processes, and give the manifest its name unless something went wrong."""
        self._opened.__exit__(*error)  # type: ignore[arg-type]

    def _options(self) -> ColorizeOptions:
        request, palette, reference = self.request, self.request.palette, self.request.reference
        settings = self.colorizer.settings(
            strength=request.strength, render_size=request.render_size, chroma_limit=request.chroma_limit
        )
        return ColorizeOptions(
            render=request.render or settings,
            quality=request.quality,
            existing=request.existing,
            color_input=request.color_input,
            strip_metadata=request.strip_metadata,
            source_type=request.source_type,
            keywords=tuple(request.keywords),
            mute_uncertain=request.mute_uncertain,
            palette=Palette.parse(palette) if isinstance(palette, str) else palette,
            palette_name=printable(Path(palette).name) if isinstance(palette, str) else "",
            reference=Reference.from_file(Path(reference)) if isinstance(reference, str | Path) else reference,
            warmth=request.warmth,
            look=request.look,
            strengths=request.strengths,
            stream_format=request.format,
            product=request.product,
            variants=request.variants,
            pick=request.pick,
            find_damage=request.repair == "auto",
            previews=bool(request.report or request.contact_sheet),
        )

    def run(self, *, should_stop: Callable[[], bool] = lambda: False) -> Generator[Event]:
        """Do all of it; yield how it goes, and `Finished` at the end.

        Args:
            should_stop: Is asked now and then whether to end after the files at hand; the reports are written still.
        """
        yield from map(Notice, self.notes)
        with self:
            yield from self.prepare(should_stop)
            outcomes: list[Outcome] = []
            with closing(self.color(self.part, should_stop=should_stop)) as events:
                for event in events:
                    if isinstance(event, Outcome):
                        outcomes.append(self._keep(event))
                    yield event
            planned = len(self.part.jobs)
            if not should_stop():  # the other processes may be gone already
                outcomes = self.ranks.gather(outcomes, should_stop=should_stop)
            if self.is_main:
                if self._manifest is not None and self.ranks.count > 1:
                    for outcome in outcomes:
                        self._manifest.add(outcome)
                yield from self._report(outcomes)
        yield Finished(tuple(outcomes), planned)

    def prepare(self, should_stop: Callable[[], bool] = lambda: False) -> Generator[Event]:
        """Say that the network is there, and give albums a common look, if that was asked for.

        The session must be entered.
        """
        yield Loaded(self.colorizer)
        if not self.request.album or should_stop():
            return
        stills = dataclasses.replace(self.plan, jobs=tuple(job for job in self.plan.jobs if not job.film))
        films = tuple(job for job in self.part.jobs if job.film)
        part = dataclasses.replace(self.part, jobs=tuple(job for job in self.part.jobs if not job.film))
        yield Phase("measuring albums", "photographs")
        part = yield from match_albums(
            stills, part, self.colorizer, self.options, workers=self.workers, should_stop=should_stop
        )
        self.part = dataclasses.replace(part, jobs=(*part.jobs, *films))

    def color(self, plan: Plan, *, should_stop: Callable[[], bool] = lambda: False) -> Generator[Event]:
        """Colour the photographs of a plan, then its films; yield what becomes of each.

        The session must be entered.
        """
        films = [job for job in plan.jobs if job.film]
        photographs = [job for job in plan.jobs if not job.film]
        for unit, total, jobs, work in (
            ("photographs", len(photographs), photographs, self._color_photographs),
            ("frames", None, films, self._color_films),
        ):
            if not jobs or should_stop():
                continue
            yield Phase("colouring", unit, total)
            with closing(work(jobs, should_stop)) as events:
                for event in events:
                    if self._manifest is not None and self.ranks.count == 1 and isinstance(event, Outcome):
                        self._manifest.add(event)
                    yield event
                    if self.request.fail_fast and isinstance(event, Outcome) and event.status is Status.FAILED:
                        return

    def _color_photographs(self, jobs: list[Job], should_stop: Callable[[], bool]) -> Generator[Event]:
        yield from run_jobs(
            jobs, self.colorizer, self.options, workers=self.workers, pool=self._pool, should_stop=should_stop
        )

    def _color_films(self, jobs: list[Job], should_stop: Callable[[], bool]) -> Generator[Event]:
        from colorgan.film import run_films

        if self.request.film.codec is VideoCodec.FFV1:  # needs Matroska, whatever the source is
            jobs = [job if self._keeps_name(job) else _as_matroska(job) for job in jobs]
        for event in run_films(jobs, self.colorizer, self.options, self.request.film):
            yield event
            if should_stop():
                return

    def _keeps_name(self, job: Job) -> bool:
        """Tell whether a film's result has a name that was given, or that suits Matroska anyway."""
        return job.target in (self.request.target, job.target.with_suffix(".mkv")) or not is_film_name(job.source)

    # --- the reports --------------------------------------------------------------------------------------------------

    def _keep(self, outcome: Outcome) -> Outcome:
        return outcome if self._store is None else self._store.keep(outcome)

    def _report(self, outcomes: list[Outcome]) -> Iterator[Notice]:
        reports, shown = self.request.reports, list(_by_scene(outcomes))
        if "report" in reports:
            facts = {"Model": f"{self.colorizer.name} {self.colorizer.sha256}", "Device": str(self.colorizer.runtime)}
            settings = settings_of(self.options).items()
            facts |= {name.replace("_", " ").capitalize(): str(value) for name, value in settings}
            write_report(reports["report"], shown, facts)
        if "contact_sheet" in reports:
            path = reports["contact_sheet"]
            if left_out := write_sheet(path, shown, self.colorizer.provenance({"what": "contact sheet"})):
                yield Notice(f"{path} has no room for {left_out} of the photographs")


def _read_hints(hints: Sequence[Hint | str] | str | Path) -> Sequence[Hint] | Path:
    if isinstance(hints, str | Path):
        return Path(hints)
    return [parse_hint(hint) if isinstance(hint, str) else hint for hint in hints]


def split_films(plan: Plan, request: ColorizeRequest) -> tuple[Plan, list[str]]:
    """Return a plan that this installation can carry out, its films last, and what a person should know of it.

    Without PyAV films are named and passed over, if there are photographs too, and of animations the first frame is
    coloured.

    Raises:
        UsageError: There are only films, and PyAV is missing; or there are films, and the request is none for them.
    """
    notes: list[str] = []
    missing = find_spec("av") is None
    if missing and (stills := sum(map(_is_still, plan.jobs))):
        notes.append(f"of {stills} animations the first frame is coloured: {_MISSING}")
        jobs = tuple(dataclasses.replace(job, film=False) if _is_still(job) else job for job in plan.jobs)
        plan = dataclasses.replace(plan, jobs=jobs)
    films = tuple(job for job in plan.jobs if job.film)
    photographs = tuple(job for job in plan.jobs if not job.film)
    if films and missing:
        if not photographs:
            raise UsageError(f"{_MISSING}; nothing was done")
        notes.append(f"{len(films)} films are passed over: {_MISSING}")
        films = ()
    if films and request.purpose is Purpose.PAGE:
        raise UsageError("--serve shows photographs only; leave films out with --exclude")
    if films and request.strength_strip:
        raise UsageError(f"--strength-strip is for photographs, and {films[0].source} is a film; leave films out")
    return dataclasses.replace(plan, jobs=(*photographs, *films)), notes


def _is_still(job: Job) -> bool:
    """Tell whether an animation can be taken for a photograph, of which the first frame is coloured."""
    return bool(job.film and not job.frames and not is_film_name(job.source) and format_of(job.target))


def _as_matroska(job: Job) -> Job:
    return dataclasses.replace(job, target=job.target.with_name(f"{job.target.name}.mkv"))


def _by_scene(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
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
