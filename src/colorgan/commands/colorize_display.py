"""What `colorgan colorize` shows: the plan, the run as it goes, its sum."""

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress, TaskID

from colorgan import console
from colorgan.errors import ImageReadError
from colorgan.files import is_there, printable

if TYPE_CHECKING:
    from colorgan.colorization import Event, Outcome, Plan

__all__ = ["RunDisplay", "describe_inputs", "outcome_facts", "print_plan", "summarize", "track_album"]

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


@contextmanager
def track_album() -> Iterator[Callable[[int, int], None]]:
    """Show how far the measuring of albums is: what is yielded takes how many are done, and how many there are."""
    with console.progress_bar(unit="photographs") as progress:
        task = progress.add_task("measuring albums", total=None, note="")
        yield lambda done, total: progress.update(task, completed=done, total=total)


class RunDisplay:
    """Shows a run: a bar on a terminal, plain lines elsewhere; results on stdout.

    Args:
        planned: How many photographs there are.
        model: The network's name and hash.
        json: Whether results are printed as JSON objects, one a line, instead of as paths.
        silent: Whether stdout carries the picture itself.
        streams: Whether results are printed as they come.
        listeners: Are told each outcome that is printed.
    """

    def __init__(
        self,
        planned: int,
        model: str,
        *,
        json: bool = False,
        silent: bool = False,
        streams: bool = True,
        listeners: "Sequence[Callable[[Outcome], None]]" = (),
    ) -> None:
        self.planned = planned
        self._model = model
        self._json = json
        self._silent = silent
        self._streams = streams
        self._listeners = listeners
        self._started = time.monotonic()
        self._done = 0

    def follow(
        self,
        events: "Iterator[Event]",
        *,
        fail_fast: bool = False,
        keep: "Callable[[Outcome], Outcome] | None" = None,
    ) -> "list[Outcome]":
        """Show events as they come, and return the outcomes among them.

        Args:
            events: Of a run.
            fail_fast: Whether to end the run at the first failure.
            keep: Makes of an outcome what is returned of it.
        """
        from colorgan.colorization import Notice, Status

        outcomes = []
        with console.progress_bar(unit="photographs") as progress, closing(events):  # type: ignore[type-var]
            task = progress.add_task("colouring", total=self.planned, note="")
            for event in events:
                if isinstance(event, Notice):
                    console.warn(event.message)
                    continue
                outcomes.append(event if keep is None else keep(event))
                self._show(event, progress, task)
                if fail_fast and event.status is Status.FAILED:
                    break
        return outcomes

    def _show(self, outcome: "Outcome", progress: Progress, task: TaskID) -> None:
        self._done += 1
        rate = self._done / max(time.monotonic() - self._started, 1e-6)
        name = printable(outcome.job.source.name)
        progress.update(task, completed=self._done, note=f"{rate:.1f}/s  {name}")
        if outcome.left_out:
            console.say(f"{printable(outcome.job.source)}: its result lacks {'; '.join(outcome.left_out)}")
        if str(outcome.status) == "failed":
            console.warn(f"{printable(outcome.job.source)}: {outcome.reason}", logged=False)
        elif progress.disable:
            left = (self.planned - self._done) / rate
            what = f"{outcome.status}{f' ({outcome.reason})' if outcome.reason else ''}"
            console.say(f"{self._done}/{self.planned} {name}: {what}; {rate:.1f}/s, {left:.0f} s left", logged=False)
        if self._streams:
            self.print_results([outcome])

    def print_results(self, outcomes: "Sequence[Outcome]") -> None:
        """Print outcomes on stdout: as JSON, or the paths of what was written (not on a terminal)."""
        for outcome in outcomes:
            _log(outcome)
            for listen in self._listeners:
                listen(outcome)
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
