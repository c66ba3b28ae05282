"""What `colorgan colorize` shows: the plan, the run as it goes, its sum."""

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorgan import console
from colorgan.errors import ImageReadError
from colorgan.files import is_there, printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from colorgan.colorization import Notice, Outcome, Plan, Progress
    from colorgan.session import Event, Finished

__all__ = ["RunDisplay", "describe_inputs", "outcome_facts", "print_plan", "summarize", "tell_passed_over"]

_SAY = 10.0  # seconds between two lines about a film where there is no terminal
_LINES_IN_SIGHT = 20  # of a log, about what a screen shows


def print_plan(plan: "Plan") -> None:
    """Print each page as source and target, apart by a tab, on stdout."""
    for job in plan.jobs:
        for target in job.results or (job.target,):
            note = "\t(there already)" if is_there(target) else ""
            console.print_line(f"{job.source}\t{target}{note}")
    pages = sum(job.pages for job in plan.jobs)
    count = f"{len(plan.jobs)} photographs" + (f" with {pages} pages" if pages > len(plan.jobs) else "")
    console.say(f"{count}; nothing was done")


def outcome_facts(outcome: "Outcome", model: str) -> dict[str, Any]:
    """Return what is reported of one file, as plain values."""
    return {
        "input": str(outcome.job.source),
        "output": str(next(iter(outcome.files), outcome.job.target)),
        "outputs": [str(path) for path in outcome.files],
        "status": str(outcome.status),
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
        "width": outcome.width,
        "height": outcome.height,
        "pages": outcome.pages,
        "gamut_share": round(outcome.out_of_gamut_fraction, 6),
        "repaired_share": round(outcome.inpainted_fraction, 6),
        "left_out": list(outcome.left_out),
        "model": model,
    }


def describe_inputs(inputs: Sequence[Path], *, json: bool = False) -> bool:
    """Print what each file, and each in a folder, says of where its picture comes from; tell whether all could be read.

    "note" is colorgan's own, "marks" are those that any program may have written.
    """
    from colorgan.images import read_marks

    complete = True
    for path in _pictures(inputs):
        try:
            marks = read_marks(path)
        except ImageReadError as error:
            console.warn(str(error))
            complete = False
            continue
        if json:
            facts = dataclasses.asdict(marks)
            console.print_line(dumps({"input": str(path), "note": facts.pop("note"), "marks": facts}))
        else:
            console.print_line(f"{path}: {marks}")
    return complete


def _pictures(inputs: Sequence[Path]) -> Iterator[Path]:
    from colorgan.colorization.search import find_sources
    from colorgan.images import is_image_name

    return (source.path for source in find_sources(inputs, is_image_name=is_image_name).found)


class RunDisplay:
    """Shows a run: a bar on a terminal, plain lines elsewhere; results on stdout.

    Args:
        json: Whether results are printed as JSON objects, one a line, instead of as paths.
        silent: Whether stdout carries the picture itself.
        streams: Whether results are printed as they come.
    """

    def __init__(self, *, json: bool = False, silent: bool = False, streams: bool = True) -> None:
        self._model = ""
        self._json = json
        self._silent = silent
        self._streams = streams

    def follow(self, events: "Generator[Event]") -> "Finished | None":
        """Show events as they come, and return the last one; None if there is none that ends a run."""
        from colorgan.session import Finished, Loaded, Phase

        finished, phase = None, _Phase("", 0)
        with ExitStack() as bars, closing(events):
            for event in events:
                if isinstance(event, Loaded):
                    colorizer = event.colorizer
                    self._model = f"{colorizer.name} {colorizer.sha256}"
                    console.say(f"{colorizer.name} {colorizer.sha256[:8]} on {colorizer.runtime}")
                elif isinstance(event, Phase):
                    bars.close()
                    phase = _Phase(event.unit, event.total or 0)
                    phase.bar = bars.enter_context(console.progress_bar(unit=event.unit))
                    phase.task = phase.bar.add_task(event.what, total=event.total, note="")
                elif isinstance(event, Finished):
                    finished = event
                else:
                    self._show(event, phase)
        return finished

    def _show(self, event: "Outcome | Notice | Progress", phase: "_Phase") -> None:
        from colorgan.colorization import Notice, Outcome

        if isinstance(event, Notice):
            console.warn(event.message)
        elif isinstance(event, Outcome):
            phase.tell_outcome(event)
            if self._streams:
                self.print_results([event])
        else:
            phase.tell_progress(event)

    def print_results(self, outcomes: "Sequence[Outcome]") -> None:
        """Print outcomes on stdout: as JSON, or the paths of what was written (not on a terminal)."""
        for outcome in outcomes:
            _log(outcome)
        if self._silent:
            return
        lines = []
        for outcome in outcomes:
            if self._json:
                lines.append(dumps(outcome_facts(outcome, self._model)))
            elif str(outcome.status) in ("colorized", "copied") and not sys.stdout.isatty():
                lines += map(str, outcome.files)
        try:
            for line in lines:
                console.print_line(line)
        except OSError as error:  # whoever read it has gone, which is no reason to stop the work
            self._silent = True
            console.close_stdout()
            console.warn(f"results are no longer listed: standard output takes no more ({error.strerror})")


@dataclass(slots=True)
class _Phase:
    """A piece of a run: its bar, and what is said of it where there is no terminal."""

    unit: str
    total: int
    bar: "Bar | None" = None
    task: Any = None
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def tell_outcome(self, outcome: "Outcome") -> None:
        name, source = printable(outcome.job.source.name), printable(outcome.job.source)
        self.done += 1
        rate = self.done / max(time.monotonic() - self.started, 1e-6)
        counts_files = self.unit != "frames"
        if self.bar is not None and counts_files:
            self.bar.update(self.task, completed=self.done, note=f"{rate:.1f}/s  {name}")
        if outcome.left_out:
            console.say(f"{source}: its result lacks {'; '.join(outcome.left_out)}")
        reason = f" ({outcome.reason})" if outcome.reason else ""
        if str(outcome.status) == "failed":
            console.warn(f"{source}: {outcome.reason}", logged=False)
        elif not counts_files:
            what = f"{outcome.pages} frames in {outcome.seconds:.1f} s" if outcome.seconds else outcome.reason
            console.say(f"{name}: {outcome.status}; {what}", logged=False)
        elif self.bar is None or self.bar.disable:
            left = (self.total - self.done) / rate
            console.say(
                f"{self.done}/{self.total} {name}: {outcome.status}{reason}; {rate:.1f}/s, {left:.0f} s left",
                logged=False,
            )

    def tell_progress(self, progress: "Progress") -> None:
        film = progress.job
        name = "" if film is None else printable(film.source.name)
        note = f"{progress.rate:.1f}/s  {name}" if name else ""
        if self.bar is not None:
            self.bar.update(self.task, completed=progress.done, total=progress.total or None, note=note)
        if film is None or not (self.bar is None or self.bar.disable) or time.monotonic() - self.told < _SAY:
            return
        self.told = time.monotonic()
        left = ""
        if progress.total and progress.rate:
            left = f", {(progress.total - progress.done) / progress.rate:.0f} s left"
        console.say(f"{name}: {progress.done}/{progress.total or '?'} frames, {progress.rate:.1f}/s{left}")


def _log(outcome: "Outcome") -> None:
    """Write down what became of a file."""
    results = f" -> {', '.join(map(str, outcome.files))}" if outcome.files else ""
    reason = f": {outcome.reason}" if outcome.reason else ""
    console.log(str(outcome.status), f"{outcome.job.source}{results}{reason}")


def summarize(outcomes: "Sequence[Outcome]", planned: int) -> None:
    """Say how many photographs came to what; each failure was named, with its reason, when it happened.

    In a log, where other lines have come between, the failed ones are listed once more, by their names alone.
    """
    from colorgan.colorization import IN_COLOR, Status

    counts = Counter(str(outcome.status) for outcome in outcomes)
    parts = [f"{counts[status]} {status}" for status in ("colorized", "copied", "skipped", "failed") if counts[status]]
    if planned > len(outcomes):
        parts.append(f"{planned - len(outcomes)} not reached")
    console.say(", ".join(parts) or "nothing done")
    if colored := sum(o.status is Status.SKIPPED and o.reason.startswith(IN_COLOR) for o in outcomes):
        console.say(f"{colored} skipped as in colour already; to colour them anew, give --color-input recolor")
    failed = [outcome for outcome in outcomes if str(outcome.status) == "failed"]
    if len(outcomes) - len(failed) > _LINES_IN_SIGHT and not console.stderr().is_terminal:
        for outcome in failed:
            console.say(f"failed: {printable(outcome.job.source)}", logged=False)


def tell_passed_over(plan: "Plan") -> None:
    """Say what of the inputs is not taken, and warn of folders that cannot be searched."""
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
